//! From the params of a Task to the inputs of a template, and what references mean in the Task's steps.

use std::collections::{BTreeMap, BTreeSet};

use faultline_tekton::document::{ParamType, ParamValue};
use faultline_tekton::references::{bracketed, param_reference, task_reference, whole, workspace_reference};
use faultline_tekton::{ParamSpec, task_defaults};

use crate::content::{Content, Names, Piece, Reference};
use crate::document::Parameter;
use crate::error::{Error, Reason};
use crate::fan_out::Loop;
use crate::model::{Model, Node};
use crate::names;
use crate::scope::{Given, PipelineNames, context, part};

/// Where results are written, as on a cluster with Tekton.
pub(crate) const RESULTS: &str = "/tekton/results";

/// What a Task is given.
pub(crate) struct Binding<'m, 'a> {
    model: &'m Model<'a>,
    node: &'m Node<'a>,
    /// The inputs of the template.
    pub(crate) inputs: Vec<Parameter>,
    /// What the graph hands it, loops aside, by the names of the inputs.
    pub(crate) arguments: Vec<(String, String)>,
    values: BTreeMap<String, Given>,
}

impl<'m, 'a> Binding<'m, 'a> {
    /// Gives every param of the Task its value: from a loop, from the pipeline task, from the Pipeline when the Task stands in it, else
    /// the default.
    pub(crate) fn new(model: &'m Model<'a>, node: &'m Node<'a>, loops: &[Loop]) -> Result<Self, Error> {
        let mut binding = Self { model, node, inputs: Vec::new(), arguments: Vec::new(), values: BTreeMap::new() };
        let names = PipelineNames { model, is_final: node.is_final, retries: Some(node.task.retries) };
        let defaults = task_defaults(&node.spec.params);
        for spec in &node.spec.params {
            let looped = loops.iter().any(|one| one.gives.contains_key(&spec.name));
            let given = node.task.params.iter().enumerate().find(|(_, param)| param.name == spec.name);
            let default = defaults.get(&spec.name);
            if looped {
                binding.input(spec, spec.description.clone(), None);
            } else if let Some((index, param)) = given {
                let at = |reason| node.refuse(model, &format!("params[{index}].value"), reason);
                let value = names.value(&param.value).map_err(at)?;
                binding.given(spec, value, default).map_err(at)?;
            } else if let Some(outer) = model.param(&spec.name).filter(|_| node.task_name.is_none()) {
                binding.outer(outer);
            } else if let Some(default) = default {
                let at = |reason| node.refuse_task("params", reason);
                binding.default(spec, default).map_err(at)?;
            } else {
                let message = format!("no value for the param `{}`, which the Task requires", spec.name);
                let hint = "give it under `params`";
                return Err(node.refuse(model, "", Reason::new(message, hint)));
            }
        }
        if node.task_name.is_none() {
            binding.undeclared(&names, loops)?;
        }
        binding.check_names()?;
        Ok(binding)
    }

    /// Params that an embedded Task uses without declaring them.
    fn undeclared(&mut self, names: &PipelineNames<'_, '_>, loops: &[Loop]) -> Result<(), Error> {
        for (index, param) in self.node.task.params.iter().enumerate() {
            if self.values.contains_key(&param.name) {
                continue;
            }
            let at = |reason| self.node.refuse(self.model, &format!("params[{index}].value"), reason);
            let value = names.value(&param.value).map_err(at)?;
            let spec = of_kind(&param.name, value.kind());
            self.given(&spec, value, None)
                .map_err(|reason| self.node.refuse(self.model, &format!("params[{index}].value"), reason))?;
        }
        for name in loops.iter().flat_map(|one| one.gives.keys()) {
            if !self.values.contains_key(name) {
                self.input(&of_kind(name, ParamType::String), None, None);
            }
        }
        for outer in &self.model.spec.params {
            if !self.values.contains_key(&outer.name) {
                self.outer(outer);
            }
        }
        Ok(())
    }

    /// A text that the template takes.
    fn input(&mut self, spec: &ParamSpec, description: Option<String>, default: Option<String>) {
        let name = names::parameter(&spec.name);
        self.values.insert(spec.name.clone(), Given::Text(Reference::Input(name.clone()).into()));
        self.inputs.push(Parameter { name, description, default, ..Parameter::default() });
    }

