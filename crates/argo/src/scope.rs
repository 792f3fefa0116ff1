//! What references mean in the Pipeline itself: in params, conditions and matrices of its tasks.

use std::collections::BTreeMap;

use faultline_tekton::document::{ParamType, ParamValue};
use faultline_tekton::references::{
    Selector, Target, TaskReference, param_reference, task_reference, whole, workspace_reference,
};

use crate::content::{Content, Names, Piece, Reference};
use crate::error::Reason;
use crate::model::{Model, Node, spliced};
use crate::names;

/// What references mean in the texts of one task.
#[derive(Clone, Copy)]
pub(crate) struct PipelineNames<'m, 'a> {
    pub(crate) model: &'m Model<'a>,
    /// The task stands under `finally`.
    pub(crate) is_final: bool,
    /// Its retries, where they can be referred to.
    pub(crate) retries: Option<u32>,
}

/// A value that a task is given.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    /// A text.
    Text(Content),
    /// A list whose length is known now.
    Items(Vec<Content>),
    /// An object whose keys are known now.
    Keys(BTreeMap<String, Content>),
    /// A list or an object that is JSON while the workflow runs.
    Json(Reference, ParamType),
}

impl Given {
    /// Its type.
    pub(crate) const fn kind(&self) -> ParamType {
        match self {
            Self::Text(_) => ParamType::String,
            Self::Items(_) => ParamType::Array,
            Self::Keys(_) => ParamType::Object,
            Self::Json(_, kind) => *kind,
        }
    }
}

impl<'a> PipelineNames<'_, 'a> {
    /// A text.
    pub(crate) fn text(&self, text: &str) -> Result<Content, Reason> {
        Content::parse(text, self)
    }

    /// A value.
    pub(crate) fn value(&self, value: &ParamValue) -> Result<Given, Reason> {
        match value {
            ParamValue::Text(text) => match self.whole(text)? {
                Some((reference, kind)) => Ok(Given::Json(reference, kind)),
                None => Ok(Given::Text(self.text(text)?)),
            },
            ParamValue::List(items) => {
                if let Some((reference, kind)) = spliced(items).map(|item| self.whole(item)).transpose()?.flatten() {
                    return Ok(Given::Json(reference, kind));
                }
                let item = |text: &String| match self.whole(text)? {
                    Some(_) => Err(Reason::new(
                        "a list among the items of another: how long it is comes out only while the workflow runs",
                        "hand in one list as a whole",
                    )),
                    None => self.text(text),
                };
                items.iter().map(item).collect::<Result<_, _>>().map(Given::Items)
            }
            ParamValue::Map(entries) => {
                let entry = |(key, text): (&String, &String)| Ok::<_, Reason>((key.clone(), self.text(text)?));
                entries.iter().map(entry).collect::<Result<_, _>>().map(Given::Keys)
            }
        }
    }

    /// What a text stands for that is nothing but a reference to a list or an object.
    fn whole(&self, text: &str) -> Result<Option<(Reference, ParamType)>, Reason> {
        let Some(expression) = whole(text) else { return Ok(None) };
        if let Some((name, "" | "[*]")) = param_reference(expression) {
            let Some(param) = self.model.param(name).filter(|param| param.kind() != ParamType::String) else {
                return Ok(None);
            };
            return Ok(Some((Reference::Argument(names::parameter(name)), param.kind())));
        }
        let Some(TaskReference { scope: "tasks", task, target: Target::Result(result, Selector::Star) }) =
            task_reference(expression)
        else {
            return Ok(None);
        };
        let node = self.producer(&task)?;
        let kind = node.result(&result)?;
        if node.matrix().is_some() {
            return Ok(Some((aggregate(node, &result)?, ParamType::Array)));
        }
        if kind == ParamType::String {
            let message = format!("got `[*]` of the result `{result}` of the task `{task}`, which is a text");
            return Err(Reason::new(message, "leave out `[*]`"));
        }
        Ok(Some((output(&task, &result), kind)))
    }

    /// The task whose result is used.
    fn producer(&self, name: &str) -> Result<&Node<'a>, Reason> {
        if self.is_final {
            let message = format!(
                "a `finally` task uses a result of `{name}`: it becomes part of an exit handler, which cannot be left out where the result is missing"
            );
            return Err(Reason::new(message, "let the step read the run's artifacts instead"));
        }
        self.model.task(name).ok_or_else(|| {
            Reason::new(format!("got a result of `{name}`, which is no task of the Pipeline"), "correct the name")
        })
    }

    fn param(&self, name: &str, selector: &str, expression: &str) -> Result<Piece, Reason> {
        let param = self.model.param(name).ok_or_else(|| {
            Reason::new(format!("`$({expression})` refers to no param of the Pipeline"), "declare it under `params`")
        })?;
        part(Reference::Argument(names::parameter(name)), param.kind(), selector, expression)
    }

    fn task(&self, reference: TaskReference, expression: &str) -> Result<Option<Piece>, Reason> {
        let TaskReference { scope, task, target } = reference;
        if scope == "finally" {
            let message = format!("`$({expression})` is left by an exit handler, which leaves nothing to others");
            return Err(Reason::new(message, "write the result in a task before `finally`"));
        }
        match target {
            Target::Result(name, selector) => {
                let node = self.producer(&task)?;
                if node.matrix().is_some() {
                    let message = format!("`$({expression})` is one of many: the task `{task}` has a matrix");
                    return Err(Reason::new(message, "use all of them with `[*]`, as a whole value"));
                }
                let selector = match selector {
                    Selector::Whole => String::new(),
                    Selector::Star => "[*]".to_owned(),
                    Selector::Index(index) => format!("[{index}]"),
                    Selector::Key(key) => format!(".{key}"),
                };
                part(output(&task, &name), node.result(&name)?, &selector, expression).map(Some)
            }
            Target::Status => {
                let message = format!(
                    "`$({expression})`: an exit handler of Argo's knows which tasks failed, not which ran or were left out"
                );
                Err(Reason::new(message, "use `$(tasks.status)`, or let the step read the run's artifacts"))
            }
            Target::MatrixLength(None) => self.length(&task).map(Some),
            Target::MatrixLength(Some(result)) => {
                let node = self.producer(&task)?;
                node.result(&result)?;
                Ok(Some(Piece::Expression(aggregate(node, &result)?.length())))
            }
        }
    }

    /// The number of combinations of a matrix.
    fn length(&self, task: &str) -> Result<Piece, Reason> {
        let matrix = self.model.task(task).and_then(Node::matrix);
        let Some(matrix) = matrix else { return Ok(Piece::Text("0".to_owned())) };
        if !matrix.include.is_empty() {
            let combinations = faultline_tekton::literal_combinations(matrix).map_err(|_| {
                let message = format!("how many combinations `{task}` has comes out only while the workflow runs");
                Reason::new(message, "write the number")
            })?;
            return Ok(Piece::Text(combinations.len().to_string()));
        }
        let (mut known, mut late) = (1, Vec::new());
        for param in &matrix.params {
            match self.value(&param.value)? {
                Given::Items(items) => known *= items.len(),
                Given::Json(reference @ Reference::Argument(_), _) => late.push(reference.length()),
                _ => {
                    let message =
                        format!("Tekton counts a matrix over the result of a task, as that of `{task}`, as 0");
                    return Err(Reason::new(message, "write the length of the result instead"));
                }
            }
        }
        if late.is_empty() {
            return Ok(Piece::Text(known.to_string()));
        }
        if known != 1 {
            late.push(known.to_string());
        }
        Ok(Piece::Expression(late.join(" * ")))
    }

    fn aggregate_status(&self) -> Result<Piece, Reason> {
        if self.model.tasks().any(Node::ignores_failure) {
            let message = "`$(tasks.status)` is Failed in Tekton where a failure is ignored, and Succeeded in Argo";
            return Err(Reason::new(message, "let the step read the run's artifacts"));
        }
        // Argo does not tell Tekton's `Completed`, where a task was left out, from `Succeeded`: the crate's README says so.
        // No `?:`, which some versions of Argo take apart wrongly.
        let words = "{'Succeeded': 'Succeeded', 'Failed': 'Failed', 'Error': 'Failed'}";
        Ok(Piece::Expression(format!("{words}[workflow.status]")))
    }
}

