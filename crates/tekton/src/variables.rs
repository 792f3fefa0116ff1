//! Replacing `$(name)` by values.
//!
//! As in Tekton, a reference that names nothing known stays as text, and what a value brings in is not looked at again.

use std::collections::{BTreeMap, HashMap};

use crate::document::{Param, ParamValue};
use crate::references::whole;

/// Values by reference, without the `$(` and `)`: `params.x`, `tasks.a.results.r[*]`, `context.pipeline.name`, ...
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables(HashMap<String, ParamValue>);

impl Variables {
    /// Params under all their spellings.
    pub(crate) fn of_params(values: &BTreeMap<String, ParamValue>) -> Self {
        let mut variables = Self::default();
        for (name, value) in values {
            variables.set_param(name, value);
        }
        variables
    }

    /// Adds one text.
    pub(crate) fn set(&mut self, reference: impl Into<String>, text: impl Into<String>) {
        self.0.insert(reference.into(), ParamValue::Text(text.into()));
    }

    /// Adds every way to refer to `value` under the names `bases`: itself, `[*]`, `[<index>]` and, of the first name only, `.<key>`.
    fn set_value(&mut self, bases: &[String], value: &ParamValue) {
        for base in bases {
            match value {
                ParamValue::Text(_) => {}
                ParamValue::List(items) => {
                    self.0.insert(format!("{base}[*]"), value.clone());
                    for (index, item) in items.iter().enumerate() {
                        self.set(format!("{base}[{index}]"), item);
                    }
                }
                ParamValue::Map(entries) => {
                    self.0.insert(format!("{base}[*]"), value.clone());
                    for (key, text) in entries.iter().filter(|_| *base == bases[0]) {
                        self.set(format!("{base}.{key}"), text);
                    }
                }
            }
            self.0.insert(base.clone(), value.clone());
        }
    }

    /// Adds a list or an object that `reference` stands for as a whole.
    pub(crate) fn set_whole(&mut self, reference: impl Into<String>, value: ParamValue) {
        self.0.insert(reference.into(), value);
    }

    /// Adds a param under all its spellings.
    pub(crate) fn set_param(&mut self, name: &str, value: &ParamValue) {
        self.set_value(&spellings("params", name), value);
    }

    /// Adds a result of a task (`scope` is `tasks` or `finally`); of a list or object only `[*]` and the parts can be referred to.
    pub(crate) fn set_result(&mut self, scope: &str, task: &str, result: &str, value: &ParamValue) {
        let base = format!("{scope}.{task}.results.{result}");
        self.set_value(std::slice::from_ref(&base), value);
    }

    /// Lets the params of an embedded Task hide those of the same names. As on a cluster, single items of a list are not hidden, nor keys
    /// that the Task's own object lacks, and a value of another type hides by nothing.
    pub(crate) fn hide(&mut self, params: &[Param]) {
        for param in params {
            for base in spellings("params", &param.name) {
                let own = match (self.0.get(&base), &param.value) {
                    (None, _) => continue,
                    (Some(known), own) if known.kind() == own.kind() => own.clone(),
                    (Some(ParamValue::Text(_)), _) => ParamValue::Text(String::new()),
                    (Some(ParamValue::List(_)), _) => ParamValue::List(Vec::new()),
                    (Some(ParamValue::Map(_)), _) => ParamValue::Map(BTreeMap::new()),
                };
                if let ParamValue::Map(entries) = &own {
                    for (key, text) in entries {
                        self.set(format!("params.{}.{key}", param.name), text);
                    }
                }
                if !matches!(own, ParamValue::Text(_)) {
                    self.0.insert(format!("{base}[*]"), own.clone());
                }
                self.0.insert(base, own);
            }
        }
    }

