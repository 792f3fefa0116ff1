//! What was predicted: how many, which rows first, and why.

use faultline_contract::documents::predict::FAULTY;
use faultline_report::format::{count, decimal, share};
use faultline_report::{Axis, Bars, Block, Cell, Figure, Histogram, Section, Table};
use faultline_table::{Columns, Keys, TableError};

use crate::ReportError;
use crate::curves::top;
use crate::evidence::Evidence;

const PREDICTIONS: &str = "predict/predictions.parquet";
const BINS: usize = 20;
/// How many of the rows called faulty the page lists.
const MAX_ROWS: usize = 50;
/// How many features the picture of reasons shows.
const MAX_FEATURES: usize = 10;

/// What the page needs of the predictions.
#[derive(Debug)]
pub(crate) struct Predictions {
    keys: Keys,
    clusters: Vec<i64>,
    probabilities: Vec<f64>,
    /// The rows called faulty, the most probable first, equals in the order of the table.
    faulty: Vec<usize>,
    /// Per place among the reasons the feature of every row (empty: none) and its contribution.
    reasons: Vec<(Vec<String>, Vec<f64>)>,
}

impl Predictions {
    /// Reads the predictions, if they were written.
    pub(crate) fn read(evidence: &Evidence<'_>) -> Result<Option<Self>, ReportError> {
        let Some(table) = evidence.table(PREDICTIONS)? else {
            return Ok(None);
        };
        let failed = |source| ReportError::Table { name: PREDICTIONS.to_owned(), source };
        Self::of(&table).map(Some).map_err(failed)
    }

    fn of(table: &Columns) -> Result<Self, TableError> {
        let probabilities = table.f64("probability")?.to_vec();
        let decisions = table.text("decision")?;
        let mut faulty: Vec<usize> = (0..probabilities.len()).filter(|row| decisions[*row] == FAULTY).collect();
        faulty.sort_by(|left, right| probabilities[*right].total_cmp(&probabilities[*left]));
        let mut reasons = Vec::new();
        let names: Vec<&str> = table.names().collect();
        for place in 1.. {
            let [feature, contribution] = ["feature", "contribution"].map(|what| format!("top_{place}_{what}"));
            if !names.contains(&feature.as_str()) {
                break;
            }
            reasons.push((table.text(&feature)?.to_vec(), table.f64(&contribution)?.to_vec()));
        }
        Ok(Self { keys: table.keys()?, clusters: table.i64("cluster")?.to_vec(), probabilities, faulty, reasons })
    }

    /// The rows called faulty with the greatest probabilities: `W-1 (0.45)`.
    pub(crate) fn first(&self, n: usize) -> Vec<String> {
        let named = |row: &usize| format!("{} ({})", self.keys.ids[*row], decimal(self.probabilities[*row], 2));
        self.faulty.iter().take(n).map(named).collect()
    }

    /// The features that speak for a fault most often among the reasons of the rows called faulty, with how often.
    pub(crate) fn common_reasons(&self) -> Vec<(&str, u64)> {
        let mut counted: Vec<(&str, u64)> = Vec::new();
        for &row in &self.faulty {
            for (features, contributions) in &self.reasons {
                let feature = features[row].as_str();
                if feature.is_empty() || contributions[row].is_nan() || contributions[row] <= 0.0 {
                    continue;
                }
                match counted.iter_mut().find(|(known, _)| *known == feature) {
                    Some((_, times)) => *times += 1,
                    None => counted.push((feature, 1)),
                }
            }
        }
        counted.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
        counted
    }

