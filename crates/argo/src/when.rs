//! From conditions to Argo's.
//!
//! The whole condition is one expression, so that it is computed from values: Argo's plain `{{a}} == b` is put together as text first, and a
//! quote in a value would change what it says.

use faultline_tekton::document::{Operator, WhenExpression};

use crate::content::{Content, Reference};
use crate::error::{Error, Reason};
use crate::model::{Model, Node};
use crate::scope::{Given, PipelineNames};

/// The statuses that Tekton has for all tasks together.
const STATUSES: [&str; 3] = ["Succeeded", "Completed", "Failed"];

/// The condition of a task; `None` when it has none.
pub(crate) fn condition(model: &Model<'_>, node: &Node<'_>) -> Result<Option<String>, Error> {
    let names = PipelineNames { model, is_final: node.is_final, retries: None };
    let part = |(index, when): (usize, &WhenExpression)| {
        one(when, &names).map_err(|reason| node.refuse(model, &format!("when[{index}]"), reason))
    };
    let parts: Vec<String> = node.task.when.iter().enumerate().map(part).collect::<Result<_, _>>()?;
    Ok((!parts.is_empty()).then(|| format!("{{{{={}}}}}", parts.join(" && "))))
}

fn one(when: &WhenExpression, names: &PipelineNames<'_, '_>) -> Result<String, Reason> {
    if when.cel.is_some() {
        return Err(Reason::new("CEL is not exported", "use input, operator and values"));
    }
    let holds = if names.is_final && when.input == "$(tasks.status)" {
        of_status(&when.values)?
    } else {
        of_input(&names.text(&when.input)?, &when.values, names)?
    };
    Ok(if when.operator == Some(Operator::NotIn) { format!("!({holds})") } else { holds })
}

/// The input is among the values.
fn of_input(input: &Content, values: &[String], names: &PipelineNames<'_, '_>) -> Result<String, Reason> {
    let input = input.operand()?;
    let (mut items, mut lists): (Vec<String>, Vec<Reference>) = (Vec::new(), Vec::new());
    for value in values {
        match names.value(&value.as_str().into())? {
            Given::Json(reference, _) => lists.push(reference),
            Given::Text(content) => items.push(content.expression()?),
            Given::Items(_) | Given::Keys(_) => {}
        }
    }
    let mut parts = Vec::new();
    if !items.is_empty() {
        parts.push(format!("{input} in [{}]", items.join(", ")));
    }
    parts.extend(lists.iter().map(|list| format!("{input} in jsonpath({}, '$')", list.expression())));
    Ok(match &parts[..] {
        [part] => part.clone(),
        _ => format!("({})", parts.join(" || ")),
    })
}

/// The status of all tasks is among the values. Argo has one word for Tekton's `Succeeded` and `Completed`.
fn of_status(values: &[String]) -> Result<String, Reason> {
    let has = |status: &str| values.iter().any(|value| value == status);
    let [succeeded, completed, failed] = STATUSES.map(has);
    if let Some(reference) = values.iter().find(|value| value.contains("$(")) {
        let message = format!("got `{reference}` among the statuses to compare with");
        return Err(Reason::new(message, "write the statuses"));
    }
    if succeeded != completed {
        let message = "Tekton tells `Succeeded` from `Completed` (a task was left out), Argo does not";
        return Err(Reason::new(message, "name both, or compare with `Failed`"));
    }
    let success = "workflow.status == 'Succeeded'";
    Ok(match (succeeded, failed) {
        (true, true) => "true".to_owned(),
        (true, false) => success.to_owned(),
        (false, true) => format!("!({success})"),
        (false, false) => "false".to_owned(),
    })
}
