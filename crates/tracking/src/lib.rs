//! The model registry: versions, history, champion.
