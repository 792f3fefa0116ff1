//! The decision: from one event to a run, or to the reason why not. No clock, no file, no network.

use std::collections::BTreeMap;

use faultline_contract::layout::BATCH_MARKER;
use jiff::{SignedDuration, Timestamp};

use crate::event::{NewObject, Period, Push, objects};
use crate::key;
use crate::name;
use crate::protocol::InterceptorRequest;
use crate::refusal::Refusal;
use crate::secrets::Secret;
use crate::setting::{RawRoot, StartOn, Trigger, What};
use crate::signature;

/// The end of the names of raw files.
const FILE: &str = ".csv";

/// What holds for all triggers of a listener.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Where raw files are.
    pub raw: RawRoot,
    /// The oldest object whose event is taken. Runs must be kept in the cluster as long: the name of a run that is deleted is free again.
    pub max_age: SignedDuration,
    /// How far the time of a signature may be from now, and that of an object in the future.
    pub tolerance: SignedDuration,
}

/// A run to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its name, which follows from the event.
    pub run_name: String,
    /// The folder to read; none where the pipeline's default is meant.
    pub raw_uri: Option<String>,
    /// Why it is started, for people.
    pub cause: String,
}

impl Start {
    /// What the bindings read.
    #[must_use]
    pub fn extensions(self) -> BTreeMap<&'static str, String> {
        let mut extensions = BTreeMap::from([("run-name", self.run_name), ("cause", self.cause)]);
        extensions.extend(self.raw_uri.map(|uri| ("raw-uri", uri)));
        extensions
    }
}

/// Whether an event starts a run of a trigger, and which. `secrets` are those for the kind of events that the trigger takes.
///
/// # Errors
/// When it starts none: the event is not signed, malformed, or none that the trigger is for.
pub fn decide(
    trigger: &Trigger,
    request: &InterceptorRequest,
    secrets: &[Secret],
    limits: &Limits,
    now: Timestamp,
) -> Result<Start, Refusal> {
    let (headers, body, prefix) = (&request.header, request.body.as_str(), trigger.run_prefix.as_str());
    match &trigger.what {
        What::Object { folder, start_on } => {
            match headers.one(signature::KEY)? {
                Some(key) => signature::key(key, secrets)?,
                None => signature::with_time(headers, body, secrets, now, limits.tolerance)?,
            }
            let starts = objects(body)?.into_iter().map(|object| -> Result<Start, Refusal> {
                let object = object?;
                check_time(&object, limits, now)?;
                let run_folder = run_folder(&object, folder, *start_on, &limits.raw)?;
                Ok(start_on_object(prefix, &object, &run_folder, &limits.raw))
            });
            only(starts.collect())
        }
        What::Schedule { schedule } => {
            signature::with_time(headers, body, secrets, now, limits.tolerance)?;
            let event = Period::read(body)?;
            if event.schedule != *schedule {
                let reason = format!("a time of the schedule {:?}", event.schedule);
                return Err(Refusal::unmet(reason, format!("this trigger is for {schedule:?}")));
            }
            Ok(Start {
                run_name: name::of(prefix, schedule, &["schedule", schedule, &event.period]),
                raw_uri: None,
                cause: format!("schedule {schedule}, {}", event.period),
            })
        }
        What::Push { repository, branch, paths } => {
            signature::of_github(headers, body, secrets)?;
            check_kind_of_push(request)?;
            let push = Push::read(body)?;
            if push.repository.full_name != *repository || push.branch() != Some(branch.as_str()) {
                let reason = format!("a push to {} of {}", push.reference, push.repository.full_name);
                return Err(Refusal::unmet(reason, format!("this trigger is for {branch} of {repository}")));
            }
            if !push.touches(paths) {
                return Err(Refusal::unmet(
                    "a push that changes nothing of interest",
                    format!("expected {}", paths.join(", ")),
                ));
            }
            Ok(Start {
                run_name: name::of(prefix, &push.after[..12], &["push", repository, branch, &push.after]),
                raw_uri: None,
                cause: format!("push of {} to {branch} of {repository}", push.after),
            })
        }
    }
}

