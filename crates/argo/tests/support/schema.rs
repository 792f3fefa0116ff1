//! Argo's own schema. It uses few words of JSON Schema, and these are all understood here; every object is taken as closed.

use faultline_testkit::data::data_folder;
use serde_json::Value;

/// The schema; `None` where the data is not there.
pub(crate) struct Schema(Value);

/// What is said for people or other tools.
const UNUSED: [&str; 5] = ["description", "title", "format", "default", "$id"];

impl Schema {
    pub(crate) fn load() -> Option<Self> {
        let text = std::fs::read_to_string(data_folder("kubernetes")?.join("argo-workflows.schema.json")).unwrap();
        Some(Self(serde_json::from_str(&text).unwrap()))
    }

    /// What is wrong with a document of the kind.
    pub(crate) fn problems(&self, document: &Value, kind: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let name = format!("io.argoproj.workflow.v1alpha1.{kind}");
        self.check(&self.0["definitions"][&name], document, kind, &mut problems);
        problems
    }

    fn check(&self, schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
        for (word, rule) in schema.as_object().unwrap() {
            match word.as_str() {
                "$ref" => {
                    let name = rule.as_str().unwrap().strip_prefix("#/definitions/").unwrap();
                    let definition = &self.0["definitions"][name];
                    assert!(definition.is_object(), "{name} is not defined");
                    self.check(definition, value, path, problems);
                }
                "type" => {
                    let fits = match rule.as_str().unwrap() {
                        "string" => value.is_string(),
                        "integer" => value.is_i64() || value.is_u64(),
                        "number" => value.is_number(),
                        "boolean" => value.is_boolean(),
                        "object" => value.is_object(),
                        "array" => value.is_array(),
                        other => panic!("the type {other}"),
                    };
                    if !fits {
                        problems.push(format!("{path}: got {value}, expected {rule}"));
                    }
                }
                "required" => {
                    for name in
                        rule.as_array().unwrap().iter().filter(|name| value.get(name.as_str().unwrap()).is_none())
                    {
                        problems.push(format!("{path}: {name} is missing"));
                    }
                }
                "properties" => self.check_fields(schema, value, path, problems),
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{path}[{index}]"), problems);
                    }
                }
                "additionalProperties" if !schema["properties"].is_object() => {
                    for (name, field) in value.as_object().into_iter().flatten() {
                        self.check(rule, field, &format!("{path}.{name}"), problems);
                    }
                }
                "const" if value != rule => problems.push(format!("{path}: got {value}, expected {rule}")),
                "enum" if !rule.as_array().unwrap().contains(value) => {
                    problems.push(format!("{path}: got {value}, expected one of {rule}"));
                }
                "const" | "enum" => {}
                word if UNUSED.contains(&word) || word.starts_with("x-kubernetes-") => {}
                word => panic!("the schema uses `{word}`, which this check does not know"),
            }
        }
    }

    fn check_fields(&self, schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
        for (name, field) in value.as_object().into_iter().flatten() {
            match schema["properties"].get(name) {
                Some(rule) => self.check(rule, field, &format!("{path}.{name}"), problems),
                None => problems.push(format!("{path}: there is no field `{name}`")),
            }
        }
    }
}
