//! Certificates that are made for one test.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Who signs.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A server's certificate and its key, in PEM.
pub struct Served {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Authority {
    /// A new one, with a key of its own.
    ///
    /// # Panics
    ///
    /// Where the system has no random numbers.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("it names no host");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("there are random numbers");
        Self(CertifiedIssuer::self_signed(params, key).expect("the parameters are complete"))
    }

    /// Its own certificate, in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server of this name or address.
    ///
    /// # Panics
    ///
    /// Where that is neither.
    pub fn sign(&self, host: &str) -> Served {
        let key = KeyPair::generate().expect("there are random numbers");
        let params = CertificateParams::new([host.to_owned()]).expect("it is a host");
        let signed = params.signed_by(&key, &self.0);
        Served {
            certificate: signed.expect("the parameters are complete").pem(),
            key: key.serialize_pem(),
        }
    }
}

/// Makes `ca.pem`, `server.pem` and `server.key` for `localhost` in a directory.
pub(super) fn write_certificates(directory: &Path) {
    let authority = Authority::new("mlp test");
    let served = authority.sign("localhost");
    for (name, text) in [
        ("ca.pem", &authority.pem()),
        ("server.pem", &served.certificate),
        ("server.key", &served.key),
    ] {
        std::fs::write(directory.join(name), text).expect("the directory is ours");
    }
}
