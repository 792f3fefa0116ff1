//! The champion, as a bundle on local disk.

use std::collections::HashMap;
use std::path::PathBuf;

use faultline_bundle::{Bundle, aligned};
use faultline_contract::documents::promote::BundleIndex;
use faultline_learn::Samples;
use faultline_learn::selection::holdout;
use faultline_table::{Keys, Table};

use crate::PromoteError;
use crate::compose::Said;

/// A promoted version whose files were copied and verified.
#[derive(Debug)]
pub(crate) struct Champion {
    pub(crate) version: u64,
    pub(crate) index: BundleIndex,
    /// The folder with its files.
    pub(crate) folder: PathBuf,
}

impl Champion {
    /// What it says of the rows of `keys`, from their raw features in `table`.
    ///
    /// # Errors
    /// When the bundle cannot be opened, or the table lacks one of its features or one of the rows.
    pub(crate) fn score(&self, table: &Table, keys: &Keys) -> Result<Vec<Said>, PromoteError> {
        let places: HashMap<(&str, u64), usize> =
            (0..table.row_count()).map(|row| ((&*table.keys.source_files[row], table.keys.rows[row]), row)).collect();
        let mut rows = Vec::with_capacity(keys.len() * table.feature_names.len());
        for (file, row) in keys.source_files.iter().zip(&keys.rows) {
            let unknown = || PromoteError::NotExported { file: file.to_string(), row: *row };
            let place = *places.get(&(&**file, *row)).ok_or_else(unknown)?;
            rows.extend_from_slice(table.row(place));
        }
        let features = aligned(&self.index.features, &table.feature_names, &rows)
            .map_err(|missing| PromoteError::NoFeature { version: self.version, feature: missing.0 })?;
        let failed = |source| PromoteError::Champion { version: self.version, source };
        let samples = Samples::new(&features, keys.len(), self.index.features.len())?;
        let scores = Bundle::open(&self.folder).and_then(|bundle| bundle.score(&samples)).map_err(failed)?;
        Ok(scores.iter().map(|score| Said { probability: score.probability, is_faulty: score.faulty }).collect())
    }
}

/// Whether nothing of a version was fitted on the row with that id.
pub(crate) fn is_unseen(index: &BundleIndex, id: &str) -> bool {
    holdout(index.seed, id, index.holdout_ratio)
}
