//! A certificate that is made for one test.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use crate::conformance::services::Served;

/// As `openssl req -x509` makes it: its own authority.
pub fn self_signed(host: &str) -> Served {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Served {
        certificate: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}
