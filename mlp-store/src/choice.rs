//! A user's choice among an inference's results, and a result's row.

use mlp_core::Ranked;

use crate::types::{RESULTS_PER_INFERENCE, ResultRow, TaskId};

/// A user's choice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    pub item_id: i64,
    /// The chosen item's position; `None` for none of these.
    pub rank: Option<usize>,
    /// How many results had been shown when it was made.
    pub shown_n: usize,
}

impl Choice {
    /// Whether it can be learned from: the user had seen what was chosen, or what was refused.
    fn counts(self) -> bool {
        self.shown_n > self.rank.unwrap_or(0)
    }

    /// Whether it says more than the one before. A repeat does only where the user has meanwhile
    /// seen what the first one was about.
    pub fn is_news(self, before: Option<Self>) -> bool {
        !before.is_some_and(|b| b.item_id == self.item_id && b.counts() >= self.counts())
    }
}

/// What a result's row says of its inference.
pub(crate) struct Place {
    pub task_id: TaskId,
    pub inference_id: i64,
    pub user_id: i64,
    pub shown_n: usize,
    pub selected_rank: Option<usize>,
}

impl Place {
    /// The row of the result at a rank.
    pub fn result(&self, rank: usize, ranked: Ranked) -> ResultRow {
        ResultRow {
            result_id: self.inference_id * RESULTS_PER_INFERENCE + rank as i64,
            task_id: self.task_id,
            user_id: self.user_id,
            item_id: ranked.item_id,
            score: ranked.score,
            label: self.selected_rank == Some(rank),
            shown: rank < self.shown_n,
        }
    }
}
