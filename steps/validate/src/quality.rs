//! What the stage found of its folder, in small: a fact of the manifest, so that a reused result has the same metrics.

use std::collections::BTreeMap;
use std::io;

use faultline_contract::Manifest;
use faultline_contract::schema::QualityGate;
use faultline_runtime::Outputs;
use faultline_runtime::metrics::{Metric, Sample, VALIDATE_FILES, VALIDATE_GATE, VALIDATE_GATE_LIMIT, VALIDATE_ROWS};
use faultline_table::{Code, FolderOutcome};
use serde::{Deserialize, Serialize};

/// The fact's name.
const FACT: &str = "quality";

/// What was refused, and how near it came to the gate.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quality {
    /// Refused rows by reason, one by one or with their file.
    rows: BTreeMap<String, u64>,
    /// Refused files by reason.
    files: BTreeMap<String, u64>,
    /// The share of files that were refused.
    rejected_files: Share,
    /// The share of rows that were refused in files that were not.
    quarantined_rows: Share,
}

/// A share and its limit.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Share {
    ratio: f64,
    limit: f64,
}

impl Quality {
    /// That of a whole folder.
    pub(crate) fn new(outcome: &FolderOutcome, gate: &QualityGate) -> Self {
        let by_name = |reasons: &BTreeMap<Code, u64>| reasons.iter().map(|(code, n)| (code.to_string(), *n)).collect();
        Self {
            rows: by_name(&outcome.row_reasons),
            files: by_name(&outcome.file_reasons),
            rejected_files: Share { ratio: outcome.counts.rejected_file_ratio(), limit: gate.max_rejected_file_ratio },
            quarantined_rows: Share {
                ratio: outcome.counts.quarantined_row_ratio(),
                limit: gate.max_quarantined_row_ratio,
            },
        }
    }

    /// That of a committed folder; `None` for a shard, which judges nothing.
    pub(crate) fn of(manifest: &Manifest) -> Option<Self> {
        serde_json::from_value(manifest.facts.get(FACT)?.clone()).ok()
    }

    /// Leaves it in the manifest.
    pub(crate) fn note(&self, outputs: &mut Outputs) -> io::Result<()> {
        outputs.fact(FACT, serde_json::to_value(self)?);
        Ok(())
    }

    /// Its metrics. Every reason there is has a sample, most of them 0.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for code in Code::ALL {
            let mut by_reason = |metric: &'static Metric, reasons: &BTreeMap<String, u64>| {
                let reason = code.to_string();
                let count = reasons.get(&reason).copied().unwrap_or(0);
                samples.push(Sample::labelled(metric, reason, count as f64));
            };
            by_reason(&VALIDATE_ROWS, &self.rows);
            by_reason(&VALIDATE_FILES, &self.files);
        }
        for (condition, share) in
            [("rejected_files", &self.rejected_files), ("quarantined_rows", &self.quarantined_rows)]
        {
            samples.push(Sample::labelled(&VALIDATE_GATE, condition, share.ratio));
            samples.push(Sample::labelled(&VALIDATE_GATE_LIMIT, condition, share.limit));
        }
        samples
    }
}
