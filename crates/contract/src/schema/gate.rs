//! The quality gate: when a folder as a whole is refused.

use thiserror::Error;

use super::QualityGate;

/// What validation counted over a folder. `files_in` = accepted + quarantined, and so for rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValidationCounts {
    /// Files looked at.
    pub files_in: u64,
    /// Files of which at least one row was accepted.
    pub files_accepted: u64,
    /// Files rejected as a whole.
    pub files_quarantined: u64,
    /// Data rows in all files, as far as they can be counted.
    pub rows_in: u64,
    /// Rows accepted.
    pub rows_accepted: u64,
    /// Rows quarantined, those of rejected files included.
    pub rows_quarantined: u64,
    /// Rows quarantined one by one in files that were not rejected.
    pub rows_quarantined_in_accepted_files: u64,
}

impl ValidationCounts {
    /// The share of files that were rejected as a whole; 0 of no files.
    #[must_use]
    pub fn rejected_file_ratio(&self) -> f64 {
        ratio(self.files_quarantined, self.files_in)
    }

    /// The share of the rows of accepted files that were quarantined; 0 of no rows.
    #[must_use]
    pub fn quarantined_row_ratio(&self) -> f64 {
        let quarantined = self.rows_quarantined_in_accepted_files;
        ratio(quarantined, self.rows_accepted + quarantined)
    }
}

/// One condition of the gate that does not hold.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum GateFailure {
    /// Too few files were accepted.
    #[error("{got} files accepted, expected at least {least} (gate.min_accepted_files)")]
    AcceptedFiles {
        /// Accepted files.
        got: u64,
        /// The least number.
        least: u64,
    },
    /// Too few rows were accepted.
    #[error("{got} rows accepted, expected at least {least} (gate.min_accepted_rows)")]
    AcceptedRows {
        /// Accepted rows.
        got: u64,
        /// The least number.
        least: u64,
    },
    /// Too large a share of files was rejected.
    #[error("{rejected} of {files} files rejected, expected at most a share of {most} (gate.max_rejected_file_ratio)")]
    RejectedFileRatio {
        /// Rejected files.
        rejected: u64,
        /// All files.
        files: u64,
        /// The largest share.
        most: f64,
    },
    /// Too large a share of the rows of accepted files was quarantined.
    #[error(
        "{quarantined} of {rows} rows of the accepted files quarantined, expected at most a share of {most} (gate.max_quarantined_row_ratio)"
    )]
    QuarantinedRowRatio {
        /// Rows quarantined one by one.
        quarantined: u64,
        /// All rows of the accepted files.
        rows: u64,
        /// The largest share.
        most: f64,
    },
}

impl QualityGate {
    /// The conditions that do not hold; none means that the folder is accepted.
    #[must_use]
    pub fn judge(&self, counts: &ValidationCounts) -> Vec<GateFailure> {
        let mut failures = Vec::new();
        if counts.files_accepted < self.min_accepted_files {
            failures.push(GateFailure::AcceptedFiles { got: counts.files_accepted, least: self.min_accepted_files });
        }
        if counts.rows_accepted < self.min_accepted_rows {
            failures.push(GateFailure::AcceptedRows { got: counts.rows_accepted, least: self.min_accepted_rows });
        }
        let (rejected, files) = (counts.files_quarantined, counts.files_in);
        if counts.rejected_file_ratio() > self.max_rejected_file_ratio {
            failures.push(GateFailure::RejectedFileRatio { rejected, files, most: self.max_rejected_file_ratio });
        }
        let quarantined = counts.rows_quarantined_in_accepted_files;
        let rows = counts.rows_accepted + quarantined;
        if counts.quarantined_row_ratio() > self.max_quarantined_row_ratio {
            failures.push(GateFailure::QuarantinedRowRatio { quarantined, rows, most: self.max_quarantined_row_ratio });
        }
        failures
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts() -> ValidationCounts {
        ValidationCounts {
            files_in: 10,
            files_accepted: 8,
            files_quarantined: 2,
            rows_in: 100,
            rows_accepted: 60,
            rows_quarantined: 40,
            rows_quarantined_in_accepted_files: 20,
        }
    }

    #[test]
    fn a_ratio_at_its_limit_passes_and_above_it_fails() {
        let at = QualityGate {
            max_rejected_file_ratio: 0.2,
            max_quarantined_row_ratio: 0.25,
            min_accepted_files: 8,
            min_accepted_rows: 60,
        };
        assert_eq!(at.judge(&counts()), []);
        let files = QualityGate { max_rejected_file_ratio: 0.19, ..at.clone() };
        assert_eq!(files.judge(&counts()), [GateFailure::RejectedFileRatio { rejected: 2, files: 10, most: 0.19 }]);
        let rows = QualityGate { max_quarantined_row_ratio: 0.24, ..at.clone() };
        assert_eq!(rows.judge(&counts()), [GateFailure::QuarantinedRowRatio { quarantined: 20, rows: 80, most: 0.24 }]);
        let least = QualityGate { min_accepted_files: 9, min_accepted_rows: 61, ..at };
        assert_eq!(least.judge(&counts()).len(), 2);
    }

    #[test]
    fn an_empty_folder_fails_on_its_counts_alone() {
        let failures = QualityGate::default().judge(&ValidationCounts::default());
        assert_eq!(
            failures,
            [GateFailure::AcceptedFiles { got: 0, least: 1 }, GateFailure::AcceptedRows { got: 0, least: 1 }]
        );
    }
}
