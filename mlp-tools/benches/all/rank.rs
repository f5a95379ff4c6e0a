//! Ranking in memory, beside a plain pass over the same columns.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use mlp_core::{Catalog, LinearModel, Ranker, Row as DataRow, Schema, Scratch, Value};

use crate::args::Wanted;
use crate::fixture;
use crate::row::{Row, median};

pub const NAMES: [&str; 2] = ["rank_210_us", "rank_1m_ms"];

const REPEATS: usize = 9;

pub fn run(wanted: &Wanted) -> Vec<Row> {
    eprintln!("==> ranking");
    let mut rows = Vec::new();
    if wanted.has(NAMES[0]) {
        rows.push(small());
    }
    if wanted.has(NAMES[1]) {
        rows.push(large());
    }
    rows
}

/// The best hundred of the shipped catalog.
fn small() -> Row {
    let schema = fixture::schema();
    let items = fixture::rows(&schema.item, &fixture::locations());
    let catalog = Catalog::new(&schema.item, 1, (1..).zip(&items));
    let ranker = Ranker::new(&schema.features, &model(&schema), &catalog);
    let people = fixture::users(1000);
    let users: Vec<Vec<f64>> = (fixture::rows(&schema.user, &people).iter())
        .map(|row| numbers(&schema, row))
        .collect();
    // What the model has left to do for a user: the price, and one column for each of the wishes.
    let n_terms = |user: &mlp_data::User| {
        let wishes = [
            user.pool,
            user.spa,
            user.pet_friendly,
            user.lake,
            user.mountain,
            user.sport,
        ];
        1 + wishes.iter().filter(|wished| **wished).count()
    };
    let n_terms: Vec<usize> = people.iter().map(n_terms).collect();
    let plain = Plain::new(7, items.len());

    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        ours.push(us_per(20 * users.len(), |i| {
            ranker.top(&users[i % users.len()], 100, &mut scratch, &mut out);
            black_box(&out);
        }));
        reference.push(us_per(20 * users.len(), |i| {
            black_box(plain.pass(n_terms[i % users.len()]));
        }));
    }
    let reference = ("plain pass over the same columns", median(reference));
    Row::new(NAMES[0], (median(ours), "us"), reference).at_most(5.0)
}

/// The best ten of a million.
fn large() -> Row {
    const ITEMS: usize = 1_000_000;
    const COLUMNS: usize = 24;
    let schema = Schema::parse("wide.toml", &wide(COLUMNS)).unwrap();
    let ranker = {
        // Items repeat, in no order: a million rows of their own would take a gigabyte.
        let mut random = Random(1);
        let pool: Vec<DataRow> = (0..1 << 16)
            .map(|_| DataRow((0..COLUMNS).map(|_| Value::Float(random.next())).collect()))
            .collect();
        let items = (0..ITEMS).map(|_| &pool[(random.next() * pool.len() as f64) as usize]);
        let catalog = Catalog::new(&schema.item, 1, (1..).zip(items));
        Ranker::new(&schema.features, &model(&schema), &catalog)
    };
    let mut random = Random(2);
    let user = DataRow((0..COLUMNS).map(|_| Value::Float(random.next())).collect());
    let user = numbers(&schema, &user);
    let plain = Plain::new(COLUMNS, ITEMS);

    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        ours.push(us_per(3, |_| {
            ranker.top(&user, 10, &mut scratch, &mut out);
            black_box(&out);
        }));
        reference.push(us_per(3, |_| {
            black_box(plain.pass(COLUMNS));
        }));
    }
    let reference = ("plain pass over the same columns", median(reference) / 1e3);
    Row::new(NAMES[1], (median(ours) / 1e3, "ms"), reference).ratio_at_most(2.0)
}

/// Microseconds per call.
fn us_per(calls: usize, mut call: impl FnMut(usize)) -> f64 {
    let begun = Instant::now();
    for i in 0..calls {
        call(i);
    }
    begun.elapsed().as_secs_f64() * 1e6 / calls as f64
}

/// A model without a zero, which would be less work.
fn model(schema: &Schema) -> LinearModel {
    let weight = |i: usize| (i * 7 % 11) as f64 / 10.0 - 0.55;
    LinearModel {
        family: mlp_core::Family::Logistic,
        bias: -1.0,
        weights: (0..schema.features.len()).map(weight).collect(),
    }
}

fn numbers(schema: &Schema, row: &DataRow) -> Vec<f64> {
    let mut numbers = Vec::new();
    schema.user.numbers(row, &mut numbers);
    numbers
}

/// A schema with `n` item columns, each compared with the user or multiplied by the user's.
fn wide(n: usize) -> String {
    let fields = |prefix: char| -> String {
        (0..n)
            .map(|i| format!("{{ name = \"{prefix}{i}\", type = \"float\" }},"))
            .collect()
    };
    let mut text = format!(
        "name = \"wide\"\n[user]\nname = \"user\"\ntable = \"users\"\nfields = [{}]\n\
         [item]\nname = \"item\"\ntable = \"items\"\nfields = [{}]\n",
        fields('u'),
        fields('i')
    );
    for i in 0..n {
        let op = ["greater", "product"][i % 2];
        writeln!(
            text,
            "[[features]]\nname = \"f{i}\"\nop = \"{op}\"\nargs = [\"i{i}\", \"u{i}\"]"
        )
        .unwrap();
    }
    text
}

/// Columns as the ranker has them, and the least that can be done with them.
struct Plain {
    n: usize,
    base: Vec<f32>,
    columns: Vec<f32>,
}

impl Plain {
    fn new(n_columns: usize, n: usize) -> Self {
        let mut random = Random(3);
        let mut fill = |n: usize| (0..n).map(|_| random.next() as f32).collect();
        Self {
            n,
            base: fill(n),
            columns: fill(n_columns * n),
        }
    }

    /// Adds up `n_terms` columns block by block; gives the largest sum.
    fn pass(&self, n_terms: usize) -> f32 {
        const BLOCK: usize = 1024;
        let mut best = f32::NEG_INFINITY;
        let mut sums = [0.0_f32; BLOCK];
        for start in (0..self.n).step_by(BLOCK) {
            let sums = &mut sums[..BLOCK.min(self.n - start)];
            sums.copy_from_slice(&self.base[start..start + sums.len()]);
            for term in 0..n_terms {
                let from = term * self.n + start;
                let column = &self.columns[from..from + sums.len()];
                let weight = 0.1 * (term + 1) as f32;
                for (sum, value) in sums.iter_mut().zip(column) {
                    *sum += weight * value;
                }
            }
            best = sums.iter().fold(best, |a, b| if *b > a { *b } else { a });
        }
        best
    }
}

/// Numbers from 0 to 1 without any pattern that matters here.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        let Self(state) = self;
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 11) as f64 / (1_u64 << 53) as f64
    }
}
