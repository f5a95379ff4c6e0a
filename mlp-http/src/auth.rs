//! Who may call what.

use std::net::SocketAddr;

use hyper::Method;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use mlp_core::Schema;

use crate::cookie::Cookies;
use crate::failure::Failure;
use crate::routes::{Route, Scope, routes};
use crate::secret::Secret;

/// The paths that are public beyond those that always are, where nothing else is said.
pub const DEFAULT_PUBLIC_ROUTES: [&str; 1] = ["/metrics"];

/// Why a server does not start: others could reach it, and there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "refusing to listen on `{address}` without a token: others can reach it; set MLP_TOKEN or MLP_TOKEN_FILE, or bind to 127.0.0.1"
)]
pub struct ExposureError {
    /// Where it would listen.
    pub address: SocketAddr,
}

/// Whether a server may listen there: others must not reach it without a token.
///
/// # Errors
///
/// Where they could.
pub fn check_exposure(has_token: bool, address: SocketAddr) -> Result<(), ExposureError> {
    if has_token || address.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(ExposureError { address })
    }
}

/// The routes, as `GET /models`, that these path prefixes open to everybody though a token
/// protects them otherwise; `/metrics`, which is open unless something else is said, left out.
pub fn opened_routes(schema: &Schema, prefixes: &[String]) -> Vec<String> {
    let guard = Guard::new(None, prefixes);
    routes(schema)
        .iter()
        .filter(|route| {
            !is_open(route.scope) && guard.opens(route.scope, &route.method, &route.path)
        })
        .filter(|route| !DEFAULT_PUBLIC_ROUTES.contains(&route.path.as_str()))
        .map(|route| format!("{} {}", route.method, route.path))
        .collect()
}

/// The checks of a server.
#[derive(Debug)]
pub(crate) struct Guard {
    token: Option<Secret>,
    /// What the token is traded for on the dashboard.
    cookies: Option<Cookies>,
    /// Path prefixes without a slash at the end.
    public: Vec<String>,
}

impl Guard {
    pub fn new(token: Option<Secret>, public: &[String]) -> Self {
        let public = public
            .iter()
            .map(|p| p.trim().trim_end_matches('/').to_owned());
        let cookies = token.as_ref().map(Secret::cookies);
        Self {
            token,
            cookies,
            public: public.filter(|p| p.starts_with('/')).collect(),
        }
    }

    pub fn check_exposure(&self, address: SocketAddr) -> Result<(), ExposureError> {
        check_exposure(self.token.is_some(), address)
    }

    /// Whether a route asks for the token.
    pub fn protects(&self, route: &Route) -> bool {
        let is_opened = self.opens(route.scope, &route.method, &route.path);
        !is_open(route.scope) && self.token.is_some() && !is_opened
    }

