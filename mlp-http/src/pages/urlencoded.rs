//! Bodies of forms, read strictly: what a browser would not send is refused, not guessed at.

use crate::query::hex;

/// The most fields of a form.
const MOST: usize = 512;

/// The names and values of `a=1&b=2`, decoded.
///
/// # Errors
///
/// Where a name stands twice, a code is none, or the text is not UTF-8: what is wrong.
pub(crate) fn pairs(body: &[u8]) -> Result<Vec<(String, String)>, &'static str> {
    let mut found: Vec<(String, String)> = Vec::new();
    if body.is_empty() {
        return Ok(found);
    }
    for pair in body.split(|b| *b == b'&') {
        if found.len() == MOST {
            return Err("the form has over 512 fields");
        }
        let mut parts = pair.splitn(2, |b| *b == b'=');
        let name = decoded(parts.next().unwrap_or_default())?;
        let value = decoded(parts.next().ok_or("a field of the form has no `=`")?)?;
        if found.iter().any(|(n, _)| *n == name) {
            return Err("a field of the form stands there twice");
        }
        found.push((name, value));
    }
    Ok(found)
}

fn decoded(text: &[u8]) -> Result<String, &'static str> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'%' => {
                let code = text.get(at + 1..at + 3).and_then(hex);
                out.push(code.ok_or("a `%` in the form is not followed by two digits")?);
                at += 2;
            }
            b'+' => out.push(b' '),
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out).map_err(|_| "the form is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_send_is_read() {
        let text = b"name=J%C3%BCrgen+%26+co&empty=&p%2B=%3D";
        let expected = [("name", "Jürgen & co"), ("empty", ""), ("p+", "=")];
        let expected = expected.map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(pairs(text).unwrap(), expected);
        assert_eq!(pairs(b"").unwrap(), []);
    }

    #[test]
    fn what_they_do_not_is_refused() {
        for body in [
            "a", "a=1&", "a=1&a=2", "a=%", "a=%4", "a=%zz", "a=%ff", "=1&=2",
        ] {
            assert!(pairs(body.as_bytes()).is_err(), "{body}");
        }
        let many: Vec<String> = (0..513).map(|i| format!("{i}=")).collect();
        assert!(pairs(many.join("&").as_bytes()).is_err());
        assert!(pairs(many[..512].join("&").as_bytes()).is_ok());
    }
}
