//! What is done to the system, at random.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::system::System;

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    KillApi,
    KillWorker,
    FreezeApi,
    FreezeWorker,
    /// A worker is stopped just when it wants to keep results.
    FreezeAtSettlement,
    StopPostgres,
    CutConnections,
}

impl Fault {
    pub const ALL: [Self; 7] = [
        Self::KillApi,
        Self::KillWorker,
        Self::FreezeApi,
        Self::FreezeWorker,
        Self::FreezeAtSettlement,
        Self::StopPostgres,
        Self::CutConnections,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Self::KillApi => "kill -9 of an API process",
            Self::KillWorker => "kill -9 of a worker",
            Self::FreezeApi => "SIGSTOP of an API process, past the lease",
            Self::FreezeWorker => "SIGSTOP of a worker, past its lease",
            Self::FreezeAtSettlement => "SIGSTOP of a worker with results in hand",
            Self::StopPostgres => "pg_ctl stop -m immediate, and a restart",
            Self::CutConnections => "pg_terminate_backend of connections",
        }
    }
}

/// How a fault is undone.
enum Undo {
    Revive(usize),
    Thaw(usize),
    StartPostgres,
}

/// Deals faults, and undoes them in time. They overlap.
pub struct Faults {
    dice: Dice,
    deck: Vec<Fault>,
    undo: Vec<(Instant, Undo)>,
    lease: Duration,
    pub done: BTreeMap<Fault, usize>,
}

impl Faults {
    pub fn new(seed: u64, lease: Duration) -> Self {
        Self {
            dice: Dice::new(seed),
            deck: Vec::new(),
            undo: Vec::new(),
            lease,
            done: BTreeMap::new(),
        }
    }

    pub fn total(&self) -> usize {
        self.done.values().sum()
    }

    /// How long until the next one.
    pub fn gap(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(0.4 + 1.2 * self.dice.share())
    }

    /// Does the next one, in an order in which every kind comes as often as every other; whether it
    /// found somebody to befall.
    pub fn next(&mut self, system: &mut System) -> bool {
        if self.deck.is_empty() {
            self.deck = Fault::ALL.to_vec();
            self.dice.shuffle(&mut self.deck);
        }
        let Some(place) = (0..self.deck.len()).rev().find(|i| {
            let fault = self.deck[*i];
            self.inflict(fault, system)
        }) else {
            return false;
        };
        let fault = self.deck.remove(place);
        *self.done.entry(fault).or_default() += 1;
        true
    }

    fn inflict(&mut self, fault: Fault, system: &mut System) -> bool {
        let now = Instant::now();
        let past_lease = self
            .dice
            .seconds(1.3, 2.2)
            .mul_f64(self.lease.as_secs_f64());
        match fault {
            Fault::KillApi | Fault::KillWorker => {
                let Some(victim) = self.victim(system, fault == Fault::KillApi) else {
                    return false;
                };
                system.kill(victim);
                let back = self.dice.seconds(0.1, 1.5);
                self.undo.push((now + back, Undo::Revive(victim)));
            }
            Fault::FreezeApi | Fault::FreezeWorker => {
                let Some(victim) = self.victim(system, fault == Fault::FreezeApi) else {
                    return false;
                };
                system.freeze(victim);
                self.undo.push((now + past_lease, Undo::Thaw(victim)));
            }
            Fault::FreezeAtSettlement => {
                if !system.database_up {
                    return false;
                }
                let Some(victim) = system.freeze_at_settlement() else {
                    return false;
                };
                self.undo
                    .push((Instant::now() + past_lease, Undo::Thaw(victim)));
            }
            Fault::StopPostgres => {
                if !system.database_up {
                    return false;
                }
                system.cluster.stop_immediate();
                system.database_up = false;
                let back = self.dice.seconds(0.5, 3.0);
                self.undo.push((now + back, Undo::StartPostgres));
            }
            Fault::CutConnections => {
                let most = 1 + self.dice.below(8) as i64;
                if !system.database_up || system.cut_connections(most) == 0 {
                    return false;
                }
            }
        }
        true
    }

    /// One that nothing befalls right now.
    fn victim(&mut self, system: &System, api: bool) -> Option<usize> {
        let well: Vec<usize> = (0..system.processes.len())
            .filter(|i| system.is_api(*i) == api)
            .filter(|i| system.is_alive(*i) && !system.processes[*i].frozen)
            .collect();
        (!well.is_empty()).then(|| well[self.dice.below(well.len())])
    }

    /// Undoes what is due; everything where `all`.
    pub fn undo(&mut self, system: &mut System, all: bool) {
        let now = Instant::now();
        let due: Vec<(Instant, Undo)> = self
            .undo
            .extract_if(.., |(at, _)| all || *at <= now)
            .collect();
        for (_, undo) in due {
            match undo {
                Undo::Revive(victim) => system.revive(victim),
                Undo::Thaw(victim) => system.thaw(victim),
                Undo::StartPostgres => {
                    system.cluster.start_again();
                    system.database_up = true;
                }
            }
        }
    }
}
