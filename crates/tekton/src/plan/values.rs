//! The values of params, checked against what is declared.

use std::collections::BTreeMap;

use crate::catalog::Entry;
use crate::defaults;
use crate::document::{Matrix, ParamSpec, ParamType, ParamValue};
use crate::error::{Error, listed};
use crate::plan::{PlannedTask, declared_type};
use crate::references::{expressions, param_reference};

/// The first words of all references that mean something in a Pipeline.
const PREFIXES: [&str; 7] = ["params", "tasks", "finally", "context", "workspaces", "results", "steps"];

/// The values of the Pipeline's params: given, of the `PipelineRun`, or defaults.
pub(super) fn of_pipeline(
    entry: Entry<'_>,
    given: &BTreeMap<String, ParamValue>,
) -> Result<BTreeMap<String, ParamValue>, Error> {
    let mut values: BTreeMap<_, _> =
        entry.run.iter().flat_map(|run| &run.params).map(|param| (param.name.clone(), param.value.clone())).collect();
    values.extend(given.clone());
    let specs = &entry.pipeline.params;
    let missing: Vec<_> = specs
        .iter()
        .filter(|spec| spec.default.is_none() && !values.contains_key(&spec.name))
        .map(|spec| spec.name.as_str())
        .collect();
    if let Some(first) = missing.first() {
        let message = format!("got no value for {}, which the Pipeline requires", listed(&missing));
        return Err(usage("ParameterMissing", message, format!("add -p {first}=VALUE")));
    }
    for spec in specs {
        if let Some(value) = values.get(&spec.name) {
            check_type(spec, value)?;
            check_allowed(spec, value)?;
        }
        let missing = if values.contains_key(&spec.name) || spec.default.is_some() {
            spec.missing_keys(values.get(&spec.name))
        } else {
            Vec::new()
        };
        if !missing.is_empty() {
            let message = format!("got the param `{}` without its keys {}", spec.name, listed(&missing));
            return Err(usage("ObjectParameterMissKeys", message, format!("give all keys in -p {}=...", spec.name)));
        }
    }
    Ok(defaults::of_pipeline(specs, &values))
}

fn check_type(spec: &ParamSpec, value: &ParamValue) -> Result<(), Error> {
    let (got, expected) = (value.kind().name(), spec.kind().name());
    if got == expected {
        return Ok(());
    }
    let message = format!("got {got} for the param `{}`, expected {expected}", spec.name);
    Err(usage("ParameterTypeMismatch", message, format!("give `{}` as {expected}", spec.name)))
}

fn check_allowed(spec: &ParamSpec, value: &ParamValue) -> Result<(), Error> {
    let ParamValue::Text(text) = value else { return Ok(()) };
    if spec.allowed.is_empty() || spec.allowed.contains(text) {
        return Ok(());
    }
    let message = format!("got `{text}` for the param `{}`, expected one of {}", spec.name, listed(&spec.allowed));
    Err(usage("InvalidParamValue", message, format!("choose one of the values of `{}`", spec.name)))
}

/// Refuses `$(params.l[9])` when the list is shorter.
pub(super) fn check_indexes(
    entry: Entry<'_>,
    tasks: &[PlannedTask],
    values: &BTreeMap<String, ParamValue>,
) -> Result<(), Error> {
    let texts = tasks.iter().flat_map(PlannedTask::inputs);
    match texts.flat_map(expressions).find(|expression| is_past_the_end(expression, values)) {
        None => Ok(()),
        Some(expression) => Err(usage(
            "ParamArrayIndexingInvalid",
            format!(
                "got `$({expression})` in the Pipeline `{}`, which is past the end of the list",
                entry.document.name
            ),
            "give a longer list".to_owned(),
        )),
    }
}

/// `expression` is an index past the end of a list in `values`.
pub(crate) fn is_past_the_end(expression: &str, values: &BTreeMap<String, ParamValue>) -> bool {
    let index = |selector: &str| selector.strip_prefix('[')?.strip_suffix(']')?.parse::<usize>().ok();
    let Some((name, selector)) = param_reference(expression) else { return false };
    let (Some(index), Some(ParamValue::List(items))) = (index(selector), values.get(name)) else { return false };
    index >= items.len()
}

