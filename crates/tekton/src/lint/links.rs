//! How documents use each other: params, results and workspaces across the border between a Pipeline and its Tasks.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::{
    MISSING_KEY, MISSING_PARAM, MISSING_TASK, MISSING_WORKSPACE, PARAM_TYPE, RESULT_TYPE, UNDECLARED_PARAM,
    UNDECLARED_RESULT, UNDECLARED_WORKSPACE,
};
use super::set::Set;
use super::{Findings, suggestion};
use crate::check::{Place, Text, task_inputs};
use crate::document::{
    Body, Document, Param, ParamSpec, ParamType, ParamValue, PipelineRunSpec, PipelineSpec, PipelineTask, RunWorkspace,
    TaskResult, TaskRunSpec, TaskSpec,
};
use crate::error::listed;
use crate::references::{Selector, Target, TaskReference, expressions, param_reference, task_reference, whole};

/// Reports how `document` misuses the others of `set`.
pub(super) fn check(document: &Document, set: &Set<'_>, findings: &mut Findings<'_>) {
    match &document.body {
        Body::Pipeline(spec) => Links::new(set, document, spec, &[]).check(findings, "spec"),
        Body::PipelineRun(spec) => pipeline_run(document, spec, set, findings),
        Body::TaskRun(spec) => task_run(document, spec, set, findings),
        Body::Task(_) | Body::StepAction(_) => {}
    }
}

/// A Pipeline with the Tasks that it uses, as far as they are known.
struct Links<'a> {
    spec: &'a PipelineSpec,
    given: &'a [Param],
    tasks: BTreeMap<&'a str, Used<'a>>,
    known: Vec<&'a str>,
}

/// A pipeline task and its Task.
#[derive(Clone, Copy)]
struct Used<'a> {
    task: &'a PipelineTask,
    spec: Option<&'a TaskSpec>,
    is_final: bool,
}

/// Who takes params: its name for people, what it declares, and where it is asked for.
struct Taker<'a> {
    name: String,
    params: &'a [ParamSpec],
    path: String,
}

impl<'a> Links<'a> {
    fn new(set: &Set<'a>, document: &Document, spec: &'a PipelineSpec, given: &'a [Param]) -> Self {
        let all = spec.tasks.iter().map(|task| (task, false)).chain(spec.finally.iter().map(|task| (task, true)));
        let used = |(task, is_final): (&'a PipelineTask, bool)| {
            let name = task
                .task_ref
                .as_ref()
                .filter(|reference| reference.is_task())
                .and_then(|reference| reference.name.as_deref());
            let found = || set.task(name?, document.source().file());
            (task.name.as_str(), Used { task, spec: task.task_spec.as_ref().or_else(found), is_final })
        };
        Self { spec, given, tasks: all.map(used).collect(), known: set.task_names() }
    }

    fn check(&self, findings: &mut Findings<'_>, root: &str) {
        for (list, tasks) in [("tasks", &self.spec.tasks), ("finally", &self.spec.finally)] {
            for (index, task) in tasks.iter().enumerate() {
                self.task(findings, &format!("{root}.{list}[{index}]"), task);
            }
        }
        for (index, result) in self.spec.results.iter().enumerate() {
            let path = format!("{root}.results[{index}].value");
            for text in result.value.texts() {
                self.results(findings, &Text { path: path.clone(), content: text, place: Place::Value });
            }
        }
    }

    fn task(&self, findings: &mut Findings<'_>, path: &str, task: &PipelineTask) {
        for text in task_inputs(path, task) {
            self.results(findings, &text);
        }
        let name = task.task_ref.as_ref().filter(|one| one.is_task()).and_then(|one| one.name.as_deref());
        let Some(spec) = self.tasks.get(task.name.as_str()).and_then(|used| used.spec) else {
            if let Some(name) = name.filter(|name| !name.contains("$(")) {
                missing(findings, &format!("{path}.taskRef.name"), "Task", name, &self.known);
            }
            return;
        };
        let is_embedded = task.task_spec.is_some();
        let place = if is_embedded { "taskSpec" } else { "taskRef.name" };
        let name = name.map_or_else(|| "the embedded Task".to_owned(), |name| format!("the Task `{name}`"));
        let taker = Taker { name: name.clone(), params: &spec.params, path: format!("{path}.{place}") };
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for (field, params, is_fanned) in lists(task) {
            names.extend(params.iter().map(|param| param.name.as_str()));
            self.params(findings, &taker, &format!("{path}.{field}"), params, (is_fanned, is_embedded));
        }
        required(findings, &taker, &names);
        self.workspaces(findings, path, task, spec, &name);
    }

