//! Results of one task after the other, as inferences.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use mlp_core::{Ranked, Schema};
use postgres::Row;

use super::LegacyReport;
use super::convert::{boolean, number, shortened, whole};
use super::tables::Tables;
use crate::codec;
use crate::postgres::error::Result;
use crate::state::quoted;
use crate::traits::Result as Public;
use crate::transfer::{InferenceRecord, Records};
use crate::types::{RESULTS_PER_INFERENCE, TaskId, TaskStatus};

/// How results are read: those of one task together, tasks in the order of their first result.
pub(super) struct TaskPlan {
    pub select: String,
}

impl TaskPlan {
    pub fn new(tables: &Tables, schema: &Schema) -> std::result::Result<Self, String> {
        let (user, item) = (schema.user.id_name(), schema.item.id_name());
        let results = tables.table("results")?;
        results.require(&["result_id", "task_id", &item, "score", "label", "shown"])?;
        results.require_number("result_id")?;
        let inferences = tables
            .find("inferences")
            .filter(|table| table.has("task_id"));
        let mut joined = String::new();
        let (mut users, mut times) = (Vec::new(), Vec::new());
        if let Some(table) = &inferences {
            // Of a task that stands twice one row is enough.
            joined = "LEFT JOIN (SELECT DISTINCT ON (task_id) * FROM inferences ORDER BY task_id)
                AS i ON i.task_id::text = r.task_id::text"
                .to_owned();
            if table.has(&user) {
                users.push(format!("i.{}::text", quoted(&user)));
            }
            times.extend(table.created("i.")?);
        }
        if results.has(&user) {
            users.push(format!("r.{}::text", quoted(&user)));
        }
        times.extend(results.created("r.")?);
        if users.is_empty() {
            return Err(format!(
                "neither `results` nor `inferences` has a column `{user}`"
            ));
        }
        times.push("NULL".to_owned());
        let select = format!(
            "SELECT r.result_id::text, r.task_id::text, coalesce({users}), r.{item}::text,
                 r.score::text, r.label::text, r.shown::text, coalesce({times})
             FROM (SELECT *, min(result_id) OVER (PARTITION BY task_id) AS first_of_task
                   FROM results) AS r {joined}
             ORDER BY first_of_task, r.task_id::text, r.result_id",
            users = users.join(", "),
            item = quoted(&item),
            times = times.join(", "),
        );
        Ok(Self { select })
    }
}

/// A result.
#[derive(Debug, Clone, Copy)]
struct Found {
    item_id: i64,
    score: f64,
    picked: bool,
    shown: bool,
}

/// Results of the task at hand.
struct Open {
    task: Option<String>,
    user_id: Option<i64>,
    created_us: Option<i64>,
    results: Vec<Found>,
    /// What is wrong with it first.
    fault: Option<String>,
}

/// Gathers results into inferences.
pub(super) struct Grouping<'a> {
    items: &'a HashSet<i64>,
    users: &'a HashMap<i64, i64>,
    /// How many results are kept of a task.
    most: usize,
    report: &'a mut LegacyReport,
    open: Option<Open>,
    done: Vec<InferenceRecord>,
}

impl<'a> Grouping<'a> {
    pub fn new(
        items: &'a HashSet<i64>,
        users: &'a HashMap<i64, i64>,
        most: usize,
        report: &'a mut LegacyReport,
    ) -> Self {
        Self {
            items,
            users,
            most,
            report,
            open: None,
            done: Vec::new(),
        }
    }

    /// Takes a result.
    pub fn take(&mut self, row: &Row) -> Result<()> {
        let mut texts: [Option<&str>; 8] = [None; 8];
        for (place, text) in texts.iter_mut().enumerate() {
            *text = row.try_get(place)?;
        }
        let [id, task, user, item, score, label, shown, created] = texts;
        if self
            .open
            .as_ref()
            .is_none_or(|open| open.task.as_deref() != task)
        {
            self.close();
            self.open = Some(Open {
                task: task.map(str::to_owned),
                user_id: user.and_then(whole),
                created_us: created.and_then(|text| text.parse().ok()),
                results: Vec::new(),
                fault: None,
            });
        }
        let found = self.found(item, score, label, shown);
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let found = found.and_then(|found| match user.and_then(whole) == open.user_id {
            true => Ok(found),
            false => Err("its task's results are of several users".to_owned()),
        });
        match found {
            Ok(found) => open.results.push(found),
            Err(fault) => {
                let id = id.unwrap_or("NULL");
                open.fault
                    .get_or_insert(format!("results result_id {id}: {fault}"));
            }
        }
        Ok(())
    }

    fn found(
        &self,
        item: Option<&str>,
        score: Option<&str>,
        label: Option<&str>,
        shown: Option<&str>,
    ) -> std::result::Result<Found, String> {
        let is = |name: &str, text: Option<&str>, wanted: &str| {
            let text = text.map_or_else(|| "NULL".to_owned(), shortened);
            format!("its {name} is `{text}`, must be {wanted}")
        };
        let flag = |name, text: Option<&str>| match text {
            None => Ok(false),
            Some(given) => boolean(given).ok_or_else(|| is(name, text, "0 or 1")),
        };
        let known = |id: &i64| self.items.contains(id);
        let score_of = |text: &str| number(text).filter(|score| (*score as f32).is_finite());
        Ok(Found {
            item_id: (item.and_then(whole).filter(known))
                .ok_or_else(|| is("item", item, "one of those that were read"))?,
            score: (score.and_then(score_of)).ok_or_else(|| is("score", score, "a number"))?,
            picked: flag("label", label)?,
            shown: flag("`shown`", shown)?,
        })
    }

