//! Wake-up across processes, by `NOTIFY`.
//!
//! A commit with a notification in it takes a lock that all such commits share, so ours are sent by a
//! thread of its own, after the commits that they tell of, and many as one. Nothing depends on them:
//! whoever hears nothing looks by itself after a while. While the listening connection is broken, and
//! behind a pooler, which cannot listen, this process looks more often instead.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;

use super::db::{Db, Mode, jitter};
use crate::error::StoreError;
use crate::state::{kind_code, kind_of};
use crate::types::TaskKind;

/// Notifications are sent at most this often.
const GAP: Duration = Duration::from_millis(2);

/// How often a process looks by itself that cannot listen.
const LOOK: Duration = Duration::from_millis(50);

/// How long the listener waits before it looks whether it shall end.
const BREATH: Duration = Duration::from_millis(250);

/// Tells other processes, and hears of them. Dropping it ends its threads.
pub(super) struct Wake {
    shared: Arc<Shared>,
}

struct Shared {
    news: Mutex<News>,
    changed: Condvar,
    /// What the notifications of this handle begin with.
    own: String,
}

/// What is to be told.
#[derive(Default)]
struct News {
    work: [bool; TaskKind::ALL.len()],
    settled: bool,
    stopped: bool,
}

impl News {
    fn is_empty(&self) -> bool {
        !self.settled && !self.work.contains(&true)
    }
}

impl Shared {
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.news().stopped
    }

    /// Waits for news or the end: `None`.
    fn next(&self) -> Option<String> {
        let mut news = self.news();
        while news.is_empty() && !news.stopped {
            let waited = self.changed.wait(news);
            news = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if news.stopped {
            return None;
        }
        let told = std::mem::take(&mut *news);
        let mut text = format!("{} ", self.own);
        for kind in TaskKind::ALL {
            if told.work[kind as usize] {
                text.push_str(&kind_code(kind).to_string());
            }
        }
        if told.settled {
            text.push('s');
        }
        Some(text)
    }
}

impl Wake {
    /// Listens from now on, where that is possible.
    pub fn start(db: &Arc<Db>) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            news: Mutex::default(),
            changed: Condvar::new(),
            own: uuid::Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext))
                .simple()
                .to_string(),
        });
        let wake = Self {
            shared: Arc::clone(&shared),
        };
        let no_thread = |error: std::io::Error| StoreError::Unavailable {
            reason: format!("the system gives no thread: {error}"),
        };
        let listening = match db.pooled() {
            true => None,
            false => Some(listen(db)?),
        };
        let (listener, heard) = (Arc::clone(&shared), Arc::clone(db));
        Builder::new()
            .name("mlp-listen".to_owned())
            .spawn(move || hear(&listener, &heard, listening))
            .map_err(no_thread)?;
        let told = Arc::clone(db);
        Builder::new()
            .name("mlp-notify".to_owned())
            .spawn(move || tell(&shared, &told))
            .map_err(no_thread)?;
        Ok(wake)
    }

    /// There is work of a kind, for this process and others.
    pub fn work(&self, db: &Db, kind: TaskKind) {
        db.signals.work(kind);
        self.shared.news().work[kind as usize] = true;
        self.shared.changed.notify_one();
    }

    /// Something became final; this process knows already.
    pub fn settled(&self) {
        self.shared.news().settled = true;
        self.shared.changed.notify_one();
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.shared.news().stopped = true;
        self.shared.changed.notify_all();
    }
}

fn tell(shared: &Shared, db: &Db) {
    while let Some(text) = shared.next() {
        let notify = "SELECT pg_notify('mlp_' || current_schema(), $1)";
        let told = db.run("notify", Mode::Single, |session| {
            session.execute(notify, &[&text])
        });
        if let Err(error) = told {
            tracing::debug!(%error, "others were not told: they will look");
        }
        std::thread::sleep(GAP);
    }
}

fn listen(db: &Db) -> Result<Client, StoreError> {
    let mut client = db.connect_alone()?;
    let channel = "DO $$ BEGIN EXECUTE format('LISTEN %I', 'mlp_' || current_schema()); END $$";
    let listening = client.batch_execute(channel);
    listening.map_err(|error| super::error::Failure::from(error).at(db.place(), "listen"))?;
    Ok(client)
}

fn hear(shared: &Shared, db: &Db, mut client: Option<Client>) {
    let mut wait = LOOK;
    while !shared.stopped() {
        if let Some(listening) = &mut client {
            if listen_once(shared, db, listening) {
                continue;
            }
            client = None;
        }
        db.signals.unknown();
        std::thread::sleep(jitter(wait));
        if db.pooled() || shared.stopped() {
            continue;
        }
        match listen(db) {
            Ok(listening) => {
                client = Some(listening);
                wait = LOOK;
                // Who knows what was missed.
                db.signals.unknown();
            }
            Err(error) => {
                tracing::debug!(%error, "cannot listen");
                wait = (wait * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// Hears for a while; `false` where the connection broke.
fn listen_once(shared: &Shared, db: &Db, client: &mut Client) -> bool {
    let mut notifications = client.notifications();
    loop {
        match notifications.timeout_iter(BREATH).next() {
            Ok(Some(notification)) => {
                understand(&shared.own, db, notification.payload());
                if shared.stopped() {
                    return false;
                }
            }
            Ok(None) => break,
            Err(_) => return false,
        }
    }
    drop(notifications);
    !client.is_closed()
}

fn understand(own: &str, db: &Db, payload: &str) {
    let Some((from, news)) = payload.split_once(' ') else {
        return;
    };
    if from == own {
        return;
    }
    for letter in news.chars() {
        match letter.to_digit(10) {
            Some(code) => {
                if let Some(kind) = kind_of(code.into()) {
                    db.signals.work(kind);
                }
            }
            None => db.signals.others_settled(),
        }
    }
}