    /// Params that are given: declared, and of the right type.
    fn params(
        &self,
        findings: &mut Findings<'_>,
        taker: &Taker<'_>,
        path: &str,
        params: &[Param],
        (is_fanned, is_embedded): (bool, bool),
    ) {
        for (index, param) in params.iter().enumerate() {
            let field = format!("{path}[{index}]");
            let Some(spec) = taker.params.iter().find(|spec| spec.name == param.name) else {
                // An embedded Task sees what it is given, declared or not.
                if !is_embedded {
                    undeclared(findings, taker, &field, param);
                }
                continue;
            };
            let kind = if is_fanned { Some(ParamType::String) } else { self.kind(&param.value) };
            fitting(findings, taker, &format!("{field}.value"), &param.value, spec, kind);
        }
    }

    /// The type that a value has once its references are replaced, if that can be told.
    fn kind(&self, value: &ParamValue) -> Option<ParamType> {
        let ParamValue::Text(text) = value else { return Some(value.kind()) };
        let Some(expression) = whole(text).filter(|inside| !inside.contains("$(")) else {
            return Some(ParamType::String);
        };
        if let Some((name, selector)) = param_reference(expression) {
            let spec = self.spec.params.iter().find(|spec| spec.name == name);
            let given = || Some(self.given.iter().find(|param| param.name == name)?.value.kind());
            return if matches!(selector, "" | "[*]") {
                spec.map(ParamSpec::kind).or_else(given)
            } else {
                Some(ParamType::String)
            };
        }
        match task_reference(expression) {
            Some(TaskReference { task, target: Target::Result(name, Selector::Star), .. }) => {
                let used = self.tasks.get(task.as_str())?;
                let result = used.spec?.results.iter().find(|result| result.name == name)?;
                Some(if used.task.matrix.is_some() { ParamType::Array } else { result.kind })
            }
            Some(TaskReference { task, target: Target::Result(name, Selector::Whole), .. }) => {
                let used = self.tasks.get(task.as_str())?;
                let result = used.spec?.results.iter().find(|result| result.name == name)?;
                // A list without `[*]` has a finding of its own.
                (result.kind == ParamType::String).then_some(ParamType::String)
            }
            _ => Some(ParamType::String),
        }
    }

    /// Results that are used: declared, and used by their type.
    fn results(&self, findings: &mut Findings<'_>, text: &Text<'_>) {
        for expression in expressions(text.content) {
            let Some(TaskReference { task, target: Target::Result(name, selector), scope }) =
                task_reference(expression)
            else {
                continue;
            };
            let used = self.tasks.get(task.as_str()).filter(|used| used.is_final == (scope == "finally"));
            let Some((used, spec)) = used.and_then(|used| Some((used, used.spec?))) else { continue };
            let Some(result) = spec.results.iter().find(|result| result.name == name) else {
                let known: Vec<&str> = spec.results.iter().map(|result| result.name.as_str()).collect();
                let message = format!(
                    "the Task of `{task}` has no result `{name}`, and the run fails; known: {}",
                    listed(&known)
                );
                let hint = suggestion(&name, &known, "declare it in the Task");
                findings.add_reference(&UNDECLARED_RESULT, &text.path, expression, message).hint(hint);
                continue;
            };
            let problem = if used.task.matrix.is_some() {
                let is_text = result.kind == ParamType::String;
                (!is_text && used.task.task_spec.is_none())
                    .then(|| "a task with a matrix can hand on only texts".to_owned())
            } else {
                misfit(result, &selector, text, expression)
            };
            if let Some(problem) = problem {
                let message = format!("`$({expression})`: {problem}");
                findings
                    .add_reference(&RESULT_TYPE, &text.path, expression, message)
                    .hint(format!("`{name}` is of type {}", result.kind.name()));
            }
        }
    }

    fn workspaces(&self, findings: &mut Findings<'_>, path: &str, task: &PipelineTask, spec: &TaskSpec, name: &str) {
        let bound: BTreeSet<&str> = task.workspaces.iter().map(|binding| binding.name.as_str()).collect();
        let known: Vec<&str> = spec.workspaces.iter().map(|workspace| workspace.name.as_str()).collect();
        let is_embedded = task.task_spec.is_some();
        for workspace in spec.workspaces.iter().filter(|one| !one.optional && !bound.contains(one.name.as_str())) {
            // An embedded Task sees the workspaces of its Pipeline by name.
            if !is_embedded || !self.spec.workspaces.iter().any(|own| own.name == workspace.name) {
                let message =
                    format!("{name} requires the workspace `{}`, which it is not given: the run fails", workspace.name);
                let field = if is_embedded { "taskSpec.workspaces" } else { "taskRef.name" };
                findings
                    .add(&MISSING_WORKSPACE, &format!("{path}.{field}"), message)
                    .hint(format!("add it under `workspaces`: {{name: {}, workspace: ...}}", workspace.name));
            }
        }
        for (index, binding) in task.workspaces.iter().enumerate() {
            if !is_embedded && !known.contains(&binding.name.as_str()) {
                let message = format!(
                    "{name} declares no workspace `{}`, and the run fails; known: {}",
                    binding.name,
                    listed(&known)
                );
                let hint = suggestion(&binding.name, &known, "remove it, or declare it in the Task");
                findings.add(&UNDECLARED_WORKSPACE, &format!("{path}.workspaces[{index}].name"), message).hint(hint);
            }
        }
    }
}