/// Refuses tasks that lack a param their Task requires, or give one of another type.
pub(super) fn check_tasks(tasks: &[PlannedTask]) -> Result<(), Error> {
    for task in tasks {
        let in_matrix = task.matrix.iter().flat_map(Matrix::all_params);
        let given: Vec<&str> = task.params.iter().chain(in_matrix).map(|param| param.name.as_str()).collect();
        let required = task.spec.params.iter().filter(|spec| spec.default.is_none());
        let missing: Vec<&str> = required.map(|spec| spec.name.as_str()).filter(|name| !given.contains(name)).collect();
        if !missing.is_empty() {
            let message = format!(
                "the pipeline task `{}` gives no value for {}, which its Task requires",
                task.name,
                listed(&missing)
            );
            return Err(invalid(
                message,
                "add them to the params of the pipeline task, or give them defaults in the Task",
            ));
        }
        let is_list = |name: &&&str| declared_type(&task.spec, name).is_some_and(|kind| kind != ParamType::String);
        let in_matrix = given.iter().skip(task.params.len());
        if let Some(name) = in_matrix.clone().find(is_list) {
            let message =
                format!("the matrix of `{}` gives strings for `{name}`, its Task expects another type", task.name);
            return Err(invalid(message, "give the param outside of the matrix, or declare it as a string"));
        }
        if let Some(message) = misfit(task, &task.params.iter().map(|param| (&param.name, &param.value)).collect()) {
            return Err(invalid(message, "give the value in the type that the Task declares, with all its keys"));
        }
    }
    Ok(())
}

/// What is wrong with values given to a task: their types, or the keys of an object. A text with references is not judged where a list or
/// an object is wanted: it may yet become one.
pub(crate) fn misfit(task: &PlannedTask, values: &BTreeMap<&String, &ParamValue>) -> Option<String> {
    let wrong_type = values.iter().find_map(|(name, value)| {
        let (got, expected) = (value.kind(), declared_type(&task.spec, name)?);
        let is_open = matches!(value, ParamValue::Text(text) if expressions(text).iter().any(|one| is_plain(one)));
        let is_fine = got == expected || (is_open && expected != ParamType::String);
        (!is_fine).then(|| {
            let (got, expected) = (got.name(), expected.name());
            format!("the pipeline task `{}` gives {got} for the param `{name}`, its Task expects {expected}", task.name)
        })
    });
    wrong_type.or_else(|| {
        let objects = task.spec.params.iter().filter(|spec| spec.kind() == ParamType::Object);
        objects.into_iter().find_map(|spec| {
            let value = values.get(&spec.name).copied().filter(|value| value.kind() == ParamType::Object);
            let is_given = value.or(spec.default.as_ref()).is_some();
            let missing = if is_given { spec.missing_keys(value) } else { Vec::new() };
            let listed = listed(&missing);
            (!missing.is_empty()).then(|| {
                format!("the pipeline task `{}` lacks the keys {listed} of the param `{}`", task.name, spec.name)
            })
        })
    })
}

/// A reference without quotes: only those can stand for a list or an object as a whole.
fn is_plain(expression: &str) -> bool {
    !expression.is_empty() && expression.chars().all(|c| c.is_ascii_alphanumeric() || "_.-[]*".contains(c))
}

/// A reference in `text` that means nothing to Tekton, such as `$(date)`.
pub(super) fn foreign_reference(text: &str) -> Option<String> {
    let is_known = |expression: &&str| PREFIXES.contains(&expression.split(['.', '[']).next().unwrap_or_default());
    expressions(text).into_iter().find(|expression| !is_known(expression)).map(str::to_owned)
}

fn usage(reason: &'static str, message: String, hint: String) -> Error {
    Error::Refused { reason, message, hint, is_usage: true }
}

fn invalid(message: String, hint: &str) -> Error {
    Error::Refused { reason: "PipelineValidationFailed", message, hint: hint.to_owned(), is_usage: false }
}
