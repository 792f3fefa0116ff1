//! Labels: from the text of a cell to good or faulty.

use std::collections::BTreeMap;

use super::Label;

/// The label map, compiled: by text first, then by number.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    by_text: Vec<(String, Label)>,
    by_number: Vec<(f64, Label)>,
}

/// A text that reads as another one, by its letters or its number, means another label.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous(pub(crate) String);

impl Labels {
    pub(crate) fn new(labels: &BTreeMap<String, Label>) -> Result<Self, Ambiguous> {
        let (mut by_text, mut by_number) = (Vec::new(), Vec::new());
        for (text, label) in labels {
            note(&mut by_text, text.trim().to_lowercase(), *label).ok_or_else(|| Ambiguous(text.clone()))?;
            if let Some(number) = number(text) {
                note(&mut by_number, number, *label).ok_or_else(|| Ambiguous(text.clone()))?;
            }
        }
        Ok(Self { by_text, by_number })
    }

    pub(crate) fn read(&self, cell: &str) -> Option<Label> {
        let cell = cell.trim();
        let by_text = self.by_text.iter().find(|(text, _)| *text == cell || *text == cell.to_lowercase());
        by_text.map(|(_, label)| *label).or_else(|| {
            let number = number(cell)?;
            self.by_number.iter().find(|(known, _)| known.total_cmp(&number).is_eq()).map(|(_, label)| *label)
        })
    }
}

/// Notes what a key means; nothing when it means another label already.
fn note<K: PartialEq>(known: &mut Vec<(K, Label)>, key: K, label: Label) -> Option<()> {
    if let Some((_, meaning)) = known.iter().find(|(other, _)| *other == key) {
        return (*meaning == label).then_some(());
    }
    known.push((key, label));
    Some(())
}

/// A finite number, 0 without its sign.
fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_match_by_text_without_case_and_by_number() {
        let map = [("1", Label::Faulty), ("-1", Label::Good), ("Fail", Label::Faulty)]
            .map(|(text, label)| (text.to_owned(), label))
            .into();
        let labels = Labels::new(&map).unwrap();
        for faulty in ["1", "+1", "1.0", " 1 ", "1e0", "fail", "FAIL"] {
            assert_eq!(labels.read(faulty), Some(Label::Faulty), "{faulty}");
        }
        for good in ["-1", "-1.0", " -1"] {
            assert_eq!(labels.read(good), Some(Label::Good), "{good}");
        }
        for unknown in ["0", "2", "", "nan", "inf", "good"] {
            assert_eq!(labels.read(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn one_number_or_text_cannot_mean_both() {
        for (one, other) in [("1", "1.0"), ("OK", "ok"), ("ok", " ok ")] {
            let both = |meaning| [(one, Label::Faulty), (other, meaning)].map(|(text, label)| (text.to_owned(), label));
            assert_eq!(Labels::new(&both(Label::Good).into()).unwrap_err(), Ambiguous(one.max(other).to_owned()));
            assert!(Labels::new(&both(Label::Faulty).into()).is_ok(), "{one} {other}");
        }
    }
}
