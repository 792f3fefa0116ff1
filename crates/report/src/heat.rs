//! Where values are missing: a strip per row, a column per feature, darker where more is missing.

use crate::text::Text;
use maud::{Markup, html};
use std::fmt::Write as _;

/// Columns beyond this are drawn several to a place, the darkest of them showing.
const MAX_PLACES: usize = 600;
/// The shades; a ratio above 0 has at least the first.
const LEVELS: usize = 4;

/// Ratios over rows and columns, drawn as strips of four shades.
#[derive(Debug, Clone)]
pub struct Heat {
    label: Text,
    columns: Text,
    rows: Vec<Strip>,
}

#[derive(Debug, Clone)]
struct Strip {
    label: Text,
    ratios: Vec<f64>,
    shown: Text,
}

impl Heat {
    /// Strips with headings for their labels and for what lies along them.
    pub fn new(label: impl Into<Text>, columns: impl Into<Text>) -> Self {
        Self { label: label.into(), columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a strip with a ratio (0..1) per column and what sums it up; a ratio that is not above 0 leaves its place empty.
    #[must_use]
    pub fn row(mut self, label: impl Into<Text>, ratios: Vec<f64>, shown: impl Into<Text>) -> Self {
        self.rows.push(Strip { label: label.into(), ratios, shown: shown.into() });
        self
    }

    pub(crate) fn render(&self, id: &str, title: &Text) -> Markup {
        if self.rows.is_empty() {
            return html! { p class="nothing" { "no data" } };
        }
        html! {
            table class="bars heat" id=(id) aria-label=(title) {
                colgroup { col class="name"; col; col class="amount"; }
                thead { tr { th scope="col" { (self.label) } th scope="col" colspan="2" { (self.columns) } } }
                tbody {
                    @for strip in &self.rows {
                        @let levels = levels(&strip.ratios);
                        tr {
                            th scope="row" { (strip.label) }
                            td class="bar" {
                                svg viewBox=(format!("0 0 {} 1", levels.len().max(1))) preserveAspectRatio="none" aria-hidden="true" {
                                    @for level in 1..=LEVELS {
                                        path class=(format!("level{level}")) d=(runs(&levels, level)) {}
                                    }
                                }
                            }
                            td class="number" { (strip.shown) }
                        }
                    }
                }
            }
            ul class="legend" {
                @for (level, meaning) in ["up to a quarter missing", "to a half", "to three quarters", "to all"].into_iter().enumerate() {
                    li {
                        svg class="swatch heat" viewBox="0 0 24 8" aria-hidden="true" { path class=(format!("level{}", level + 1)) d="M0 0h24v8h-24z" {} }
                        (meaning)
                    }
                }
            }
        }
    }
}

/// The shade of every place.
fn levels(ratios: &[f64]) -> Vec<usize> {
    let per_place = ratios.len().div_ceil(MAX_PLACES).max(1);
    ratios
        .chunks(per_place)
        .map(|place| place.iter().copied().fold(0.0, f64::max))
        .map(|ratio| ((ratio * LEVELS as f64).ceil() as usize).min(LEVELS))
        .collect()
}

/// The path over all places of one shade, neighbours drawn as one.
fn runs(levels: &[usize], level: usize) -> String {
    let mut data = String::new();
    let mut at = 0;
    for run in levels.chunk_by(|left, right| left == right) {
        if run.first() == Some(&level) {
            // Writing to a string cannot fail.
            let _ = write!(data, "M{at} 0h{0}v1h-{0}z", run.len());
        }
        at += run.len();
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_shade_are_one_run() {
        let levels = levels(&[0.0, 0.1, 0.25, 0.26, 1.0, f64::NAN, 2.0]);
        assert_eq!(levels, [0, 1, 1, 2, 4, 0, 4]);
        assert_eq!(runs(&levels, 1), "M1 0h2v1h-2z");
        assert_eq!(runs(&levels, 4), "M4 0h1v1h-1zM6 0h1v1h-1z");
        assert_eq!(runs(&levels, 3), "");
    }

    #[test]
    fn many_columns_share_places_and_the_darkest_shows() {
        let mut ratios = vec![0.0; 1_200];
        ratios[1] = 1.0;
        let levels = levels(&ratios);
        assert_eq!(levels.len(), 600);
        assert_eq!(levels.iter().filter(|level| **level == 4).count(), 1);
    }

    #[test]
    fn no_strips_say_so() {
        assert!(Heat::new("a", "b").render("x", &"t".into()).into_string().contains("no data"));
    }
}
