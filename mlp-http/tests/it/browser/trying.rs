//! The page to try it.

use super::{Page, browse, origin};
use crate::support::{Domain, Setup, domains, install};

/// Every field has a label, and nothing is told by colour or place alone.
pub async fn is_usable(page: &Page) {
    let unnamed = "return [...document.querySelectorAll('input, select, button')]
        .filter(e => e.type !== 'hidden' && !e.hidden && !(e.labels?.length) && !e.innerText?.trim() && !e.ariaLabel)
        .map(e => e.outerHTML)";
    assert_eq!(page.run(unnamed, vec![]).await, serde_json::json!([]));
    let dangling = "return [...document.querySelectorAll('[aria-describedby], [aria-labelledby]')]
        .flatMap(e => ((e.getAttribute('aria-describedby') ?? '') + ' ' + (e.getAttribute('aria-labelledby') ?? '')).split(' '))
        .filter(id => id && !document.getElementById(id))";
    assert_eq!(page.run(dangling, vec![]).await, serde_json::json!([]));
    let twice = "const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
        return ids.filter((id, i) => ids.indexOf(id) !== i)";
    assert_eq!(page.run(twice, vec![]).await, serde_json::json!([]));
    assert_eq!(page.count("main h1").await, 1);
    page.resize(390, 844).await;
    assert_eq!(page.overflow().await, 0, "{}", page.place().await);
    page.resize(1280, 900).await;
}

#[test]
fn fill_in_rank_choose_and_see_the_numbers_change() {
    for domain in domains() {
        let setup = Setup {
            model: true,
            ..Setup::new(domain.clone())
        };
        let server = setup.start();
        let mut client = server.client();
        for id in 1..=30 {
            let item = domain.plausible_item(id);
            client.json("PUT", &domain.item_path(id), &item).expect(200);
        }
        install(server.store.as_ref(), domain.plausible_artifact());
        server.live.refresh_now();
        browse(origin(&server), |page| async move {
            let name = domain.schema.name.clone();
            page.open("/").await;
            page.shoot(&format!("try-{name}")).await;
            is_usable(&page).await;
            // Every field of the schema is there.
            for field in &domain.schema.user.fields {
                assert_eq!(
                    page.count(&format!("[name={}]", field.name)).await,
                    1,
                    "{}",
                    field.name
                );
            }
            if name == "reading" {
                page.select("#genre", "bande dessinée").await;
                page.fill("#patience", "-2.5").await;
            } else {
                page.fill("#budget", "420").await;
                page.click("label[for=lake]").await;
            }
            page.click("main button").await;
            page.wait_for("h1", "The best").await;
            let place = page.place().await;
            assert!(place.starts_with("/try/"), "{place}");
            assert_eq!(page.count(".result").await, 10);
            assert!(page.count(".reasons li").await > 0);
            assert_eq!(page.count("#thanks").await, 0);
            page.shoot(&format!("results-{name}")).await;
            is_usable(&page).await;
            page.click(".result:nth-of-type(3) > button").await;
            page.wait_for("#thanks", "answers: 1").await;
            assert_eq!(page.text("#pick-rate").await, "100.0\u{a0}%");
            assert_eq!(page.count(".chosen").await, 1);
            assert!(page.text(".result:nth-of-type(3)").await.contains("chosen"));
            page.shoot(&format!("thanks-{name}")).await;
            is_usable(&page).await;
            page.open("/docs").await;
            page.click("details:nth-of-type(2) summary").await;
            page.shoot(&format!("docs-{name}")).await;
            is_usable(&page).await;
            // A second visitor finds nothing.
            page.open("/").await;
            page.click("main button").await;
            page.wait_for("h1", "The best").await;
            page.click("button.second").await;
            page.wait_for("#thanks", "none of these").await;
            assert_eq!(page.text("#pick-rate").await, "50.0\u{a0}%");
            assert!(page.text("#thanks").await.contains("lists shown: 2"));
            assert_eq!(page.complaints().await, Vec::<String>::new());
        });
    }
}

#[test]
fn what_is_wrong_is_said_beside_its_field() {
    let server = Setup::new(Domain::travel()).start();
    browse(origin(&server), |page| async move {
        page.open("/").await;
        page.fill("#budget", "much").await;
        page.fill("#people_age", "34, 151").await;
        page.fill("#nights", "").await;
        page.click("main button").await;
        page.wait_for("[role=alert]", "Budget").await;
        assert!(page.text("#budget-fault").await.contains("valid number"));
        assert!(page.text("#people_age-fault").await.contains("Number 2"));
        assert_eq!(page.text("#nights-fault").await, "Field required");
        assert_eq!(page.count("[aria-invalid=true]").await, 3);
        // What was typed is still there.
        let typed = "return document.getElementById('budget').value";
        assert_eq!(page.run(typed, vec![]).await, "much");
        page.shoot("faults-travel").await;
        is_usable(&page).await;
        page.fill("#budget", "400").await;
        page.fill("#people_age", "34, 15, 8").await;
        page.fill("#nights", "3").await;
        page.click("main button").await;
        page.wait_for("h1", "The best").await;
        // The status of the first answer is no fault of the page's.
        let others = |c: &String| !c.contains("422 (Unprocessable");
        let complaints = page.complaints().await.into_iter().filter(others);
        assert_eq!(complaints.collect::<Vec<_>>(), Vec::<String>::new());
    });
}

#[test]
fn the_keyboard_is_enough() {
    let server = Setup::new(Domain::reading()).start();
    browse(origin(&server), |page| async move {
        page.open("/").await;
        page.run("document.querySelector('.skip').focus()", vec![])
            .await;
        page.keys("\u{e007}").await;
        let focus = "return document.activeElement.id || document.activeElement.tagName";
        // The link led past the navigation; the next tab is in the form.
        page.keys("\u{e004}").await;
        assert_eq!(page.run(focus, vec![]).await, "nickname");
        page.keys("\u{e009}a\u{e000}Kim\u{e004}").await;
        for _ in 0..20 {
            if page.run(focus, vec![]).await == "BUTTON" {
                break;
            }
            page.keys("\u{e004}").await;
        }
        let outline = "return getComputedStyle(document.activeElement).outlineStyle";
        assert_eq!(page.run(outline, vec![]).await, "solid");
        page.keys("\u{e007}").await;
        page.wait_for("h1", "The best").await;
        for _ in 0..40 {
            let text = "return document.activeElement.innerText";
            if (page.run(text, vec![]).await.as_str()).is_some_and(|t| t.starts_with("Choose")) {
                break;
            }
            page.keys("\u{e004}").await;
        }
        page.keys(" ").await;
        page.wait_for("#thanks", "You chose").await;
        assert_eq!(page.complaints().await, Vec::<String>::new());
    });
}
