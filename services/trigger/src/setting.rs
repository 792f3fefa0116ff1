//! What a trigger of the listener is set to, and where raw files are.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::key;
use crate::name::{self, MAX_PREFIX};
use crate::refusal::Refusal;

/// What starts runs of a trigger: the `params` of its interceptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// How the names of its runs begin.
    pub run_prefix: String,
    /// The events.
    pub what: What,
}

/// Events of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A new object in the bucket of raw files.
    Object {
        /// The folder that it must be in, below the root of raw files and without slashes at its ends; empty: anywhere below.
        folder: String,
        /// Which objects start a run.
        start_on: StartOn,
    },
    /// The time has come.
    Schedule {
        /// The schedule's name.
        schedule: String,
    },
    /// Somebody pushed to a Git repository.
    Push {
        /// `owner/name`.
        repository: String,
        /// The branch, without `refs/heads/`.
        branch: String,
        /// Files, or folders with a slash at the end, of which one at least must have changed; empty: any.
        paths: Vec<String>,
    },
}

/// Which objects start a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartOn {
    /// `FOLDER.complete`, which says that all files of `FOLDER/` are there.
    #[default]
    Marker,
    /// Each file that ends in `.csv`.
    File,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
enum Params {
    Object {
        run_prefix: String,
        #[serde(default)]
        folder: String,
        #[serde(default)]
        start_on: StartOn,
    },
    Schedule {
        run_prefix: String,
        schedule: String,
    },
    Push {
        run_prefix: String,
        repository: String,
        branch: String,
        #[serde(default)]
        paths: Vec<String>,
    },
}

impl Trigger {
    /// Reads the `params` of an interceptor.
    ///
    /// # Errors
    /// When one is missing, unknown or of the wrong kind: the listener's document is to be mended.
    pub fn of(params: &Map<String, Value>) -> Result<Self, Refusal> {
        let hint = "see the params of the interceptor in the EventListener";
        let params: Params = serde_json::from_value(Value::Object(params.clone()))
            .map_err(|error| Refusal::invalid(format!("the trigger is not set up right: {error}"), hint))?;
        let (run_prefix, what) = match params {
            Params::Object { run_prefix, folder, start_on } => (run_prefix, What::Object { folder, start_on }),
            Params::Schedule { run_prefix, schedule } => (run_prefix, What::Schedule { schedule }),
            Params::Push { run_prefix, repository, branch, paths } => {
                (run_prefix, What::Push { repository, branch, paths })
            }
        };
        if !name::is_prefix(&run_prefix) {
            let reason = format!("the trigger is not set up right: run-prefix is {run_prefix:?}");
            let hint = format!("expected at most {MAX_PREFIX} lowercase letters, digits and dashes, a letter first");
            return Err(Refusal::invalid(reason, hint));
        }
        if let What::Object { folder, .. } = &what
            && !folder.is_empty()
        {
            key::check(folder).map_err(|reason| {
                Refusal::invalid(format!("the trigger is not set up right: folder is {folder:?}: {reason}"), hint)
            })?;
        }
        Ok(Self { run_prefix, what })
    }
}

impl What {
    /// The word for it, which is also the name of the file with its secrets.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Object { .. } => "object",
            Self::Schedule { .. } => "schedule",
            Self::Push { .. } => "push",
        }
    }
}

/// The folder that all raw files are in: `s3://BUCKET/PREFIX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRoot {
    /// The bucket.
    pub bucket: String,
    /// The folder in it, without slashes at its ends; never empty.
    pub prefix: String,
}

impl RawRoot {
    /// Parses `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// A text for people when it is something else.
    pub fn parse(uri: &str) -> Result<Self, String> {
        let parts = uri.strip_prefix("s3://").and_then(|rest| rest.trim_end_matches('/').split_once('/'));
        let (bucket, prefix) = parts.ok_or("expected s3://BUCKET/PREFIX, as the pipelines' raw-uri has it")?;
        if bucket.is_empty() {
            return Err("the bucket is missing".to_owned());
        }
        key::check(prefix)?;
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// The URI of a key in the bucket.
    pub(crate) fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// The start of the keys in a folder below, with its slash.
    pub(crate) fn start_of(&self, folder: &str) -> String {
        if folder.is_empty() { format!("{}/", self.prefix) } else { format!("{}/{folder}/", self.prefix) }
    }
}

impl fmt::Display for RawRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri(&self.prefix))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(params: Value) -> Result<Trigger, Refusal> {
        let Value::Object(params) = params else { unreachable!("an object") };
        Trigger::of(&params)
    }

    #[test]
    fn settings_are_read() {
        let trigger = of(json!({"event": "object", "run-prefix": "train", "folder": "training"})).unwrap();
        let what = What::Object { folder: "training".to_owned(), start_on: StartOn::Marker };
        assert_eq!((trigger.what.kind(), trigger), ("object", Trigger { run_prefix: "train".to_owned(), what }));
        let push = json!({"event": "push", "run-prefix": "train", "repository": "o/r", "branch": "main"});
        assert_eq!(of(push).unwrap().what.kind(), "push");
        let schedule = of(json!({"event": "schedule", "run-prefix": "train", "schedule": "weekly"})).unwrap();
        assert_eq!(schedule.what, What::Schedule { schedule: "weekly".to_owned() });
    }

    #[test]
    fn each_rule_refuses() {
        for (params, expected) in [
            (json!({}), "missing field `event`"),
            (json!({"event": "object"}), "missing field `run-prefix`"),
            (json!({"event": "object", "run-prefix": "a", "folders": "x"}), "unknown field `folders`"),
            (json!({"event": "object", "run-prefix": "a", "start-on": "x"}), "unknown variant `x`"),
            (json!({"event": "object", "run-prefix": "a", "folder": "/x"}), "empty segment"),
            (json!({"event": "object", "run-prefix": "Train"}), "run-prefix is \"Train\""),
            (json!({"event": "email", "run-prefix": "a"}), "unknown variant `email`"),
        ] {
            let refusal = of(params).unwrap_err();
            assert!(refusal.reason.contains(expected), "{}", refusal.reason);
        }
    }

    #[test]
    fn roots_are_a_bucket_and_a_folder() {
        let root = RawRoot::parse("s3://bucket/lab/raw/").unwrap();
        assert_eq!((root.to_string().as_str(), root.start_of("x").as_str()), ("s3://bucket/lab/raw", "lab/raw/x/"));
        for uri in ["s3://bucket", "s3://bucket/", "s3:///raw", "file:///raw", "bucket/raw", "s3://b/raw//x"] {
            assert!(RawRoot::parse(uri).is_err(), "{uri}");
        }
    }
}