/// The lists of params of a pipeline task, and whether each value stands for one combination.
fn lists(task: &PipelineTask) -> Vec<(String, &[Param], bool)> {
    let mut lists = vec![("params".to_owned(), task.params.as_slice(), false)];
    if let Some(matrix) = &task.matrix {
        lists.push(("matrix.params".to_owned(), &matrix.params, true));
        for (index, include) in matrix.include.iter().enumerate() {
            lists.push((format!("matrix.include[{index}].params"), &include.params, true));
        }
    }
    lists
}

/// What is wrong with a use of a result of a plain task.
fn misfit(result: &TaskResult, selector: &Selector, text: &Text<'_>, expression: &str) -> Option<String> {
    let stays = |what: &str| Some(format!("{what}, and it stays as it is"));
    match (result.kind, selector) {
        (ParamType::String, Selector::Whole) | (ParamType::Array, Selector::Index(_)) => None,
        (ParamType::String, _) => stays("a text has no parts"),
        (ParamType::Array, Selector::Key(_)) => stays("a list has no keys"),
        (ParamType::Object, Selector::Index(_)) => stays("an object has no items"),
        (ParamType::Object, Selector::Key(key)) => {
            let known: Vec<&String> = result.properties.iter().flat_map(BTreeMap::keys).collect();
            let is_known = known.contains(&key);
            (!is_known).then(|| format!("the result has no key `{key}`, known: {}", listed(&known)))
        }
        (_, Selector::Whole) => stays("a list or object is written with `[*]`"),
        (kind, Selector::Star) => {
            let fits = text.is_whole(expression)
                && (text.place == Place::Value || (text.place == Place::Item && kind == ParamType::Array));
            if fits { None } else { stays("a list or object cannot stand in the middle of a text") }
        }
    }
}

/// Reports params that are required and not among `names`.
fn required(findings: &mut Findings<'_>, taker: &Taker<'_>, names: &BTreeSet<&str>) {
    for spec in taker.params.iter().filter(|spec| spec.default.is_none() && !names.contains(spec.name.as_str())) {
        let message =
            format!("{} requires the param `{}`, which it is not given: the run fails", taker.name, spec.name);
        let hint = format!("add it under `params`: {{name: {}, value: ...}}", spec.name);
        findings.add(&MISSING_PARAM, &taker.path, message).hint(hint);
    }
}

fn undeclared(findings: &mut Findings<'_>, taker: &Taker<'_>, path: &str, param: &Param) {
    let known: Vec<&str> = taker.params.iter().map(|spec| spec.name.as_str()).collect();
    let message = format!("{} declares no param `{}`, known: {}", taker.name, param.name, listed(&known));
    let hint = suggestion(&param.name, &known, "remove it, or declare it there");
    findings.add(&UNDECLARED_PARAM, &format!("{path}.name"), message).hint(hint);
}

/// Reports a value that does not fit what is declared.
fn fitting(
    findings: &mut Findings<'_>,
    taker: &Taker<'_>,
    path: &str,
    value: &ParamValue,
    spec: &ParamSpec,
    kind: Option<ParamType>,
) {
    if let Some(kind) = kind.filter(|kind| *kind != spec.kind()) {
        let (got, expected) = (kind.name(), spec.kind().name());
        let message =
            format!("got {got} for the param `{}`, {} expects {expected}: the run fails", spec.name, taker.name);
        findings.add(&PARAM_TYPE, path, message).hint(format!("give a value of type {expected}"));
        return;
    }
    if let ParamValue::Map(_) = value {
        let missing = spec.missing_keys(Some(value));
        if !missing.is_empty() {
            let message =
                format!("got no {} for the param `{}`, which {} requires", listed(&missing), spec.name, taker.name);
            findings.add(&MISSING_KEY, path, message).hint("give all keys");
        }
    }
}

