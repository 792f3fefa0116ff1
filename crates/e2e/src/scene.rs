//! The press, a store beside it, and the pipelines set up for both.

use std::path::PathBuf;

use anyhow::Result;

use crate::press::Press;
use crate::programs::Pipelines;

/// A store for the runs of the press, in the press's own folder.
#[derive(Debug)]
pub struct Scene {
    /// The data.
    pub press: Press,
    /// The store's root.
    pub root: PathBuf,
    /// The pipelines on that root, with the press's schema.
    pub pipelines: Pipelines,
}

impl Scene {
    /// Data and an empty store.
    ///
    /// # Errors
    /// When the files cannot be written or the programs cannot be built.
    pub fn new() -> Result<Self> {
        let press = Press::new()?;
        let root = press.folder().join("root");
        let pipelines =
            Pipelines::at(root.display().to_string())?.param("schema-uri", &press.schema().display().to_string());
        Ok(Self { press, root, pipelines })
    }

    /// A model was trained, in the run `train`.
    ///
    /// # Errors
    /// As [`Scene::new`], and when the run fails.
    pub fn trained() -> Result<Self> {
        let scene = Self::new()?;
        scene.pipelines.train("train", &scene.press.training())?.succeeded()?;
        Ok(scene)
    }

    /// It has predicted too, in the run `predict`.
    ///
    /// # Errors
    /// As [`Scene::trained`].
    pub fn predicted() -> Result<Self> {
        let scene = Self::trained()?;
        scene.pipelines.predict("predict", &scene.press.prediction())?.succeeded()?;
        Ok(scene)
    }
}