    fn listed(&self) -> Table {
        let caption = format!(
            "The {} most probable of the {} rows called faulty ({PREDICTIONS})",
            self.faulty.len().min(MAX_ROWS),
            count(self.faulty.len() as u64)
        );
        let mut table =
            Table::new(caption).column("Wafer").column("File").numbers("Row").numbers("Cluster").numbers("Probability");
        if !self.reasons.is_empty() {
            table = table.column("Features that moved it most, with their contributions");
        }
        for &row in self.faulty.iter().take(MAX_ROWS) {
            table.push(vec![
                Cell::words(&self.keys.ids[row]),
                Cell::words(self.keys.source_files[row].as_ref()),
                Cell::number(count(self.keys.rows[row])),
                Cell::number(self.clusters[row].to_string()),
                Cell::number(decimal(self.probabilities[row], 3)),
                Cell::words(self.reasons_of(row)),
            ]);
        }
        table
    }

    fn reasons_of(&self, row: usize) -> String {
        let known = self
            .reasons
            .iter()
            .filter(|(features, contributions)| !features[row].is_empty() && !contributions[row].is_nan());
        let said = known.map(|(features, contributions)| format!("{} {}", features[row], signed(contributions[row])));
        said.collect::<Vec<_>>().join(", ")
    }

    fn probabilities(&self) -> Figure {
        let axis = Axis::new("Probability of being faulty");
        let values = self.probabilities.iter().copied();
        let chart = Histogram::new(axis, 0.0, top(&self.probabilities), BINS).group("all rows", values);
        Figure::new("Probabilities", chart)
            .caption("How the probabilities of all rows are spread. A row is called faulty from the threshold of its cluster's model on.")
            .source(PREDICTIONS)
    }

    fn reasons(&self) -> Option<Figure> {
        let counted = self.common_reasons();
        if counted.is_empty() {
            return None;
        }
        let bars = counted
            .iter()
            .take(MAX_FEATURES)
            .fold(Bars::new("Feature", "Rows called faulty"), |bars, (feature, times)| {
                bars.bar(*feature, *times as f64, count(*times))
            });
        Some(
            Figure::new("Features that speak for a fault most often", bars)
                .caption(format!(
                    "Of how many rows called faulty the feature is among the {} that moved the row most, and moved it towards faulty.",
                    self.reasons.len()
                ))
                .source(PREDICTIONS),
        )
    }
}

/// A contribution with its sign.
fn signed(contribution: f64) -> String {
    let sign = if contribution > 0.0 { "+" } else { "" };
    format!("{sign}{}", decimal(contribution, 3))
}

pub(crate) fn section(evidence: &Evidence<'_>, predictions: Option<&Predictions>) -> Section {
    let mut section = Section::new("Predictions");
    if let Some(summary) = &evidence.summary {
        let words = format!(
            "Version {} of {} calls {} of {} rows faulty.",
            summary.model_version,
            summary.model,
            count(summary.rows_faulty),
            count(summary.rows)
        );
        section.push(Block::Paragraph(words.into()));
    }
    if let Some(predictions) = predictions {
        if !predictions.faulty.is_empty() {
            section.push(predictions.listed());
            if !predictions.reasons.is_empty() {
                section.push(Block::Paragraph(
                    "A contribution above 0 speaks for a fault, one below 0 against it. Compare contributions within a row only: those of a \
                     forest are in units of probability, those of boosting and logistic regression in log-odds. They tell what the model goes \
                     by, not what caused the fault."
                        .into(),
                ));
            }
        }
        let mut figures = vec![predictions.probabilities()];
        figures.extend(predictions.reasons());
        section.push(figures);
    }
    if let Some(summary) = &evidence.summary {
        let mut table = Table::new("Decisions by cluster (predict/summary.json)")
            .column("Cluster")
            .column("Model")
            .numbers("Rows")
            .numbers("Called faulty");
        for cluster in &summary.clusters {
            table.push(vec![
                Cell::words(cluster.cluster.to_string()),
                Cell::words(&cluster.model),
                Cell::number(count(cluster.rows)),
                Cell::number(format!("{} ({})", count(cluster.rows_faulty), share(cluster.rows_faulty, cluster.rows))),
            ]);
        }
        section.push(table);
    }
    section
}
