//! Where the API is.

use std::fmt;
use std::str::FromStr;

use hyper::header::HeaderValue;

/// The address of an API server, taken from a URL: `http`, a host, a port and a path prefix.
///
/// ```
/// use mlp_tools::traffic::Target;
///
/// let target: Target = "http://127.0.0.1:4789".parse()?;
/// assert_eq!(target.to_string(), "http://127.0.0.1:4789");
///
/// let error = "https://example.org".parse::<Target>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`https://example.org`: TLS is not built in, give an `http://` URL"
/// );
/// # Ok::<(), mlp_tools::traffic::TargetError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    host: String,
    port: u16,
    prefix: String,
    host_header: HeaderValue,
}

/// Why a text is not the URL of an API server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{input}`: {reason}")]
pub struct TargetError {
    input: String,
    reason: &'static str,
}

impl Target {
    /// The server of a bare host name, such as `api.example.org`: plain HTTP, port 80.
    pub fn from_domain(domain: &str) -> Result<Self, TargetError> {
        let bare = !domain.is_empty() && !domain.contains(['/', ':', '@', '?', '#']);
        if !bare {
            let reason = "a domain is a bare host name, without scheme, port or path";
            return Err(TargetError::new(domain, reason));
        }
        domain.parse()
    }

    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 80 when the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path that stands before every route: empty, or `/` and more with no slash at its end.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn host_header(&self) -> &HeaderValue {
        &self.host_header
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(input: &str) -> Result<Self, TargetError> {
        let fail = |reason| TargetError::new(input, reason);
        let rest = without_scheme(input).map_err(fail)?;
        if rest.contains(['?', '#']) {
            return Err(fail("a server's URL has no query or fragment"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(fail("a user name or password in the URL is not supported"));
        }
        let (host, port) = split_port(authority).map_err(fail)?;
        let prefix = path.trim_end_matches('/');
        if !visible_ascii(authority) || !visible_ascii(prefix) {
            return Err(fail("a URL is written in visible ASCII characters"));
        }
        let host_header = HeaderValue::from_str(authority)
            .map_err(|_| fail("a URL is written in visible ASCII characters"))?;
        Ok(Target {
            host: host.to_owned(),
            port,
            prefix: prefix.to_owned(),
            host_header,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.host_header.to_str().unwrap_or(&self.host);
        write!(f, "http://{authority}{}", self.prefix)
    }
}

impl TargetError {
    fn new(input: &str, reason: &'static str) -> Self {
        TargetError {
            input: input.to_owned(),
            reason,
        }
    }
}

fn without_scheme(input: &str) -> Result<&str, &'static str> {
    match input.split_once("://") {
        None => Ok(input),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => Ok(rest),
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
            Err("TLS is not built in, give an `http://` URL")
        }
        Some(_) => Err("the scheme must be `http`"),
    }
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_port(authority: &str) -> Result<(&str, u16), &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("`[` without `]`")?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => 80,
        None => return Err("a port is written as `:PORT`"),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().unwrap_or(0)
        }
        Some(_) => 0,
    };
    match port {
        0 => Err("the port must be from 1 to 65535"),
        port => Ok((host, port)),
    }
}

fn visible_ascii(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}
