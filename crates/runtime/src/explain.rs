//! What a step would do, and why, told without doing it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use faultline_contract::{Artifact, Digest, Manifest, Outcome, StepKey};
use serde::Serialize;
use serde_json::Value;

use crate::commit::{self, Work};
use crate::frame::{self, BuildInfo, Standing};
use crate::options::CommonOptions;
use crate::step::{Reuse, Step};
use crate::{Context, Failure, results};

/// How many earlier results are compared with the work to be done.
const MAX_COMPARED: usize = 50;

/// What the step would do.
#[derive(Debug, Serialize)]
struct Explanation {
    action: Action,
    /// Absent for a step that runs whatever its inputs are.
    step_key: Option<StepKey>,
    /// Why it would run: what differs from the earlier result that is most like it.
    reasons: Vec<Reason>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    Run,
    Reuse,
    /// What it works on is made first, so only the run itself can tell.
    RunIfChanged,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Reason {
    kind: Kind,
    /// The param by its path, the input by its name; empty where there is only one of the kind.
    name: String,
    before: Option<String>,
    now: Option<String>,
}

/// What makes a step run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// The program changed.
    Code,
    /// A param or the seed changed.
    Param,
    /// An input changed, came or went.
    Input,
    /// An earlier result of the same key is no longer whole.
    Output,
    /// Nothing of the kind was ever done.
    First,
    /// It acts on the world, or reuse is switched off.
    Always,
}

/// Writes what the step would do to `--explain-path`, and its results where an earlier result stands in.
pub(crate) async fn explain<S: Step>(
    build: BuildInfo,
    context: &Context,
    common: &CommonOptions,
    options: S::Options,
    result_paths: &[(String, PathBuf)],
) -> Result<(), Failure> {
    let path = Path::new(&common.explain_path);
    if S::REUSE == Reuse::Never {
        let reasons = vec![Reason::of(Kind::Always, "the step acts on the world and is never reused")];
        return write(path, &Explanation { action: Action::Run, step_key: None, reasons });
    }
    let plan = match S::gather(context, options).await {
        Ok(plan) => plan,
        Err(failure) if failure.is_unforeseen() => {
            let explanation = Explanation { action: Action::RunIfChanged, step_key: None, reasons: Vec::new() };
            return write(path, &explanation);
        }
        Err(failure) => return Err(failure),
    };
    let work = frame::work::<S>(build, context, common, &plan);
    let step_key = Some(work.key);
    let found = match frame::standing::<S>(context, common, &work, &plan.job).await? {
        Standing::Committed(found) | Standing::Reusable(found) => found,
        Standing::Nothing => {
            let reasons = if common.no_cache {
                vec![Reason::of(Kind::Always, "reuse is switched off")]
            } else {
                reasons(build.code_digest(), context, &work).await?
            };
            return write(path, &Explanation { action: Action::Run, step_key, reasons });
        }
    };
    if found.manifest.outcome == Outcome::Rejected {
        return Err(frame::rejected(&found));
    }
    results::write(&results::values(S::RESULTS, &found.manifest, &found.uri, found.sha256)?, result_paths)?;
    write(path, &Explanation { action: Action::Reuse, step_key, reasons: Vec::new() })
}

fn write(path: &Path, explanation: &Explanation) -> Result<(), Failure> {
    let json = serde_json::to_vec_pretty(explanation)
        .map_err(|source| Failure::internal("write the explanation as JSON").caused_by(source))?;
    std::fs::write(path, json).map_err(|source| {
        Failure::configuration(format!("the explanation cannot be written to {}", path.display()))
            .caused_by(source)
            .hint("name a file in an existing folder with --explain-path")
    })
}

/// What differs from the earlier result that differs least, of equal ones the newest.
async fn reasons(code: Digest, context: &Context, work: &Work) -> Result<Vec<Reason>, Failure> {
    let earlier = commit::earlier(context, work.part.as_ref(), MAX_COMPARED).await?;
    let differences = earlier.iter().map(|manifest| differences(manifest, code, context.seed, work));
    let nearest = differences.min_by_key(Vec::len);
    Ok(match nearest {
        None => vec![Reason::of(Kind::First, "no earlier result")],
        Some(reasons) if reasons.is_empty() => vec![Reason::of(Kind::Output, "the earlier result is no longer whole")],
        Some(reasons) => reasons,
    })
}

fn differences(earlier: &Manifest, code: Digest, seed: u64, work: &Work) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut compare = |kind, name: &str, before: Option<String>, now: Option<String>| {
        if before != now {
            reasons.push(Reason { kind, name: name.to_owned(), before, now });
        }
    };
    compare(Kind::Code, "", Some(earlier.code_digest.to_string()), Some(code.to_string()));
    compare(Kind::Param, "seed", Some(earlier.seed.to_string()), Some(seed.to_string()));
    for (kind, before, now) in [
        (Kind::Param, leaves(&earlier.params), leaves(&work.params)),
        (Kind::Input, digests(&earlier.inputs), digests(&work.inputs)),
    ] {
        let added = now.keys().filter(|name| !before.contains_key(*name));
        for name in before.keys().chain(added) {
            compare(kind, name, before.get(name).cloned(), now.get(name).cloned());
        }
    }
    reasons.sort();
    reasons
}

/// Every value in `params` that holds no others, by its path.
fn leaves(params: &Value) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    collect(params, String::new(), &mut leaves);
    leaves
}

fn collect(value: &Value, path: String, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(field, path, leaves);
            }
        }
        other => {
            leaves.insert(path, other.to_string());
        }
    }
}

fn digests(artifacts: &[Artifact]) -> BTreeMap<String, String> {
    artifacts.iter().map(|artifact| (artifact.name.clone(), artifact.sha256.to_string())).collect()
}

impl Reason {
    fn of(kind: Kind, text: &str) -> Self {
        Self { kind, name: text.to_owned(), before: None, now: None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn params_are_compared_leaf_by_leaf() {
        let leaves = leaves(&json!({"forest": {"trees": [100, 200], "depth": 8}, "empty": {}, "seed": null}));
        let pairs: Vec<_> = leaves.iter().map(|(path, text)| format!("{path}={text}")).collect();
        assert_eq!(pairs, ["empty={}", "forest.depth=8", "forest.trees=[100,200]", "seed=null"]);
    }
}
