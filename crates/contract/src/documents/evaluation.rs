//! What several documents say of a model's worth: figures of merit with their intervals, costs, calibration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Faulty rows below which an interval describes the sample and no more: decisions should not rest on it alone.
///
/// Figures of a ranking vary mostly with the rarer class, and below about thirty of it neither the normal approximation
/// behind the expansion of the intervals nor the shape of the resampled distribution can be relied on.
pub const MIN_FAULTY_FOR_INFERENCE: u64 = 30;

/// Counts of decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Confusion {
    /// Faulty rows called faulty.
    pub true_positives: u64,
    /// Good rows called faulty.
    pub false_positives: u64,
    /// Good rows called good.
    pub true_negatives: u64,
    /// Faulty rows called good.
    pub false_negatives: u64,
}

/// Figures of merit, all from probabilities but for those of the decisions.
///
/// A figure that needs a class that does not occur is absent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    /// Rows.
    pub rows: u64,
    /// Faulty ones among them.
    pub rows_faulty: u64,
    /// Average precision, 0 to 1; chance gives the share of faulty rows. Absent when no row is faulty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_precision: Option<f64>,
    /// Area under the ROC curve, 0 to 1; chance gives 0.5. Absent when one class does not occur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roc_auc: Option<f64>,
    /// Matthews' correlation coefficient of the decisions, -1 to 1; 0 where it is undefined.
    pub mcc: f64,
    /// Mean recall of the classes that occur, 0 to 1.
    pub balanced_accuracy: f64,
    /// Share of right decisions, 0 to 1.
    pub accuracy: f64,
    /// Mean squared difference of probability and outcome; 0 is perfect.
    pub brier_score: f64,
    /// Mean negative log likelihood, in nats; 0 is perfect.
    pub log_loss: f64,
    /// Mean cost per row of the decisions, in the unit of the costs.
    pub expected_cost: f64,
    /// The decisions, counted.
    pub confusion: Confusion,
}

/// The range that a figure lies in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The intervals of all [`Metrics`], from a bootstrap of the rows that keeps the number of each class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Intervals {
    /// The share of resamples that lie within, 0 to 1.
    pub level: f64,
    /// Number of resamples.
    pub n_resamples: u64,
    /// Of the average precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_precision: Option<Interval>,
    /// Of the area under the ROC curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roc_auc: Option<Interval>,
    /// Of Matthews' correlation coefficient.
    pub mcc: Interval,
    /// Of the balanced accuracy.
    pub balanced_accuracy: Interval,
    /// Of the accuracy.
    pub accuracy: Interval,
    /// Of the Brier score.
    pub brier_score: Interval,
    /// Of the log loss.
    pub log_loss: Interval,
    /// Of the mean cost per row.
    pub expected_cost: Interval,
}

/// Figures with their intervals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    /// The figures.
    pub metrics: Metrics,
    /// Their intervals.
    pub intervals: Intervals,
    /// Whether there are too few faulty rows to say anything of other rows than these.
    pub is_descriptive: bool,
}

/// A figure of the challenger less that of the champion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The difference on the rows as they are; above 0 the challenger is better.
    pub estimate: f64,
    /// The interval of the difference.
    pub interval: Interval,
    /// The share of resamples in which the challenger is no better (a difference of 0 or less): what a one-sided p-value
    /// is read off, but not one, since resamples scatter about the estimate and not about 0.
    pub share_no_better: f64,
}

/// How a challenger compares with the champion on the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Rows that both scored.
    pub rows: u64,
    /// How many of them are faulty.
    pub rows_faulty: u64,
    /// The difference of average precision; it decides.
    pub average_precision: Difference,
    /// The difference of the areas under the ROC curve.
    pub roc_auc: Difference,
}

/// The cost of each kind of wrong decision per row, in one unit; right decisions cost nothing. Only the ratio of the two
/// matters to decisions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostMatrix {
    /// Cost of calling a good row faulty (a needless inspection), 0 or more.
    pub false_positive: f64,
    /// Cost of calling a faulty row good (a fault that is missed), 0 or more.
    pub false_negative: f64,
}

/// How a model's probability becomes one that can be taken at its word. It never puts two rows in another order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Calibration {
    /// It is taken as it is.
    #[default]
    None,
    /// Platt's sigmoid `1 / (1 + exp(a * f + b))` of the log-odds `f` of the model's probability, which is first kept 0.0001 away from
    /// 0 and 1.
    ///
    /// The log-odds rather than the probability are taken so that a model that is calibrated already is left as it is, by a = -1
    /// and b = 0; a sigmoid of the probability cannot do that.
    Platt {
        /// Slope, 0 or less. 0 makes all rows equal.
        a: f64,
        /// Intercept.
        b: f64,
    },
    /// A rising line through points, flat beyond the outermost.
    Isotonic {
        /// The model's probabilities, rising.
        x: Vec<f64>,
        /// What each becomes, never falling; as many as `x`.
        y: Vec<f64>,
    },
}

/// How well a calibration does on rows that it was not fitted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationScore {
    /// Name of the method, as in [`Calibration`].
    pub method: String,
    /// Log loss of its out-of-fold probabilities, in nats; absent when it was not eligible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
}

impl Confusion {
    /// Share of right decisions.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        right as f64 / (right + self.false_positives + self.false_negatives) as f64
    }

    /// Mean of the recalls of the classes that occur.
    #[must_use]
    pub fn balanced_accuracy(&self) -> f64 {
        let recalls =
            [recall(self.true_negatives, self.false_positives), recall(self.true_positives, self.false_negatives)];
        let (sum, count) =
            recalls.iter().flatten().fold((0.0, 0.0), |(sum, count), recall| (sum + recall, count + 1.0));
        sum / count
    }

    /// Matthews' correlation coefficient, -1 to 1; 0 where it is undefined (a class or a decision that does not occur).
    #[must_use]
    pub fn mcc(&self) -> f64 {
        let [tp, fp, tn, fn_] = [self.true_positives, self.false_positives, self.true_negatives, self.false_negatives]
            .map(|count| count as f64);
        let denominator = ((tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_)).sqrt();
        if denominator == 0.0 { 0.0 } else { (tp * tn - fp * fn_) / denominator }
    }
}

fn recall(right: u64, wrong: u64) -> Option<f64> {
    let total = right + wrong;
    (total > 0).then(|| right as f64 / total as f64)
}

impl Comparison {
    /// Whether there are fewer than [`MIN_FAULTY_FOR_INFERENCE`] faulty rows.
    #[must_use]
    pub fn is_descriptive(&self) -> bool {
        self.rows_faulty < MIN_FAULTY_FOR_INFERENCE
    }
}

impl CostMatrix {
    /// A missed fault costs ten needless inspections, where nobody says better.
    pub const DEFAULT: Self = Self { false_positive: 1.0, false_negative: 10.0 };

    /// Mean cost per row of the decisions counted; NaN when there are none.
    #[must_use]
    pub fn expected_cost(&self, counts: &Confusion) -> f64 {
        let Confusion { true_positives, false_positives, true_negatives, false_negatives } = *counts;
        let rows = true_positives + false_positives + true_negatives + false_negatives;
        (self.false_positive * false_positives as f64 + self.false_negative * false_negatives as f64) / rows as f64
    }
}

impl Default for CostMatrix {
    fn default() -> Self {
        Self::DEFAULT
    }
}
