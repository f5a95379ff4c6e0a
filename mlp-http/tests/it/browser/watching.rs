//! The dashboard.

use mlp_store::{DecisionKind, NewDecision, NewModel};

use super::trying::is_usable;
use super::{browse, origin};
use crate::support::{Domain, Server, Setup, install, looks};

const MINUTE: i64 = 60_000_000;

fn ask_and_answer(server: &Server, times: i64) {
    let id_name = server.domain.item_id();
    let mut client = server.client();
    for seed in 0..times {
        let ranked = client
            .json("POST", "/inference/rank", &server.domain.request(seed))
            .expect(200);
        let item = if seed % 4 == 0 {
            (-1).into()
        } else {
            ranked["results"][0][&id_name].clone()
        };
        let body = serde_json::json!({ "task_id": ranked["task_id"], id_name.as_str(): item });
        client.json("PUT", "/inference/select", &body).expect(200);
    }
}

#[test]
fn log_in_watch_promote_roll_back_and_log_out() {
    let setup = Setup {
        token: Some("open-sesame"),
        model: true,
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let model = NewModel {
        task_id: None,
        artifact: server.domain.artifact(2),
    };
    assert_eq!(server.store.insert_model(&model).unwrap(), 2);
    let store = server.store.clone();
    browse(origin(&server), |page| async move {
        page.open("/dashboard").await;
        page.shoot("login").await;
        is_usable(&page).await;
        page.fill("#token", "open-sesam").await;
        page.keys("\u{e007}").await;
        page.wait_for("#token-fault", "not the token").await;
        page.fill("#token", "open-sesame").await;
        page.keys("\u{e007}").await;
        page.wait_for("#tile-answers", "0").await;
        let cookies = page.run("return document.cookie", vec![]).await;
        assert_eq!(cookies, "", "a script can read the cookie");
        // What one does on the one page shows on the other.
        page.open("/").await;
        page.click("main button").await;
        page.wait_for("h1", "The best").await;
        page.click(".result > button").await;
        page.wait_for("#thanks", "Thank you").await;
        page.click("nav a[href='/dashboard']").await;
        page.wait_for("#tile-answers", "1").await;
        assert_eq!(page.text("#tile-rate").await, "100.0\u{a0}%");
        assert_eq!(page.text("#tile-sessions").await, "1");
        // A change of mind leaves all as it was.
        page.click("#promote-2").await;
        page.wait_for("h1", "Promote model 2?").await;
        page.shoot("confirm").await;
        is_usable(&page).await;
        page.click(".actions a").await;
        page.wait_for("#tile-model", "1").await;
        page.click("#promote-2").await;
        page.wait_for("h1", "Promote model 2?").await;
        page.click("main button").await;
        page.wait_for("#tile-model", "2").await;
        assert!(
            page.text("main")
                .await
                .contains("The model is the champion now.")
        );
        assert!(
            page.text("section[aria-labelledby=decisions] tbody tr")
                .await
                .contains("by hand, on the dashboard")
        );
        page.click("#roll-back").await;
        page.wait_for("h1", "Roll back?").await;
        // Meanwhile somebody else promotes another.
        let decision = NewDecision {
            kind: DecisionKind::Promote,
            reason: "a test".to_owned(),
            evidence: "{}".to_owned(),
        };
        assert!(store.decide(1, &decision).unwrap());
        page.click("main button").await;
        page.wait_for("main", "another champion by now").await;
        page.open("/dashboard/rollback").await;
        page.click("main button").await;
        page.wait_for("#tile-model", "2").await;
        page.click("#sign-out").await;
        page.wait_for("h1", "Log in").await;
        page.open("/dashboard").await;
        page.wait_for("h1", "Log in").await;
        let expected = ["401 (Unauthorized", "409 (Conflict"];
        let others = |c: &String| !expected.iter().any(|e| c.contains(e));
        let complaints = page.complaints().await.into_iter().filter(others);
        assert_eq!(complaints.collect::<Vec<_>>(), Vec::<String>::new());
    });
}

#[test]
fn an_open_dashboard_follows_what_happens() {
    let setup = Setup {
        model: true,
        ..Setup::new(Domain::reading())
    };
    let server = setup.start();
    browse(origin(&server), |page| async move {
        page.open("/dashboard").await;
        page.wait_for("#tile-answers", "0").await;
        page.wait_for("#well", "Not looked yet").await;
        page.run(
            "document.querySelector('#live a[href], #live summary')?.focus()",
            vec![],
        )
        .await;
        ask_and_answer(&server, 8);
        // Without a click, and without a new page.
        page.run("window.same = true", vec![]).await;
        page.wait_for("#tile-answers", "8").await;
        assert_eq!(page.text("#tile-rate").await, "75.0\u{a0}%");
        assert_eq!(page.run("return window.same", vec![]).await, true);
        page.click("#traffic-numbers summary").await;
        assert_eq!(page.complaints().await, Vec::<String>::new());
    });
}

#[test]
fn every_state_says_what_it_is() {
    let travel = Setup::new(Domain::travel()).start();
    let empty = Setup {
        items: 0,
        ..Setup::new(Domain::travel())
    };
    let empty = empty.start();
    let reading = Setup {
        model: true,
        ..Setup::new(Domain::reading())
    };
    let reading = reading.start();
    browse(origin(&travel), |page| async move {
        let address = |server: &Server| format!("http://{}", server.address);
        let look = async |server: &Server, name: &str, says: &str| {
            let mut page = page.clone();
            page.origin = address(server).into();
            page.open("/dashboard").await;
            page.wait_for("#well", says).await;
            page.shoot(&format!("dashboard-{name}")).await;
            is_usable(&page).await;
            assert_eq!(page.complaints().await, Vec::<String>::new(), "{name}");
        };
        look(&empty, "empty", "nothing to rank").await;
        look(&travel, "no-model", "no model yet").await;
        let now = looks::now_us();
        let store = travel.store.as_ref();
        install(store, travel.domain.artifact(1));
        travel.live.refresh_now();
        look(&travel, "no-report", "Nobody has looked").await;
        ask_and_answer(&travel, 40);
        let schema = &travel.domain.schema;
        for minute in (20..60).rev() {
            looks::keep(
                store,
                &looks::report(schema, now - minute * MINUTE, 1, None),
            );
        }
        look(&travel, "calm", "Well.").await;
        let since = now - 6 * MINUTE;
        for minute in (0..6).rev() {
            looks::keep(
                store,
                &looks::report(schema, now - minute * MINUTE, 1, Some(since)),
            );
        }
        look(&travel, "alarm", "Alarm.").await;
        page.open("/dashboard").await;
        assert!(page.text("#verdict").await.contains("median 320"));
        assert!(page.count(".chart svg").await >= 4);
        assert_eq!(page.count("tr.changed").await, 1);
        // Another model, and all is well again.
        ask_and_answer(&reading, 12);
        let schema = &reading.domain.schema;
        for minute in (10..90).rev() {
            looks::keep(
                reading.store.as_ref(),
                &looks::report(schema, now - minute * MINUTE, 1, None),
            );
        }
        install(reading.store.as_ref(), reading.domain.artifact(2));
        for minute in (0..10).rev() {
            looks::keep(
                reading.store.as_ref(),
                &looks::report(schema, now - minute * MINUTE, 2, None),
            );
        }
        look(&reading, "recovered", "Well.").await;
        travel.break_store();
        look(&travel, "store-down", "The store does not answer").await;
    });
}
