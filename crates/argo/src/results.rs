//! From the results of a Pipeline to outputs of its graph.

use faultline_tekton::document::PipelineResult;
use faultline_tekton::references::{expressions, task_reference};

use crate::content::Content;
use crate::document::{Parameter, ValueFrom};
use crate::error::{Error, Reason};
use crate::model::Model;
use crate::names;
use crate::scope::{Given, PipelineNames};

/// The outputs of the graph, known to the whole workflow. One whose task was left out is empty, where Tekton leaves it out.
pub(crate) fn outputs(model: &Model<'_>) -> Result<Vec<Parameter>, Error> {
    let mut outputs: Vec<Parameter> = Vec::new();
    for (index, result) in model.spec.results.iter().enumerate() {
        let field = model.field(&format!("results[{index}]"));
        let at = |reason: Reason| reason.at(model.document, &format!("{field}.value"));
        let name = names::parameter(&result.name);
        if outputs.iter().any(|other| other.name == name) {
            let message = format!("two results come to the name `{name}` in Argo, which has no dots in names");
            return Err(Reason::new(message, "rename one of them").at(model.document, &field));
        }
        let value_from = value(model, result).map_err(at)?;
        outputs.push(Parameter {
            global_name: Some(name.clone()),
            name,
            description: result.description.clone(),
            value_from: Some(value_from),
            ..Parameter::default()
        });
    }
    Ok(outputs)
}

fn value(model: &Model<'_>, result: &PipelineResult) -> Result<ValueFrom, Reason> {
    let references = result.value.texts().into_iter().flat_map(expressions);
    if let Some(other) = references.into_iter().find(|one| task_reference(one).is_none()) {
        let message =
            format!("got `$({other})`, and Tekton leaves out a result that refers to anything but results of tasks");
        return Err(Reason::new(message, "refer to results of tasks"));
    }
    let names = PipelineNames { model, is_final: false, retries: None };
    let default = Some(String::new());
    let expression =
        |expression| ValueFrom { expression: Some(expression), default: default.clone(), ..ValueFrom::default() };
    Ok(match names.value(&result.value)? {
        Given::Json(reference, _) => parameter(&reference.into(), default)?,
        Given::Text(content) if content.as_reference().is_some() => parameter(&content, default)?,
        Given::Text(content) => expression(content.expression()?),
        Given::Items(items) => {
            let items: Vec<String> = items.iter().map(Content::expression).collect::<Result<_, _>>()?;
            expression(format!("toJson([{}])", items.join(", ")))
        }
        Given::Keys(entries) => {
            let entry = |(key, content): (&String, &Content)| {
                Ok::<_, Reason>(format!("{}: {}", crate::content::quoted(key)?, content.expression()?))
            };
            let entries: Vec<String> = entries.iter().map(entry).collect::<Result<_, Reason>>()?;
            expression(format!("toJson({{{}}})", entries.join(", ")))
        }
    })
}

fn parameter(content: &Content, default: Option<String>) -> Result<ValueFrom, Reason> {
    Ok(ValueFrom { parameter: Some(content.render()?), default, ..ValueFrom::default() })
}
