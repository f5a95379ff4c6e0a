//! Methods, slashes, request ids and pages.

use crate::support::{Domain, Setup};

#[test]
fn head_is_get_without_a_body() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    for path in [
        "/",
        "/docs",
        "/openapi.json",
        "/healthz",
        "/content/info",
        "/nothing",
    ] {
        let get = client.get(path);
        let head = client.request("HEAD", path, &[], None);
        assert_eq!(head.status, get.status, "{path}");
        let length = get.body.len().to_string();
        assert_eq!(
            head.header("content-length"),
            Some(length.as_str()),
            "{path}"
        );
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert!(get.header("date").is_some());
    }
}

#[test]
fn options_and_wrong_methods_tell_what_is_allowed() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    for (path, allow) in [
        ("/", "GET, HEAD, OPTIONS"),
        ("/inference/start", "OPTIONS, POST"),
        ("/inference/select/", "OPTIONS, PUT"),
        ("/content/location/1", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/content/user/x", "DELETE, GET, HEAD, OPTIONS"),
    ] {
        let reply = client.request("OPTIONS", path, &[], None);
        assert_eq!(reply.status, 204, "{path}");
        assert_eq!(reply.header("allow"), Some(allow), "{path}");
        assert_eq!(reply.header("content-length"), None);
        for method in ["PATCH", "TRACE", "BREW"] {
            let reply = client.request(method, path, &[], None);
            assert_eq!(reply.expect(405)["detail"], "Method Not Allowed");
            assert_eq!(reply.header("allow"), Some(allow), "{path}");
        }
    }
    assert_eq!(client.request("OPTIONS", "/nothing", &[], None).status, 404);
    client.get("/inference/start").expect(405);
}

#[test]
fn a_slash_at_the_end_makes_no_difference() {
    let server = Setup::new(Domain::reading()).start();
    let mut client = server.client();
    for path in [
        "/content/info",
        "/content/books",
        "/content/book/1",
        "/models",
        "/healthz",
    ] {
        let plain = client.get(path).expect(200);
        assert_eq!(client.get(&format!("{path}/")).expect(200), plain);
        client.get(&format!("{path}//")).expect(404);
    }
}

#[test]
fn request_ids_are_echoed_or_made() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    let mut id = |given: Option<&str>| {
        let headers: Vec<(&str, &str)> = given.map(|id| ("X-Request-Id", id)).into_iter().collect();
        let reply = client.request("GET", "/healthz", &headers, None);
        reply.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(id(Some("abc-123")), "abc-123");
    let longest = "z".repeat(64);
    assert_eq!(id(Some(&longest)), longest);
    let made = [
        id(None),
        id(None),
        id(Some("has space")),
        id(Some(&"z".repeat(65))),
    ];
    for (position, id) in made.iter().enumerate() {
        assert_eq!(id.len(), 36, "{id}");
        assert!(!made[..position].contains(id));
    }
}

#[test]
fn the_front_is_a_greeting_or_a_page() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    let greeting = client.get("/");
    assert!(greeting.json().is_string());
    let accept = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let page = client.request("GET", "/", &accept, None);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("href=\"/docs\""));
}

#[test]
fn pages_need_nothing_from_outside() {
    for domain in crate::support::domains() {
        let server = Setup::new(domain).start();
        let mut client = server.client();
        let page = client.get("/docs");
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        let text = page.text();
        assert!(!text.contains("http://") && !text.contains("https://"));
        assert_eq!(text.matches("<script").count(), 1);
        assert!(text.contains("<script defer src=\"/assets/pages-"));
        assert!(text.contains("width=device-width") && text.contains("light dark"));
        for path in ["/inference/start", "/models/rollback", "/content/info"] {
            assert!(text.contains(path));
        }
    }
}
