//! What a run is asked for on the command line, and the plan that follows.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;

use clap::Args as ClapArgs;
use faultline_contract::{ExitCode, RunId, without_secret};
use faultline_runtime::Failure;
use faultline_tekton::document::{GoDuration, InvalidDuration, ParamSpec, Timeouts};
use faultline_tekton::{Catalog, Entry, Error, MAX_LABEL, Outcome, ParamValue, Plan, Request, is_label};

use super::progress::say;
use crate::failure::tekton;

/// Which Pipeline, and with what.
#[derive(Debug, ClapArgs)]
pub(crate) struct RequestArgs {
    /// File that holds the Pipeline; its Tasks may stand in it, in tasks/ beside it or in its folder.
    pub(crate) file: PathBuf,
    /// Name of the Pipeline; needed when the file holds several.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Value of a param; a list as a,b,c or JSON, an object as key:value,key:value or JSON. Repeatable. A param `NAME-uri` that is not
    /// given is taken from the environment's FAULTLINE_NAME_URI.
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    params: Vec<(String, String)>,
    /// A workspace that the Pipeline is given: a new empty folder per task. Repeatable.
    #[arg(short, long = "workspace", value_name = "NAME=emptyDir", value_parser = pair)]
    workspaces: Vec<(String, String)>,
    /// Limits such as pipeline=2h,tasks=90m,finally=10m; 0 is no limit, pipeline=1h is the default.
    #[arg(long, value_name = "KEY=DURATION,...", value_parser = timeouts)]
    timeouts: Option<Timeouts>,
    /// Id of the run, a lower-case DNS label; the same id again goes on where that run stopped. Default: name, time and chance.
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
}

/// A run that cannot be started.
#[derive(Debug)]
pub(crate) struct Unplanned {
    failure: Failure,
    /// What a cluster would say of the run, where it would make one at all.
    pub(crate) outcome: Option<Box<Outcome>>,
}

impl From<Failure> for Unplanned {
    fn from(failure: Failure) -> Self {
        Self { failure, outcome: None }
    }
}

impl From<Unplanned> for Failure {
    fn from(unplanned: Unplanned) -> Self {
        unplanned.failure
    }
}

impl RequestArgs {
    /// The plan that this asks for, and the id of its run.
    pub(crate) fn plan(&self) -> Result<(Plan, RunId), Unplanned> {
        let catalog = Catalog::open(&self.file).map_err(|error| tekton(&error))?;
        let entry = catalog.entry(self.pipeline.as_deref()).map_err(|error| tekton(&error))?;
        let run_id = match &self.run_id {
            Some(id) => checked(id.clone())?,
            None => generated(&entry.document.name),
        };
        let request = Request {
            params: values(&self.given(entry), &entry.pipeline.params, &entry.document.name)?,
            workspaces: workspaces(&self.workspaces, entry)?,
            timeouts: self.timeouts.unwrap_or_default(),
            pipeline: self.pipeline.clone(),
            run_id: run_id.clone(),
        };
        let plan = Plan::new(&catalog, &request).map_err(|error| {
            let outcome = match &error {
                Error::Refused { reason, message, .. } => {
                    Some(Box::new(Outcome::refused(&run_id, entry.pipeline, reason, message)))
                }
                _ => None,
            };
            Unplanned { failure: tekton(&error), outcome }
        })?;
        let run_id = run_id.parse().map_err(|error| Failure::internal("name the run").caused_by(error))?;
        Ok((plan, run_id))
    }

    /// The params of the command line, and addresses from the environment: where services are is a matter of the machine.
    fn given(&self, entry: Entry<'_>) -> Vec<(String, String)> {
        let of_run = entry.run.map(|run| run.params.as_slice()).unwrap_or_default();
        let is_given = |name: &str| {
            self.params.iter().any(|(given, _)| given == name) || of_run.iter().any(|param| param.name == name)
        };
        let addresses = entry.pipeline.params.iter().map(|spec| &spec.name).filter(|name| !is_given(name));
        let addresses = addresses.filter_map(|name| Some((name.clone(), std::env::var(variable_of(name)?).ok()?)));
        // A param becomes a flag, which all users of the machine can see: an address with a password stays in the environment.
        let addresses = addresses.filter(|(_, address)| without_secret(address) == *address);
        self.params.iter().cloned().chain(addresses).collect()
    }
}

