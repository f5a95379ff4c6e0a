//! The style and the script, under names that change with them.

use sha2::{Digest, Sha256};

use crate::answer::Content;

const STYLE: &str = include_str!("pages.css");
const SCRIPT: &str = include_str!("pages.js");

/// A file that pages refer to.
#[derive(Debug)]
pub(crate) struct Asset {
    /// `pages-0123456789ab.css`: browsers may keep it for ever.
    pub name: String,
    pub content: Content,
    pub text: &'static str,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Assets {
    pub style: Asset,
    pub script: Asset,
}

impl Assets {
    pub fn new() -> Self {
        Self {
            style: asset("css", Content::Css, STYLE),
            script: asset("js", Content::Script, SCRIPT),
        }
    }

    /// The file of that name.
    pub fn find(&self, name: &str) -> Option<&Asset> {
        [&self.style, &self.script]
            .into_iter()
            .find(|asset| asset.name == name)
    }
}

fn asset(extension: &str, content: Content, text: &'static str) -> Asset {
    let digest = Sha256::digest(text);
    let hash: String = digest[..6].iter().map(|b| format!("{b:02x}")).collect();
    Asset {
        name: format!("pages-{hash}.{extension}"),
        content,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2's relative luminance of `#rrggbb` or `#rgb`.
    fn luminance(colour: &str) -> f64 {
        let digits = colour.trim_start_matches('#');
        let each = digits.len() / 3;
        let channel = |i: usize| {
            let text = digits[i * each..(i + 1) * each].repeat(2 / each);
            let x = f64::from(u8::from_str_radix(&text, 16).unwrap()) / 255.0;
            if x <= 0.04045 {
                x / 12.92
            } else {
                ((x + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn colours_stand_out_as_wcag_aa_wants_it() {
        assert!((contrast("#000", "#ffffff") - 21.0).abs() < 1e-9);
        let themes = STYLE.split(":root {").skip(1);
        let mut seen = 0;
        for theme in themes {
            let theme = theme.split('}').next().unwrap();
            let colour = |name: &str| {
                let (_, rest) = theme.split_once(&format!("--{name}: ")).unwrap();
                rest.split(';').next().unwrap()
            };
            // Text needs 4.5, what is drawn 3.
            for (front, behind, least) in [
                ("ink", "paper", 4.5),
                ("ink", "card", 4.5),
                ("ink", "good-soft", 4.5),
                ("ink", "watch-soft", 4.5),
                ("ink", "bad-soft", 4.5),
                ("quiet", "paper", 4.5),
                ("quiet", "card", 4.5),
                ("accent", "paper", 4.5),
                ("accent", "card", 4.5),
                ("accent", "good-soft", 4.5),
                ("accent", "bad-soft", 4.5),
                ("on-accent", "accent", 4.5),
                ("bad", "paper", 4.5),
                ("good", "card", 4.5),
                ("blue", "card", 3.0),
                ("orange", "card", 3.0),
            ] {
                let found = contrast(colour(front), colour(behind));
                assert!(found >= least, "{front} on {behind}: {found:.2}");
                seen += 1;
            }
        }
        assert_eq!(seen, 32, "light and dark");
    }

    #[test]
    fn the_style_reaches_for_nothing() {
        for text in [STYLE, SCRIPT] {
            assert!(!text.contains("url(") && !text.contains("@import") && !text.contains("//cdn"));
            assert!(!text.contains("innerHTML") && !text.contains("eval"));
        }
    }
}