fn check_kind_of_push(request: &InterceptorRequest) -> Result<(), Refusal> {
    match request.header.one("X-GitHub-Event")? {
        Some("push") => Ok(()),
        Some(other) => Err(Refusal::unmet(format!("an event {other:?} of a Git server"), "only \"push\" starts a run")),
        None => Err(Refusal::invalid("the header X-GitHub-Event is missing", "expected \"push\"")),
    }
}

/// An old event may be one whose run is deleted already, whose name would then be free again.
fn check_time(object: &NewObject, limits: &Limits, now: Timestamp) -> Result<(), Refusal> {
    let age = now.duration_since(object.time);
    if age > limits.max_age {
        let hint = format!("at most {} hours are allowed: start the run by hand", limits.max_age.as_hours());
        return Err(Refusal::unmet(format!("the object is {} hours old", age.as_hours()), hint));
    }
    if -age > limits.tolerance {
        let reason = format!("the object is of {} seconds in the future", (-age).as_secs());
        return Err(Refusal::invalid(reason, "check the clocks"));
    }
    Ok(())
}

/// The key of the folder that a run reads because of a new object, without slashes at its ends.
fn run_folder(object: &NewObject, folder: &str, start_on: StartOn, raw: &RawRoot) -> Result<String, Refusal> {
    let key = object.key.as_str();
    if object.bucket != raw.bucket {
        return Err(Refusal::unmet(format!("an object of the bucket {:?}", object.bucket), format!("expected {raw}")));
    }
    let start = raw.start_of(folder);
    let Some(below) = key.strip_prefix(&start) else {
        return Err(Refusal::unmet(format!("the object {key:?}"), format!("expected one below {}", raw.uri(&start))));
    };
    if below.is_empty() || below.ends_with('/') {
        return Err(Refusal::unmet(format!("{key:?} is a folder"), "a file in it is what counts"));
    }
    key::check(key)
        .map_err(|reason| Refusal::invalid(format!("no run can read {key:?}: {reason}"), "rename the object"))?;
    let unmet = |hint: String| Err(Refusal::unmet(format!("the object {key:?}"), hint));
    match start_on {
        StartOn::Marker => match key.strip_suffix(BATCH_MARKER) {
            // `.complete` alone names no folder.
            Some(complete) if complete.len() > start.len() && !complete.ends_with('/') => Ok(complete.to_owned()),
            _ => unmet(format!("a run starts when FOLDER{BATCH_MARKER} is written beside FOLDER/")),
        },
        StartOn::File if !key.ends_with(FILE) => unmet(format!("a run starts for files that end in {FILE}")),
        StartOn::File if object.bytes == 0 => unmet("the file is empty".to_owned()),
        StartOn::File => Ok(key.rsplit_once('/').map_or(key, |(parent, _)| parent).to_owned()),
    }
}

fn start_on_object(prefix: &str, object: &NewObject, run_folder: &str, raw: &RawRoot) -> Start {
    let last = run_folder.rsplit('/').next().unwrap_or(run_folder);
    Start {
        run_name: name::of(prefix, last, &["object", &object.bucket, &object.key, &object.version]),
        raw_uri: Some(raw.uri(run_folder)),
        cause: format!("object {} of version {}", raw.uri(&object.key), object.version),
    }
}

/// The one run that a notification starts: its records may tell of files that start none.
fn only(found: Vec<Result<Start, Refusal>>) -> Result<Start, Refusal> {
    let mut refused = None;
    let mut starts: Vec<Start> = Vec::new();
    for one in found {
        match one {
            Ok(start) if !starts.contains(&start) => starts.push(start),
            Ok(_) => {}
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    match (starts.len(), starts.pop(), refused) {
        (1, Some(start), _) => Ok(start),
        (0, _, Some(refusal)) => Err(refusal),
        (0, _, None) => Err(Refusal::unmet("a notification without records", "nothing is to be done")),
        (several, ..) => {
            let hint = "a listener starts one for each request: send the records one by one";
            Err(Refusal::invalid(format!("the notification would start {several} runs"), hint))
        }
    }
}
