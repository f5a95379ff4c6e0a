use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mlp_tools::traffic::{Arrivals, Ending, Event, Pause, PlanBuilder, Report, Silent, run};
use serde_json::Value;

use super::fake::Fake;
use super::plan;

async fn complete(plan: PlanBuilder) -> Report {
    run(plan.check().unwrap(), Silent, std::future::pending()).await
}

#[tokio::test]
async fn a_closed_loop_runs_its_sessions() {
    let fake = Fake::start().await;
    let report = complete(plan(&fake).sessions(50).parallel(4)).await;
    assert_eq!((report.sessions, report.answered), (50, 50));
    assert_eq!((report.errors, report.busy, report.lost), (0, 0, 0));
    assert_eq!(fake.state.connections.load(Ordering::Relaxed), 4);
    assert_eq!(fake.state.requests.load(Ordering::Relaxed), 200);
    let selections = fake.state.selections.lock().unwrap();
    let asked_twice = selections.windows(2).any(|two| two[0] == two[1]);
    assert!(!asked_twice);
    let picked = selections.iter().filter(|row| row["location_id"] != -1);
    assert_eq!(picked.count() as u64, report.picked);
    assert!(report.picked > 20 && report.picked < 50, "{report:?}");
    assert!(report.sessions_per_s > 0.0 && report.seconds > 0.0);
    for latency in [
        report.latency_ms.session,
        report.latency_ms.start,
        report.latency_ms.status,
        report.latency_ms.results,
        report.latency_ms.select,
    ] {
        assert_eq!(latency.count, 50);
        assert!(0.0 < latency.p50 && latency.p50 <= latency.p90);
        assert!(latency.p90 <= latency.p99 && latency.p99 <= latency.max);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_can_be_a_task_among_others() {
    let fake = Fake::start().await;
    let plan = plan(&fake).sessions(40).parallel(4).check().unwrap();
    let task = tokio::spawn(run(plan, Silent, std::future::pending()));
    assert_eq!(task.await.unwrap().sessions, 40);
}

#[tokio::test]
async fn the_report_has_the_agreed_keys() {
    let fake = Fake::start().await;
    let report = complete(plan(&fake).sessions(3)).await;
    let json = serde_json::to_value(&report).unwrap();
    for key in ["sessions", "errors", "picked"] {
        assert!(json[key].is_u64(), "{key}");
    }
    for key in ["seconds", "sessions_per_s"] {
        assert!(json[key].is_f64(), "{key}");
    }
    for step in ["session", "start", "status", "results", "select"] {
        for quantile in ["p50", "p90", "p99", "max"] {
            assert!(
                json["latency_ms"][step][quantile].is_f64(),
                "{step} {quantile}"
            );
        }
    }
}

#[tokio::test]
async fn silent_users_send_no_selection() {
    let fake = Fake::start().await;
    let report = complete(plan(&fake).sessions(20).answer(0.0)).await;
    assert_eq!(
        (report.sessions, report.answered, report.picked),
        (20, 0, 0)
    );
    assert!(fake.state.selections.lock().unwrap().is_empty());
    assert_eq!(report.latency_ms.select.count, 0);
    let half = complete(plan(&fake).sessions(200).answer(0.5)).await;
    // 100 ± 7; six standard deviations.
    assert!((58..=142).contains(&half.answered), "{}", half.answered);
}

#[tokio::test]
async fn a_status_that_ignores_wait_is_polled() {
    let fake = Fake::start().await;
    fake.state.pending.store(4, Ordering::Relaxed);
    let report = complete(plan(&fake).sessions(5)).await;
    assert_eq!((report.sessions, report.errors), (5, 0));
    assert_eq!(fake.state.asked.load(Ordering::Relaxed), 25);
    // Four pauses of 1 ms and more.
    assert!(report.latency_ms.status.p50 >= 4.0, "{report:?}");
}

#[tokio::test]
async fn users_wait_before_sessions_and_before_selecting() {
    let fake = Fake::start().await;
    let pause = Pause::new(0.02, 0.03, 2.0, 5.0).unwrap();
    let report = complete(plan(&fake).sessions(5).pause(pause)).await;
    assert!(report.seconds >= 0.2, "{}", report.seconds);
    assert!(report.latency_ms.session.p50 < 20.0, "{report:?}");
    let silent = complete(plan(&fake).sessions(5).pause(pause).answer(0.0)).await;
    assert!(
        (0.1..report.seconds).contains(&silent.seconds),
        "{silent:?}"
    );
}

/// Each request body with the selection that it led to.
fn story(fake: &Fake) -> BTreeMap<String, Vec<Value>> {
    let selections = fake.state.selections.lock().unwrap();
    let chosen: BTreeMap<String, Value> = selections
        .iter()
        .map(|row| {
            let id = row["task_id"].as_str().unwrap().to_owned();
            (id, row["location_id"].clone())
        })
        .collect();
    let starts = fake.state.starts.lock().unwrap();
    let mut story: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (index, user) in starts.iter().enumerate() {
        let choices = story.entry(user.to_string()).or_default();
        choices.push(chosen.get(&index.to_string()).cloned().unwrap_or_default());
    }
    story
}

#[tokio::test]
async fn the_same_seed_is_the_same_story_however_many_take_part() {
    let mut stories = Vec::new();
    for (parallel, seed) in [(1, 5), (8, 5), (8, 6)] {
        let fake = Fake::start().await;
        let plan = plan(&fake).sessions(60).answer(0.7);
        complete(plan.parallel(parallel).seed(seed)).await;
        stories.push(story(&fake));
    }
    assert!(stories[0].len() > 50);
    assert_eq!(stories[0], stories[1]);
    assert_ne!(stories[0], stories[2]);
    let fake = Fake::start().await;
    complete(plan(&fake).sessions(60).answer(0.7).rate(2000.0).seed(5)).await;
    assert_eq!(stories[0], story(&fake));
}

#[tokio::test]
async fn an_open_loop_keeps_its_rate() {
    let fake = Fake::start().await;
    for arrivals in [Arrivals::Even, Arrivals::Poisson] {
        let plan = plan(&fake).rate(500.0).arrivals(arrivals);
        let report = complete(plan.sessions(150)).await;
        assert_eq!((report.sessions, report.missed), (150, 0));
        // 0.3 s; the last of 150 Poisson arrivals is spread by 8 %.
        assert!((0.2..1.0).contains(&report.seconds), "{report:?}");
    }
}

#[tokio::test]
async fn a_duration_ends_the_run() {
    let fake = Fake::start().await;
    for rate in [None, Some(200.0)] {
        let mut plan = plan(&fake).duration_s(0.2);
        if let Some(rate) = rate {
            plan = plan.rate(rate);
        }
        let begin = Instant::now();
        let report = complete(plan).await;
        assert!(begin.elapsed() < Duration::from_secs(2));
        assert!(report.sessions > 10, "{report:?}");
        assert_eq!(report.errors, 0);
    }
}

/// A server that stalls once, for 300 ms, 100 ms after the begin.
async fn with_stall(plan: impl FnOnce(&Fake) -> PlanBuilder) -> Report {
    let fake = Fake::start().await;
    let state = fake.state.clone();
    let stall = async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        state.delay_ms.store(300, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
        state.delay_ms.store(0, Ordering::Relaxed);
        std::future::pending::<()>().await;
    };
    let plan = plan(&fake).parallel(1).duration_s(0.5);
    run(plan.check().unwrap(), Silent, stall).await
}

#[tokio::test]
async fn an_open_loop_counts_the_time_in_which_arrivals_queue() {
    let closed = with_stall(plan).await;
    // One user meets the stall once, and all other sessions look fine.
    assert!(closed.latency_ms.start.p90 < 50.0, "{closed:?}");
    let open = with_stall(|fake| plan(fake).rate(200.0).arrivals(Arrivals::Even)).await;
    // Of 100 arrivals 60 fall into the stall and wait up to 300 ms, evenly spread.
    assert!(open.latency_ms.start.p50 > 50.0, "{open:?}");
    assert!(open.latency_ms.session.p90 > 200.0, "{open:?}");
    // What the server did was no slower: only the schedule makes the difference.
    assert!(open.latency_ms.results.p90 < 50.0, "{open:?}");
}

#[tokio::test]
async fn arrivals_that_were_never_served_are_told() {
    let fake = Fake::start().await;
    fake.state.delay_ms.store(20, Ordering::Relaxed);
    let overload = plan(&fake).parallel(1).rate(100.0).arrivals(Arrivals::Even);
    let report = complete(overload.duration_s(0.3)).await;
    // A session takes 80 ms or more: 4 of the 30 arrivals are begun.
    assert!((24..=29).contains(&report.missed), "{report:?}");
}

#[tokio::test]
async fn an_observer_follows_each_step() {
    let fake = Fake::start().await;
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = log.clone();
    let observer = move |event: Event<'_>| {
        let line = match event {
            Event::Started {
                task_id,
                user,
                answer,
                ..
            } => {
                let answer: Value = serde_json::from_slice(answer).unwrap();
                assert_eq!(answer["task_id"], task_id);
                assert!(!user.user.name.is_empty());
                format!("started {task_id}")
            }
            Event::Finished { task_id, state, .. } => format!("finished {task_id} {state:?}"),
            Event::Shown { task_id, shown, .. } => format!("shown {task_id} {}", shown.len()),
            Event::Selecting { task_id, .. } => format!("selecting {task_id}"),
            Event::Selected {
                task_id,
                location_id,
                answer,
                ..
            } => {
                assert_eq!(answer == b"null", location_id == -1);
                format!("selected {task_id}")
            }
            Event::Ended {
                session, ending, ..
            } => {
                assert!(matches!(ending, Ending::Picked | Ending::None));
                format!("ended {session}")
            }
            other => format!("{other:?}"),
        };
        seen.lock().unwrap().push(line);
    };
    let plan = plan(&fake).sessions(2).check().unwrap();
    run(plan, observer, std::future::pending()).await;
    let expected: Vec<String> = (0..2)
        .flat_map(|n| {
            [
                format!("started {n}"),
                format!("finished {n} Success"),
                format!("shown {n} 10"),
                format!("selecting {n}"),
                format!("selected {n}"),
                format!("ended {n}"),
            ]
        })
        .collect();
    assert_eq!(*log.lock().unwrap(), expected);
}

#[tokio::test]
async fn shutdown_ends_an_endless_run() {
    let fake = Fake::start().await;
    let pause = Pause::new(0.0, 60.0, 1.0, 1.0).unwrap();
    let endless = plan(&fake).parallel(20).pause(pause);
    let begin = Instant::now();
    let shutdown = tokio::time::sleep(Duration::from_millis(100));
    let report = run(endless.check().unwrap(), Silent, shutdown).await;
    assert!(begin.elapsed() < Duration::from_secs(2));
    assert_eq!(report.errors, 0);
}
