//! Impute, scale, cluster, forest, boosting, metrics, selection.
