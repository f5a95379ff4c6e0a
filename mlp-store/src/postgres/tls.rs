//! TLS to a database: how much of the server's certificate is verified.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What `sslmode` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl TlsMode {
    pub fn parse(said: Option<&str>) -> Result<Self, String> {
        Ok(match said {
            Some("disable") => Self::Disable,
            None | Some("prefer") => Self::Prefer,
            Some("require") => Self::Require,
            Some("verify-ca") => Self::VerifyCa,
            Some("verify-full") => Self::VerifyFull,
            Some(other) => {
                return Err(format!(
                    "`sslmode` is `{other}`, must be one of `disable`, `prefer`, `require`, \
                     `verify-ca`, `verify-full`"
                ));
            }
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// What connections make their TLS with.
#[derive(Clone)]
pub(super) struct Tls {
    mode: TlsMode,
    verifies: bool,
    connector: MakeRustlsConnect,
}

impl Tls {
    /// `direct` for a handshake without a question first, as PostgreSQL 17 allows it.
    pub fn new(mode: TlsMode, roots: Option<&str>, direct: bool) -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier {
            algorithms: provider.signature_verification_algorithms,
            trusted: trusted(mode, roots)?,
            name: mode == TlsMode::VerifyFull,
        };
        let verifies = verifier.trusted.is_some();
        let mut config = client_config(provider, verifier).map_err(|error| error.to_string())?;
        if direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        let connector = MakeRustlsConnect::new(config);
        Ok(Self {
            mode,
            verifies,
            connector,
        })
    }

    /// Whether the server's certificate is verified.
    pub fn verifies(&self) -> bool {
        self.verifies
    }

    pub fn connector(&self) -> MakeRustlsConnect {
        self.connector.clone()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mode.name())
    }
}

/// The provider is given and not the process's, which another crate may have set, or nobody.
fn client_config(provider: Arc<CryptoProvider>, verifier: Verifier) -> Result<ClientConfig, Error> {
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// Whom the mode trusts; `None` for everybody.
fn trusted(mode: TlsMode, roots: Option<&str>) -> Result<Option<Trusted>, String> {
    use TlsMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};
    match (mode, roots) {
        (VerifyFull, None | Some("system")) => system_roots().map(Some),
        (Require | VerifyCa, Some("system")) => Err(format!(
            "`sslmode={}` would trust every host with a certificate of any authority that the \
             system knows: with `sslrootcert=system` write `sslmode=verify-full`",
            mode.name()
        )),
        (VerifyCa, None) => Err(
            "`sslmode=verify-ca` needs the authority's certificate: write `sslrootcert=PATH`"
                .to_owned(),
        ),
        (Require | VerifyCa | VerifyFull, Some(path)) => roots_of(path).map(Some),
        (Disable | Prefer, Some(_)) => Err(format!(
            "`sslmode={}` verifies nothing, so that `sslrootcert` has no use: write \
             `sslmode=verify-full`",
            mode.name()
        )),
        (Disable | Prefer | Require, None) => Ok(None),
    }
}

fn roots_of(path: &str) -> Result<Trusted, String> {
    let fault = |reason: &dyn fmt::Display| format!("`sslrootcert` is `{path}`: {reason}");
    let pem = std::fs::read(path).map_err(|error| fault(&error))?;
    let mut trusted = Trusted::nobody();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| fault(&error))?;
        let added = trusted.roots.add(certificate.clone());
        added.map_err(|error| fault(&format_args!("a certificate cannot be used: {error}")))?;
        trusted.certificates.push(certificate);
    }
    match trusted.certificates.is_empty() {
        true => Err(fault(
            &"no certificate in it, which begins `-----BEGIN CERTIFICATE-----`",
        )),
        false => Ok(trusted),
    }
}

fn system_roots() -> Result<Trusted, String> {
    let mut trusted = Trusted::nobody();
    let found = rustls_native_certs::load_native_certs();
    trusted.roots.add_parsable_certificates(found.certs);
    if trusted.roots.is_empty() {
        return Err(
            "the system has no certificates to verify the server by: install ca-certificates, \
             or write `sslrootcert=PATH`"
                .to_owned(),
        );
    }
    Ok(trusted)
}

#[derive(Debug)]
struct Trusted {
    roots: RootCertStore,
    /// Those of `sslrootcert`, as they stand there.
    certificates: Vec<CertificateDer<'static>>,
}

impl Trusted {
    fn nobody() -> Self {
        Self {
            roots: RootCertStore::empty(),
            certificates: Vec::new(),
        }
    }
}

/// Verifies as much of the server's certificate as the mode wants; the handshake's signatures
/// always, so that a certificate stands for the key that is talked to.
#[derive(Debug)]
struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    trusted: Option<Trusted>,
    /// Whether the certificate must be for this host.
    name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else {
            return Ok(ServerCertVerified::assertion());
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        // A self-signed certificate is a server's and an authority's at once, which webpki refuses.
        // Where `sslrootcert` has the very certificate, it is trusted as it is, whatever its dates.
        if !trusted.certificates.contains(end_entity) {
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                &trusted.roots,
                intermediates,
                now,
                self.algorithms.all,
            )?;
        }
        if self.name {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
