//! Params and their values: a string, an array of strings or an object of strings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A value of a param or a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub enum ParamValue {
    /// Text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// Texts by key.
    Map(BTreeMap<String, String>),
}

impl ParamValue {
    /// The type of this value.
    #[must_use]
    pub const fn kind(&self) -> ParamType {
        match self {
            Self::Text(_) => ParamType::String,
            Self::List(_) => ParamType::Array,
            Self::Map(_) => ParamType::Object,
        }
    }

    /// Every text in the value, in order.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => vec![text],
            Self::List(items) => items.iter().map(String::as_str).collect(),
            Self::Map(entries) => entries.values().map(String::as_str).collect(),
        }
    }

    /// The value with `change` applied to every text in it.
    #[must_use]
    pub(crate) fn map(&self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Text(text) => Self::Text(change(text)),
            Self::List(items) => Self::List(items.iter().map(|item| change(item)).collect()),
            Self::Map(entries) => Self::Map(entries.iter().map(|(key, text)| (key.clone(), change(text))).collect()),
        }
    }

    /// The list or object of strings that `json` is; `None` for anything else, numbers in it included.
    #[must_use]
    pub fn from_json(json: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match json {
            Value::Array(items) => items.iter().map(text).collect::<Option<_>>().map(Self::List),
            Value::Object(entries) => entries
                .iter()
                .map(|(key, value)| Some((key.clone(), text(value)?)))
                .collect::<Option<_>>()
                .map(Self::Map),
            _ => None,
        }
    }
}

impl From<Value> for ParamValue {
    /// As Tekton does it: what is neither text nor a list or object of texts becomes its JSON text, so `3` is `"3"`.
    fn from(json: Value) -> Self {
        match json {
            Value::String(text) => Self::Text(text),
            Value::Null => Self::Text(String::new()),
            other => Self::from_json(&other).unwrap_or_else(|| Self::Text(other.to_string())),
        }
    }
}

impl From<ParamValue> for Value {
    fn from(value: ParamValue) -> Self {
        match value {
            ParamValue::Text(text) => Self::String(text),
            ParamValue::List(items) => items.into(),
            ParamValue::Map(entries) => Self::Object(entries.into_iter().map(|(k, v)| (k, v.into())).collect()),
        }
    }
}

impl From<&str> for ParamValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The type of a param or a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamType {
    /// Text.
    #[default]
    String,
    /// A list of texts.
    Array,
    /// Texts by key.
    Object,
}

impl ParamType {
    /// The word Tekton has for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// A param that a Task or Pipeline takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamSpec {
    /// Its name.
    pub name: String,
    /// Its type; inferred from the properties or the default when left out.
    #[serde(rename = "type")]
    pub kind: Option<ParamType>,
    /// What it is for.
    pub description: Option<String>,
    /// The keys of an object.
    pub properties: Option<BTreeMap<String, PropertySpec>>,
    /// The value when none is given; without it the param is required.
    pub default: Option<ParamValue>,
    /// The only values allowed.
    #[serde(default, rename = "enum")]
    pub allowed: Vec<String>,
}

impl ParamSpec {
    /// The declared type, else that of the properties, else that of the default, else string.
    #[must_use]
    pub fn kind(&self) -> ParamType {
        let inferred = || if self.properties.is_some() { Some(ParamType::Object) } else { None };
        let of_default = || self.default.as_ref().map(ParamValue::kind);
        self.kind.or_else(inferred).or_else(of_default).unwrap_or_default()
    }

    /// The value that a command line gives as `text`: a list is JSON or `a,b,c`, an object is JSON or `key:value,key:value`.
    ///
    /// `None` when the text is not of the declared type.
    #[must_use]
    pub fn parse(&self, text: &str) -> Option<ParamValue> {
        let json = || serde_json::from_str(text).ok().as_ref().and_then(ParamValue::from_json);
        let items = || text.split(',').filter(|item| !item.is_empty());
        match self.kind() {
            ParamType::String => Some(ParamValue::Text(text.to_owned())),
            ParamType::Array if text.trim_start().starts_with('[') => json(),
            ParamType::Array => Some(ParamValue::List(items().map(str::to_owned).collect())),
            ParamType::Object if text.trim_start().starts_with('{') => json(),
            ParamType::Object => {
                let pair = |item: &str| item.split_once(':').map(|(key, value)| (key.to_owned(), value.to_owned()));
                items().map(pair).collect::<Option<_>>().map(ParamValue::Map)
            }
        }
        .filter(|value| value.kind() == self.kind())
    }

    /// The value that a command line gives as `text` for a param that nobody declares: a JSON list or object of strings, else text.
    #[must_use]
    pub fn parse_undeclared(text: &str) -> ParamValue {
        let json = serde_json::from_str(text).ok().as_ref().and_then(ParamValue::from_json);
        json.unwrap_or_else(|| ParamValue::Text(text.to_owned()))
    }

    /// The declared keys that `value` and the default both lack.
    #[must_use]
    pub fn missing_keys(&self, value: Option<&ParamValue>) -> Vec<String> {
        let has = |value: Option<&ParamValue>, key: &String| matches!(value, Some(ParamValue::Map(entries)) if entries.contains_key(key));
        let declared = self.properties.iter().flat_map(BTreeMap::keys);
        declared.filter(|key| !has(value, key) && !has(self.default.as_ref(), key)).cloned().collect()
    }
}

/// One declared key of an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropertySpec {
    /// Only `string` exists.
    #[serde(default, rename = "type")]
    pub kind: ParamType,
}

/// A named value handed to a Task or Pipeline.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its value, references included.
    pub value: ParamValue,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn odd_values_become_their_json_text() {
        assert_eq!(ParamValue::from(json!(true)), "true".into());
        assert_eq!(ParamValue::from(json!([1, 2])), "[1,2]".into());
        assert_eq!(ParamValue::from(json!(["a"])), ParamValue::List(vec!["a".into()]));
    }

    #[test]
    fn the_type_is_inferred() {
        let spec = |json| serde_json::from_value::<ParamSpec>(json).unwrap().kind();
        assert_eq!(spec(json!({"name": "p"})), ParamType::String);
        assert_eq!(spec(json!({"name": "p", "default": ["a"]})), ParamType::Array);
        assert_eq!(spec(json!({"name": "p", "properties": {"k": {}}})), ParamType::Object);
        assert!(serde_json::from_value::<ParamSpec>(json!({"name": "p", "type": "number"})).is_err());
    }

    #[test]
    fn values_of_a_command_line() {
        let spec = |kind: &str| serde_json::from_value::<ParamSpec>(json!({"name": "p", "type": kind})).unwrap();
        let list = |items: &[&str]| Some(ParamValue::List(items.iter().map(|item| String::from(*item)).collect()));
        assert_eq!(spec("array").parse("a,b"), list(&["a", "b"]));
        assert_eq!(spec("array").parse(r#"["a,b"]"#), list(&["a,b"]));
        assert_eq!(spec("array").parse("[1]"), None);
        assert_eq!(spec("object").parse("k:v"), Some(ParamValue::Map([("k".to_owned(), "v".to_owned())].into())));
        assert_eq!(spec("object").parse("k"), None);
        assert_eq!(ParamSpec::parse_undeclared(r#"["a"]"#), list(&["a"]).unwrap());
        assert_eq!(ParamSpec::parse_undeclared("a,b"), "a,b".into());
    }

    proptest! {
        #[test]
        fn json_round_trip(items in proptest::collection::vec(".*", 0..5)) {
            let value = ParamValue::List(items);
            prop_assert_eq!(ParamValue::from(Value::from(value.clone())), value);
        }
    }
}
