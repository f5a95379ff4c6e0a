//! The cookie that a token is traded for.
//!
//! It holds until when it is valid and a digest of that under a key which is made of the token: who
//! reads it learns no token, every process that has the token knows it, and another token ends it.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use hyper::header::{COOKIE, HeaderMap};
use sha2::Sha256;

/// For how long a cookie is valid, in seconds: a working day.
const LIFE_S: u64 = 12 * 3600;

const NAME: &str = "mlp_session";

/// Signs and knows cookies.
#[derive(Clone)]
pub(crate) struct Cookies {
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Cookies {
    /// Under a key of 32 bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(key);
        let mut mac = mac.expect("HMAC takes keys of any length");
        mac.update(b"mlp dashboard session 1\0");
        Self { mac }
    }

    /// A `Set-Cookie` for who has just shown the token.
    pub fn give(&self, is_secure: bool) -> String {
        let until = now() + LIFE_S;
        header(&self.value(until), LIFE_S, is_secure)
    }

    /// Whether a request has a cookie of ours that is still valid.
    pub fn accept(&self, headers: &HeaderMap) -> bool {
        let all = headers.get_all(COOKIE).iter();
        let all = all.filter_map(|value| value.to_str().ok());
        let mut pairs = all.flat_map(|value| value.split(';'));
        pairs.any(|pair| match pair.trim().split_once('=') {
            Some((NAME, value)) => self.is_valid(value, now()),
            _ => false,
        })
    }

    fn value(&self, until: u64) -> String {
        let tag = self
            .clone()
            .mac
            .chain_update(until.to_be_bytes())
            .finalize();
        let hex: String = tag
            .into_bytes()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        format!("{until}.{hex}")
    }

    fn is_valid(&self, value: &str, now: u64) -> bool {
        let Some((until, tag)) = value.split_once('.') else {
            return false;
        };
        let (Ok(until), Some(tag)) = (until.parse::<u64>(), bytes(tag)) else {
            return false;
        };
        let mac = self.mac.clone().chain_update(until.to_be_bytes());
        // In constant time.
        now < until && mac.verify_slice(&tag).is_ok()
    }
}

/// A `Set-Cookie` that takes it away.
pub(crate) fn take(is_secure: bool) -> String {
    header("", 0, is_secure)
}

fn header(value: &str, life_s: u64, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{NAME}={value}; Path=/dashboard; Max-Age={life_s}; HttpOnly; SameSite=Strict{secure}")
}

/// Whether the browser speaks TLS with whoever stands before us, by what that one says.
pub(crate) fn is_secure(headers: &HeaderMap) -> bool {
    let proto = headers.get("x-forwarded-proto");
    let proto = proto.and_then(|value| value.to_str().ok());
    // Of several, the first is nearest to the browser.
    let first = proto.and_then(|value| value.split(',').next());
    first.is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if hex.len() != 64 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = crate::query::hex(pair)?;
    }
    Some(out)
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_valid_until_it_expires_and_under_its_key() {
        let cookies = Cookies::new(&[7; 32]);
        let value = cookies.value(1000);
        assert!(cookies.is_valid(&value, 999));
        assert!(!cookies.is_valid(&value, 1000));
        assert!(!Cookies::new(&[8; 32]).is_valid(&value, 999));
        let (_, tag) = value.split_once('.').unwrap();
        for forged in [
            format!("2000.{tag}"),
            format!("1000.{}", &tag[..62]),
            format!("1000.{tag}00"),
            format!("1000.{}", "é".repeat(32)),
            "1000.".to_owned(),
            tag.to_owned(),
            String::new(),
        ] {
            assert!(!cookies.is_valid(&forged, 1), "{forged}");
        }
    }

    #[test]
    fn it_is_found_among_others() {
        let cookies = Cookies::new(&[7; 32]);
        let value = cookies.value(now() + 60);
        let mut headers = HeaderMap::new();
        assert!(!cookies.accept(&headers));
        headers.append(COOKIE, "a=b; mlp_session=1.00".parse().unwrap());
        assert!(!cookies.accept(&headers));
        headers.append(COOKIE, format!("c=d; {NAME}={value}").parse().unwrap());
        assert!(cookies.accept(&headers));
        assert_eq!(format!("{cookies:?}"), "***");
    }
}
