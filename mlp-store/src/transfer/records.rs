//! What is transferred: rows as every backend has them.

use crate::types::{DecisionRow, ItemVersion, ModelRow, TaskId, TaskKind, TaskStatus, UserRow};

/// The tables, in the order in which they are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Items in all their versions.
    Items,
    /// Who asked.
    Users,
    /// Requests with their results and answers.
    Inferences,
    /// Tasks that are no inferences.
    Tasks,
    /// Idempotency keys.
    Keys,
    /// Models.
    Models,
    /// Decisions about models.
    Decisions,
    /// Settings.
    Settings,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Items,
        Self::Users,
        Self::Inferences,
        Self::Tasks,
        Self::Keys,
        Self::Models,
        Self::Decisions,
        Self::Settings,
    ];

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Items => "item versions",
            Self::Users => "users",
            Self::Inferences => "inferences",
            Self::Tasks => "tasks",
            Self::Keys => "idempotency keys",
            Self::Models => "models",
            Self::Decisions => "decisions",
            Self::Settings => "settings",
        }
    }

    /// How many records are moved at a time: memory holds a few such pages.
    pub fn page(self) -> usize {
        match self {
            // An artifact can have megabytes.
            Self::Models => 20,
            _ => 2_000,
        }
    }
}

/// Records of one table, in their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Records {
    /// Of [`Table::Items`].
    Items(Vec<ItemVersion>),
    /// Of [`Table::Users`].
    Users(Vec<UserRow>),
    /// Of [`Table::Inferences`].
    Inferences(Vec<InferenceRecord>),
    /// Of [`Table::Tasks`].
    Tasks(Vec<TaskRecord>),
    /// Of [`Table::Keys`].
    Keys(Vec<KeyRecord>),
    /// Of [`Table::Models`].
    Models(Vec<ModelRecord>),
    /// Of [`Table::Decisions`].
    Decisions(Vec<DecisionRow>),
    /// Of [`Table::Settings`]: names and values.
    Settings(Vec<(String, String)>),
}

impl Records {
    /// Whose they are.
    pub fn table(&self) -> Table {
        match self {
            Self::Items(_) => Table::Items,
            Self::Users(_) => Table::Users,
            Self::Inferences(_) => Table::Inferences,
            Self::Tasks(_) => Table::Tasks,
            Self::Keys(_) => Table::Keys,
            Self::Models(_) => Table::Models,
            Self::Decisions(_) => Table::Decisions,
            Self::Settings(_) => Table::Settings,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Items(rows) => rows.len(),
            Self::Users(rows) => rows.len(),
            Self::Inferences(rows) => rows.len(),
            Self::Tasks(rows) => rows.len(),
            Self::Keys(rows) => rows.len(),
            Self::Models(rows) => rows.len(),
            Self::Decisions(rows) => rows.len(),
            Self::Settings(rows) => rows.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of the last record of a page that came after `before`; `None` without one.
    pub fn end(&self, before: Place) -> Option<Place> {
        Some(match self {
            Self::Items(rows) => {
                let last = rows.last()?;
                Place(last.item_id, last.from_version)
            }
            Self::Users(rows) => Place(rows.last()?.user_id, 0),
            Self::Inferences(rows) => Place(rows.last()?.inference_id, 0),
            Self::Tasks(rows) => Place(rows.last()?.task_no, 0),
            Self::Keys(rows) => Place(rows.last()?.key_no, 0),
            Self::Models(rows) => Place(rows.last()?.model.model_id, 0),
            Self::Decisions(rows) => Place(rows.last()?.decision_id, 0),
            Self::Settings(rows) if rows.is_empty() => return None,
            Self::Settings(rows) => Place(before.0 + rows.len() as i64, 0),
        })
    }
}

/// A place in a table's order: a record's number, and an item's version. Settings, which have no
/// number, are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(pub i64, pub i64);

impl Place {
    /// Before the first: no number is under 1.
    pub const START: Self = Self(0, 0);
}

/// An inference.
#[derive(Debug, Clone, PartialEq)]
pub struct InferenceRecord {
    /// Its number.
    pub inference_id: i64,
    /// Its task.
    pub task_id: TaskId,
    /// Whose it is.
    pub user_id: i64,
    /// Microseconds since 1970.
    pub created_us: i64,
    /// Its task's status.
    pub status: TaskStatus,
    /// When somebody should take it next, or until when somebody has it.
    pub due_us: i64,
    /// The fencing token of the last lease.
    pub token: i64,
    /// How often it was attempted.
    pub attempt: i32,
    /// Its lane: the lower is taken first.
    pub priority: i16,
    /// The model that ranked.
    pub model_id: Option<i64>,
    /// The catalog that was ranked.
    pub catalog_version: Option<i64>,
    /// Whether the items were drawn at random.
    pub explored: bool,
    /// Whether it is for judging.
    pub judging: bool,
    /// How many results were shown.
    pub shown_n: i16,
    /// When they first were.
    pub shown_us: Option<i64>,
    /// The chosen item, or [`NONE_OF_THESE`](crate::NONE_OF_THESE).
    pub selected: Option<i64>,
    /// Its position.
    pub selected_rank: Option<i16>,
    /// How many had been shown when the answer came.
    pub answered_n: Option<i16>,
    /// When it came.
    pub answered_us: Option<i64>,
    /// The last error.
    pub error: Option<String>,
    /// The items asked for, in the format that stores keep.
    pub candidates: Option<Vec<u8>>,
    /// The results, in the format that stores keep.
    pub ranked: Option<Vec<u8>>,
}

/// A task that is no inference.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRecord {
    /// Its number.
    pub task_no: i64,
    /// Its id.
    pub task_id: TaskId,
    /// What it is.
    pub kind: TaskKind,
    /// Microseconds since 1970.
    pub created_us: i64,
    /// When somebody should take it next, or until when somebody has it.
    pub due_us: i64,
    /// Its status.
    pub status: TaskStatus,
    /// The fencing token of the last lease.
    pub token: i64,
    /// How often it was attempted.
    pub attempt: i32,
    /// The last error.
    pub error: Option<String>,
    /// What it is told.
    pub payload: String,
    /// What came of it.
    pub result: Option<String>,
}

/// An idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its number.
    pub key_no: i64,
    /// The key.
    pub key: String,
    /// The request's digest.
    pub fingerprint: Vec<u8>,
    /// The task that it stands for.
    pub task_id: TaskId,
    /// Microseconds since 1970.
    pub created_us: i64,
}

/// A model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRecord {
    /// The model.
    pub model: ModelRow,
    /// The decision that put another in its place, and that a rollback would undo.
    pub replaced_by: Option<i64>,
}

/// The versions, and the last numbers that were given: 0 where there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heads {
    /// The catalog's version.
    pub catalog: i64,
    /// The registry's version.
    pub registry: i64,
    /// The last user's number.
    pub users: i64,
    /// The last inference's number.
    pub inferences: i64,
    /// The last task's number.
    pub tasks: i64,
    /// The last key's number.
    pub keys: i64,
    /// The last model's number.
    pub models: i64,
    /// The last decision's number.
    pub decisions: i64,
}

impl Heads {
    /// All of them, in order.
    pub fn numbers(&self) -> [i64; 8] {
        [
            self.catalog,
            self.registry,
            self.users,
            self.inferences,
            self.tasks,
            self.keys,
            self.models,
            self.decisions,
        ]
    }
}
