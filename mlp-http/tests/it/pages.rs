//! The pages as a client without a script sees them.

use crate::support::{Client, Domain, Reply, Setup, domains};

fn post(client: &mut Client, path: &str, body: &str) -> Reply {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    client.request("POST", path, &headers, Some(body.as_bytes()))
}

fn browser(client: &mut Client, path: &str) -> Reply {
    client.request("GET", path, &[("accept", "text/html,*/*;q=0.8")], None)
}

/// What a browser would send of the form at `/`, as it stands there.
fn filled(page: &str) -> String {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(
            rest.split('"')
                .next()
                .unwrap_or_default()
                .replace("&amp;", "&"),
        )
    };
    let form = page.split("<form").nth(1).unwrap();
    let mut pairs = Vec::new();
    for tag in form
        .split('<')
        .filter(|t| t.starts_with("input") || t.starts_with("select"))
    {
        let (Some(name), is_box) = (attribute(tag, "name"), tag.contains("checkbox")) else {
            continue;
        };
        if is_box && !tag.contains(" checked") {
            continue;
        }
        let value = match attribute(tag, "value") {
            Some(value) => value,
            None => {
                let options = form.split(tag).nth(1).unwrap();
                let chosen = options
                    .split("<option")
                    .find(|o| o.contains(" selected"))
                    .unwrap();
                attribute(chosen, "value").unwrap()
            }
        };
        let bytes = value.bytes();
        let code = |b: u8| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => (b as char).to_string(),
            b' ' => "+".to_owned(),
            b => format!("%{b:02X}"),
        };
        pairs.push(format!("{name}={}", bytes.map(code).collect::<String>()));
    }
    pairs.join("&")
}

#[test]
fn the_form_as_it_stands_is_accepted() {
    for domain in domains() {
        let setup = Setup {
            model: true,
            ..Setup::new(domain)
        };
        let server = setup.start();
        let mut client = server.client();
        let form = filled(browser(&mut client, "/").text());
        assert!(form.len() > 20, "{form}");
        let reply = post(&mut client, "/try", &form);
        assert_eq!(reply.status, 303, "{form}: {}", reply.text());
        let path = reply.header("location").unwrap().to_owned();
        let task = path.strip_prefix("/try/").unwrap();
        let page = client.get(&path);
        assert_eq!(page.status, 200);
        let rows = client.get(&format!("/content/results/{task}")).expect(200);
        let shown = rows
            .as_array()
            .unwrap()
            .iter()
            .filter(|r| r["shown"] == true);
        assert_eq!(shown.count(), 10);
        // The third by score is chosen, as `PUT /inference/select` would have it.
        let id_name = server.domain.item_id();
        let wanted = rows[2][&id_name].as_i64().unwrap();
        let reply = post(&mut client, &path, &format!("{id_name}={wanted}"));
        assert_eq!(
            reply.header("location"),
            Some(format!("{path}#thanks").as_str())
        );
        let rows = client.get(&format!("/content/results/{task}")).expect(200);
        let labels: Vec<&serde_json::Value> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|r| &r["label"])
            .collect();
        assert_eq!(labels[2], 1);
        assert_eq!(labels.iter().filter(|l| **l == 1).count(), 1);
        assert!(client.get(&path).text().contains("id=\"thanks\""));
        let metrics = client.get("/metrics");
        assert!(metrics.text().contains("path=\"/try\",status_code=\"303\""));
        assert!(
            metrics
                .text()
                .contains("path=\"/try/{task_id}\",status_code=\"200\"")
        );
    }
}

