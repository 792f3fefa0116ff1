//! The documents a run may draw on.

use std::path::{Path, PathBuf};

use crate::check;
use crate::document::{self, Body, Document, PipelineRunSpec, PipelineSpec, TaskSpec};
use crate::error::{Error, listed};

/// A pipeline file, and the Tasks of the folder around it.
#[derive(Debug)]
pub struct Catalog {
    file: PathBuf,
    own: Vec<Document>,
    nearby: Vec<Document>,
    broken: Option<Error>,
}

/// What of a file is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The document: a Pipeline, or a `PipelineRun` that holds one.
    pub document: &'a Document,
    /// The Pipeline.
    pub pipeline: &'a PipelineSpec,
    /// The `PipelineRun` that asks for it, if the file holds one.
    pub run: Option<&'a PipelineRunSpec>,
    /// The Pipeline stands inside the `PipelineRun`.
    pub is_embedded: bool,
}

impl Catalog {
    /// Reads `file`, then the Tasks in `tasks/*.yaml` beside it and in the other `*.yaml` files of its folder.
    ///
    /// A fault in one of those other files is reported only when a Task is missing.
    ///
    /// # Errors
    ///
    /// As [`document::load`](crate::document::load), for `file` itself; [`Error::Document`] as well when a cluster would not admit one
    /// of its documents.
    pub fn open(file: &Path) -> Result<Self, Error> {
        let own = document::load(file)?;
        own.iter().try_for_each(check::admit)?;
        let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
        let (mut nearby, mut broken) = (Vec::new(), None);
        for path in yaml_files(&folder.join("tasks")).into_iter().chain(yaml_files(&folder)) {
            if path.file_name() == file.file_name() && path.parent() == Some(&folder) {
                continue;
            }
            match document::load(&path) {
                Ok(documents) => nearby.extend(documents.into_iter().filter(|one| matches!(one.body, Body::Task(_)))),
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        Ok(Self { file: file.to_owned(), own, nearby, broken })
    }

    /// The file this was opened from.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The documents of the file itself.
    #[must_use]
    pub fn documents(&self) -> &[Document] {
        &self.own
    }

    /// The Pipeline called `name`; without a name the file's only `PipelineRun`, else its only Pipeline.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] when there is none of that name, [`Error::NoneChosen`] when there is more than one to choose from, or none.
    pub fn entry(&self, name: Option<&str>) -> Result<Entry<'_>, Error> {
        let unknown = |name: &str, known| Error::Unknown {
            kind: "Pipeline",
            name: name.to_owned(),
            place: self.file.display().to_string(),
            known,
        };
        let pipelines = || self.own.iter().filter_map(pipeline);
        let names = || pipelines().map(|(document, _)| document.name.clone()).collect::<Vec<_>>();
        let find = |name: &str| pipelines().find(|(document, _)| document.name == name);
        if let Some(name) = name {
            let (document, pipeline) = find(name).ok_or_else(|| unknown(name, names()))?;
            return Ok(Entry { document, pipeline, run: None, is_embedded: false });
        }
        let runs: Vec<_> = self.own.iter().filter_map(pipeline_run).collect();
        if let [(document, run)] = runs[..] {
            if let Some(pipeline) = &run.pipeline_spec {
                return Ok(Entry { document, pipeline, run: Some(run), is_embedded: true });
            }
            let name = run.pipeline_ref.as_ref().and_then(|reference| reference.name.as_deref()).unwrap_or_default();
            let (document, pipeline) = find(name).ok_or_else(|| unknown(name, names()))?;
            return Ok(Entry { document, pipeline, run: Some(run), is_embedded: false });
        }
        let mut found = pipelines();
        match (found.next(), found.next()) {
            (Some((document, pipeline)), None) => Ok(Entry { document, pipeline, run: None, is_embedded: false }),
            _ => Err(Error::NoneChosen { place: self.file.display().to_string(), known: names() }),
        }
    }

    /// All that can be run of the file: its Pipelines, each with the `PipelineRun` that asks for it if there is just one, and the
    /// `PipelineRun`s that hold a Pipeline.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry<'_>> {
        let runs: Vec<_> = self.own.iter().filter_map(pipeline_run).collect();
        let run_of = |name: &str| {
            let names =
                |run: &PipelineRunSpec| run.pipeline_ref.as_ref().is_some_and(|one| one.name.as_deref() == Some(name));
            let mut asking = runs.iter().filter(|(_, run)| names(run));
            asking.next().filter(|_| asking.next().is_none()).map(|(_, run)| *run)
        };
        let of_pipelines = self.own.iter().filter_map(pipeline).map(|(document, pipeline)| Entry {
            document,
            pipeline,
            run: run_of(&document.name),
            is_embedded: false,
        });
        let embedded = runs.iter().filter_map(|(document, run)| {
            Some(Entry { document, pipeline: run.pipeline_spec.as_ref()?, run: Some(run), is_embedded: true })
        });
        of_pipelines.chain(embedded).collect()
    }

