//! `faultline export`: the pipelines for another engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};
use faultline_argo::{Error as ArgoError, Options, RetryOn, export, to_json, to_yaml};
use faultline_contract::ExitCode;
use faultline_runtime::Failure;
use faultline_tekton::document::GoDuration;
use faultline_tekton::{Catalog, yaml_files};

use crate::cli::print;
use crate::failure::{file, tekton};

/// Export pipelines to another engine.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    engine: Engine,
}

#[derive(Debug, Subcommand)]
enum Engine {
    Argo(ArgoArgs),
}

const EXAMPLES: &str = "\
Examples:
  faultline export argo
  faultline export argo pipelines/train.yaml --image faultline/train=registry.example.org/faultline/train@sha256:...
  faultline export argo --output-dir argo --service-account-per-task --executor-service-account executor

What Argo Workflows cannot do alike is refused, with its place and the reason.
Exit codes: 0 done; 2 wrong command line; 66 no such file; 78 a document is wrong, or cannot be expressed in Argo Workflows.";

/// Write WorkflowTemplates of Argo Workflows that do what the Pipelines do.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
struct ArgoArgs {
    /// Pipeline files, or folders of such.
    #[arg(value_name = "FILE|DIR", default_value = "pipelines")]
    paths: Vec<PathBuf>,
    /// Write one file per Pipeline there; without it all go to stdout.
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Run a pipeline task as this service account. Repeatable.
    #[arg(long = "task-service-account", value_name = "TASK=ACCOUNT", value_parser = pair)]
    task_service_accounts: Vec<(String, String)>,
    /// Run every other task as the service account that bears its Task's name.
    #[arg(long)]
    service_account_per_task: bool,
    /// Let this service account report to Argo: pods get no token of their own then.
    #[arg(long, value_name = "ACCOUNT")]
    executor_service_account: Option<String>,
    /// Use another image for one that a Task names. Repeatable.
    #[arg(long = "image", value_name = "IMAGE=OTHER", value_parser = pair)]
    images: Vec<(String, String)>,
    /// After which exit code a task with retries is tried again, or `any`, which is what Tekton does.
    #[arg(long, value_name = "CODE|any", default_value = "75", value_parser = retry_on)]
    retry_on: RetryOn,
    /// How long the tasks of a run may take, where no PipelineRun in the file says so; 0 is no limit.
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    timeout: GoDuration,
}

/// A document, and what it was made from.
struct Exported {
    name: String,
    source: PathBuf,
    text: String,
}

/// Exports to the engine that is named.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let Engine::Argo(args) = &args.engine;
    let options = args.options();
    let mut documents = Vec::new();
    for path in &args.paths {
        export_all(path, &options, &mut documents)?;
    }
    check_names(&documents)?;
    if let Some(folder) = &args.output_dir {
        std::fs::create_dir_all(folder).map_err(|error| file("make the folder", folder, error))?;
        for document in &documents {
            let path = folder.join(format!("{}.yaml", document.name));
            std::fs::write(&path, &document.text).map_err(|error| file("write", &path, error))?;
            print(&path.display().to_string())?;
        }
    } else {
        let texts: Vec<&str> = documents.iter().map(|document| document.text.trim_end()).collect();
        print(&texts.join("\n---\n"))?;
    }
    Ok(ExitCode::Committed)
}

impl ArgoArgs {
    fn options(&self) -> Options {
        let map = |pairs: &[(String, String)]| pairs.iter().cloned().collect::<BTreeMap<_, _>>();
        Options {
            retry_on: self.retry_on,
            timeout: self.timeout.limit(),
            service_accounts: map(&self.task_service_accounts),
            account_per_task: self.service_account_per_task,
            executor_account: self.executor_service_account.clone(),
            images: map(&self.images),
        }
    }
}

/// Exports all Pipelines of a file, or of the files of a folder.
fn export_all(path: &Path, options: &Options, documents: &mut Vec<Exported>) -> Result<(), Failure> {
    if std::fs::metadata(path).map_err(|error| file("read", path, error))?.is_file() {
        let count = documents.len();
        export_file(path, options, documents)?;
        return if documents.len() > count { Ok(()) } else { Err(no_pipeline(path)) };
    }
    let count = documents.len();
    for file in yaml_files(path) {
        export_file(&file, options, documents)?;
    }
    if documents.len() > count { Ok(()) } else { Err(no_pipeline(path)) }
}

fn export_file(path: &Path, options: &Options, documents: &mut Vec<Exported>) -> Result<(), Failure> {
    let catalog = Catalog::open(path).map_err(|error| tekton(&error))?;
    for entry in catalog.entries() {
        let exported = export(&catalog, entry, options).map_err(|error| refused(&error))?;
        let json = to_json(&exported).map_err(|error| Failure::internal("print the document").caused_by(error))?;
        let source = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text =
            format!("# Exported from {source} by `faultline export argo`; change that instead.\n{}", to_yaml(&json));
        documents.push(Exported { name: entry.document.name.clone(), source: path.to_owned(), text });
    }
    Ok(())
}

/// Two documents of one name would overwrite each other, here and on a cluster.
fn check_names(documents: &[Exported]) -> Result<(), Failure> {
    let mut seen = BTreeMap::new();
    for Exported { name, source, .. } in documents {
        if let Some(other) = seen.insert(name, source) {
            let message =
                format!("export `{name}` of {}: one of that name is in {}", source.display(), other.display());
            return Err(Failure::new(ExitCode::Configuration, message).hint("rename one of the Pipelines"));
        }
    }
    Ok(())
}

fn no_pipeline(path: &Path) -> Failure {
    let message = format!("find a Pipeline in {}: it holds none", path.display());
    Failure::new(ExitCode::InputMissing, message).hint("name a file or a folder that holds one")
}

fn refused(error: &ArgoError) -> Failure {
    let code = match error {
        ArgoError::Tekton(error) => return tekton(error),
        ArgoError::Refused { .. } => ExitCode::Configuration,
        ArgoError::Unsound { .. } => ExitCode::Internal,
    };
    let failure = Failure::new(code, error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("got no `=`, expected NAME=VALUE")?;
    if name.is_empty() || value.is_empty() {
        return Err("got an empty side, expected NAME=VALUE".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn retry_on(text: &str) -> Result<RetryOn, String> {
    match (text, text.parse::<u8>()) {
        ("any", _) => Ok(RetryOn::Any),
        (_, Ok(code)) if code > 0 => Ok(RetryOn::ExitCode(code)),
        _ => Err("expected `any` or an exit code from 1 to 255".to_owned()),
    }
}
