//! What pictures of work share: how a piece of work stands, as a sign, a colour and a word, and the drawing they are made on.

use crate::text::Text;
use maud::{Markup, html};

use crate::frame::unit;

/// Width that every diagram has at least and most of them have; user units.
pub(crate) const WIDTH: f64 = 1000.0;
/// Half the size of a sign; user units.
const SIGN: f64 = 7.0;

/// How a piece of work stands; shown by a sign and a word as well as by its colour. Later ones hide earlier ones where several
/// are drawn as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It was done.
    Done,
    /// It was left out.
    Skipped,
    /// It has not begun.
    Waiting,
    /// It goes on.
    Running,
    /// It was tried in vain.
    Failed,
}

impl Mark {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Failed => "failed",
        }
    }

    /// A disc with a tick, a cross, a bar, a triangle or nothing in it, its centre at the given place.
    pub(crate) fn sign(self, x: f64, y: f64) -> Markup {
        let inner = match self {
            Self::Done => "M-3.4 .3L-1 2.9L3.6 -2.8",
            Self::Skipped => "M-3.4 0H3.4",
            Self::Waiting => "",
            Self::Running => "M-2 -3.4L3.6 0L-2 3.4Z",
            Self::Failed => "M-2.8 -2.8L2.8 2.8M2.8 -2.8L-2.8 2.8",
        };
        html! {
            g class=(format!("sign {}", self.class())) transform=(format!("translate({} {})", unit(x), unit(y))) {
                circle r=(unit(SIGN)) {}
                path d=(inner) {}
            }
        }
    }
}

/// A drawing of a known size.
#[derive(Debug)]
pub(crate) struct Drawing {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) description: Text,
    pub(crate) content: Markup,
}

impl Drawing {
    /// The drawing as a picture of a page. Where the page is narrower than can be read, the picture scrolls.
    pub(crate) fn svg(&self, id: &str, title: &Text) -> Markup {
        let (title_id, description_id) = (format!("{id}-title"), format!("{id}-desc"));
        html! {
            div class="sideways" role="region" tabindex="0" aria-label=(title) {
                svg class="diagram" viewBox=(format!("0 0 {:.0} {:.0}", self.width, self.height)) role="img"
                    aria-labelledby=(format!("{title_id} {description_id}")) {
                    title id=(title_id) { (title) }
                    desc id=(description_id) { (self.description) }
                    (self.content)
                }
            }
        }
    }
}

/// At most `most` characters of a name: its middle gives way, for the end often tells names apart.
pub(crate) fn shortened(text: &Text, most: usize) -> Text {
    let characters: Vec<_> = text.as_str().chars().collect();
    if characters.len() <= most {
        return text.clone();
    }
    let end = most.saturating_sub(1) / 3;
    let start = most.saturating_sub(1) - end;
    let kept = characters[..start].iter().chain(&['\u{2026}']).chain(&characters[characters.len() - end..]);
    kept.collect::<String>().into()
}

/// `270 Succeeded, 10 Failed`: how often each word occurs, in the order of first occurrence.
pub(crate) fn tally<'a>(words: impl Iterator<Item = &'a Text>) -> String {
    let mut counts: Vec<(&Text, usize)> = Vec::new();
    for word in words {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    counts.iter().map(|(word, count)| format!("{count} {}", word.as_str())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_start_and_their_end() {
        assert_eq!(shortened(&"build-and-test-linux".into(), 10).as_str(), "build-\u{2026}nux");
        assert_eq!(shortened(&"short".into(), 5).as_str(), "short");
    }

    #[test]
    fn words_are_counted_in_their_order() {
        let words: Vec<Text> = ["b", "a", "b"].map(Text::from).to_vec();
        assert_eq!(tally(words.iter()), "2 b, 1 a");
    }

    #[test]
    fn every_mark_has_a_sign_of_its_own() {
        let all = [Mark::Done, Mark::Skipped, Mark::Waiting, Mark::Running, Mark::Failed];
        let path = |mark: Mark| mark.sign(0.0, 0.0).into_string().split_once("<path").unwrap().1.to_owned();
        let signs: std::collections::BTreeSet<_> = all.map(path).into();
        assert_eq!(signs.len(), all.len());
    }
}
