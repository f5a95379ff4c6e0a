//! Who may call what.

use crate::support::{Domain, Server, Setup};

fn protected() -> Server {
    let setup = Setup {
        token: Some("open-sesame"),
        ..Setup::new(Domain::travel())
    };
    setup.start()
}

#[test]
fn a_token_protects_what_is_not_for_all() {
    let server = protected();
    let mut client = server.client();
    let document = client.get("/openapi.json").expect(200);
    let mut protected = 0;
    for (path, place) in document["paths"].as_object().unwrap() {
        for (method, operation) in place.as_object().unwrap() {
            let method = method.to_uppercase();
            let path = path.replace(['{', '}'], "");
            let body = (method != "GET").then_some(&b"{}"[..]);
            let reply = client.request(&method, &path, &[], body);
            let closed = operation.get("security").is_some();
            assert_eq!(
                reply.status == 401,
                closed,
                "{method} {path}: {}",
                reply.status
            );
            if closed {
                protected += 1;
                assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
                let wrong = [("authorization", "Bearer open-sesam")];
                assert_eq!(client.request(&method, &path, &wrong, body).status, 401);
                let right = [("authorization", "Bearer open-sesame")];
                assert_ne!(client.request(&method, &path, &right, body).status, 401);
            }
        }
    }
    // Content, training, models, drift and the dashboard; inference, the description and health are
    // for all.
    assert_eq!(protected, 25);
}

#[test]
fn prefixes_open_more_and_can_close_the_metrics() {
    let setup = Setup {
        token: Some("open-sesame"),
        public: Some(vec!["/content"]),
        ..Setup::new(Domain::travel())
    };
    let server = setup.start();
    let mut client = server.client();
    client.get("/content/info").expect(200);
    client.get("/models").expect(401);
    client.get("/metrics").expect(401);
    client.get("/healthz").expect(200);
}

#[test]
fn pages_of_other_sites_cannot_write() {
    let server = Setup::new(Domain::travel()).start();
    let mut client = server.client();
    let body = server.domain.request(1).to_string();
    for header in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let reply = client.request("POST", "/inference/start", &[header], Some(body.as_bytes()));
        reply.expect(403);
        assert_eq!(
            client
                .request("GET", "/content/info", &[header], None)
                .status,
            200
        );
    }
    let own = [("origin", "http://localhost")];
    client
        .request("POST", "/inference/start", &own, Some(body.as_bytes()))
        .expect(200);
}

#[test]
fn exposure_needs_a_token() {
    use mlp_http::{App, Secret};
    let server = Setup::new(Domain::travel()).start();
    let schema = std::sync::Arc::clone(&server.domain.schema);
    let builder = || {
        let (store, live) = (server.store.clone(), server.live.clone());
        App::builder(schema.clone(), store, live)
    };
    let open = builder().build().unwrap();
    assert!(
        open.check_exposure("127.0.0.1:4789".parse().unwrap())
            .is_ok()
    );
    let error = open
        .check_exposure("0.0.0.0:4789".parse().unwrap())
        .unwrap_err();
    assert!(error.to_string().contains("MLP_TOKEN"), "{error}");
    let closed = builder().token(Secret::new("x").unwrap()).build().unwrap();
    assert!(
        closed
            .check_exposure("0.0.0.0:4789".parse().unwrap())
            .is_ok()
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let refused = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
        mlp_http::serve(listener, open, std::future::pending()).await
    });
    assert!(matches!(refused, Err(mlp_http::ServeError::Exposed(_))));
}
