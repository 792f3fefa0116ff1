//! The reference of a step, generated from its own declaration: the tables of its README and the JSON Schema of its params.

use std::fmt::Write as _;

use clap::Arg;
use schemars::JsonSchema;
use serde_json::Value;

use crate::options;
use crate::results::STANDARD_RESULTS;
use crate::step::Step;

/// Flags that every program has.
const NOT_LISTED: &[&str] = &["help", "version"];

/// The flags and results of a step as Markdown tables.
#[must_use]
pub fn reference<S: Step>() -> String {
    let mut command = options::command::<S>(env!("CARGO_PKG_VERSION"));
    command.build();
    let mut text = "\n| flag | environment | default | meaning |\n|---|---|---|---|\n".to_owned();
    let listed = |arg: &&Arg| arg.get_long().is_some_and(|long| !NOT_LISTED.contains(&long));
    for arg in command.get_arguments().filter(listed) {
        let default = match arg.get_default_values().first() {
            Some(value) if value.is_empty() => "empty".to_owned(),
            Some(value) => format!("`{}`", value.to_string_lossy()),
            None if arg.is_required_set() => "required".to_owned(),
            None => "none".to_owned(),
        };
        let environment = arg.get_env().map(|name| format!("`{}`", name.to_string_lossy())).unwrap_or_default();
        let meaning = arg.get_help().map(ToString::to_string).unwrap_or_default();
        row(&mut text, &[&format!("`--{}`", arg.get_long().unwrap_or_default()), &environment, &default, &meaning]);
    }
    text.push_str("\n| result | meaning |\n|---|---|\n");
    for spec in STANDARD_RESULTS.iter().chain(S::RESULTS) {
        row(&mut text, &[&format!("`{}`", spec.name), spec.about]);
    }
    text.push('\n');
    text
}

/// The JSON Schema of a stage's section of the params file.
///
/// # Errors
/// When the schema cannot be written as JSON.
pub fn params_schema<P: JsonSchema>() -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(&schemars::schema_for!(P))? + "\n")
}

/// The keys of a stage's section of the params file as a Markdown table, those of nested objects with dots.
#[must_use]
pub fn params_table<P: JsonSchema>() -> String {
    let schema = schemars::schema_for!(P).to_value();
    let mut text = "\n| key | meaning |\n|---|---|\n".to_owned();
    keys(&schema, &schema, "", &mut text);
    text
}

fn keys(root: &Value, object: &Value, prefix: &str, text: &mut String) {
    for (name, property) in object["properties"].as_object().into_iter().flatten() {
        // an optional section is any of the section and null
        let mut either = property["anyOf"].as_array().into_iter().flatten().chain([property]);
        let referred = either.find_map(|part| part["$ref"].as_str());
        let referred = referred.and_then(|path| root.pointer(path.trim_start_matches('#')));
        if let Some(nested) = referred.filter(|nested| nested["properties"].is_object()) {
            keys(root, nested, &format!("{prefix}{name}."), text);
        } else {
            row(text, &[&format!("`{prefix}{name}`"), property["description"].as_str().unwrap_or_default()]);
        }
    }
}

/// One row of a table; a bar or a line break within a cell would end it.
fn row(text: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}
