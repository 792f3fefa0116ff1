//! The values of declared params: what is given, and defaults for the rest.
//!
//! Pipelines and Tasks differ. In a Pipeline a default may build on any other param. In a Task it sees other defaults only, and an object
//! takes the keys that it was not given from its default.

use std::collections::BTreeMap;

use crate::document::{ParamSpec, ParamValue};
use crate::references::expressions;
use crate::variables::Variables;

/// What a reference to a param starts with when it is not in brackets.
const DOTTED: &str = "params.";

/// The values of a Pipeline's params. A default that refers to itself, or to nothing, keeps its text.
pub(crate) fn of_pipeline(specs: &[ParamSpec], given: &BTreeMap<String, ParamValue>) -> BTreeMap<String, ParamValue> {
    let mut values = given.clone();
    let mut known = Variables::of_params(given);
    let defaults = specs.iter().filter(|spec| !given.contains_key(&spec.name));
    let defaults = defaults.filter_map(|spec| Some((spec.name.as_str(), spec.default.as_ref()?)));
    let (mut texts, others): (Vec<_>, Vec<_>) =
        defaults.partition(|(_, default)| matches!(default, ParamValue::Text(_)));
    loop {
        let open = texts.len();
        texts.retain(|(name, default)| {
            let is_ready = default
                .texts()
                .into_iter()
                .flat_map(expressions)
                .all(|one| !one.starts_with(DOTTED) || known.text_of(one).is_some());
            if is_ready {
                adopt(name, default, &mut known, &mut values);
            }
            !is_ready
        });
        if texts.len() == open {
            break;
        }
    }
    for (name, default) in texts.into_iter().chain(others) {
        adopt(name, default, &mut known, &mut values);
    }
    values
}

/// Takes a default with its references to texts replaced; a list inside a list is not spliced.
fn adopt(name: &str, default: &ParamValue, known: &mut Variables, values: &mut BTreeMap<String, ParamValue>) {
    let value = default.map(|text| known.text(text));
    known.set_param(name, &value);
    values.insert(name.to_owned(), value);
}

/// The defaults of a Task's params, as they are when none is given: one may build on others.
#[must_use]
pub fn task_defaults(specs: &[ParamSpec]) -> BTreeMap<String, ParamValue> {
    of_task(specs, &BTreeMap::new())
}

/// The values of a Task's params. A default whose references all lead nowhere gives no value.
pub(crate) fn of_task(specs: &[ParamSpec], given: &BTreeMap<String, ParamValue>) -> BTreeMap<String, ParamValue> {
    let refers = |default: &ParamValue| matches!(default, ParamValue::Text(text) if text.contains("$(params."));
    let defaults = specs.iter().filter_map(|spec| Some((spec.name.clone(), spec.default.clone()?)));
    let (open, plain): (Vec<_>, Vec<_>) = defaults.partition(|(_, default)| refers(default));
    let mut values: BTreeMap<String, ParamValue> = plain.into_iter().collect();
    let mut known = Variables::of_params(&values);
    for (name, default) in open {
        let ParamValue::Text(text) = default else { continue };
        for expression in expressions(&text).into_iter().filter(|one| one.starts_with(DOTTED)) {
            let Some(value) = known.text_of(expression) else { continue };
            // Each reference is replaced in the declared text, so that of several only the last is: a cluster does the same.
            let value = ParamValue::Text(text.replace(&format!("$({expression})"), value));
            known.set_param(&name, &value);
            values.insert(name.clone(), value);
        }
    }
    for (name, value) in given {
        match (values.get_mut(name), value) {
            (Some(ParamValue::Map(entries)), ParamValue::Map(given)) => entries.extend(given.clone()),
            _ => drop(values.insert(name.clone(), value.clone())),
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn specs(json: serde_json::Value) -> Vec<ParamSpec> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn defaults_of_a_pipeline_build_on_each_other_in_any_order() {
        let specs = specs(json!([
            {"name": "url", "default": "$(params.registry)/app"},
            {"name": "registry", "default": "$(params.base)/org"},
            {"name": "base", "default": "B"},
            {"name": "list", "default": ["$(params.url)", "$(context.pipeline.name)"]},
            {"name": "circle", "default": "$(params.circle)"}
        ]));
        let values = of_pipeline(&specs, &[("base".to_owned(), "C".into())].into());
        assert_eq!(values["url"], "C/org/app".into());
        assert_eq!(values["list"], ParamValue::List(vec!["C/org/app".into(), "$(context.pipeline.name)".into()]));
        assert_eq!(values["circle"], "$(params.circle)".into());
    }

    #[test]
    fn defaults_of_a_task_see_defaults_only() {
        let specs = specs(json!([
            {"name": "base", "default": "B"},
            {"name": "full", "default": "$(params.base)-x"},
            {"name": "two", "default": "$(params.base)$(params.full)"},
            {"name": "open", "default": "$(params.required)"},
            {"name": "o", "properties": {"a": {}, "b": {}}, "default": {"a": "1", "b": "2"}}
        ]));
        let given =
            [("base".to_owned(), "C".into()), ("o".to_owned(), ParamValue::Map([("b".into(), "3".into())].into()))];
        let values = of_task(&specs, &given.into());
        assert_eq!(values["full"], "B-x".into());
        assert_eq!(values["two"], "$(params.base)B-x".into());
        assert!(!values.contains_key("open"));
        assert_eq!(values["o"], ParamValue::Map([("a".into(), "1".into()), ("b".into(), "3".into())].into()));
    }
}
