//! Horizontal bars: a table whose rows carry a bar, so that it reads well aloud, on paper and on a phone.

use crate::text::Text;
use maud::{Markup, html};

/// Labelled quantities drawn as horizontal bars on one scale from zero.
#[derive(Debug, Clone)]
pub struct Bars {
    label: Text,
    quantity: Text,
    full: Option<f64>,
    rows: Vec<Bar>,
}

#[derive(Debug, Clone)]
struct Bar {
    label: Text,
    value: f64,
    shown: Text,
}

impl Bars {
    /// Bars with column headings for the labels and for the quantity.
    pub fn new(label: impl Into<Text>, quantity: impl Into<Text>) -> Self {
        Self { label: label.into(), quantity: quantity.into(), full: None, rows: Vec::new() }
    }

    /// The value of a full-width bar, such as 1 for ratios; by default the largest value.
    #[must_use]
    pub fn full(mut self, value: f64) -> Self {
        self.full = Some(value);
        self
    }

    /// Adds a bar with its value and how it is written; negative values and values that are not finite draw no bar.
    #[must_use]
    pub fn bar(mut self, label: impl Into<Text>, value: f64, shown: impl Into<Text>) -> Self {
        self.rows.push(Bar { label: label.into(), value, shown: shown.into() });
        self
    }

    pub(crate) fn render(&self, id: &str, title: &Text) -> Markup {
        let largest = self.rows.iter().map(|row| row.value).filter(|value| value.is_finite()).fold(0.0, f64::max);
        let full = self.full.filter(|value| *value > 0.0).unwrap_or(largest);
        if self.rows.is_empty() {
            return html! { p class="nothing" { "no data" } };
        }
        html! {
            table class="bars" id=(id) aria-label=(title) {
                colgroup { col class="name"; col; col class="amount"; }
                thead { tr { th scope="col" { (self.label) } th scope="col" colspan="2" { (self.quantity) } } }
                tbody {
                    @for row in &self.rows {
                        tr {
                            th scope="row" { (row.label) }
                            td class="bar" {
                                svg aria-hidden="true" { rect width=(width(row.value, full)) height="100%" rx="2" {} }
                            }
                            td class="number" { (row.shown) }
                        }
                    }
                }
            }
        }
    }
}

fn width(value: f64, full: f64) -> String {
    let ratio = value / full;
    format!("{:.1}%", if ratio.is_finite() { ratio.clamp(0.0, 1.0) * 100.0 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stay_between_nothing_and_full() {
        let widths =
            [(-1.0, 2.0), (1.0, 2.0), (3.0, 2.0), (f64::NAN, 2.0), (0.0, 0.0)].map(|(value, full)| width(value, full));
        assert_eq!(widths, ["0.0%", "50.0%", "100.0%", "0.0%", "0.0%"]);
    }

    #[test]
    fn no_bars_say_so() {
        assert!(Bars::new("a", "b").render("x", &"t".into()).into_string().contains("no data"));
    }
}
