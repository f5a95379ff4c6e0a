//! Every `sslmode` against a server with TLS, and one without.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};
use tempfile::TempDir;

use super::certificates::self_signed;
use crate::conformance::postgres::Cluster;
use crate::conformance::postgres::database::with_causes;
use crate::conformance::services::{Authority, Served};
use crate::postgres::PostgresConfig;

const HBA: &str = "local all all trust\nhost all scram all scram-sha-256\nhost all all all trust\n";

fn server(served: &Served) -> Cluster {
    let settings = [
        ("ssl", "on"),
        ("ssl_cert_file", "test.crt"),
        ("ssl_key_file", "test.key"),
    ];
    let files = [
        ("test.crt", served.certificate.as_str()),
        ("test.key", &served.key),
        ("pg_hba.conf", HBA),
    ];
    Cluster::start_with(&settings, &files)
}

/// Whether the connection has TLS, or why there is none.
fn connect(url: &str) -> Result<bool, String> {
    let config = PostgresConfig::parse(url).map_err(|error| error.to_string())?;
    let mut client = config.connect().map_err(|error| with_causes(&error))?;
    let query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    Ok(client.query_one(query, &[]).unwrap().get(0))
}

fn check(url: &str, expected: Result<bool, &str>) {
    match (connect(url), expected) {
        (Ok(tls), Ok(expected)) => assert_eq!(tls, expected, "{url}"),
        (Err(error), Err(expected)) => assert!(error.contains(expected), "{url}: {error}"),
        (got, expected) => panic!("{url}: {got:?}, expected {expected:?}"),
    }
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn parameter(&self, name: &str, text: &str) -> String {
        format!("&sslrootcert={}", self.write(name, text).display())
    }
}

#[test]
fn each_mode_verifies_what_it_says() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("another"));
    let cluster = server(&authority.sign("localhost"));
    let files = Files::new();
    let ours = files.parameter("ours.pem", &authority.pem());
    let wrong = files.parameter("another.pem", &stranger.pem());
    let both = files.parameter("both.pem", &(stranger.pem() + &authority.pem()));
    let (unknown, other) = (Err("UnknownIssuer"), Err("not valid for name"));
    // The certificate is for `localhost`.
    let cases = [
        ("localhost", "disable", "", Ok(false)),
        ("localhost", "prefer", "", Ok(true)),
        ("127.0.0.1", "prefer", "", Ok(true)),
        ("127.0.0.1", "require", "", Ok(true)),
        ("127.0.0.1", "require", &ours, Ok(true)),
        ("127.0.0.1", "require", &wrong, unknown),
        ("127.0.0.1", "verify-ca", &ours, Ok(true)),
        ("127.0.0.1", "verify-ca", &both, Ok(true)),
        ("localhost", "verify-ca", &wrong, unknown),
        ("localhost", "verify-full", &ours, Ok(true)),
        ("localhost", "verify-full", &both, Ok(true)),
        ("localhost", "verify-full", &wrong, unknown),
        ("127.0.0.1", "verify-full", &ours, other),
    ];
    for (host, mode, roots, expected) in cases {
        let url = format!(
            "postgres://postgres@{host}:{}/postgres?hostaddr=127.0.0.1&sslmode={mode}{roots}",
            cluster.port()
        );
        check(&url, expected);
    }
    let by_default = format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.port());
    check(&by_default, Ok(true));
    let by_address = format!(
        "postgres://postgres@/postgres?hostaddr=127.0.0.1&port={}&sslmode=require",
        cluster.port()
    );
    check(&by_address, Ok(true));
    let by_socket = format!(
        "postgres://postgres@/postgres?host={}&port={}&sslmode=require",
        cluster.directory().display(),
        cluster.port()
    );
    check(&by_socket, Ok(false));
    let url = cluster.url() + "?sslmode=verify-full";
    assert!(
        connect(&url).is_err(),
        "no authority of the system signed it"
    );
}

