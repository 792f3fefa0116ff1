//! The files to judge, and the documents that references are looked up in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::catalog::yaml_files;
use crate::document::{Body, Document, Inspected, PipelineSpec, TaskSpec, inspect};
use crate::error::Error;

/// What a file found in a folder must mention to be looked at when it is broken.
const GROUP: &[u8] = b"tekton.dev/";

/// All files to judge, in order, and those beside them.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) judged: BTreeMap<PathBuf, Inspected>,
    /// Documents that are only looked up.
    nearby: Vec<Document>,
}

impl Files {
    /// Reads files, folders with all that is below them, and what a runner would find beside the files.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut files = Self::default();
        for path in paths {
            let metadata = std::fs::metadata(path).map_err(|source| Error::Read { path: path.clone(), source })?;
            if metadata.is_dir() {
                files.walk(path)?;
            } else {
                files.judged.insert(path.clone(), inspect(path)?);
            }
        }
        files.look_around();
        Ok(files)
    }

    /// Reads what stands beside the files, if something is missing in them.
    fn look_around(&mut self) {
        let set = self.set();
        let documents = self.judged.values().flat_map(|inspected| &inspected.documents);
        let lacking =
            documents.filter(|(document, _)| uses(document).into_iter().any(|(kind, name)| !set.has(kind, name)));
        let folders: BTreeSet<PathBuf> = lacking
            .map(|(document, _)| document.source().file().parent().map_or_else(PathBuf::new, Path::to_owned))
            .collect();
        let files =
            folders.iter().flat_map(|folder| yaml_files(&folder.join("tasks")).into_iter().chain(yaml_files(folder)));
        for file in files {
            if !self.judged.contains_key(&file)
                && let Ok(inspected) = inspect(&file)
            {
                self.nearby.extend(inspected.documents.into_iter().map(|(document, _)| document));
            }
        }
    }

    fn walk(&mut self, folder: &Path) -> Result<(), Error> {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let failed = |source| Error::Read { path: folder.clone(), source };
            for file in yaml_files(&folder).into_iter().filter(|file| file.is_file()) {
                let inspected = inspect(&file)?;
                if inspected.is_tekton && (!inspected.documents.is_empty() || mentions_tekton(&file)) {
                    self.judged.insert(file, inspected);
                }
            }
            for entry in std::fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                // Links are not followed: they may lead back here.
                let is_folder = entry.file_type().map_err(failed)?.is_dir();
                if is_folder && !entry.file_name().as_encoded_bytes().starts_with(b".") {
                    folders.push(entry.path());
                }
            }
        }
        Ok(())
    }

    /// The documents by kind and name.
    pub(super) fn set(&self) -> Set<'_> {
        let judged =
            self.judged.values().flat_map(|inspected| inspected.documents.iter().map(|(document, _)| document));
        let mut set = Set::default();
        for document in judged.chain(&self.nearby) {
            let (name, file) = (document.name.as_str(), document.source().file());
            match &document.body {
                Body::Task(spec) => set.tasks.entry(name).or_default().push((file, spec)),
                Body::Pipeline(spec) => set.pipelines.entry(name).or_default().push((file, spec)),
                Body::PipelineRun(_) | Body::TaskRun(_) | Body::StepAction(_) => {}
            }
        }
        set
    }
}

/// The Tasks and Pipelines that a document names.
fn uses(document: &Document) -> Vec<(&'static str, &str)> {
    let (pipeline, task, run) = match &document.body {
        Body::Pipeline(spec) => (Some(spec.as_ref()), None, None),
        Body::PipelineRun(spec) => (spec.pipeline_spec.as_ref(), None, spec.pipeline_ref.as_ref()),
        Body::TaskRun(spec) => (None, spec.task_ref.as_ref(), None),
        Body::Task(_) | Body::StepAction(_) => (None, None, None),
    };
    let tasks = pipeline.into_iter().flat_map(|spec| spec.tasks.iter().chain(&spec.finally));
    let tasks = tasks.filter_map(|task| task.task_ref.as_ref()).chain(task);
    let tasks = tasks.filter_map(|one| one.name.as_deref()).map(|name| ("Task", name));
    tasks.chain(run.and_then(|one| one.name.as_deref()).map(|name| ("Pipeline", name))).collect()
}

/// A file that is no YAML may be a template of anything; one that cannot be read twice is left out.
fn mentions_tekton(file: &Path) -> bool {
    std::fs::read(file).is_ok_and(|bytes| bytes.windows(GROUP.len()).any(|window| window == GROUP))
}

/// Tasks and Pipelines by name, each with its file.
#[derive(Debug, Default)]
pub(super) struct Set<'a> {
    tasks: BTreeMap<&'a str, Vec<(&'a Path, &'a TaskSpec)>>,
    pipelines: BTreeMap<&'a str, Vec<(&'a Path, &'a PipelineSpec)>>,
}

impl<'a> Set<'a> {
    /// The Task of that name that is nearest to `file`.
    pub(super) fn task(&self, name: &str, file: &Path) -> Option<&'a TaskSpec> {
        self.tasks.get(name).and_then(|all| nearest(all, file))
    }

    /// The Pipeline of that name that is nearest to `file`.
    pub(super) fn pipeline(&self, name: &str, file: &Path) -> Option<&'a PipelineSpec> {
        self.pipelines.get(name).and_then(|all| nearest(all, file))
    }

    fn has(&self, kind: &str, name: &str) -> bool {
        if kind == "Task" { self.tasks.contains_key(name) } else { self.pipelines.contains_key(name) }
    }

    pub(super) fn task_names(&self) -> Vec<&'a str> {
        self.tasks.keys().copied().collect()
    }

    pub(super) fn pipeline_names(&self) -> Vec<&'a str> {
        self.pipelines.keys().copied().collect()
    }
}

/// Of several of one name, that of the same file, else the one whose folder has most in common with it; the last of those wins, as on a cluster.
fn nearest<'a, T>(all: &[(&Path, &'a T)], file: &Path) -> Option<&'a T> {
    let shared = |other: &Path| other.components().zip(file.components()).take_while(|(a, b)| a == b).count();
    all.iter().max_by_key(|(other, _)| (*other == file, shared(other))).map(|(_, spec)| *spec)
}
