//! A digest of records that does not depend on the backend.

use mlp_core::{Row, Value};
use sha2::{Digest, Sha256};

use super::Source;
use super::records::{
    Heads, InferenceRecord, KeyRecord, ModelRecord, Place, Records, Table, TaskRecord,
};
use crate::state::{code, kind_code};
use crate::traits::Result;
use crate::types::{DecisionRow, ItemVersion, UserRow};

/// What one side holds of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// The table's name, or `last numbers` for the heads.
    pub what: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// The first half of the SHA-256 of their canonical form, in hexadecimal.
    pub checksum: String,
}

/// Reads all that a store holds, and sums it up.
///
/// # Errors
///
/// Where the store cannot be read.
pub fn sums(source: &dyn Source) -> Result<Vec<Sum>> {
    let mut all = Checksums::default();
    for table in Table::ALL {
        let mut place = Place::START;
        loop {
            let records = source.records(table, place, table.page())?;
            let Some(end) = records.end(place) else {
                break;
            };
            all.add(&records);
            place = end;
        }
    }
    Ok(all.end(&source.heads()?))
}

/// The checksums of all tables in the making.
#[derive(Debug, Default)]
pub struct Checksums([Checksum; Table::ALL.len()]);

impl Checksums {
    /// Takes records in, those of one table in their order.
    pub fn add(&mut self, records: &Records) {
        self.0[records.table() as usize].add(records);
    }

    /// A sum for each of [`Table::ALL`], and one for the heads.
    pub fn end(self, heads: &Heads) -> Vec<Sum> {
        let tables = self.0.into_iter().zip(Table::ALL);
        let mut sums: Vec<Sum> = tables.map(|(sum, table)| sum.end(table.name())).collect();
        let mut numbers = Checksum::default();
        numbers.add_heads(heads);
        sums.push(numbers.end("last numbers"));
        sums
    }
}

/// A digest in the making. Each value is written with what says where it ends, so that no two
/// unlike tables have one form.
#[derive(Default)]
struct Checksum {
    digest: Sha256,
    rows: u64,
}

impl std::fmt::Debug for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checksum")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl Checksum {
    /// Takes records in.
    pub fn add(&mut self, records: &Records) {
        self.rows += records.len() as u64;
        match records {
            Records::Items(rows) => rows.iter().for_each(|row| self.item(row)),
            Records::Users(rows) => rows.iter().for_each(|row| self.user(row)),
            Records::Inferences(rows) => rows.iter().for_each(|row| self.inference(row)),
            Records::Tasks(rows) => rows.iter().for_each(|row| self.task(row)),
            Records::Keys(rows) => rows.iter().for_each(|row| self.key(row)),
            Records::Models(rows) => rows.iter().for_each(|row| self.model(row)),
            Records::Decisions(rows) => rows.iter().for_each(|row| self.decision(row)),
            Records::Settings(rows) => rows.iter().for_each(|(name, value)| {
                self.text(name);
                self.text(value);
            }),
        }
    }

    /// Takes the heads in.
    pub fn add_heads(&mut self, heads: &Heads) {
        for number in heads.numbers() {
            self.rows += 1;
            self.int(number);
        }
    }

    /// The sum.
    pub fn end(self, what: &'static str) -> Sum {
        let digest = self.digest.finalize();
        let hex = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
        Sum {
            what,
            rows: self.rows,
            checksum: hex.collect(),
        }
    }

    fn item(&mut self, item: &ItemVersion) {
        self.int(item.item_id);
        self.int(item.from_version);
        self.optional(item.to_version);
        self.int(item.created_us);
        self.row(&item.row);
    }

    fn user(&mut self, user: &UserRow) {
        self.int(user.user_id);
        self.int(user.created_us);
        self.row(&user.row);
    }

    fn inference(&mut self, row: &InferenceRecord) {
        self.int(row.inference_id);
        self.digest.update(row.task_id.as_bytes());
        self.int(row.user_id);
        self.int(row.created_us);
        self.int(code(row.status));
        self.int(row.due_us);
        self.int(row.token);
        self.int(row.attempt.into());
        self.int(row.priority.into());
        self.optional(row.model_id);
        self.optional(row.catalog_version);
        self.digest
            .update([u8::from(row.explored), u8::from(row.judging)]);
        self.int(row.shown_n.into());
        self.optional(row.shown_us);
        self.optional(row.selected);
        self.optional(row.selected_rank.map(i64::from));
        self.optional(row.answered_n.map(i64::from));
        self.optional(row.answered_us);
        self.maybe(row.error.as_deref().map(str::as_bytes));
        self.maybe(row.candidates.as_deref());
        self.maybe(row.ranked.as_deref());
    }

    fn task(&mut self, row: &TaskRecord) {
        self.int(row.task_no);
        self.digest.update(row.task_id.as_bytes());
        self.int(kind_code(row.kind));
        self.int(row.created_us);
        self.int(row.due_us);
        self.int(code(row.status));
        self.int(row.token);
        self.int(row.attempt.into());
        self.maybe(row.error.as_deref().map(str::as_bytes));
        self.text(&row.payload);
        self.maybe(row.result.as_deref().map(str::as_bytes));
    }

    fn key(&mut self, row: &KeyRecord) {
        self.int(row.key_no);
        self.text(&row.key);
        self.bytes(&row.fingerprint);
        self.digest.update(row.task_id.as_bytes());
        self.int(row.created_us);
    }

    fn model(&mut self, row: &ModelRecord) {
        let model = &row.model;
        self.int(model.model_id);
        self.maybe(model.task_id.as_ref().map(|id| &id.as_bytes()[..]));
        self.int(model.created_us);
        self.text(model.status.name());
        self.float(model.use_percentage);
        self.optional(row.replaced_by);
        self.text(&model.artifact);
    }

    fn decision(&mut self, row: &DecisionRow) {
        self.int(row.decision_id);
        self.int(row.created_us);
        self.int(row.model_id);
        self.text(row.decision.kind.name());
        self.text(&row.decision.reason);
        self.text(&row.decision.evidence);
    }

    fn row(&mut self, row: &Row) {
        self.int(row.values().len() as i64);
        row.values().iter().for_each(|value| self.value(value));
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.digest.update([0]),
            Value::Bool(b) => self.digest.update([1, u8::from(*b)]),
            Value::Int(i) => {
                self.digest.update([2]);
                self.int(*i);
            }
            Value::Float(f) => {
                self.digest.update([3]);
                self.float(*f);
            }
            Value::Text(text) => {
                self.digest.update([4]);
                self.text(text);
            }
            Value::Date(day) => {
                self.digest.update([5]);
                self.int(day.days().into());
            }
            Value::Level(level) => {
                self.digest.update([6]);
                self.int((*level).into());
            }
            Value::Ints(list) => {
                self.digest.update([7]);
                self.int(list.len() as i64);
                list.iter().for_each(|i| self.int(*i));
            }
        }
    }

    fn int(&mut self, number: i64) {
        self.digest.update(number.to_le_bytes());
    }

    fn float(&mut self, number: f64) {
        self.digest.update(number.to_bits().to_le_bytes());
    }

    fn optional(&mut self, number: Option<i64>) {
        self.digest.update([u8::from(number.is_some())]);
        number.into_iter().for_each(|number| self.int(number));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.int(bytes.len() as i64);
        self.digest.update(bytes);
    }

    fn maybe(&mut self, bytes: Option<&[u8]>) {
        self.digest.update([u8::from(bytes.is_some())]);
        bytes.into_iter().for_each(|bytes| self.bytes(bytes));
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}
