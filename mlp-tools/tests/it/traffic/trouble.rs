use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mlp_tools::traffic::{Silent, run};

use super::fake::Fake;
use super::plan;

#[tokio::test]
async fn a_server_that_goes_away_and_comes_back_is_survived() {
    let mut fake = Fake::start().await;
    let plan = plan(&fake).parallel(3).check().unwrap();
    let state = fake.state.clone();
    let outage = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        fake.close().await;
        let before = state.starts.lock().unwrap().len();
        tokio::time::sleep(Duration::from_millis(100)).await;
        fake.open().await;
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert!(state.starts.lock().unwrap().len() > before + 10);
    };
    let report = run(plan, Silent, outage).await;
    // Each user loses a connection and is refused one, but no session is given up.
    assert!(report.errors >= 3 && report.errors < 30, "{report:?}");
    assert!(report.sessions > 20, "{report:?}");
    assert_eq!((report.failed, report.lost, report.busy), (0, 0, 0));
    let kinds: Vec<&String> = report.reasons.keys().collect();
    assert!(
        kinds.iter().any(|kind| kind.contains("connect")),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn busy_is_honoured_and_counted_apart() {
    let fake = Fake::start().await;
    fake.state.busy.store(7, Ordering::Relaxed);
    let plan = plan(&fake).sessions(10).check().unwrap();
    let report = run(plan, Silent, std::future::pending()).await;
    assert_eq!((report.sessions, report.busy), (10, 7));
    assert_eq!((report.errors, report.failed), (0, 0));
}

#[tokio::test]
async fn a_failed_task_is_an_error_but_not_lost() {
    let fake = Fake::start().await;
    fake.state.failing.store(1, Ordering::Relaxed);
    let plan = plan(&fake).sessions(2).check().unwrap();
    let report = run(plan, Silent, std::future::pending()).await;
    assert_eq!((report.sessions, report.failed), (0, 2));
    assert_eq!((report.errors, report.lost), (2, 0));
    assert_eq!(report.reasons["status: task failed"], 2);
}

#[tokio::test]
async fn a_task_that_never_ends_is_lost_when_patience_is() {
    let fake = Fake::start().await;
    fake.state.pending.store(u32::MAX - 1, Ordering::Relaxed);
    let patience = Duration::from_millis(50);
    let plan = plan(&fake).sessions(1).patience(patience).check().unwrap();
    let report = run(plan, Silent, std::future::pending()).await;
    assert_eq!((report.failed, report.lost, report.errors), (1, 1, 1));
}

#[tokio::test]
async fn requests_that_cannot_succeed_are_not_repeated() {
    let fake = Fake::start().await;
    let refused = (422, "{\"detail\":[]}".to_owned());
    fake.state.garbage.lock().unwrap().push(refused);
    let plan = plan(&fake).sessions(3).check().unwrap();
    let report = run(plan, Silent, std::future::pending()).await;
    assert_eq!((report.sessions, report.failed, report.errors), (2, 1, 1));
    assert_eq!(report.lost, 0);
}

#[tokio::test]
async fn a_stalled_server_does_not_hold_up_the_end() {
    let fake = Fake::start().await;
    fake.state.delay_ms.store(60_000, Ordering::Relaxed);
    let plan = plan(&fake).parallel(2).check().unwrap();
    let begin = Instant::now();
    let report = run(plan, Silent, tokio::time::sleep(Duration::from_millis(20))).await;
    assert!(begin.elapsed() < Duration::from_secs(4));
    assert_eq!((report.sessions, report.unfinished), (0, 2));
}
