//! Where decisions are posted to, and one POST there, over TLS or without.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::mlp::error::{Error, Result};
use crate::traffic::Target;

/// How long one attempt may take, connecting included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where decisions are posted to: `http[s]://HOST[:PORT][/PATH][?QUERY]`.
#[derive(Clone)]
pub struct Address {
    target: Target,
    path: String,
    /// With a host's name to verify; `None` over `http`.
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Address {
    /// From a URL, and the file of the authorities that are trusted instead of the system's.
    pub fn new(url: &str, authorities: Option<&Path>) -> Result<Self> {
        let fail = |why: String| Error::usage(format!("the webhook's URL {why}"));
        let (secure, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => {
                return Err(fail("must begin with `https://` or `http://`".to_owned()));
            }
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        // Brackets hold the colons of an IPv6 address.
        let host_end = authority.rfind(']').unwrap_or(0);
        let port = match secure && !authority[host_end..].contains(':') {
            true => ":443",
            false => "",
        };
        let target = format!("http://{authority}{port}").parse::<Target>();
        let target = target.map_err(|error| fail(format!("is wrong: {error}")))?;
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        if path.contains('#') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(fail(
                "has a fragment, or is not in visible ASCII".to_owned(),
            ));
        }
        let tls = match (secure, authorities) {
            (true, authorities) => {
                let name = ServerName::try_from(target.host().to_owned())
                    .map_err(|error| fail(format!("has no host to verify: {error}")))?;
                Some((connector(authorities)?, name))
            }
            (false, None) => None,
            (false, Some(_)) => {
                return Err(fail(
                    "is not `https://`, so that its authority's file has no use".to_owned(),
                ));
            }
        };
        Ok(Self { target, path, tls })
    }

    /// The host, for the log: the path may hold a secret.
    pub fn host(&self) -> &str {
        self.target.host()
    }

    /// Posts a JSON text on a connection of its own: decisions are rare.
    pub async fn post(&self, json: String) -> std::result::Result<(), String> {
        let post = tokio::time::timeout(PATIENCE, self.try_post(json));
        match post.await {
            Ok(done) => done,
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn try_post(&self, json: String) -> std::result::Result<(), String> {
        let request = Request::post(&self.path)
            .header(HOST, self.target.host_header())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(json)))
            .map_err(|error| error.to_string())?;
        let stream = TcpStream::connect((self.target.host(), self.target.port()));
        let stream = stream.await.map_err(|error| error.to_string())?;
        match &self.tls {
            None => exchange(stream, request).await,
            Some((tls, name)) => {
                let stream = tls.connect(name.clone(), stream).await;
                exchange(stream.map_err(|error| error.to_string())?, request).await
            }
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> std::result::Result<(), String> {
    let hands = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = hands.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await;
    connection.abort();
    let status = answer.map_err(|error| error.to_string())?.status();
    match status.is_success() {
        true => Ok(()),
        false => Err(format!("it answers {status}")),
    }
}

fn connector(authorities: Option<&Path>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(path) => {
            let pem = std::fs::read(path).map_err(Error::file("read", path))?;
            let fault = |error: &dyn std::fmt::Display| {
                let path = path.display();
                Error::usage(format!("the webhook's authority is in `{path}`: {error}"))
            };
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|error| fault(&error))?;
                roots.add(certificate).map_err(|error| fault(&error))?;
            }
            if roots.is_empty() {
                return Err(fault(
                    &"no certificate in it, which begins `-----BEGIN CERTIFICATE-----`",
                ));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(Error::usage(
                    "the system has no certificates to verify the webhook's host by: install \
                     ca-certificates, or let MLP_WEBHOOK_CA_FILE name its authority's",
                ));
            }
        }
    }
    // The provider is given and not the process's, which another crate may have set, or nobody.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Error::run)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use mlp_store::conformance::services::{Authority, Served};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    #[test]
    fn a_url_is_read_in_parts() {
        for (text, path, port) in [
            ("http://a.example", "/", 80),
            ("http://a.example:8080/hook/", "/hook/", 8080),
            ("http://[::1]:80?key=1", "/?key=1", 80),
            ("https://a.example/x", "/x", 443),
            ("https://[::1]", "/", 443),
            ("https://a.example:8443?a", "/?a", 8443),
        ] {
            let authority = Authority::new("test");
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("ca.pem");
            std::fs::write(&file, authority.pem()).unwrap();
            let trusted = text.starts_with("https").then_some(file.as_path());
            let address = Address::new(text, trusted).unwrap();
            assert_eq!((address.path.as_str(), address.target.port()), (path, port));
        }
        for wrong in [
            "",
            "ftp://a.example",
            "a.example/x",
            "http://",
            "https://",
            "http://a/#x",
            "http://a/ä",
        ] {
            assert!(Address::new(wrong, None).is_err(), "{wrong}");
        }
    }

    /// Takes one request over TLS, answers it with `status`, and gives it.
    async fn hear(listener: TcpListener, served: Served, status: &str) -> std::io::Result<String> {
        let certificate = CertificateDer::from_pem_slice(served.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(served.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let (stream, _) = listener.accept().await?;
        let mut stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await?;
        let (mut heard, mut buffer) = (String::new(), [0; 4096]);
        while !heard.ends_with("{\"told\":1}") {
            let n = stream.read(&mut buffer).await?;
            heard += std::str::from_utf8(&buffer[..n]).unwrap();
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
        Ok(heard)
    }

    #[tokio::test]
    async fn a_host_is_told_over_tls_where_its_authority_is_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, other) = (Authority::new("ours"), Authority::new("other"));
        let file = |name: &str, authority: &Authority| {
            let path = dir.path().join(name);
            std::fs::write(&path, authority.pem()).unwrap();
            path
        };
        let (ours_file, other_file) = (file("ours.pem", &ours), file("other.pem", &other));
        for (host, trusted, status, fault) in [
            ("localhost", &ours_file, "204 No Content", None),
            ("localhost", &ours_file, "500 Oh", Some("it answers 500")),
            (
                "localhost",
                &other_file,
                "204 No Content",
                Some("UnknownIssuer"),
            ),
            (
                "elsewhere.example",
                &ours_file,
                "204 No Content",
                Some("not valid for name"),
            ),
        ] {
            let listener = TcpListener::bind("localhost:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = tokio::spawn(hear(listener, ours.sign(host), status));
            let url = format!("https://localhost:{port}/hook?key=1");
            let told = Address::new(&url, Some(trusted)).unwrap();
            let told = told.post("{\"told\":1}".to_owned()).await;
            match fault {
                None => told.unwrap(),
                Some(fault) => {
                    let error = told.unwrap_err();
                    assert!(error.contains(fault), "{error}");
                }
            }
            if let Ok(heard) = server.await.unwrap() {
                assert!(
                    heard.starts_with("POST /hook?key=1 HTTP/1.1\r\n"),
                    "{heard}"
                );
                assert!(
                    heard.contains(&format!("host: localhost:{port}\r\n")),
                    "{heard}"
                );
            }
        }
        let plain = Address::new("http://localhost/", Some(&ours_file));
        assert!(plain.err().unwrap().to_string().contains("has no use"));
        let empty = dir.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        let none = Address::new("https://localhost/", Some(&empty));
        assert!(
            none.err()
                .unwrap()
                .to_string()
                .contains("no certificate in it")
        );
    }
}
