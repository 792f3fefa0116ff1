//! What can go wrong in learning: wrong shapes, values that no method accepts, and models that cannot be written or read.

use thiserror::Error;

/// Everything that a function of this crate can fail with.
///
/// The messages name the rule that was broken, what was found and what was expected; the caller adds the file or the
/// step.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LearnError {
    /// A row-major buffer does not hold the stated number of rows and columns.
    #[error("{what} holds {found} values, expected {n_samples} x {n_features}")]
    Shape {
        /// Which buffer.
        what: &'static str,
        /// Values in the buffer.
        found: usize,
        /// Rows that were stated.
        n_samples: usize,
        /// Columns that were stated.
        n_features: usize,
    },
    /// Two things that go together row by row, or column by column, differ in length.
    #[error("{what} has length {found}, expected {expected}")]
    Length {
        /// Which of the two.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length of its counterpart.
        expected: usize,
    },
    /// More rows than the learners number.
    #[error("the table has {n_samples} rows, expected at most {most}")]
    TooManyRows {
        /// Rows in the table.
        n_samples: usize,
        /// The most that there may be.
        most: usize,
    },
    /// A row index lies outside the table.
    #[error("row {row} does not exist, the table has {n_samples} rows")]
    RowOutOfRange {
        /// The index asked for.
        row: usize,
        /// Rows in the table.
        n_samples: usize,
    },
    /// Folds do not score every row exactly once.
    #[error("row {row} is scored by {found} folds, expected 1")]
    Scored {
        /// The row.
        row: usize,
        /// Folds whose test part holds it.
        found: usize,
    },
    /// A fold's training and test parts share a row.
    #[error("row {row} is fitted on by the fold that scores it")]
    FittedAndScored {
        /// The row.
        row: usize,
    },
    /// There is nothing to learn from.
    #[error("{what} is empty")]
    Empty {
        /// What was empty.
        what: &'static str,
    },
    /// A value that the method cannot take (NaN, infinity, a negative weight, a label other than 0 and 1).
    #[error("{what} at position {position} is {found}, expected {expected}")]
    BadValue {
        /// Which input.
        what: &'static str,
        /// Its position in the input.
        position: usize,
        /// The value found.
        found: f64,
        /// The rule.
        expected: &'static str,
    },
    /// A hyper-parameter outside its range.
    #[error("{param} is {found}, expected {expected}")]
    Param {
        /// Name of the hyper-parameter.
        param: &'static str,
        /// The value found.
        found: String,
        /// The rule.
        expected: &'static str,
    },
    /// A figure that needs both classes was asked of labels that hold one.
    #[error("the labels hold one class only, {what} needs both")]
    OneClass {
        /// The figure or the method.
        what: &'static str,
    },
    /// A library under this crate refused the work.
    #[error("{method} failed: {message}")]
    Method {
        /// The method at work.
        method: &'static str,
        /// What its library says.
        message: String,
    },
    /// Bytes of a model, or its table of nodes, are not what was written.
    #[error("the bytes of {what} are not valid: {message}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// What is wrong with it.
        message: String,
    },
}
