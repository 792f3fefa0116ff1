//! Every text in which references count, with its path.

use crate::document::{EnvVar, Param, ParamValue, PipelineTask, Step, StepTemplate, VolumeMount};
use crate::references::whole;

/// A text and the field it stands in.
#[derive(Clone, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) path: String,
    pub(crate) content: &'a str,
    pub(crate) place: Place,
}

/// What a text may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// One text, whatever happens.
    Text,
    /// Program text.
    Script,
    /// An item of a list: a reference to a list puts its items there.
    Item,
    /// The value of a param: a reference to a list or an object makes it one.
    Value,
}

impl Text<'_> {
    /// The text is nothing but this reference.
    pub(crate) fn is_whole(&self, expression: &str) -> bool {
        whole(self.content) == Some(expression)
    }
}

/// Adds texts under one path.
struct Texts<'a, 'p> {
    path: &'p str,
    found: Vec<Text<'a>>,
}

impl<'a> Texts<'a, '_> {
    fn add(&mut self, field: &str, text: &'a str, place: Place) {
        if text.contains("$(") {
            self.found.push(Text { path: format!("{}.{field}", self.path), content: text, place });
        }
    }

    fn optional(&mut self, field: &str, text: Option<&'a String>, place: Place) {
        if let Some(text) = text {
            self.add(field, text, place);
        }
    }

    fn list(&mut self, field: &str, items: &'a [String]) {
        for (index, item) in items.iter().enumerate() {
            self.add(&format!("{field}[{index}]"), item, Place::Item);
        }
    }

    fn env(&mut self, env: &'a [EnvVar]) {
        for (index, var) in env.iter().enumerate() {
            self.add(&format!("env[{index}].value"), &var.value, Place::Text);
        }
    }

    fn mounts(&mut self, mounts: &'a [VolumeMount]) {
        for (index, mount) in mounts.iter().enumerate() {
            self.add(&format!("volumeMounts[{index}].name"), &mount.name, Place::Text);
            self.add(&format!("volumeMounts[{index}].mountPath"), &mount.mount_path, Place::Text);
            self.optional(&format!("volumeMounts[{index}].subPath"), mount.sub_path.as_ref(), Place::Text);
        }
    }

    fn params(&mut self, field: &str, params: &'a [Param]) {
        for (index, param) in params.iter().enumerate() {
            let field = format!("{field}[{index}].value");
            match &param.value {
                ParamValue::Text(text) => self.add(&field, text, Place::Value),
                ParamValue::List(items) => self.list(&field, items),
                ParamValue::Map(entries) => {
                    for (key, text) in entries {
                        self.add(&format!("{field}.{key}"), text, Place::Text);
                    }
                }
            }
        }
    }
}

/// The texts of a step that hold references.
pub(super) fn of_step<'a>(path: &str, step: &'a Step) -> Vec<Text<'a>> {
    let mut texts = Texts { path, found: Vec::new() };
    texts.optional("name", step.name.as_ref(), Place::Text);
    texts.optional("image", step.image.as_ref(), Place::Text);
    texts.list("command", &step.command);
    texts.list("args", &step.args);
    texts.optional("script", step.script.as_ref(), Place::Script);
    texts.optional("workingDir", step.working_dir.as_ref(), Place::Text);
    texts.env(&step.env);
    texts.mounts(&step.volume_mounts);
    texts.params("params", &step.params);
    texts.found
}

/// The texts of a step template that hold references.
pub(super) fn of_template<'a>(path: &str, template: &'a StepTemplate) -> Vec<Text<'a>> {
    let mut texts = Texts { path, found: Vec::new() };
    texts.optional("image", template.image.as_ref(), Place::Text);
    texts.list("command", &template.command);
    texts.list("args", &template.args);
    texts.optional("workingDir", template.working_dir.as_ref(), Place::Text);
    texts.env(&template.env);
    texts.mounts(&template.volume_mounts);
    texts.found
}

/// The texts of a pipeline task that hold references, less those of an embedded Task.
pub(crate) fn task_inputs<'a>(path: &str, task: &'a PipelineTask) -> Vec<Text<'a>> {
    let mut texts = Texts { path, found: Vec::new() };
    texts.params("params", &task.params);
    if let Some(matrix) = &task.matrix {
        texts.params("matrix.params", &matrix.params);
        for (index, include) in matrix.include.iter().enumerate() {
            texts.params(&format!("matrix.include[{index}].params"), &include.params);
        }
    }
    for (index, when) in task.when.iter().enumerate() {
        texts.add(&format!("when[{index}].input"), &when.input, Place::Text);
        texts.list(&format!("when[{index}].values"), &when.values);
    }
    texts.found
}
