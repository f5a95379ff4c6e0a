//! Calls of several threads as one.
//!
//! A commit costs as much for one settlement as for many. While one thread's transaction is under way
//! others line up; the next of them takes all that wait into its own. Nobody waits for company: a call
//! that comes alone goes alone, at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::traits::Result;

/// A longer call gains nothing by company, and makes the others wait.
const SHORT: usize = 64;

/// What goes into one transaction.
const MOST: usize = 1024;

/// Where calls line up.
pub(super) struct Line<Q, A>(Mutex<State<Q, A>>);

struct State<Q, A> {
    waiting: Vec<Arc<Part<Q, A>>>,
    /// Whether a thread is at the head of the line.
    led: bool,
}

/// A call that waits.
struct Part<Q, A> {
    questions: Vec<Q>,
    turn: Mutex<Option<Turn<A>>>,
    called: Condvar,
}

/// How a wait ends.
enum Turn<A> {
    /// Another did it.
    Done(Vec<A>),
    /// Another tried and failed: do it alone, and get an error of your own.
    Alone,
    /// You are at the head of the line.
    Lead,
}

impl<Q, A> Default for Line<Q, A> {
    fn default() -> Self {
        Self(Mutex::new(State {
            waiting: Vec::new(),
            led: false,
        }))
    }
}

impl<Q: Clone, A> Line<Q, A> {
    /// Answers `questions` by `work`, which may be given those of other calls with them, and gives an
    /// answer for each, in their order.
    pub fn call(&self, questions: &[Q], work: impl Fn(&[Q]) -> Result<Vec<A>>) -> Result<Vec<A>> {
        if questions.len() > SHORT {
            return work(questions);
        }
        if let Some(part) = self.join(questions) {
            match part.wait() {
                Turn::Done(answers) => return Ok(answers),
                Turn::Alone => return work(questions),
                Turn::Lead => {}
            }
        }
        self.lead(questions, work)
    }

    /// Lines up behind who leads; `None` where nobody does: then the caller does.
    fn join(&self, questions: &[Q]) -> Option<Arc<Part<Q, A>>> {
        let mut state = self.state();
        if !state.led {
            state.led = true;
            return None;
        }
        let part = Arc::new(Part {
            questions: questions.to_vec(),
            turn: Mutex::new(None),
            called: Condvar::new(),
        });
        state.waiting.push(Arc::clone(&part));
        Some(part)
    }

    fn lead(&self, own: &[Q], work: impl Fn(&[Q]) -> Result<Vec<A>>) -> Result<Vec<A>> {
        let mut lead = Lead {
            line: self,
            parts: self.take(MOST - own.len().min(MOST)),
        };
        if lead.parts.is_empty() {
            return work(own);
        }
        let mut all = own.to_vec();
        for part in &lead.parts {
            all.extend_from_slice(&part.questions);
        }
        match work(&all) {
            Ok(mut answers) if answers.len() == all.len() => {
                let mut rest = answers.split_off(own.len());
                for part in lead.parts.drain(..) {
                    let after = rest.split_off(part.questions.len());
                    part.end(Turn::Done(std::mem::replace(&mut rest, after)));
                }
                Ok(answers)
            }
            // One bad call must not fail its neighbours.
            _ => {
                drop(lead);
                work(own)
            }
        }
    }

    /// Takes the first calls that wait, with at most so many questions.
    fn take(&self, most: usize) -> Vec<Arc<Part<Q, A>>> {
        let mut state = self.state();
        let mut room = most;
        let fits = state.waiting.iter().take_while(|part| {
            let fits = part.questions.len() <= room;
            room = room.saturating_sub(part.questions.len());
            fits
        });
        let n = fits.count();
        state.waiting.drain(..n).collect()
    }

    fn state(&self) -> MutexGuard<'_, State<Q, A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q, A> Part<Q, A> {
    fn end(&self, turn: Turn<A>) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = Some(turn);
        self.called.notify_one();
    }

    fn wait(&self) -> Turn<A> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match turn.take() {
                Some(turn) => return turn,
                None => {
                    let waited = self.called.wait(turn);
                    turn = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

/// The head of the line. Whatever ends it, a panic too, calls the next.
struct Lead<'a, Q, A> {
    line: &'a Line<Q, A>,
    /// Calls that it took and has not answered.
    parts: Vec<Arc<Part<Q, A>>>,
}

impl<Q, A> Drop for Lead<'_, Q, A> {
    fn drop(&mut self) {
        for part in self.parts.drain(..) {
            part.end(Turn::Alone);
        }
        let mut state = self.line.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.waiting.is_empty() {
            true => state.led = false,
            false => state.waiting.remove(0).end(Turn::Lead),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::error::StoreError;

    #[test]
    fn everybody_gets_their_own_answers_in_fewer_calls() {
        let line = Line::default();
        let calls = AtomicUsize::new(0);
        let double = |questions: &[u64]| {
            calls.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(1));
            Ok(questions.iter().map(|q| q * 2).collect())
        };
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (line, double) = (&line, &double);
                scope.spawn(move || {
                    for n in 0..50 {
                        let own = [thread * 1000 + n, n];
                        let answers = line.call(&own[..1 + (n % 2) as usize], double).unwrap();
                        let wanted = own.map(|q| q * 2);
                        assert_eq!(answers, wanted[..1 + (n % 2) as usize]);
                    }
                });
            }
        });
        let calls = calls.into_inner();
        assert!(calls < 300, "{calls} calls for 400");
        assert!(!line.state().led && line.state().waiting.is_empty());
    }

    #[test]
    fn a_bad_call_fails_alone_and_a_panic_calls_the_next() {
        let line = Line::default();
        let work = |questions: &[u64]| {
            std::thread::sleep(Duration::from_millis(1));
            assert!(!questions.contains(&13), "unlucky");
            match questions.contains(&7) {
                true => Err(StoreError::Invalid("seven".to_owned())),
                false => Ok(questions.to_vec()),
            }
        };
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (line, work) = (&line, &work);
                scope.spawn(move || {
                    for n in 0..20 {
                        let own = [n];
                        let call = || line.call(&own, work);
                        let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
                        match (n, called) {
                            // Its panic may have hit a neighbour's call, which it led.
                            (_, Err(_)) => {}
                            (7, Ok(answer)) => assert!(answer.is_err(), "{thread}"),
                            (13, Ok(_)) => panic!("13 panics"),
                            (_, Ok(answer)) => assert_eq!(answer.unwrap(), own),
                        }
                    }
                });
            }
        });
        assert!(!line.state().led && line.state().waiting.is_empty());
    }
}
