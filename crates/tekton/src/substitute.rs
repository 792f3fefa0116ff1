//! Replacing references in whole tasks and steps.

use crate::document::{Matrix, Param, Step, StepOnError, StepTemplate, TaskSpec, WhenExpression};
use crate::variables::Variables;

/// Replaces references in every text of a Task that Tekton looks at.
pub(crate) fn task(spec: &mut TaskSpec, variables: &Variables) {
    for result in &mut spec.results {
        result.value = result.value.as_ref().map(|value| variables.value(value));
    }
    for param in &mut spec.params {
        param.default = param.default.as_ref().map(|value| variables.value(value));
    }
    if let Some(template) = &mut spec.step_template {
        step_template(template, variables);
    }
    for one in &mut spec.steps {
        step(one, variables);
    }
}

/// Replaces references in a step.
pub(crate) fn step(step: &mut Step, variables: &Variables) {
    step.command = variables.list(&step.command);
    step.args = variables.list(&step.args);
    for text in [&mut step.image, &mut step.script, &mut step.working_dir].into_iter().flatten() {
        variables.apply(text);
    }
    for var in &mut step.env {
        variables.apply(&mut var.value);
    }
    if let Some(StepOnError::Text(text)) = &step.on_error {
        step.on_error = Some(StepOnError::of(variables.text(text)));
    }
}

fn step_template(template: &mut StepTemplate, variables: &Variables) {
    template.command = variables.list(&template.command);
    template.args = variables.list(&template.args);
    for text in [&mut template.image, &mut template.working_dir].into_iter().flatten() {
        variables.apply(text);
    }
    for var in &mut template.env {
        variables.apply(&mut var.value);
    }
}

/// Replaces references in the values of params.
pub(crate) fn params(params: &mut [Param], variables: &Variables) {
    for param in params {
        param.value = variables.value(&param.value);
    }
}

/// Replaces references in conditions.
pub(crate) fn when(expressions: &mut [WhenExpression], variables: &Variables) {
    for expression in expressions {
        variables.apply(&mut expression.input);
        expression.values = variables.list(&expression.values);
    }
}

/// Replaces references in a matrix.
pub(crate) fn matrix(matrix: &mut Matrix, variables: &Variables) {
    params(&mut matrix.params, variables);
    for include in &mut matrix.include {
        params(&mut include.params, variables);
    }
}

/// Every text of a step in which references are replaced.
pub(crate) fn step_texts(step: &Step) -> impl Iterator<Item = &str> {
    let texts = step.command.iter().chain(&step.args).chain(step.env.iter().map(|var| &var.value));
    texts.chain(step.image.iter()).chain(&step.script).chain(&step.working_dir).map(String::as_str)
}

/// Every text of a pipeline task's params, conditions and matrix: those in which a reference makes a dependency.
pub(crate) fn task_inputs<'a>(
    params: &'a [Param],
    when: &'a [WhenExpression],
    matrix: Option<&'a Matrix>,
) -> impl Iterator<Item = &'a str> {
    let in_matrix = matrix.into_iter().flat_map(Matrix::all_params);
    let in_values = params.iter().chain(in_matrix).flat_map(|param| param.value.texts());
    let in_when = when.iter().flat_map(|one| one.values.iter().chain([&one.input]).map(String::as_str));
    in_values.chain(in_when)
}
