//! Features that may know the answer: each alone, or its being missing, tells faulty wafers almost surely in some part of the
//! time.
//!
//! A leak often holds for a time only (a column that is filled in after the test from some day on), so the early and the late
//! training rows are looked at by themselves as well.

use faultline_contract::documents::promote::Suspect;
use faultline_learn::LearnError;
use faultline_learn::metrics::roc_auc;
use faultline_learn::selection::forward_split;
use faultline_table::Table;

/// The least area under the ROC curve, the way round that is above 0.5, that makes a feature a suspect. Among 600 features that know
/// nothing one reaches it in 12% of looks at ten rows of either class, in 0.1% at ten and thirty, and hardly ever at more (exact
/// Mann-Whitney distribution, no ties).
const MIN_ROC_AUC: f64 = 0.95;
/// Rows of each class that are needed to look.
const MIN_CLASS_ROWS: usize = 10;
/// Rows of each class that are looked at; of more every n-th. The area does not hang on how many there are of each.
const MAX_CLASS_ROWS: usize = 10_000;

/// The suspects among the features, by falling area, equals in the order of the table. Only labelled rows of `train` count.
pub(crate) fn suspects(table: &Table, train: &[usize]) -> Result<Vec<Suspect>, LearnError> {
    let rows = looked_at(&table.targets, train);
    let times: Vec<i64> = rows.iter().map(|&row| table.times[row]).collect();
    let mut parts = vec![("all", rows.clone())];
    if !times.is_empty() {
        let halves = forward_split(&times, 0.5)?;
        let of = |places: &[usize]| places.iter().map(|&place| rows[place]).collect();
        parts.extend([("early", of(&halves.train)), ("late", of(&halves.test))]);
    }
    let mut suspects: Vec<Suspect> = Vec::new();
    for (column, feature) in table.feature_names.iter().enumerate() {
        let mut worst: Option<Suspect> = None;
        for (part, rows) in &parts {
            for (name, auc) in [
                (feature.clone(), of_values(table, rows, column)?),
                (format!("{feature} (missing)"), of_missing(table, rows, column)?),
            ] {
                let is_worst = worst.as_ref().is_none_or(|known| auc > known.roc_auc);
                if auc >= MIN_ROC_AUC && is_worst {
                    worst = Some(Suspect { feature: name, rows: (*part).to_owned(), roc_auc: auc });
                }
            }
        }
        suspects.extend(worst);
    }
    suspects.sort_by(|a, b| b.roc_auc.total_cmp(&a.roc_auc));
    Ok(suspects)
}

/// Labelled rows among those of `train`, not too many of each class, in their order.
fn looked_at(targets: &[Option<u8>], train: &[usize]) -> Vec<usize> {
    let of_class = |class| {
        let rows: Vec<usize> = train.iter().copied().filter(|&row| targets[row] == Some(class)).collect();
        let every = rows.len().div_ceil(MAX_CLASS_ROWS).max(1);
        rows.into_iter().step_by(every)
    };
    let mut rows: Vec<usize> = of_class(0).chain(of_class(1)).collect();
    rows.sort_unstable();
    rows
}

fn of_values(table: &Table, rows: &[usize], column: usize) -> Result<f64, LearnError> {
    let present = rows.iter().map(|&row| (row, table.row(row)[column])).filter(|(_, value)| !value.is_nan());
    separation(table, present.map(|(row, value)| (row, f64::from(value))))
}

fn of_missing(table: &Table, rows: &[usize], column: usize) -> Result<f64, LearnError> {
    separation(table, rows.iter().map(|&row| (row, f64::from(u8::from(table.row(row)[column].is_nan())))))
}

/// The area under the ROC curve of these scores, the way round that is above 0.5; 0.5 with too few rows of a class.
fn separation(table: &Table, scored: impl Iterator<Item = (usize, f64)>) -> Result<f64, LearnError> {
    let (labels, scores): (Vec<bool>, Vec<f64>) =
        scored.map(|(row, score)| (table.targets[row] == Some(1), score)).unzip();
    let faulty = labels.iter().filter(|&&label| label).count();
    if faulty.min(labels.len() - faulty) < MIN_CLASS_ROWS {
        return Ok(0.5);
    }
    let auc = roc_auc(&labels, &scores)?;
    Ok(auc.max(1.0 - auc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_class_is_looked_at_whole() {
        let targets: Vec<Option<u8>> =
            (0..50_000).map(|row| if row % 7 == 0 { None } else { Some(u8::from(row % 2_500 == 1)) }).collect();
        let train: Vec<usize> = (0..targets.len()).filter(|row| row % 5 != 0).collect();
        let rows = looked_at(&targets, &train);
        let count = |rows: &[usize], class| rows.iter().filter(|&&row| targets[row] == Some(class)).count();
        assert_eq!(count(&rows, 1), count(&train, 1));
        assert!(count(&train, 1) > 10 && (5_000..=MAX_CLASS_ROWS).contains(&count(&rows, 0)), "{}", rows.len());
        assert!(rows.is_sorted_by(|a, b| a < b) && rows.iter().all(|row| row % 5 != 0));
    }
}
