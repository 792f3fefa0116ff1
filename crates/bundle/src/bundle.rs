//! A whole bundle: from a raw row to its cluster, its probability and the decision.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use faultline_contract::documents::cluster::Clusters;
use faultline_contract::documents::promote::{BundleIndex, BundleModel};
use faultline_learn::calibration::Calibrate as _;
use faultline_learn::kmeans::KMeans;
use faultline_learn::preprocess::{Preprocessor, PreprocessorState};
use faultline_learn::{LearnError, OwnedSamples, Samples};
use faultline_table::Columns;
use rayon::prelude::*;
use serde::de::DeserializeOwned;

use crate::error::BundleError;
use crate::explanation::Explanation;
use crate::model::Model;

/// Rows that are scored at once, so that memory does not grow with the batch.
const BLOCK_ROWS: usize = 4096;

/// An open bundle. Everything that a row's score depends on is in it, so a row gets the same score in every batch.
pub struct Bundle {
    index: BundleIndex,
    preprocessor: Preprocessor,
    clusters: KMeans,
    models: BTreeMap<String, Model>,
}

/// What a bundle says of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The number of its cluster.
    pub cluster: usize,
    /// The calibrated probability (0..1) that it is faulty, from the model that serves its cluster.
    pub probability: f64,
    /// Whether the probability reaches that model's threshold.
    pub faulty: bool,
}

impl Bundle {
    /// Opens the bundle in a folder, which holds `bundle.json` and all files that it names.
    ///
    /// # Errors
    /// When a file is missing or not what its name says, or the files do not belong together.
    pub fn open(folder: &Path) -> Result<Self, BundleError> {
        let index = document("bundle.json", &folder.join("bundle.json"))?;
        Self::open_files(index, |name| folder.join(name))
    }

    /// Opens the bundle of `index`, whose files may lie anywhere: `path_of` tells where, by the name in the bundle.
    ///
    /// # Errors
    /// As for [`Bundle::open`].
    pub fn open_files(index: BundleIndex, path_of: impl Fn(&str) -> PathBuf) -> Result<Self, BundleError> {
        let state: PreprocessorState = document("preprocessor.json", &path_of("preprocessor.json"))?;
        expect("the list of features", &state.feature_names_in, &index.features)?;
        let feature_names = state.feature_names_out.clone();
        let donors = Columns::read(&path_of("donors.parquet"))?;
        let n_donors = donors.row_count();
        let donors = OwnedSamples::new(donors.matrix(&index.features)?, n_donors, index.features.len())?;
        let preprocessor = Preprocessor::from_state(state, donors)?;

        let clusters: Clusters = document("clusters.json", &path_of("clusters.json"))?;
        expect("the list of features of the clusters", &clusters.feature_names, &feature_names)?;
        let clusters = KMeans::from_centroids(clusters.centroids)?;
        expect("the number of clusters with a model", &index.model_of_cluster.len(), &clusters.n_clusters())?;
        if let Some(unknown) = index.model_of_cluster.iter().find(|name| !index.models.contains_key(*name)) {
            let known: Vec<_> = index.models.keys().cloned().collect();
            return Err(mismatch("the model of a cluster", unknown, &known));
        }
        let models = index
            .models
            .iter()
            .map(|(name, model)| {
                model.calibration.check()?;
                Ok((name.clone(), Model::read(model.family, &path_of(&model.file), feature_names.len())?))
            })
            .collect::<Result<_, BundleError>>()?;
        Ok(Self { index, preprocessor, clusters, models })
    }

    /// The index.
    pub fn index(&self) -> &BundleIndex {
        &self.index
    }

    /// Scores raw rows, whose columns are the features of the index in their order, missing values NaN.
    ///
    /// # Errors
    /// When the number of columns is another or a value is infinite.
    pub fn score(&self, samples: &Samples<'_>) -> Result<Vec<Score>, BundleError> {
        self.score_blocks(samples, |_, _, _| Ok(()))
    }

