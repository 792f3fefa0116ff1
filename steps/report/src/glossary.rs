//! The terms that the page uses, in plain words.

use faultline_report::{Block, Section, Text};

use crate::evidence::Evidence;

const OF_ALL: &[(&str, &str)] = &[
    ("Row", "One line of a file: the readings of one wafer."),
    ("Feature", "One column of readings, such as a sensor."),
    (
        "Quarantine",
        "Files and rows that were set aside because they break a rule of the schema. Nothing is learned from them and nothing is predicted for them.",
    ),
    ("Cluster", "A group of rows with similar readings, found without looking at faults."),
    ("Probability", "What the model takes the chance to be that the wafer is faulty, 0 to 1."),
    ("Threshold", "The probability from which on a row is called faulty."),
    ("Champion", "The version that decides in production."),
    (
        "Contribution",
        "By how much one feature moved the prediction of one row, up or down (SHAP values; TreeSHAP for trees).",
    ),
    ("Digest", "A fingerprint (sha256) of content. Equal digests mean equal content."),
];

const OF_TRAINING: &[(&str, &str)] = &[
    (
        "ROC AUC",
        "The chance that a faulty row gets a higher probability than a good one. 0.5 is guessing, 1 is perfect.",
    ),
    (
        "Average precision",
        "The share of right alarms, averaged over all shares of faults found. Guessing gives about the share of faulty rows; 1 is perfect.",
    ),
    ("MCC", "Matthews' correlation coefficient of decisions and outcomes: 0 is no better than guessing, 1 is perfect."),
    (
        "Balanced accuracy",
        "The mean of two shares: of the faulty rows called faulty and of the good rows called good. 0.5 is guessing.",
    ),
    ("Brier score", "The mean squared difference of probability and outcome; 0 is perfect."),
    (
        "Log loss",
        "The mean surprise at the outcomes, given the probabilities; 0 is perfect, and sure but wrong is punished hard.",
    ),
    (
        "Interval",
        "The range that a figure may well have on other rows of the same kind: from a bootstrap, which draws the rows again and again with replacement.",
    ),
    ("Descriptive", "With fewer than 30 faulty rows a figure describes these rows and says little of others."),
    (
        "Out of fold",
        "Scored by a model that was fitted without the row: the training rows are parted into folds, and each fold is scored by what was fitted on the others.",
    ),
    ("Held out", "Rows that nothing was fitted on and nothing was chosen by."),
    ("Forward in time", "Fitted on the rows with earlier times in their file names, tried on the later ones."),
    ("Challenger", "The version that this run made, before the verdict."),
    (
        "Forest, boosting, logistic",
        "Three families of models: many independent decision trees; decision trees that correct one another (XGBoost); logistic regression, the simple baseline.",
    ),
    ("Pooled", "One model for the rows of all clusters, beside models for single clusters."),
    (
        "Calibration",
        "Turning what a model says into a probability that holds in the long run: Platt's is a sigmoid, the isotonic one a rising line.",
    ),
    ("Hyper-parameters", "Settings of a model that are chosen before it is fitted."),
    ("Importance", "The mean absolute contribution of a feature over the training rows, as a share of all features."),
    ("Standard deviation", "How widely a feature scatters. A shift by 1 of them is large."),
    (
        "Inertia, knee",
        "How far rows lie from the centres of their clusters, in squares; the knee is where more clusters stop paying.",
    ),
];

pub(crate) fn section(evidence: &Evidence<'_>) -> Section {
    let mut section = Section::new("Glossary");
    if evidence.job.stages.is_empty() {
        return section;
    }
    let training = if evidence.evaluations.is_empty() { &[][..] } else { OF_TRAINING };
    let terms =
        OF_ALL.iter().chain(training).map(|(term, meaning)| (Text::from(*term), Text::from(*meaning))).collect();
    section.push(Block::Facts(terms));
    section
}
