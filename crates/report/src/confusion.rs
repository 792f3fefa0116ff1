//! The confusion matrix of a binary decision.

use crate::format::{count, share};
use crate::text::Text;
use maud::{Markup, html};

/// Counts of a binary decision against the truth, drawn as a table whose cells are tinted by their share of the row.
#[derive(Debug, Clone)]
pub struct ConfusionMatrix {
    negative: Text,
    positive: Text,
    true_negatives: u64,
    false_positives: u64,
    false_negatives: u64,
    true_positives: u64,
}

impl ConfusionMatrix {
    /// A matrix from counts, with the names of the two classes.
    pub fn new(
        negative: impl Into<Text>,
        positive: impl Into<Text>,
        [[true_negatives, false_positives], [false_negatives, true_positives]]: [[u64; 2]; 2],
    ) -> Self {
        Self {
            negative: negative.into(),
            positive: positive.into(),
            true_negatives,
            false_positives,
            false_negatives,
            true_positives,
        }
    }

    pub(crate) fn render(&self, id: &str, title: &Text) -> Markup {
        let rows = [
            (&self.negative, [(self.true_negatives, true), (self.false_positives, false)]),
            (&self.positive, [(self.false_negatives, false), (self.true_positives, true)]),
        ];
        html! {
            table class="confusion" id=(id) aria-label=(title) {
                thead {
                    tr { td {} th scope="colgroup" colspan="2" { "Predicted" } }
                    tr {
                        th scope="col" { "Actual" }
                        th scope="col" { (self.negative) }
                        th scope="col" { (self.positive) }
                    }
                }
                tbody {
                    @for (name, cells) in rows {
                        @let total = cells[0].0.saturating_add(cells[1].0);
                        tr {
                            th scope="row" { (name) }
                            @for (value, is_right) in cells { (cell(value, total, is_right)) }
                        }
                    }
                }
            }
        }
    }
}

fn cell(value: u64, total: u64, is_right: bool) -> Markup {
    let tint = (value as f64 / total.max(1) as f64 * 4.0).ceil() as u8;
    let kind = if is_right { "right" } else { "wrong" };
    html! {
        td class=(format!("{kind} tint{tint}")) {
            strong { (count(value)) }
            small { (share(value, total)) " " (kind) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(counts: [[u64; 2]; 2]) -> String {
        ConfusionMatrix::new("good", "faulty", counts).render("c", &"t".into()).into_string()
    }

    #[test]
    fn shares_are_of_the_actual_class() {
        let page = render([[80, 20], [1, 3]]);
        for expected in ["80.0% right", "20.0% wrong", "25.0% wrong", "75.0% right"] {
            assert!(page.contains(expected), "{expected} in {page}");
        }
    }

    #[test]
    fn an_empty_class_has_no_shares() {
        assert_eq!(render([[4, 0], [0, 0]]).matches("n/a").count(), 2);
    }
}