    /// Scores raw rows as [`Bundle::score`] does, to the bit, and explains each by the `top` features that moved it most:
    /// those of [`Model::contributions`] of the model that serves its cluster, named as the preprocessor hands them on.
    ///
    /// The contributions of all features are held for one block of rows at a time.
    ///
    /// # Errors
    /// As for [`Bundle::score`].
    pub fn score_with_contributions(
        &self,
        samples: &Samples<'_>,
        top: usize,
    ) -> Result<Vec<(Score, Explanation<'_>)>, BundleError> {
        let feature_names = &self.preprocessor.state().feature_names_out;
        let mut explanations: Vec<Option<Explanation<'_>>> = vec![None; samples.n_samples];
        let scores = self.score_blocks(samples, |model, rows, features| {
            let contributions = model.contributions(features)?;
            let scale = model.contribution_scale();
            let explain = |row: &[f64]| Explanation::new(scale, row, feature_names, top);
            let explained: Vec<_> = contributions.par_chunks_exact(features.n_features + 1).map(explain).collect();
            for (&row, explanation) in rows.iter().zip(explained) {
                explanations[row] = Some(explanation);
            }
            Ok(())
        })?;
        Ok(scores.into_iter().zip(explanations.into_iter().flatten()).collect())
    }

    /// Scores block by block and shows every model, for each block, the rows that it serves: their numbers among all rows,
    /// and their preprocessed features.
    fn score_blocks(
        &self,
        samples: &Samples<'_>,
        mut show: impl FnMut(&Model, &[usize], &Samples<'_>) -> Result<(), LearnError>,
    ) -> Result<Vec<Score>, BundleError> {
        samples.expect_features(self.index.features.len())?;
        let mut scores = Vec::with_capacity(samples.n_samples);
        for features in samples.features.chunks(BLOCK_ROWS * samples.n_features.max(1)) {
            let n_samples = features.len() / samples.n_features.max(1);
            let block = Samples { features, n_samples, n_features: samples.n_features };
            self.score_block(&block, &mut scores, &mut show)?;
        }
        Ok(scores)
    }

    /// Scores one block, whose first row is the next after `scores`.
    fn score_block(
        &self,
        samples: &Samples<'_>,
        scores: &mut Vec<Score>,
        mut show: impl FnMut(&Model, &[usize], &Samples<'_>) -> Result<(), LearnError>,
    ) -> Result<(), BundleError> {
        let first = scores.len();
        let features = self.preprocessor.transform(samples)?;
        let features = features.as_samples();
        let clusters = self.clusters.predict(&features)?;
        scores.extend(clusters.into_iter().map(|cluster| Score { cluster, probability: f64::NAN, faulty: false }));
        for (name, model) in &self.models {
            let served = |row: &usize| self.index.model_of_cluster[scores[*row].cluster] == *name;
            let rows: Vec<usize> = (first..scores.len()).filter(served).collect();
            if rows.is_empty() {
                continue;
            }
            let BundleModel { calibration, threshold, .. } = &self.index.models[name];
            let in_block: Vec<usize> = rows.iter().map(|row| row - first).collect();
            let features = features.select(&in_block)?;
            let probabilities = calibration.apply(&model.predict_proba(&features.as_samples())?);
            show(model, &rows, &features.as_samples())?;
            for (row, probability) in rows.into_iter().zip(probabilities) {
                scores[row].probability = probability;
                scores[row].faulty = probability >= *threshold;
            }
        }
        Ok(())
    }
}

fn document<T: DeserializeOwned>(name: &str, path: &Path) -> Result<T, BundleError> {
    let content =
        fs::read(path).map_err(|source| BundleError::File { action: "read", path: path.to_owned(), source })?;
    serde_json::from_slice(&content).map_err(|source| BundleError::Document { name: name.to_owned(), source })
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &'static str, found: &T, expected: &T) -> Result<(), BundleError> {
    if found == expected { Ok(()) } else { Err(mismatch(what, found, expected)) }
}

fn mismatch(what: &'static str, found: &impl std::fmt::Debug, expected: &impl std::fmt::Debug) -> BundleError {
    let abridged = |value: String| {
        const SHOWN: usize = 200;
        if value.len() <= SHOWN { value } else { value.chars().take(SHOWN).collect::<String>() + "..." }
    };
    BundleError::Mismatch { what, found: abridged(format!("{found:?}")), expected: abridged(format!("{expected:?}")) }
}