    /// The Task called `name`, which a cluster would admit.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when there is none, [`Error::Document`] when a cluster would not admit it.
    pub fn admitted_task(&self, name: &str) -> Result<(&Document, &TaskSpec), Error> {
        let (document, spec) = self.task(name).ok_or_else(|| self.missing_task(name))?;
        check::admit(document)?;
        Ok((document, spec))
    }

    pub(crate) fn missing_task(&self, name: &str) -> Error {
        let nearby = self.broken().map_or_else(String::new, |error| format!("; also, {error}"));
        Error::Refused {
            reason: "CouldntGetTask",
            message: format!("got the Task `{name}`, expected one of {}{nearby}", listed(&self.task_names())),
            hint: "put the Task into the same file, into tasks/ beside it or into its folder".to_owned(),
            is_usage: false,
        }
    }

    /// The Task called `name`: of the file itself, else of its folder.
    pub(crate) fn task(&self, name: &str) -> Option<(&Document, &TaskSpec)> {
        self.own.iter().chain(&self.nearby).filter(|document| document.name == name).find_map(task)
    }

    /// The names of all Tasks.
    pub(crate) fn task_names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.own.iter().chain(&self.nearby).filter_map(task).map(|(document, _)| document.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The first fault met in a file nearby.
    pub(crate) const fn broken(&self) -> Option<&Error> {
        self.broken.as_ref()
    }
}

fn task(document: &Document) -> Option<(&Document, &TaskSpec)> {
    if let Body::Task(spec) = &document.body { Some((document, spec)) } else { None }
}

fn pipeline(document: &Document) -> Option<(&Document, &PipelineSpec)> {
    if let Body::Pipeline(spec) = &document.body { Some((document, spec)) } else { None }
}

fn pipeline_run(document: &Document) -> Option<(&Document, &PipelineRunSpec)> {
    if let Body::PipelineRun(spec) = &document.body { Some((document, spec)) } else { None }
}

/// The `*.yaml` and `*.yml` files of a folder, by name; none when it cannot be listed.
#[must_use]
pub fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(is_yaml).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str =
        "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: NAME}\nspec: {steps: [{image: i}]}\n---\n";
    const PIPELINE: &str = "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: NAME}\nspec: {tasks: [{name: a, taskRef: {name: a}}]}\n---\n";

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.yaml");
        std::fs::write(&file, format!("{}{}", TASK.replace("NAME", "own"), PIPELINE.replace("NAME", "p"))).unwrap();
        std::fs::create_dir(folder.path().join("tasks")).unwrap();
        std::fs::write(folder.path().join("tasks/a.yaml"), TASK.replace("NAME", "a")).unwrap();
        std::fs::write(folder.path().join("b.yaml"), TASK.replace("NAME", "b")).unwrap();
        (folder, file)
    }

    #[test]
    fn tasks_come_from_the_file_and_its_folder() {
        let (_folder, file) = folder();
        let catalog = Catalog::open(&file).unwrap();
        assert_eq!(catalog.task_names(), ["a", "b", "own"]);
        assert_eq!(catalog.entry(None).unwrap().document.name, "p");
    }

    #[test]
    fn an_unknown_pipeline_lists_the_known_ones() {
        let (_folder, file) = folder();
        let error = Catalog::open(&file).unwrap().entry(Some("q")).unwrap_err();
        assert!(error.to_string().contains("`q`") && error.to_string().ends_with("known: p"), "{error}");
    }

    #[test]
    fn a_broken_neighbour_does_not_stop_the_file() {
        let (folder, file) = folder();
        std::fs::write(folder.path().join("c.yaml"), "a: [").unwrap();
        let catalog = Catalog::open(&file).unwrap();
        assert!(catalog.broken().unwrap().to_string().contains("c.yaml"));
    }
}