    /// Lets a request pass, or says why not.
    pub fn admit(
        &self,
        scope: Scope,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<(), Failure> {
        match &self.token {
            // Without a token, whoever runs a browser on this machine could be made to write.
            None if changes(method) && is_cross_site(headers) => Err(Failure::CrossSite),
            Some(_) if scope == Scope::Form && is_cross_site(headers) => Err(Failure::CrossSite),
            Some(token) if !is_open(scope) && !self.opens(scope, method, path) => {
                match bearer(headers) {
                    Some(given) if token.matches(given) => Ok(()),
                    None if scope == Scope::Dashboard && self.has_cookie(headers) => {
                        // A browser brings the cookie along, whoever wrote the page.
                        match changes(method) && is_cross_site(headers) {
                            true => Err(Failure::CrossSite),
                            false => Ok(()),
                        }
                    }
                    _ => Err(Failure::Token),
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether a prefix lets everybody do that. It lets them look at the dashboard, no more: who opens
    /// that may not think of the buttons.
    fn opens(&self, scope: Scope, method: &Method, path: &str) -> bool {
        self.is_opened(path)
            && (scope != Scope::Dashboard
                || path.trim_end_matches('/') == "/dashboard" && !changes(method))
    }

    /// Whether a request has a cookie that the token was traded for.
    pub fn has_cookie(&self, headers: &HeaderMap) -> bool {
        self.cookies
            .as_ref()
            .is_some_and(|cookies| cookies.accept(headers))
    }

    /// The `Set-Cookie` for who shows the token; `None` for who does not. Without a token, there is
    /// nothing to show, and an empty cookie.
    pub fn trade(&self, given: &[u8], is_secure: bool) -> Option<String> {
        match (&self.token, &self.cookies) {
            (Some(token), Some(cookies)) => token.matches(given).then(|| cookies.give(is_secure)),
            _ => Some(crate::cookie::take(is_secure)),
        }
    }

    fn is_opened(&self, path: &str) -> bool {
        self.public.iter().any(|prefix| {
            path.strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

fn is_open(scope: Scope) -> bool {
    matches!(scope, Scope::Public | Scope::Form)
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

/// Whether a browser sends this for a page of another site.
fn is_cross_site(headers: &HeaderMap) -> bool {
    if headers
        .get("sec-fetch-site")
        .is_some_and(|v| v == "cross-site")
    {
        return true;
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let origin = origin.to_str().unwrap_or_default();
    let origin = origin.split_once("://").map(|(_, host)| host);
    let host = headers.get(HOST).and_then(|h| h.to_str().ok());
    match (origin, host) {
        (Some(origin), Some(host)) => !origin.eq_ignore_ascii_case(host),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()))
            .collect()
    }

    fn guard(token: bool, public: &[&str]) -> Guard {
        let public: Vec<String> = public.iter().map(|p| (*p).to_owned()).collect();
        Guard::new(token.then(|| Secret::new("sesame").unwrap()), &public)
    }

    #[test]
    fn tokens_open_what_is_protected() {
        let guard = guard(true, &["/metrics", "/content/"]);
        let admit = |scope, path, given: &[(&'static str, &str)]| {
            guard.admit(scope, &Method::GET, path, &headers(given))
        };
        assert_eq!(admit(Scope::Public, "/", &[]), Ok(()));
        assert_eq!(admit(Scope::Models, "/models", &[]), Err(Failure::Token));
        for (header, expected) in [
            ("Bearer sesame", Ok(())),
            ("bearer  sesame ", Ok(())),
            ("Bearer sesam", Err(Failure::Token)),
            ("Bearer ", Err(Failure::Token)),
            ("Basic sesame", Err(Failure::Token)),
            ("sesame", Err(Failure::Token)),
        ] {
            let given = [("authorization", header)];
            assert_eq!(
                admit(Scope::Models, "/models", &given),
                expected,
                "{header}"
            );
        }
        assert_eq!(admit(Scope::Ops, "/metrics", &[]), Ok(()));
        assert_eq!(admit(Scope::Content, "/content/info", &[]), Ok(()));
        assert_eq!(admit(Scope::Content, "/contents", &[]), Err(Failure::Token));
    }

    #[test]
    fn pages_of_other_sites_cannot_write() {
        let guard = guard(false, &[]);
        let post = |given: &[(&'static str, &str)]| {
            guard
                .admit(Scope::Public, &Method::POST, "/", &headers(given))
                .is_ok()
        };
        let host = ("host", "localhost:4789");
        assert!(post(&[host]));
        assert!(post(&[host, ("origin", "http://localhost:4789")]));
        assert!(!post(&[host, ("origin", "http://localhost:8000")]));
        assert!(!post(&[host, ("origin", "https://evil.example")]));
        assert!(!post(&[host, ("origin", "null")]));
        assert!(!post(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(post(&[host, ("sec-fetch-site", "same-origin")]));
        let origin = headers(&[host, ("origin", "https://evil.example")]);
        assert!(
            guard
                .admit(Scope::Public, &Method::GET, "/", &origin)
                .is_ok()
        );
    }

    #[test]
    fn only_loopback_goes_without_a_token() {
        for (address, fine) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("192.168.1.2:1", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(guard(false, &[]).check_exposure(address).is_ok(), fine);
            assert!(guard(true, &[]).check_exposure(address).is_ok());
        }
    }
}
