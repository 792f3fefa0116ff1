//! The core: fit on the training rows, assign all rows, say which model serves which cluster.

use std::collections::BTreeMap;

use faultline_contract::documents::cluster::{ClusterCounts, Clusters, LEAST_CLASS_ROWS};
use faultline_contract::documents::preprocess::{HOLDOUT, RowCounts, TRAIN};
use faultline_contract::documents::train::POOLED;
use faultline_learn::Samples;
use faultline_runtime::{Inputs, MediaType, Outputs};
use faultline_table::{Columns, FeatureFile, Values};

use crate::elbow::{Choice, choose};
use crate::{ClusterError, ValidClusterParams};

/// What the core needs besides its table.
#[derive(Debug)]
pub struct Job {
    /// How to do it.
    pub params: ValidClusterParams,
    /// The seed of the starts.
    pub seed: u64,
}

pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), ClusterError> {
    let file = FeatureFile::open(inputs.path("preprocess/features.parquet").map_err(ClusterError::Input)?)?;
    let (table, feature_names) = (file.others(), file.feature_names());
    let trains = sides(table.text("_split")?)?;
    // training rows first, so that they are a table without being copied
    let mut order: Vec<usize> = (0..trains.len()).collect();
    order.sort_by_key(|&row| !trains[row]);
    let n_train = trains.iter().filter(|&&trains| trains).count();
    let matrix = file.matrix(&order)?;
    let train = Samples::new(&matrix[..n_train * feature_names.len()], n_train, feature_names.len())?;

    let Choice { fitted, knee, chosen_by, elbow } = choose(&train, &job.params, job.seed)?;
    let mut assigned = vec![0; order.len()];
    let samples = Samples::new(&matrix, order.len(), feature_names.len())?;
    for (&row, cluster) in order.iter().zip(fitted.predict(&samples)?) {
        assigned[row] = cluster;
    }
    drop(matrix);
    let clusters = count(job, fitted.n_clusters(), &assigned, &trains, table.optional_u8("_target")?);
    let model_of_cluster: BTreeMap<usize, String> = clusters.iter().map(|c| (c.cluster, model(c))).collect();
    let mut models: Vec<String> = clusters.iter().filter(|c| c.trainable).map(model).collect();
    // The model of a lone cluster is one of all rows already.
    if (job.params.get().pooled && clusters.len() > 1) || models.len() < clusters.len() {
        models.push(POOLED.to_owned());
    }
    outputs.fact("models", models.clone());
    outputs.count("rows_in", table.row_count() as u64);
    outputs.count("rows_out", table.row_count() as u64);
    outputs.count("clusters", clusters.len() as u64);
    outputs.json(
        "clusters.json",
        &Clusters {
            k: fitted.n_clusters(),
            knee,
            chosen_by,
            elbow,
            feature_names: feature_names.to_vec(),
            centroids: fitted.centroids().to_vec(),
            clusters,
            models,
            model_of_cluster,
        },
    )?;
    let path = outputs.declare("assignments.parquet", MediaType::Parquet, Some(table.row_count() as u64))?;
    let assigned = assigned.into_iter().map(|cluster| cluster as i64).collect();
    Columns::new(table.row_count()).with_keys(&table.keys()?)?.with("cluster", Values::I64(assigned))?.write(&path)?;
    Ok(())
}

/// Of every row, whether it is a training row.
fn sides(split: &[String]) -> Result<Vec<bool>, ClusterError> {
    split
        .iter()
        .enumerate()
        .map(|(row, side)| match side.as_str() {
            TRAIN => Ok(true),
            HOLDOUT => Ok(false),
            _ => Err(ClusterError::Split { row, found: side.clone() }),
        })
        .collect()
}

fn count(job: &Job, k: usize, assigned: &[usize], trains: &[bool], targets: &[Option<u8>]) -> Vec<ClusterCounts> {
    let empty = |cluster| ClusterCounts {
        cluster,
        train: RowCounts::default(),
        holdout: RowCounts::default(),
        trainable: false,
    };
    let mut clusters: Vec<ClusterCounts> = (0..k).map(empty).collect();
    for ((&cluster, &trains), &target) in assigned.iter().zip(trains).zip(targets) {
        let counts = &mut clusters[cluster];
        if trains { counts.train.add(target) } else { counts.holdout.add(target) }
    }
    let params = job.params.get();
    for counts in &mut clusters {
        let train = &counts.train;
        let labelled = train.good() + train.faulty;
        let of_both = train.faulty.min(train.good());
        counts.trainable = labelled >= params.min_rows && of_both >= params.min_class_rows.max(LEAST_CLASS_ROWS);
    }
    clusters
}

/// The model that serves a cluster: its own where it can be trained, else that of all rows.
fn model(cluster: &ClusterCounts) -> String {
    if cluster.trainable { cluster.cluster.to_string() } else { POOLED.to_owned() }
}
