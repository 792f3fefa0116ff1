//! From a matrix to Argo's loops.
//!
//! Lists that are known now become one loop over all their combinations, in Tekton's order. A list that is known only while the
//! workflow runs is a loop of its own; several of them, or one beside lists known now, are loops inside each other.

use std::collections::{BTreeMap, BTreeSet};

use faultline_tekton::document::{Matrix, ParamValue};
use faultline_tekton::{Combination, MAX_COMBINATIONS, NoCombinations, literal_combinations, task_defaults};
use serde_json::{Map, Value};

use crate::content::{Content, Reference, literal};
use crate::error::{Error, Reason};
use crate::model::{Model, Node};
use crate::names;
use crate::scope::{Given, PipelineNames};

/// A loop, and what each turn of it gives the Task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Loop {
    pub(crate) over: Over,
    /// Params of the Task by their names in it.
    pub(crate) gives: BTreeMap<String, Reference>,
}

/// What a loop goes over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Over {
    /// Items known now.
    Items(Vec<Value>),
    /// A JSON list.
    List(Content),
}

/// The loops of a task, the outermost first; none without a matrix.
pub(crate) fn loops(model: &Model<'_>, node: &Node<'_>) -> Result<Vec<Loop>, Error> {
    let Some(matrix) = node.matrix() else { return Ok(Vec::new()) };
    let names = PipelineNames { model, is_final: node.is_final, retries: None };
    let refused = |field: &str, reason| node.refuse(model, field, reason);
    if !matrix.include.is_empty() {
        let combinations = with_includes(node, matrix, &names).map_err(|reason| refused("matrix.include", reason))?;
        return Ok(vec![over_combinations(&combinations)]);
    }
    let (mut known, mut late) = (Vec::new(), Vec::new());
    for (index, param) in matrix.params.iter().enumerate() {
        let at = |reason| refused(&format!("matrix.params[{index}].value"), reason);
        match names.value(&param.value).map_err(at)? {
            Given::Items(items) if items.is_empty() => {
                let message = "the list is empty: the task never runs";
                return Err(at(Reason::new(message, "give it values, or remove the task")));
            }
            Given::Items(items) => known.push((param.name.clone(), items)),
            Given::Json(reference, _) => late.push(Loop {
                over: Over::List(reference.into()),
                gives: [(param.name.clone(), Reference::Item(None))].into(),
            }),
            other => {
                let message = format!("got {} for `{}`, expected a list", other.kind().name(), param.name);
                return Err(at(Reason::new(message, "write a list, or refer to one with `[*]`")));
            }
        }
    }
    if !known.is_empty() {
        let combinations = product(&known).map_err(|reason| refused("matrix", reason))?;
        late.push(over_combinations(&combinations));
    }
    Ok(late)
}

/// All combinations of lists; the first listed varies fastest.
fn product(axes: &[(String, Vec<Content>)]) -> Result<Vec<BTreeMap<String, String>>, Reason> {
    let count: usize = axes.iter().map(|(_, items)| items.len()).product();
    if count > MAX_COMBINATIONS {
        return Err(too_many(count));
    }
    let mut all = vec![BTreeMap::new()];
    for (name, items) in axes {
        let items: Vec<String> = items.iter().map(Content::render).collect::<Result<_, _>>()?;
        let with = |item: &String| {
            let pair = (name.clone(), item.clone());
            all.iter().cloned().map(move |mut one: BTreeMap<String, String>| {
                one.insert(pair.0.clone(), pair.1.clone());
                one
            })
        };
        all = items.iter().flat_map(with).collect();
    }
    Ok(all)
}

fn too_many(count: usize) -> Reason {
    Reason::new(
        format!("got {count} combinations, expected at most {MAX_COMBINATIONS}: Tekton refuses the run"),
        "give fewer values",
    )
}

/// The combinations of a matrix with includes, each with a value for every param that any of them has.
fn with_includes(node: &Node<'_>, matrix: &Matrix, names: &PipelineNames<'_, '_>) -> Result<Vec<Combination>, Reason> {
    for param in matrix.all_params() {
        for text in param.value.texts() {
            let content = names.text(text).ok();
            if content.as_ref().and_then(Content::as_text) != Some(text) {
                let message = "which combinations an include adds or extends comes out only while the workflow runs";
                return Err(Reason::new(message, "write the values"));
            }
            literal(text)?;
        }
    }
    let mut all = literal_combinations(matrix).map_err(|reason| match reason {
        NoCombinations::EmptyList => Reason::new("a list is empty: the task never runs", "give it values"),
        NoCombinations::TooMany(count) => too_many(count),
        NoCombinations::WrongType { param, expected, got } => {
            Reason::new(format!("got {got} for `{param}`, expected {expected}"), "correct the value")
        }
    })?;
    let params: BTreeSet<String> = all.iter().flat_map(BTreeMap::keys).cloned().collect();
    let defaults = task_defaults(&node.spec.params);
    for combination in &mut all {
        for name in &params {
            if combination.contains_key(name) {
                continue;
            }
            let given = node.task.params.iter().find(|param| param.name == *name).map(|param| &param.value);
            let Some(ParamValue::Text(text)) = given.or_else(|| defaults.get(name)) else {
                let message = format!("a combination gives no value for `{name}`, and neither do task and Task");
                return Err(Reason::new(message, "add the param to the include, or a default to the Task"));
            };
            let content = if given.is_some() { names.text(text)? } else { Content::text(text) };
            combination.insert(name.clone(), content.render()?);
        }
    }
    Ok(all)
}

/// One loop over combinations that are known now. A single param needs no names.
fn over_combinations(combinations: &[BTreeMap<String, String>]) -> Loop {
    let params: BTreeSet<&String> = combinations.iter().flat_map(BTreeMap::keys).collect();
    let is_single = params.len() == 1;
    let item = |combination: &BTreeMap<String, String>| {
        if is_single {
            return combination.values().next().cloned().map_or(Value::Null, Value::String);
        }
        let fields = combination.iter().map(|(name, text)| (names::parameter(name), Value::String(text.clone())));
        Value::Object(fields.collect::<Map<_, _>>())
    };
    let field = |name: &String| Reference::Item((!is_single).then(|| names::parameter(name)));
    Loop {
        over: Over::Items(combinations.iter().map(item).collect()),
        gives: params.into_iter().map(|name| (name.clone(), field(name))).collect(),
    }
}