    /// Ends the task at hand.
    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        match self.inference(open) {
            Ok(inference) => {
                self.report.inferences.taken += 1;
                self.report.answered += u64::from(inference.answered_us.is_some());
                self.done.push(inference);
            }
            Err(fault) => self.report.inferences.leave_out(fault),
        }
    }

    fn inference(&mut self, mut open: Open) -> std::result::Result<InferenceRecord, String> {
        if let Some(fault) = open.fault.take() {
            return Err(fault);
        }
        let task = open.task.as_deref().unwrap_or("NULL");
        let named = |fault: &str| format!("task {}: {fault}", shortened(task));
        let task_id: TaskId = task.parse().map_err(|()| named("its id is no UUID"))?;
        let user_id = open.user_id.ok_or_else(|| named("its user is not known"))?;
        let user_created = self.users.get(&user_id);
        let user_created =
            *user_created.ok_or_else(|| named(&format!("its user `{user_id}` was not read")))?;
        if open.results.iter().filter(|found| found.picked).count() > 1 {
            return Err(named("more than one of its results has label 1"));
        }
        let all = open.results.len();
        let kept = ranked(open.results, self.most);
        if kept.len() as i64 > RESULTS_PER_INFERENCE {
            let fault = format!(
                "`{}` were shown, at most {RESULTS_PER_INFERENCE} can be",
                kept.len()
            );
            return Err(named(&fault));
        }
        self.report.cut += (all - kept.len()) as u64;
        self.report.heads.inferences += 1;
        let created_us = open.created_us.unwrap_or(user_created);
        let shown_n = kept.iter().filter(|found| found.shown).count() as i16;
        let picked = kept.iter().position(|found| found.picked);
        let list: Vec<Ranked> = (kept.iter())
            .map(|found| Ranked {
                item_id: found.item_id,
                score: found.score as f32,
            })
            .collect();
        Ok(InferenceRecord {
            inference_id: self.report.heads.inferences,
            task_id,
            user_id,
            created_us,
            status: TaskStatus::Success,
            due_us: created_us,
            token: 0,
            attempt: 1,
            priority: 0,
            model_id: None,
            catalog_version: Some(1),
            explored: false,
            judging: false,
            shown_n,
            shown_us: (shown_n > 0).then_some(created_us),
            selected: picked.map(|rank| kept[rank].item_id),
            selected_rank: picked.map(|rank| rank as i16),
            answered_n: picked.map(|_| shown_n),
            answered_us: picked.map(|_| created_us),
            error: None,
            candidates: None,
            ranked: Some(codec::ranked_to_bytes(&list)),
        })
    }

    /// Hands over what is done, in pages.
    pub fn hand_over(
        &mut self,
        page: usize,
        sink: &mut dyn FnMut(Records) -> Public<()>,
    ) -> Result<()> {
        while !self.done.is_empty() {
            let rest = self.done.split_off(page.min(self.done.len()));
            let page = std::mem::replace(&mut self.done, rest);
            sink(Records::Inferences(page))?;
        }
        Ok(())
    }

    /// Ends the last task, and hands over.
    pub fn end(&mut self, sink: &mut dyn FnMut(Records) -> Public<()>) -> Result<()> {
        self.close();
        self.hand_over(usize::MAX, sink)
    }
}

/// Shown results before others, since what a store keeps as shown is the beginning of the list; then
/// the best score first, ties by number. Of those that were neither shown nor picked so many are kept
/// that there are `most` in all.
fn ranked(mut results: Vec<Found>, most: usize) -> Vec<Found> {
    let best_first = |a: &Found, b: &Found| -> Ordering {
        (b.shown.cmp(&a.shown))
            .then(b.score.total_cmp(&a.score))
            .then(a.item_id.cmp(&b.item_id))
    };
    results.sort_by(best_first);
    let kept = results
        .iter()
        .filter(|found| found.shown || found.picked)
        .count();
    let mut room = most.saturating_sub(kept);
    results.retain(|found| {
        if found.shown || found.picked {
            return true;
        }
        let fits = room > 0;
        room = room.saturating_sub(1);
        fits
    });
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(item_id: i64, score: f64, shown: bool, picked: bool) -> Found {
        Found {
            item_id,
            score,
            picked,
            shown,
        }
    }

    #[test]
    fn the_best_come_first_and_what_was_seen_or_chosen_stays() {
        let ids = |results: Vec<Found>, most| -> Vec<i64> {
            ranked(results, most)
                .iter()
                .map(|found| found.item_id)
                .collect()
        };
        let plain = [(3, 0.5), (1, 0.9), (4, 0.1), (2, 0.5)];
        let plain = || {
            plain
                .map(|(id, score)| found(id, score, false, false))
                .to_vec()
        };
        assert_eq!(ids(plain(), 9), [1, 2, 3, 4]);
        assert_eq!(ids(plain(), 2), [1, 2]);
        let mut picked = plain();
        picked[2].picked = true;
        assert_eq!(ids(picked, 2), [1, 4]);
        let mut shown = plain();
        shown[2].shown = true;
        assert_eq!(ids(shown.clone(), 2), [4, 1]);
        shown.iter_mut().for_each(|found| found.shown = true);
        assert_eq!(ids(shown, 2), [1, 2, 3, 4], "all were shown");
    }
}