/// The variable that stands in for a param that is an address: `FAULTLINE_ROOT_URI` for `root-uri`.
fn variable_of(param: &str) -> Option<String> {
    param.ends_with("-uri").then(|| format!("FAULTLINE_{}", param.replace('-', "_").to_ascii_uppercase()))
}

fn values(
    given: &[(String, String)],
    specs: &[ParamSpec],
    pipeline: &str,
) -> Result<BTreeMap<String, ParamValue>, Failure> {
    let mut values = BTreeMap::new();
    for (name, text) in given {
        let Some(spec) = specs.iter().find(|spec| spec.name == *name) else {
            let known: Vec<_> = specs.iter().map(|spec| spec.name.as_str()).collect();
            undeclared("param", name, pipeline, &known);
            values.insert(name.clone(), ParamSpec::parse_undeclared(text));
            continue;
        };
        let value = spec.parse(text).ok_or_else(|| {
            let message = format!("read the param `{name}`: got `{text}`, expected {} of strings", spec.kind().name());
            Failure::new(ExitCode::Usage, message)
                .hint("write a list as a,b,c or JSON, an object as key:value,key:value or JSON")
        })?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

fn workspaces(given: &[(String, String)], entry: Entry<'_>) -> Result<BTreeSet<String>, Failure> {
    let known: Vec<_> = entry.pipeline.workspaces.iter().map(|workspace| workspace.name.as_str()).collect();
    let mut names = BTreeSet::new();
    for (name, what) in given {
        if what != "emptyDir" {
            let message = format!("bind the workspace `{name}`: got `{what}`, expected emptyDir");
            return Err(Failure::new(ExitCode::Usage, message).hint(format!("use -w {name}=emptyDir")));
        }
        if !known.contains(&name.as_str()) {
            undeclared("workspace", name, &entry.document.name, &known);
        }
        names.insert(name.clone());
    }
    Ok(names)
}

/// A cluster takes what no Pipeline declares, so it is taken here; but it may be a slip.
fn undeclared(kind: &str, name: &str, pipeline: &str, known: &[&str]) {
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    say(&format!("warning: the Pipeline `{pipeline}` declares no {kind} `{name}`, declared: {known}"));
}

fn checked(id: String) -> Result<String, Failure> {
    if is_label(&id) {
        return Ok(id);
    }
    let message =
        format!("use the run id: got `{id}`, expected at most {MAX_LABEL} lower-case letters, digits and `-`");
    Err(Failure::new(ExitCode::Usage, message).hint("choose another --run-id, or leave it out"))
}

/// `<pipeline>-<date>-<time>-<chance>`, which sorts by time.
fn generated(pipeline: &str) -> String {
    let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let chance = RandomState::new().build_hasher().finish() & 0xff_ffff;
    let tail = format!("-{now}-{chance:06x}");
    let name: String = pipeline.chars().map(|c| if c == '.' { '-' } else { c }).take(MAX_LABEL - tail.len()).collect();
    format!("{}{tail}", name.trim_end_matches('-'))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').filter(|(name, _)| !name.is_empty());
    split.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "expected NAME=VALUE".to_owned())
}

fn timeouts(text: &str) -> Result<Timeouts, String> {
    let mut timeouts = Timeouts::default();
    for part in text.split(',') {
        let (key, duration) = pair(part).map_err(|_| format!("got `{part}`, expected KEY=DURATION"))?;
        let duration: GoDuration = duration.parse().map_err(|error: InvalidDuration| error.to_string())?;
        match key.as_str() {
            "pipeline" => timeouts.pipeline = Some(duration),
            "tasks" => timeouts.tasks = Some(duration),
            "finally" => timeouts.finally = Some(duration),
            other => return Err(format!("got `{other}`, expected pipeline, tasks or finally")),
        }
    }
    Ok(timeouts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_are_labels_that_fit() {
        for name in ["train", &"a".repeat(200), "a.b"] {
            let id = generated(name);
            assert!(checked(id.clone()).is_ok(), "{id}");
        }
    }

    #[test]
    fn timeouts_are_read() {
        let read = timeouts("pipeline=2h,finally=10m").unwrap();
        assert_eq!((read.pipeline.unwrap().to_string().as_str(), read.tasks.is_none()), ("2h0m0s", true));
        for wrong in ["2h", "pipeline", "all=1h", "tasks=soon"] {
            assert!(timeouts(wrong).is_err(), "{wrong}");
        }
    }
}