fn missing(findings: &mut Findings<'_>, path: &str, kind: &str, name: &str, known: &[&str]) {
    let is_no_name = name.chars().any(|c| c.is_ascii_uppercase() || c == '_');
    let in_cluster = if is_no_name {
        "no cluster has one of that name either"
    } else {
        "the run fails unless the cluster has it already"
    };
    let message = format!("the {kind} `{name}` is not among the files: {in_cluster}");
    let otherwise = format!("lint its file as well, or put the {kind} into tasks/ beside this one");
    let hint = suggestion(name, known, &otherwise);
    findings.add(&MISSING_TASK, path, message).hint(hint);
}

fn pipeline_run(document: &Document, spec: &PipelineRunSpec, set: &Set<'_>, findings: &mut Findings<'_>) {
    let reference = spec.pipeline_ref.as_ref().filter(|reference| reference.resolver.is_none());
    let name = reference.and_then(|reference| reference.name.as_deref());
    let found = name.and_then(|name| set.pipeline(name, document.source().file()));
    if let Some(embedded) = &spec.pipeline_spec {
        Links::new(set, document, embedded, &spec.params).check(findings, "spec.pipelineSpec");
    }
    let Some(pipeline) = spec.pipeline_spec.as_ref().or(found) else {
        if let Some(name) = name {
            missing(findings, "spec.pipelineRef.name", "Pipeline", name, &set.pipeline_names());
        }
        return;
    };
    let is_embedded = spec.pipeline_spec.is_some();
    let path = if is_embedded { "spec.pipelineSpec" } else { "spec.pipelineRef.name" };
    let taker = Taker { name: "the Pipeline".to_owned(), params: &pipeline.params, path: path.to_owned() };
    run_params(findings, &taker, &spec.params, is_embedded);
    let declared = pipeline.workspaces.iter().map(|workspace| (workspace.name.as_str(), workspace.optional));
    run_workspaces(findings, &taker, declared, &spec.workspaces, is_embedded);
}

fn task_run(document: &Document, spec: &TaskRunSpec, set: &Set<'_>, findings: &mut Findings<'_>) {
    let reference = spec.task_ref.as_ref().filter(|reference| reference.is_task());
    let name = reference.and_then(|reference| reference.name.as_deref());
    let found = name.and_then(|name| set.task(name, document.source().file()));
    let Some(task) = spec.task_spec.as_ref().or(found) else {
        if let Some(name) = name {
            missing(findings, "spec.taskRef.name", "Task", name, &set.task_names());
        }
        return;
    };
    let is_embedded = spec.task_spec.is_some();
    let path = if is_embedded { "spec.taskSpec" } else { "spec.taskRef.name" };
    let taker = Taker { name: "the Task".to_owned(), params: &task.params, path: path.to_owned() };
    run_params(findings, &taker, &spec.params, is_embedded);
    let declared = task.workspaces.iter().map(|workspace| (workspace.name.as_str(), workspace.optional));
    run_workspaces(findings, &taker, declared, &spec.workspaces, is_embedded);
}

fn run_params(findings: &mut Findings<'_>, taker: &Taker<'_>, params: &[Param], is_embedded: bool) {
    required(findings, taker, &params.iter().map(|param| param.name.as_str()).collect());
    for (index, param) in params.iter().enumerate() {
        let field = format!("spec.params[{index}]");
        match taker.params.iter().find(|spec| spec.name == param.name) {
            Some(spec) => {
                fitting(findings, taker, &format!("{field}.value"), &param.value, spec, Some(param.value.kind()));
            }
            None if !is_embedded => undeclared(findings, taker, &field, param),
            None => {}
        }
    }
}

fn run_workspaces<'n>(
    findings: &mut Findings<'_>,
    taker: &Taker<'_>,
    declared: impl Iterator<Item = (&'n str, bool)>,
    given: &[RunWorkspace],
    is_embedded: bool,
) {
    let declared: Vec<(&str, bool)> = declared.collect();
    let is_given = |name: &str| given.iter().any(|given| given.name == name);
    for (name, _) in declared.iter().filter(|(name, optional)| !optional && !is_given(name)) {
        let message = format!("{} requires the workspace `{name}`, which the run does not give: it fails", taker.name);
        let hint = format!("add it under `workspaces`: {{name: {name}, emptyDir: {{}}}}");
        findings.add(&MISSING_WORKSPACE, &taker.path, message).hint(hint);
    }
    for (index, workspace) in given.iter().enumerate() {
        if !is_embedded && !declared.iter().any(|(known, _)| *known == workspace.name) {
            let message = format!("{} declares no workspace `{}`", taker.name, workspace.name);
            let path = format!("spec.workspaces[{index}].name");
            findings.add(&UNDECLARED_WORKSPACE, &path, message).hint("remove it, or declare it there");
        }
    }
}
