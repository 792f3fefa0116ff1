//! How a graph calls the template of a task, loops included.

use crate::content::{Content, Reference};
use crate::document::{Dag, DagTask, Parameter, Template};
use crate::error::Reason;
use crate::fan_out::{Loop, Over};
use crate::names;

/// The task of the graph, and the graphs of one task that lie around the innermost of several loops.
pub(crate) struct Calls {
    pub(crate) first: DagTask,
    pub(crate) around: Vec<Template>,
}

/// The calls of the template `task` with `arguments`, one loop inside the other.
pub(crate) fn calls(task: &str, arguments: &[(String, String)], loops: &[Loop]) -> Result<Calls, Reason> {
    let callee = |depth: usize| match loops.get(depth) {
        Some(one) if depth + 1 < loops.len() => {
            let axes: Vec<String> = one.gives.keys().map(|name| name.replace(['.', '_'], "-")).collect();
            format!("{task}-each-{}", axes.join("-"))
        }
        _ => task.to_owned(),
    };
    let mut handed = arguments.to_vec();
    let first = call(task, callee(0), &handed, loops.first())?;
    let mut around = Vec::new();
    for (depth, pair) in loops.windows(2).enumerate() {
        let [outer, inner] = pair else { continue };
        let given = outer.gives.keys().map(|name| names::parameter(name));
        let inputs: Vec<String> = handed.iter().map(|(name, _)| name.clone()).chain(given).collect();
        let hand_on =
            |name: &String| Ok::<_, Reason>((name.clone(), Content::from(Reference::Input(name.clone())).render()?));
        handed = inputs.iter().map(hand_on).collect::<Result<_, Reason>>()?;
        let tasks = vec![call(task, callee(depth + 1), &handed, Some(inner))?];
        let inputs: Vec<Parameter> =
            inputs.into_iter().map(|name| Parameter { name, ..Parameter::default() }).collect();
        let dag = Some(Dag { fail_fast: None, tasks });
        around.push(Template { name: callee(depth), inputs: inputs.into(), dag, ..Template::default() });
    }
    Ok(Calls { first, around })
}

fn call(name: &str, template: String, handed: &[(String, String)], turn: Option<&Loop>) -> Result<DagTask, Reason> {
    let mut task = DagTask { name: name.to_owned(), template, ..DagTask::default() };
    let mut arguments = handed.to_vec();
    if let Some(Loop { over, gives }) = turn {
        match over {
            Over::Items(items) => task.with_items.clone_from(items),
            Over::List(list) => task.with_param = Some(list.render()?),
        }
        for (param, item) in gives {
            arguments.push((names::parameter(param), Content::from(item.clone()).render()?));
        }
    }
    let parameter = |(name, value)| Parameter { name, value: Some(value), ..Parameter::default() };
    task.arguments = arguments.into_iter().map(parameter).collect::<Vec<_>>().into();
    Ok(task)
}
