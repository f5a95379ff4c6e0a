//! From a method and a path to a route.

use hyper::Method;
use hyper::header::HeaderValue;

use crate::routes::Route;

/// What stands at a path.
#[derive(Debug)]
struct Place {
    routes: Vec<(Method, usize)>,
    allow: HeaderValue,
    label: usize,
}

/// The table, compiled.
#[derive(Debug)]
pub(crate) struct Router {
    places: matchit::Router<Place>,
    labels: Vec<String>,
}

/// What a request asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Target<'a> {
    /// A route, by its position in the table, and the parameter in the path.
    Route { index: usize, parameter: &'a str },
    /// `OPTIONS` of a path that exists.
    Options { allow: HeaderValue },
    /// A path that exists, but not with this method.
    WrongMethod { allow: HeaderValue },
    /// Nothing.
    Unknown,
}

/// The label of requests to paths that are not there.
pub(crate) const UNKNOWN: &str = "unknown";

impl Router {
    /// Compiles the table.
    ///
    /// # Errors
    ///
    /// The path that stands in another's way.
    pub fn new(routes: &[Route]) -> Result<Self, String> {
        let mut labels = vec![UNKNOWN.to_owned()];
        let mut paths: Vec<&str> = routes.iter().map(|r| r.path.as_str()).collect();
        paths.sort_unstable();
        paths.dedup();
        let mut places = matchit::Router::new();
        for path in paths {
            let here = routes.iter().enumerate().filter(|(_, r)| r.path == path);
            let here: Vec<(Method, usize)> = here.map(|(i, r)| (r.method.clone(), i)).collect();
            let label = routes[here[0].1].label();
            let label = labels.iter().position(|l| *l == label).unwrap_or_else(|| {
                labels.push(label);
                labels.len() - 1
            });
            let place = Place {
                allow: allow(&here),
                routes: here,
                label,
            };
            (places.insert(path, place)).map_err(|error| format!("`{path}`: {error}"))?;
        }
        Ok(Self { places, labels })
    }

    /// The paths as metrics name them; the first is that of unknown ones.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Finds the route, and the position of its label. A slash at the end makes no difference.
    pub fn find<'a>(&self, method: &Method, path: &'a str) -> (Target<'a>, usize) {
        let path = match path.strip_suffix('/') {
            Some(shorter) if !shorter.is_empty() => shorter,
            _ => path,
        };
        let Ok(found) = self.places.at(path) else {
            return (Target::Unknown, 0);
        };
        let place = found.value;
        // A HEAD is a GET whose body is left out at the end.
        let wanted = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let route = place.routes.iter().find(|(m, _)| m == wanted);
        let allow = || place.allow.clone();
        let target = match route {
            Some((_, index)) => Target::Route {
                index: *index,
                parameter: found.params.iter().next().map_or("", |(_, value)| value),
            },
            None if method == Method::OPTIONS => Target::Options { allow: allow() },
            None => Target::WrongMethod { allow: allow() },
        };
        (target, place.label)
    }
}

fn allow(routes: &[(Method, usize)]) -> HeaderValue {
    let mut names: Vec<&str> = routes.iter().map(|(m, _)| m.as_str()).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.push("OPTIONS");
    names.sort_unstable();
    // Method names are tokens, which headers can always carry.
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
}
