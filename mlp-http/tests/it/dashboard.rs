//! Who may see the dashboard, and who may decide there.

use crate::support::{Client, Domain, Reply, Server, Setup};

fn protected() -> Server {
    let setup = Setup {
        token: Some("open-sesame"),
        model: true,
        ..Setup::new(Domain::travel())
    };
    setup.start()
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn post(client: &mut Client, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers: Vec<(&str, &str)> = headers.iter().copied().chain([FORM]).collect();
    client.request("POST", path, &headers, Some(body.as_bytes()))
}

/// `mlp_session=…` of a reply, to send back.
fn cookie(reply: &Reply) -> String {
    let set = reply.header("set-cookie").unwrap();
    set.split(';').next().unwrap().to_owned()
}

#[test]
fn the_token_is_traded_for_a_cookie() {
    let server = protected();
    let mut client = server.client();
    let closed = client.get("/dashboard");
    assert_eq!(closed.status, 401);
    assert!(closed.text().contains("name=\"token\""));
    for wrong in ["token=open-sesam", "token=", "token=OPEN-SESAME"] {
        let reply = post(&mut client, "/dashboard/login", &[], wrong);
        assert_eq!((reply.status, reply.header("set-cookie")), (401, None));
        assert!(reply.text().contains("That is not the token."));
    }
    let reply = post(&mut client, "/dashboard/login", &[], "token=open-sesame");
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, Some("/dashboard"))
    );
    let set = reply.header("set-cookie").unwrap();
    assert!(
        set.ends_with("; Path=/dashboard; Max-Age=43200; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    assert!(!set.contains("sesame"));
    let tls = ("x-forwarded-proto", "https");
    let behind = post(&mut client, "/dashboard/login", &[tls], "token=open-sesame");
    assert!(behind.header("set-cookie").unwrap().ends_with("; Secure"));
    let cookie = cookie(&reply);
    let mut see = |cookie: &str| client.request("GET", "/dashboard", &[("cookie", cookie)], None);
    let page = see(&cookie);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Log out"));
    let (value, last) = cookie.split_at(cookie.len() - 1);
    let other = if last == "0" { "1" } else { "0" };
    assert_eq!(see(&format!("{value}{other}")).status, 401);
    assert_eq!(see("mlp_session=").status, 401);
    // It opens nothing else.
    let models = client.request("GET", "/models", &[("cookie", &cookie)], None);
    assert_eq!(models.status, 401);
    let bearer = [("authorization", "Bearer open-sesame")];
    assert_eq!(
        client.request("GET", "/dashboard", &bearer, None).status,
        200
    );
    let reply = post(&mut client, "/dashboard/logout", &[("cookie", &cookie)], "");
    assert!(
        reply
            .header("set-cookie")
            .unwrap()
            .starts_with("mlp_session=; Path=/dashboard; Max-Age=0")
    );
}

#[test]
fn a_cookie_is_no_use_to_pages_of_other_sites() {
    let server = protected();
    let mut client = server.client();
    let cookie = cookie(&post(
        &mut client,
        "/dashboard/login",
        &[],
        "token=open-sesame",
    ));
    let cookie = ("cookie", cookie.as_str());
    for other in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        for path in ["/dashboard/rollback", "/dashboard/promote/1"] {
            assert_eq!(
                post(&mut client, path, &[cookie, other], "champion=1").status,
                403
            );
        }
        assert_eq!(
            post(
                &mut client,
                "/dashboard/login",
                &[other],
                "token=open-sesame"
            )
            .status,
            403
        );
        assert_eq!(
            post(&mut client, "/dashboard/logout", &[cookie, other], "").status,
            403
        );
    }
    let own = ("origin", "http://localhost");
    let done = post(
        &mut client,
        "/dashboard/promote/1",
        &[cookie, own],
        "champion=1",
    );
    assert_eq!(
        (done.status, done.header("location")),
        (303, Some("/dashboard?done=promoted"))
    );
    // Without the cookie, the button does nothing.
    assert_eq!(
        post(&mut client, "/dashboard/promote/1", &[own], "champion=1").status,
        401
    );
    // A form of a while ago decides nothing by today's facts.
    assert_eq!(
        post(
            &mut client,
            "/dashboard/promote/1",
            &[cookie, own],
            "champion=7"
        )
        .status,
        409
    );
    assert_eq!(
        post(
            &mut client,
            "/dashboard/promote/99",
            &[cookie, own],
            "champion=1"
        )
        .status,
        404
    );
    assert_eq!(
        post(
            &mut client,
            "/dashboard/promote/1",
            &[cookie, own],
            "champion=x"
        )
        .status,
        400
    );
    assert_eq!(
        post(
            &mut client,
            "/dashboard/rollback",
            &[cookie, own],
            "champion=1"
        )
        .status,
        409
    );
}

#[test]
fn who_opens_the_dashboard_opens_no_buttons() {
    let setup = Setup {
        token: Some("open-sesame"),
        public: Some(vec!["/dashboard"]),
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let mut client = server.client();
    assert_eq!(client.get("/dashboard").status, 200);
    assert_eq!(client.get("/dashboard/promote/1").status, 401);
    assert_eq!(
        post(&mut client, "/dashboard/rollback", &[], "champion=1").status,
        401
    );
}