#[test]
fn a_self_signed_certificate_can_be_trusted_by_itself() {
    let served = self_signed("localhost");
    let cluster = server(&served);
    let files = Files::new();
    let ours = files.parameter("ours.pem", &served.certificate);
    let wrong = files.parameter("wrong.pem", &self_signed("localhost").certificate);
    let url = |host: &str, rest: &str| {
        let port = cluster.port();
        format!("postgres://postgres@{host}:{port}/postgres?hostaddr=127.0.0.1&sslmode={rest}")
    };
    check(&url("localhost", &format!("verify-full{ours}")), Ok(true));
    check(&url("127.0.0.1", &format!("verify-ca{ours}")), Ok(true));
    check(
        &url("127.0.0.1", &format!("verify-full{ours}")),
        Err("not valid for name"),
    );
    let refused = connect(&url("localhost", &format!("verify-full{wrong}")));
    assert!(refused.unwrap_err().contains("invalid peer certificate"));
}

#[test]
fn a_server_without_tls_is_refused_where_it_is_required() {
    let cluster = Cluster::start();
    let files = Files::new();
    let roots = files.parameter("ours.pem", &Authority::new("ours").pem());
    let none = Err("server does not support TLS");
    check(&(cluster.url() + "?sslmode=disable"), Ok(false));
    check(&(cluster.url() + "?sslmode=prefer"), Ok(false));
    check(&(cluster.url() + "?sslmode=require"), none);
    check(&(cluster.url() + "?sslmode=verify-full" + &roots), none);
}

#[test]
fn a_password_is_bound_to_the_connection() {
    let cluster = server(&self_signed("localhost"));
    let mut client = postgres::Client::connect(&cluster.url(), postgres::NoTls).unwrap();
    client
        .batch_execute("CREATE ROLE scram LOGIN PASSWORD 'p@/ss'")
        .unwrap();
    let url = |password: &str, rest: &str| {
        let port = cluster.port();
        format!("postgres://scram:{password}@localhost:{port}/postgres?{rest}")
    };
    let bound = "channel_binding=require";
    check(&url("p%40%2Fss", bound), Ok(true));
    check(&url("p%40%2Fss", "sslmode=disable"), Ok(false));
    let refused = connect(&url("p%40%2Fss", &format!("sslmode=disable&{bound}")));
    assert!(refused.unwrap_err().contains("channel binding"));
    let refused = connect(&url("wr0ng", bound)).unwrap_err();
    assert!(
        refused.contains("password authentication failed"),
        "{refused}"
    );
    assert!(!refused.contains("wr0ng"));

    let config = PostgresConfig::from_parts(
        &format!("localhost:{}", cluster.port()),
        "postgres",
        "scram",
        None,
    );
    assert!(config.unwrap().password("p@/ss").connect().is_ok());
}

#[test]
fn a_bad_root_certificate_is_named() {
    let files = Files::new();
    let good = Authority::new("ours").pem();
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cases = [
        ("empty.pem", String::new(), "no certificate in it"),
        (
            "text.pem",
            "not a certificate".to_owned(),
            "no certificate in it",
        ),
        (
            "cut.pem",
            good[..good.len() / 2].to_owned(),
            "missing section end",
        ),
        ("junk.pem", junk.to_owned(), "a certificate cannot be used"),
        ("half.pem", good + junk, "a certificate cannot be used"),
    ];
    for (name, text, said) in cases {
        let path = files.write(name, &text);
        let url = format!(
            "postgres://u:s3cr3t@h/d?sslmode=verify-full&sslrootcert={}",
            path.display()
        );
        let error = PostgresConfig::parse(&url).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains(said), "{name}: {error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}

/// Somebody who shows another's certificate without its key is refused even where nothing else is
/// verified.
#[test]
fn a_certificate_without_its_key_is_refused() {
    let (shown, signed) = (self_signed("localhost"), self_signed("localhost"));
    let certificate = CertificateDer::from_pem_slice(shown.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
    let key = ring::sign::any_supported_type(&key).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shown(Arc::new(CertifiedKey::new(
                vec![certificate.clone()],
                Arc::clone(&key),
            )))));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 8]).unwrap();
            stream.write_all(b"S").unwrap();
            let mut session = ServerConnection::new(Arc::new(config)).unwrap();
            while session.is_handshaking() && session.complete_io(&mut stream).is_ok() {}
        });
        let url = format!("postgres://u@localhost:{port}/d?hostaddr=127.0.0.1&sslmode=require");
        check(&url, Err("BadSignature"));
        server.join().unwrap();
    }
}

#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl rustls::server::ResolvesServerCert for Shown {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
