//! Untrusted text on its way into markup.

use maud::{Escaper, Render};
use std::fmt::Write as _;

/// A string that is safe to show.
///
/// Every string of a page is a `Text`, so nothing reaches the markup unescaped. Characters that would corrupt or disguise what a
/// reader sees (control characters, bidirectional overrides, non-characters) become U+FFFD; line breaks and tabs become spaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// The cleaned, still unescaped string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn clean(raw: &str) -> Self {
        Self(raw.chars().map(shown).collect())
    }
}

impl From<&str> for Text {
    fn from(raw: &str) -> Self {
        Self::clean(raw)
    }
}

impl From<&String> for Text {
    fn from(raw: &String) -> Self {
        Self::clean(raw)
    }
}

impl From<String> for Text {
    fn from(raw: String) -> Self {
        Self::clean(&raw)
    }
}

impl Render for Text {
    fn render_to(&self, buffer: &mut String) {
        // Writing to a string cannot fail.
        let _ = Escaper::new(buffer).write_str(&self.0);
    }
}

fn shown(character: char) -> char {
    match character {
        '\n' | '\r' | '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => {
            char::REPLACEMENT_CHARACTER
        }
        other if other.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        assert_eq!(Text::from("<b a=\"1\">&'").render().into_string(), "&lt;b a=&quot;1&quot;&gt;&amp;'");
    }

    #[test]
    fn disguises_become_visible() {
        assert_eq!(Text::from("a\u{202e}b\0c\nd").as_str(), "a\u{fffd}b\u{fffd}c d");
    }
}