    fn given(&mut self, spec: &ParamSpec, value: Given, default: Option<&ParamValue>) -> Result<(), Reason> {
        if value.kind() != spec.kind() {
            let (got, expected) = (value.kind().name(), spec.kind().name());
            let message = format!("got {got} for `{}`, expected {expected}: Tekton refuses the run", spec.name);
            return Err(Reason::new(message, "correct the value, or the type of the param"));
        }
        let value = match value {
            Given::Text(content) => {
                self.input(spec, spec.description.clone(), None);
                self.arguments.push((names::parameter(&spec.name), content.render()?));
                return Ok(());
            }
            Given::Items(items) => {
                let handed = |(index, item): (usize, Content)| self.hand_in(&spec.name, &index.to_string(), item);
                Given::Items(items.into_iter().enumerate().map(handed).collect::<Result<_, _>>()?)
            }
            Given::Keys(entries) => {
                let mut keys = literal_keys(default);
                for (key, content) in entries {
                    let content = self.hand_in(&spec.name, &key, content)?;
                    keys.insert(key, content);
                }
                let missing = spec.properties.iter().flat_map(BTreeMap::keys).find(|key| !keys.contains_key(*key));
                if let Some(key) = missing {
                    let message = format!("no value for the key `{key}` of `{}`: Tekton refuses the run", spec.name);
                    return Err(Reason::new(message, "add the key"));
                }
                Given::Keys(keys)
            }
            Given::Json(reference, kind) => {
                if default.is_some() && kind == ParamType::Object {
                    let message = format!("`{}` takes keys that it is not given from its default", spec.name);
                    let hint = "remove the default, or hand in the keys one by one";
                    return Err(Reason::new(message, hint));
                }
                let name = names::parameter(&spec.name);
                self.arguments.push((name.clone(), Content::from(reference).render()?));
                let description = spec.description.clone();
                self.inputs.push(Parameter { name: name.clone(), description, ..Parameter::default() });
                Given::Json(Reference::Input(name), kind)
            }
        };
        self.values.insert(spec.name.clone(), value);
        Ok(())
    }

    /// One item or key: written into the template when it is known now, else an input of its own.
    fn hand_in(&mut self, param: &str, part: &str, content: Content) -> Result<Content, Reason> {
        if content.as_text().is_some() {
            return Ok(content);
        }
        let name = names::parameter(&format!("{param}-{part}"));
        self.arguments.push((name.clone(), content.render()?));
        self.inputs.push(Parameter { name: name.clone(), ..Parameter::default() });
        Ok(Reference::Input(name).into())
    }

    /// A param of the Pipeline, which a Task inside it sees.
    fn outer(&mut self, spec: &ParamSpec) {
        let reference = Reference::Argument(names::parameter(&spec.name));
        let value = match spec.kind() {
            ParamType::String => Given::Text(reference.into()),
            kind => Given::Json(reference, kind),
        };
        self.values.insert(spec.name.clone(), value);
    }

