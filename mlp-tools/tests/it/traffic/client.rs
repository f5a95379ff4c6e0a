use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, StatusCode};
use mlp_tools::traffic::{Client, Error, Shown, State};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::fake::{self, Fake};
use super::someone;

fn client(fake: &Fake) -> Client {
    Client::new(fake.url().parse().unwrap())
}

#[tokio::test]
async fn a_session_takes_one_connection() {
    let fake = Fake::start().await;
    let mut client = client(&fake);
    let user = someone().user;
    let task_id = client.start(&user).await.unwrap();
    assert_eq!(
        client.status(&task_id, Duration::ZERO).await.unwrap(),
        State::Success
    );
    let shown = client.results(&task_id, 10).await.unwrap();
    assert_eq!((shown.len(), shown.ids[3], shown.scores[3]), (10, 103, 0.7));
    assert_eq!(shown.locations[3].price, 53.0);
    client.select(&task_id, Some(103)).await.unwrap();
    let row: Value = serde_json::from_slice(client.body()).unwrap();
    assert_eq!(row["location_id"], 103);
    client.select(&task_id, None).await.unwrap();
    assert_eq!(client.body(), b"null");

    let started = fake.state.starts.lock().unwrap();
    assert_eq!(started[0], serde_json::to_value(&user).unwrap());
    let selections = fake.state.selections.lock().unwrap();
    assert_eq!(
        *selections,
        [
            json!({"task_id": "0", "location_id": 103}),
            json!({"task_id": "0", "location_id": -1})
        ]
    );
    assert_eq!(fake.state.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn any_request_can_be_sent() {
    let fake = Fake::start().await;
    let mut client = client(&fake).with_token("s3cret").unwrap();
    let seen: Value = client.get_json("/headers").await.unwrap();
    assert_eq!(seen["authorization"], "Bearer s3cret");
    assert_eq!(
        Some(seen["host"].as_str().unwrap()),
        fake.url().strip_prefix("http://")
    );
    assert!(!format!("{client:?}").contains("s3cret"));
    let echoed: Value = client.post_json("/echo", &json!([1, 2])).await.unwrap();
    assert_eq!(echoed, json!([1, 2]));
    let request = Request::get("/nope").body(Bytes::new()).unwrap();
    let reply = client.send(request).await.unwrap();
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.json::<Value>().unwrap()["detail"], "Not Found");
    let error = client.get_json::<Value>("/nope").await.unwrap_err();
    assert_eq!(error.to_string(), "status 404 Not Found: Not Found");
    let error = client.get_json::<Value>("nope").await.unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error}");
    let error = client.status("a b", Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error}");
}

#[tokio::test]
async fn a_closed_connection_is_noticed_before_the_next_request() {
    let mut fake = Fake::start().await;
    let mut client = client(&fake);
    client.start(&someone().user).await.unwrap();
    fake.close().await;
    fake.open().await;
    // The close travels through the kernel and the reactor first.
    tokio::time::sleep(Duration::from_millis(20)).await;
    client.start(&someone().user).await.unwrap();
    assert_eq!(fake.state.connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn an_absent_server_and_a_slow_one_are_told_apart() {
    let mut fake = Fake::start().await;
    let mut client = client(&fake).with_timeout(Duration::from_millis(30));
    fake.state.delay_ms.store(500, Ordering::Relaxed);
    let error = client.start(&someone().user).await.unwrap_err();
    assert_eq!(error.to_string(), "no answer within 30 ms");
    assert!(error.is_transient());
    fake.close().await;
    let error = client.start(&someone().user).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert!(error.chain().contains("refused"), "{}", error.chain());
    fake.state.delay_ms.store(0, Ordering::Relaxed);
    fake.open().await;
    client.start(&someone().user).await.unwrap();
}

#[tokio::test]
async fn busy_says_when_to_come_back() {
    let fake = Fake::start().await;
    fake.state.busy.store(1, Ordering::Relaxed);
    let error = client(&fake).start(&someone().user).await.unwrap_err();
    assert!(error.is_busy() && error.is_transient());
    assert!(matches!(error, Error::Busy { retry_after } if retry_after.is_zero()));
}

#[tokio::test]
async fn odd_answers_are_errors() {
    let fake = Fake::start().await;
    let mut client = client(&fake);
    for (status, body, expected) in [
        (200, "", "unexpected answer"),
        (200, "{\"task_id\": 5}", "unexpected answer"),
        (200, "{\"task_id\": \"x\"", "unexpected answer"),
        (200, "\u{0}", "unexpected answer"),
        (404, "{\"detail\":\"gone\"}", "status 404 Not Found: gone"),
        (
            422,
            "{\"detail\":[1]}",
            "status 422 Unprocessable Entity: [1]",
        ),
        (
            500,
            "<b>\n</b>",
            "status 500 Internal Server Error: <b> </b>",
        ),
    ] {
        let answer = (status, body.to_owned());
        fake.state.garbage.lock().unwrap().push(answer);
        let error = client.start(&someone().user).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(!error.is_transient());
    }
    client.start(&someone().user).await.unwrap();
}

/// Answers one request per connection with raw bytes, then closes it.
async fn raw_server(answers: Vec<&'static [u8]>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer).await;
        }
    });
    url
}

#[tokio::test]
async fn broken_http_is_an_error_and_the_next_request_a_new_connection() {
    let url = raw_server(vec![
        b"",
        b"HTTP/9.9 hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"task_id\":\"x\"}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"task_id\":\"closed\"}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"tas\r\n10\r\nk_id\":\"chunked\"}\r\n0\r\n\r\n",
    ])
    .await;
    let mut client = Client::new(url.parse().unwrap());
    for _ in 0..4 {
        let error = client.start(&someone().user).await.unwrap_err();
        assert!(matches!(error, Error::Lost(_)), "{error:?}");
    }
    assert_eq!(client.start(&someone().user).await.unwrap(), "closed");
    assert_eq!(client.start(&someone().user).await.unwrap(), "chunked");
}

#[test]
fn shown_items_keep_their_order() {
    let mut shown = Shown::default();
    assert!(shown.is_empty());
    // Twice, since the buffers are used again.
    for _ in 0..2 {
        shown.read(fake::results().to_string().as_bytes()).unwrap();
        let expected: Vec<i64> = (100..110).collect();
        assert_eq!(shown.ids, expected);
        assert_eq!(shown.locations.len(), 10);
    }
    shown.read(b" [ ] ").unwrap();
    assert!(shown.is_empty());
}

#[test]
fn incomplete_items_are_refused() {
    for (field, message) in [
        ("score", "missing field `score`"),
        ("location_id", "missing field `location_id`"),
        ("price", "missing field `price`"),
    ] {
        let mut rows = fake::results();
        rows[4].as_object_mut().unwrap().remove(field);
        let error = Shown::default()
            .read(rows.to_string().as_bytes())
            .unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

proptest! {
    #[test]
    fn cut_or_changed_results_never_panic(at in 0_usize..4000, byte: u8) {
        let mut json = fake::results().to_string().into_bytes();
        let at = at % json.len();
        prop_assert!(Shown::default().read(&json[..at]).is_err());
        json[at] = byte;
        let _ = Shown::default().read(&json);
    }
}