impl Names for PipelineNames<'_, '_> {
    fn resolve(&self, expression: &str) -> Result<Option<Piece>, Reason> {
        if let Some((name, selector)) = param_reference(expression) {
            return self.param(name, selector, expression).map(Some);
        }
        if let Some(piece) = context(self.model, expression) {
            return Ok(Some(piece));
        }
        if let (Some(retries), "context.pipelineTask.retries") = (self.retries, expression) {
            return Ok(Some(Piece::Text(retries.to_string())));
        }
        if expression == "tasks.status" && self.is_final {
            return self.aggregate_status().map(Some);
        }
        if let Some(reference) = task_reference(expression) {
            return self.task(reference, expression);
        }
        if workspace_reference(expression).is_some() {
            return Err(Reason::new("workspaces are not exported", "use artifacts of the object store"));
        }
        Ok(None)
    }
}

/// What is known of the run.
pub(crate) fn context(model: &Model<'_>, expression: &str) -> Option<Piece> {
    let fact = match expression {
        "context.pipelineRun.name" => "name",
        "context.pipelineRun.uid" => "uid",
        "context.pipelineRun.namespace" => "namespace",
        // A Pipeline inside a run is called as the run.
        "context.pipeline.name" if model.is_embedded => "name",
        "context.pipeline.name" => return Some(Piece::Text(model.document.name.clone())),
        _ => return None,
    };
    Some(Piece::Reference(Reference::Workflow(fact)))
}

/// The part of a value that `selector` (`[0]`, `.key`, or nothing) stands for, as a text.
pub(crate) fn part(whole: Reference, kind: ParamType, selector: &str, expression: &str) -> Result<Piece, Reason> {
    match (kind, selector) {
        (ParamType::String, "") => Ok(Piece::Reference(whole)),
        (ParamType::Array, _) if selector.starts_with('[') && selector != "[*]" => whole.part(&format!("${selector}")),
        (ParamType::Object, _) if selector.starts_with('.') => whole.part(&format!("$[\"{}\"]", &selector[1..])),
        _ => {
            let message =
                format!("`$({expression})` does not fit its type, {}, or is a list inside a text", kind.name());
            Err(Reason::new(message, "refer to one item or key, or make it the whole value"))
        }
    }
}

/// A result of a task.
pub(crate) fn output(task: &str, result: &str) -> Reference {
    Reference::Output { task: task.to_owned(), parameter: names::parameter(result) }
}

/// The results of all combinations of a matrix, as a JSON list.
fn aggregate(node: &Node<'_>, result: &str) -> Result<Reference, Reason> {
    if node.is_nested() {
        let message = format!(
            "the results of `{}` are gathered from a matrix of several lists, one of which is known only while the workflow runs: Argo gathers them list by list",
            node.task.name
        );
        return Err(Reason::new(message, "find the parts by the run in the object store"));
    }
    Ok(output(&node.task.name, result))
}