#[test]
fn pages_bring_nothing_from_outside_and_say_so() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    for path in ["/", "/docs", "/try/nonsense"] {
        let page = browser(&mut client, path);
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        let text = page.text();
        assert!(
            !text.contains("style=\"") && !text.contains("<style"),
            "{path}"
        );
        for part in text.split(['"', '\'']).filter(|p| p.contains("://")) {
            assert_eq!(part, "http://www.w3.org/2000/svg", "{path}");
        }
        for asset in text.split('"').filter(|p| p.starts_with("/assets/")) {
            let asset = client.get(asset);
            assert_eq!(asset.status, 200);
            assert!(asset.header("cache-control").unwrap().contains("immutable"));
        }
    }
    assert_eq!(client.get("/assets/pages.css").status, 404);
}

#[test]
fn forms_that_no_browser_sends_are_refused() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    let form = filled(browser(&mut client, "/").text());
    for (body, status) in [
        (format!("{form}&extra=1"), 400),
        (format!("{form}&{form}"), 400),
        ("budget=%zz".to_owned(), 400),
        ("budget".to_owned(), 400),
        (String::new(), 422),
        ("x=".to_owned() + &"y".repeat(70_000), 413),
    ] {
        let reply = post(&mut client, "/try", &body);
        assert_eq!(reply.status, status, "{}", &body[..body.len().min(80)]);
        assert!(
            reply
                .header("content-type")
                .unwrap()
                .starts_with("text/html")
        );
        client = server.client();
    }
    let json = [("content-type", "application/json")];
    assert_eq!(
        client.request("POST", "/try", &json, Some(b"{}")).status,
        415
    );
    let unknown = "/try/0198c1f2-7a3b-7c4d-8e5f-60718293a4b5";
    assert_eq!(client.get(unknown).status, 404);
    assert_eq!(post(&mut client, unknown, "location_id=1").status, 404);
    assert_eq!(post(&mut client, unknown, "book_id=1").status, 400);
    assert_eq!(post(&mut client, unknown, "location_id=x").status, 400);
}

#[test]
fn a_page_of_another_site_cannot_send_a_form() {
    let setup = Setup {
        token: Some("open-sesame"),
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let mut client = server.client();
    let form = filled(browser(&mut client, "/").text());
    let kind = ("content-type", "application/x-www-form-urlencoded");
    for header in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let reply = client.request("POST", "/try", &[kind, header], Some(form.as_bytes()));
        assert_eq!(reply.status, 403);
    }
    let own = ("origin", "http://localhost");
    assert_eq!(
        client
            .request("POST", "/try", &[kind, own], Some(form.as_bytes()))
            .status,
        303
    );
}

#[test]
fn hostile_text_stays_text() {
    let server = Setup::new(Domain::reading()).start();
    let mut client = server.client();
    let hostile = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27";
    let page = post(
        &mut client,
        "/try",
        &format!("nickname={hostile}&hours={hostile}"),
    );
    assert_eq!(page.status, 422);
    assert!(!page.text().contains("<script>alert"));
    assert!(
        page.text()
            .contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;'")
    );
    let mut item = server.domain.item(1);
    item["title"] = "<img src=x onerror=alert(1)>".into();
    client.json("PUT", "/content/book/1", &item).expect(200);
    let task = client
        .json(
            "POST",
            "/inference/rank?limit=12",
            &server.domain.request(1),
        )
        .expect(200);
    let shown: Vec<i64> = task["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["book_id"].as_i64().unwrap())
        .collect();
    // One of thirty that are all alike: ask until it is among the ten.
    let mut path = format!("/try/{}", task["task_id"].as_str().unwrap());
    let mut found = shown[..10].contains(&1);
    while !found {
        let task = client
            .json(
                "POST",
                "/inference/rank?limit=10",
                &server.domain.request(1),
            )
            .expect(200);
        found = task["results"]
            .as_array()
            .unwrap()
            .iter()
            .any(|r| r["book_id"] == 1);
        path = format!("/try/{}", task["task_id"].as_str().unwrap());
    }
    let page = client.get(&path);
    assert!(page.text().contains("&lt;img src=x"), "{}", page.text());
    assert!(!page.text().contains("<img"));
}