    fn default(&mut self, spec: &ParamSpec, default: &ParamValue) -> Result<(), Reason> {
        if default.kind() != spec.kind() {
            let message = format!("the default of `{}` is no {}", spec.name, spec.kind().name());
            return Err(Reason::new(message, "correct the default"));
        }
        if self.node.task_name.is_none() && default.texts().iter().any(|text| text.contains("$(")) {
            let message = format!("the default of `{}` refers to something around the Task", spec.name);
            return Err(Reason::new(message, "hand the value in as a param"));
        }
        default.texts().into_iter().try_for_each(crate::content::literal)?;
        match default {
            ParamValue::Text(text) => self.input(spec, spec.description.clone(), Some(text.clone())),
            ParamValue::List(items) => {
                let items = items.iter().map(|item| Content::text(item)).collect();
                self.values.insert(spec.name.clone(), Given::Items(items));
            }
            ParamValue::Map(_) => {
                self.values.insert(spec.name.clone(), Given::Keys(literal_keys(Some(default))));
            }
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        match self.inputs.iter().find(|input| !seen.insert(&input.name)) {
            None => Ok(()),
            Some(input) => {
                let message =
                    format!("two params come to the name `{}` in Argo, which has no dots in names", input.name);
                Err(self.node.refuse_task("params", Reason::new(message, "rename one of them")))
            }
        }
    }

    /// Texts; an item that is nothing but a reference to a list becomes its items.
    pub(crate) fn list(&self, items: &[String]) -> Result<Vec<String>, Reason> {
        let mut rendered = Vec::with_capacity(items.len());
        for item in items {
            let list = whole(item).and_then(param_reference).filter(|(_, rest)| ["", "[*]"].contains(rest));
            match list.and_then(|(name, _)| self.values.get(name)) {
                Some(Given::Items(contents)) => {
                    for content in contents {
                        rendered.push(content.render()?);
                    }
                }
                Some(Given::Json(_, ParamType::Array)) => {
                    let message =
                        format!("`{item}`: how many arguments these are comes out only while the workflow runs");
                    return Err(Reason::new(
                        message,
                        "write the items where the task is given them, or take them as one text",
                    ));
                }
                _ => rendered.push(self.text(item)?),
            }
        }
        Ok(rendered)
    }

    /// A text of the Task.
    pub(crate) fn text(&self, text: &str) -> Result<String, Reason> {
        Content::parse(text, self)?.render()
    }

    fn param(&self, name: &str, selector: &str, expression: &str) -> Result<Piece, Reason> {
        let odd = || {
            let message = format!("`$({expression})` does not fit the value of the param, or is a list inside a text");
            Reason::new(message, "refer to one item or key")
        };
        let value = self.values.get(name).ok_or_else(|| {
            Reason::new(format!("`$({expression})` refers to no param of the Task"), "declare it under `params`")
        })?;
        let content = match value {
            Given::Json(reference, kind) => return part(reference.clone(), *kind, selector, expression),
            Given::Text(content) if selector.is_empty() => Some(content),
            Given::Items(items) => {
                let index = selector.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                index.and_then(|index| items.get(index.parse::<usize>().ok()?))
            }
            Given::Keys(entries) => selector.strip_prefix('.').and_then(|key| entries.get(key)),
            Given::Text(_) => None,
        };
        let content = content.ok_or_else(odd)?;
        match (content.as_text(), content.as_reference()) {
            (Some(text), _) => Ok(Piece::Text(text.to_owned())),
            (None, Some(reference)) => Ok(Piece::Reference(reference.clone())),
            (None, None) => Err(odd()),
        }
    }

    fn context_of_task(&self, expression: &str) -> Result<Option<Piece>, Reason> {
        match (expression, self.node.task_name) {
            ("context.task.name", Some(name)) => Ok(Some(Piece::Text(name.to_owned()))),
            ("context.taskRun.namespace", _) => Ok(Some(Piece::Reference(Reference::Workflow("namespace")))),
            ("context.task.retry-count", _) if self.node.task.retries == 0 => Ok(Some(Piece::Text("0".to_owned()))),
            ("context.task.retry-count", _) => Ok(Some(Piece::Reference(Reference::Retries))),
            _ => Err(Reason::new(
                format!("`$({expression})`: there is no TaskRun in Argo"),
                "use `$(context.pipelineRun.uid)`, handed in as a param",
            )),
        }
    }
}

impl Names for Binding<'_, '_> {
    fn resolve(&self, expression: &str) -> Result<Option<Piece>, Reason> {
        if let Some((name, selector)) = param_reference(expression) {
            return self.param(name, selector, expression).map(Some);
        }
        if let Some((name, ".path")) = bracketed(expression, "results") {
            let is_declared = self.node.spec.results.iter().any(|result| result.name == name);
            return Ok(is_declared.then(|| Piece::Text(format!("{RESULTS}/{name}"))));
        }
        if expression.starts_with("context.task") {
            return self.context_of_task(expression);
        }
        if expression.starts_with("step.results.") || expression.starts_with("steps.") {
            return Err(Reason::new("results of steps are not exported", "write results of the Task"));
        }
        if let Some((_, rest)) = workspace_reference(expression) {
            // Those that are required are refused before.
            return Ok(match rest {
                ".bound" => Some(Piece::Text("false".to_owned())),
                ".path" | ".claim" | ".volume" => Some(Piece::Text(String::new())),
                _ => None,
            });
        }
        if self.node.task_name.is_some() {
            return Ok(None);
        }
        if task_reference(expression).is_some() {
            let message = format!("`$({expression})` in a step: a template sees no other tasks");
            return Err(Reason::new(message, "hand the value in as a param of the task"));
        }
        Ok(context(self.model, expression))
    }
}

fn of_kind(name: &str, kind: ParamType) -> ParamSpec {
    let (description, properties, default) = (None, None, None);
    ParamSpec { name: name.to_owned(), kind: Some(kind), description, properties, default, allowed: Vec::new() }
}

fn literal_keys(value: Option<&ParamValue>) -> BTreeMap<String, Content> {
    match value {
        Some(ParamValue::Map(entries)) => {
            entries.iter().map(|(key, text)| (key.clone(), Content::text(text))).collect()
        }
        _ => BTreeMap::new(),
    }
}