    /// The text that `reference` stands for; `None` for what is unknown, a list or an object.
    pub(crate) fn text_of(&self, reference: &str) -> Option<&str> {
        match self.0.get(reference)? {
            ParamValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Adds the path of a file or folder under all spellings of `<scope>.<name>.path`.
    pub(crate) fn set_path(&mut self, scope: &str, name: &str, path: &str) {
        for base in spellings(scope, name) {
            self.set(format!("{base}.path"), path);
        }
    }

    /// The same variables less those for which `is_dropped` holds.
    pub(crate) fn without(mut self, is_dropped: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|reference, _| !is_dropped(reference));
        self
    }

    /// Adds all of `others`.
    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// `text` with all references to texts replaced; lists and objects stay as they are.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("$(") {
            let (before, tail) = rest.split_at(start);
            replaced.push_str(before);
            match tail.find(')').map(|end| (&tail[2..end], &tail[end + 1..])) {
                Some((reference, after)) if let Some(value) = self.text_of(reference) => {
                    replaced.push_str(value);
                    rest = after;
                }
                _ => {
                    replaced.push_str("$(");
                    rest = &tail[2..];
                }
            }
        }
        replaced.push_str(rest);
        replaced
    }

    /// As [`Self::text`], in place.
    pub(crate) fn apply(&self, text: &mut String) {
        if text.contains("$(") {
            *text = self.text(text);
        }
    }

    /// `items` with references replaced; an item that is nothing but a reference to a list becomes its items.
    pub(crate) fn list(&self, items: &[String]) -> Vec<String> {
        let mut replaced = Vec::with_capacity(items.len());
        for item in items {
            match self.whole(item) {
                Some(ParamValue::List(spliced)) => replaced.extend(spliced.iter().cloned()),
                _ => replaced.push(self.text(item)),
            }
        }
        replaced
    }

    /// `value` with references replaced; a text that is nothing but a reference to a list or an object, without quotes, becomes that.
    pub(crate) fn value(&self, value: &ParamValue) -> ParamValue {
        match value {
            ParamValue::Text(text) => match self.whole(text).filter(|_| !text.contains(['"', '\''])) {
                Some(value @ (ParamValue::List(_) | ParamValue::Map(_))) => value.clone(),
                _ => ParamValue::Text(self.text(text)),
            },
            ParamValue::List(items) => ParamValue::List(self.list(items)),
            ParamValue::Map(entries) => {
                ParamValue::Map(entries.iter().map(|(k, v)| (k.clone(), self.text(v))).collect())
            }
        }
    }

    /// The value that `text` as a whole refers to.
    fn whole(&self, text: &str) -> Option<&ParamValue> {
        self.0.get(whole(text)?)
    }
}

/// `params.x`, `params["x"]` and `params['x']`.
fn spellings(scope: &str, name: &str) -> [String; 3] {
    [format!("{scope}.{name}"), format!("{scope}[\"{name}\"]"), format!("{scope}['{name}']")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        variables.set_param("s", &"val".into());
        variables.set_param("a.b", &"dot".into());
        variables.set_param("l", &ParamValue::List(vec!["x".into(), "y z".into()]));
        variables.set_param("o", &ParamValue::Map([("k".to_owned(), "v".to_owned())].into()));
        variables.set_param("odd", &"$(params.s)".into());
        variables
    }

    #[test]
    fn texts() {
        let variables = variables();
        for (text, expected) in [
            ("$(params.s)$(params.s)x", "valvalx"),
            ("$$(params.s) $$", "$val $$"),
            ("$(params[\"a.b\"])$(params['a.b'])", "dotdot"),
            ("$(params.l[1]) $(params.o.k) $(params.l[9])", "y z v $(params.l[9])"),
            ("$(cat \"$(params.s)/f\") $(date) $(", "$(cat \"val/f\") $(date) $("),
            ("$(params.odd)", "$(params.s)"),
            ("x $(params.l[*])", "x $(params.l[*])"),
        ] {
            assert_eq!(variables.text(text), expected);
        }
    }

    #[test]
    fn lists_are_spliced_and_wholes_keep_their_type() {
        let variables = variables();
        let items = ["a".to_owned(), "$(params.l[*])".to_owned(), "-$(params.s)".to_owned()];
        assert_eq!(variables.list(&items), ["a", "x", "y z", "-val"]);
        assert_eq!(
            variables.value(&"$(params.o[*])".into()),
            ParamValue::Map([("k".to_owned(), "v".to_owned())].into())
        );
    }

    #[test]
    fn own_params_hide_those_around_them() {
        let mut variables = variables();
        let own: Vec<Param> = serde_json::from_str(
            r#"[{"name": "s", "value": "own"}, {"name": "l", "value": ["own"]}, {"name": "odd", "value": ["list"]}, {"name": "new", "value": "n"}]"#,
        )
        .unwrap();
        variables.hide(&own);
        assert_eq!(
            variables.text("$(params.s)$(params['s']) $(params.l[0]) <$(params.odd)> $(params.new)"),
            "ownown x <> $(params.new)"
        );
        assert_eq!(variables.list(&["$(params.l[*])".to_owned()]), ["own"]);
    }

    proptest! {
        #[test]
        fn text_without_references_is_untouched(text in "[^$]*") {
            prop_assert_eq!(variables().text(&text), text);
        }

        #[test]
        fn nothing_known_means_nothing_changes(text in ".*") {
            prop_assert_eq!(Variables::default().text(&text), text);
        }
    }
}
