//! From a step to what an engine starts: script, arguments, environment.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Launch;
use crate::document::Step;
use crate::variables::Variables;

/// What starts a script that names no interpreter.
const DEFAULT_INTERPRETER: &str = "/bin/sh";

/// Where a step finds and leaves its files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    /// The folder of the attempt.
    pub(super) folder: &'a Path,
    /// Where its script is put.
    pub(super) script: &'a Path,
    /// Its temporary files.
    pub(super) scratch: &'a Path,
    /// What it prints.
    pub(super) log: &'a Path,
}

/// A step whose references are all replaced but those to `results` of earlier steps, ready for an engine.
///
/// On a cluster those are replaced inside the container, after the environment: what they bring in is not expanded.
pub(super) fn launch(
    step: &Step,
    results: &Variables,
    task_run: &str,
    name: &str,
    places: Places<'_>,
) -> std::io::Result<Launch> {
    let env = environment(step);
    let known: HashMap<&str, &str> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expand = |text: &String| expand(text, &known);
    let mut words: Vec<String> = step.command.iter().map(expand).collect();
    if let Some(text) = &step.script {
        words = interpreter(text);
        words.push(places.script.display().to_string());
        let strict = if text.starts_with("#!") { "" } else { "set -e\n" };
        std::fs::write(places.script, format!("{strict}{text}"))?;
    }
    words.extend(step.args.iter().map(expand));
    let mut words = results.list(&words).into_iter();
    let optional = step.env.iter().filter(|var| var.value_from.is_some());
    Ok(Launch {
        task_run: task_run.to_owned(),
        step: name.to_owned(),
        image: step.image.clone(),
        program: words.next().unwrap_or_default(),
        args: words.collect(),
        optional_env: optional.map(|var| var.name.clone()).collect(),
        env: env.into_iter().map(|(name, value)| (name, results.text(&value))).collect(),
        working_dir: step.working_dir.as_ref().filter(|folder| !folder.is_empty()).map(PathBuf::from),
        folder: places.folder.to_owned(),
        scratch: places.scratch.to_owned(),
        log: places.log.to_owned(),
    })
}

/// The words of the interpreter line; what follows the program is one word, as the kernel has it.
fn interpreter(script: &str) -> Vec<String> {
    let line = script.strip_prefix("#!").and_then(|rest| rest.lines().next()).map_or("", str::trim);
    let (program, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let program = if program.is_empty() { DEFAULT_INTERPRETER } else { program };
    [program, argument.trim()].into_iter().filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The step's variables; each may refer to those before it as `$(NAME)`. Those that a cluster would fetch are not among them.
fn environment(step: &Step) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = Vec::new();
    for var in step.env.iter().filter(|var| var.value_from.is_none()) {
        let known = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let value = expand(&var.value, &known);
        env.retain(|(name, _)| *name != var.name);
        env.push((var.name.clone(), value));
    }
    env
}

/// Expansion as Kubernetes does it: `$(NAME)` of a known variable becomes its value, `$$` becomes `$`, the rest stays.
fn expand(text: &str, known: &HashMap<&str, &str>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        expanded.push_str(&rest[..start]);
        let tail = &rest[start + 1..];
        let name = tail.strip_prefix('(').and_then(|inside| inside.split_once(')'));
        if let Some(after) = tail.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = name {
            match known.get(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            expanded.push('$');
            rest = tail;
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expansion_is_that_of_kubernetes() {
        let known = [("A", "1")].into();
        for (text, expected) in [
            ("x$(A)y", "x1y"),
            ("$A ${A} $$(A)", "$A ${A} $(A)"),
            ("$(Z) $( $", "$(Z) $( $"),
            ("$$$$ $$", "$$ $"),
            ("cost 5$", "cost 5$"),
        ] {
            assert_eq!(expand(text, &known), expected);
        }
    }

    #[test]
    fn scripts_run_by_their_interpreter_line() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        let step = |text: &str| serde_json::from_value::<Step>(json!({"script": text, "args": ["a"]})).unwrap();
        let here = folder.path();
        let places = Places { folder: here, script: &script, scratch: here, log: here };
        let words = |text: &str| {
            let launch = launch(&step(text), &Variables::default(), "r-a", "s", places).unwrap();
            (launch.program, launch.args.len(), std::fs::read_to_string(&script).unwrap())
        };
        assert_eq!(words("echo\n"), ("/bin/sh".into(), 2, "set -e\necho\n".into()));
        assert_eq!(words("#!/bin/sh -x\necho\n"), ("/bin/sh".into(), 3, "#!/bin/sh -x\necho\n".into()));
    }

    #[test]
    fn later_variables_see_earlier_ones() {
        let step: Step = serde_json::from_value(json!({"env": [
            {"name": "A", "value": "1"}, {"name": "B", "value": "x$(A)"}, {"name": "C", "value": "$(D)"}, {"name": "D", "value": "late"},
            {"name": "E", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": true}}}
        ]}))
        .unwrap();
        let pairs: Vec<_> = environment(&step).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["A=1", "B=x1", "C=$(D)", "D=late"]);
    }
}
