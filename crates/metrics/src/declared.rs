//! Every metric there is.

/// A metric: a gauge that tells of the newest attempt of a step, or of the newest run of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, which ends with its unit.
    pub name: &'static str,
    /// What one of it is.
    pub unit: Unit,
    /// What it tells of, which says the labels that every sample has.
    pub scope: Scope,
    /// Its labels beside those of the scope.
    pub labels: &'static [&'static str],
    /// What it tells, in one sentence.
    pub help: &'static str,
}

/// What one of a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A span of time.
    Seconds,
    /// A point in time, in seconds since 1970.
    Timestamp,
    /// The size of objects.
    Bytes,
    /// Rows of batch files or tables.
    Rows,
    /// Batch files.
    Files,
    /// A share of a whole, 0 to 1.
    Ratio,
    /// An exit code.
    Code,
    /// 1 for yes, 0 for no.
    Flag,
    /// How often something happened.
    Count,
}

impl Unit {
    /// The unit as OpenMetrics has it, which names end with; `None` for what is only counted or told apart.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Seconds | Self::Timestamp => Some("seconds"),
            Self::Bytes => Some("bytes"),
            Self::Rows => Some("rows"),
            Self::Files => Some("files"),
            Self::Ratio => Some("ratio"),
            Self::Code | Self::Flag | Self::Count => None,
        }
    }
}

/// What a metric tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The newest attempt of a step, or of one share of it.
    Step,
    /// The newest run of a pipeline.
    Run,
}

impl Scope {
    /// The labels that say of what: a sample leaves out those that mean nothing to it.
    #[must_use]
    pub const fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Step => &["pipeline", "step", "part"],
            Self::Run => &["pipeline"],
        }
    }
}

/// Declares metrics, each documented by its help, and [`ALL`] of them.
macro_rules! metrics {
    ($($constant:ident: $name:literal, $scope:ident, $unit:ident, [$($label:literal),*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Metric = Metric {
                name: $name, unit: Unit::$unit, scope: Scope::$scope, labels: &[$($label),*], help: $help,
            };
        )*

        /// Every metric, in the order of the text, the table and the dashboard.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    RUN_SUCCEEDED: "faultline_run_succeeded", Run, Flag, [],
        "Whether every task of the newest run succeeded or was left out.";
    RUN_COMPLETED: "faultline_run_completed_timestamp_seconds", Run, Timestamp, [],
        "When the newest run came to its report, well or badly.";
    RUN_SUCCESS: "faultline_run_success_timestamp_seconds", Run, Timestamp, [],
        "When a run last succeeded; a failed run leaves it as it was.";
    STEP_EXIT_CODE: "faultline_step_exit_code", Step, Code, [],
        "Exit code of the newest attempt: 0 committed, 65 refused by the gate, 75 temporary; the runbook has them all.";
    STEP_COMPLETED: "faultline_step_completed_timestamp_seconds", Step, Timestamp, [],
        "When the newest attempt ended, well or badly.";
    STEP_SUCCESS: "faultline_step_success_timestamp_seconds", Step, Timestamp, [],
        "When an attempt last ended with 0; a failed one leaves it as it was.";
    STEP_DURATION: "faultline_step_duration_seconds", Step, Seconds, [],
        "How long the newest attempt took, from the start of the program.";
    STEP_REUSED: "faultline_step_reused", Step, Flag, [],
        "Whether an earlier result stood in for the work last committed.";
    STEP_RETRIES: "faultline_step_retries", Step, Count, ["service"],
        "Requests to a service that the newest attempt sent again: store, records (MongoDB) or tracking (MLflow).";
    STEP_INPUT_ROWS: "faultline_step_input_rows", Step, Rows, [],
        "Rows that went into the work last committed.";
    STEP_OUTPUT_ROWS: "faultline_step_output_rows", Step, Rows, [],
        "Rows that the work last committed handed on.";
    STEP_INPUT_BYTES: "faultline_step_input_bytes", Step, Bytes, [],
        "Size of the inputs of the work last committed.";
    STEP_OUTPUT_BYTES: "faultline_step_output_bytes", Step, Bytes, [],
        "Size of the outputs of the work last committed.";
    VALIDATE_ROWS: "faultline_validate_quarantined_rows", Step, Rows, ["reason"],
        "Rows that were refused, one by one or with their file, by reason.";
    VALIDATE_FILES: "faultline_validate_quarantined_files", Step, Files, ["reason"],
        "Files refused as a whole, by reason.";
    VALIDATE_GATE: "faultline_validate_gate_ratio", Step, Ratio, ["condition"],
        "Share that the gate looked at: rejected_files of all files, quarantined_rows of the rows of accepted files.";
    VALIDATE_GATE_LIMIT: "faultline_validate_gate_limit_ratio", Step, Ratio, ["condition"],
        "The largest share that the gate of the data schema lets through.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_end_with_their_unit() {
        let names: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
        for Metric { name, unit, .. } in ALL {
            assert!(name.starts_with("faultline_"), "{name}");
            assert!(unit.name().is_none_or(|unit| name.ends_with(&format!("_{unit}"))), "{name}");
            assert_eq!(name.ends_with("_timestamp_seconds"), *unit == Unit::Timestamp, "{name}");
            // Suffixes that say in OpenMetrics what a gauge is not.
            for suffix in ["_total", "_count", "_sum", "_bucket", "_info", "_created"] {
                assert!(!name.ends_with(suffix), "{name}");
            }
        }
    }

    #[test]
    fn no_label_is_one_of_the_scope_or_grows_with_every_run() {
        for Metric { name, scope, labels, .. } in ALL {
            for label in *labels {
                assert!(
                    !scope.labels().contains(label) && !["run_id", "run", "job", "instance"].contains(label),
                    "{name}"
                );
            }
        }
    }
}
