//! One template by itself: its body, its outputs, its volumes and numbers.

use serde_json::Value;

use super::{Faults, is_parameter, list, text};

/// What a template can be; it is exactly one.
const BODIES: [&str; 4] = ["container", "script", "containerSet", "dag"];
/// Where the value of an output can come from; it is exactly one.
const SOURCES: [&str; 3] = ["path", "parameter", "expression"];

pub(super) fn check(faults: &mut Faults, field: &str, template: &Value) {
    let bodies: Vec<&str> = BODIES.into_iter().filter(|body| template.get(body).is_some()).collect();
    if bodies.len() != 1 {
        let expected = BODIES.join(", ");
        faults.add(field, format!("got {} bodies ({}), expected one of {expected}", bodies.len(), bodies.join(", ")));
    }
    faults.names(&format!("{field}.inputs.parameters"), list(&template["inputs"]["parameters"]), is_parameter);
    faults.names(&format!("{field}.outputs.parameters"), list(&template["outputs"]["parameters"]), is_parameter);
    for name in ["activeDeadlineSeconds", "retryStrategy.limit"] {
        let value = name.split('.').try_fold(template, |value, key| value.get(key));
        let number = value.map(|value| value.as_u64().or_else(|| text(value).parse::<u64>().ok()));
        if number.is_some_and(|number| number.is_none_or(|number| number == 0)) {
            faults.add(
                format!("{field}.{name}"),
                format!("got {}, expected a number above 0", value.unwrap_or(&Value::Null)),
            );
        }
        if template.get("dag").is_some() && value.is_some() && name == "activeDeadlineSeconds" {
            faults.add(format!("{field}.{name}"), "a graph has no deadline of its own");
        }
    }
    outputs(faults, field, template);
    mounts(faults, field, template);
    containers(faults, field, template);
}

fn outputs(faults: &mut Faults, field: &str, template: &Value) {
    let is_graph = template.get("dag").is_some();
    for (index, output) in list(&template["outputs"]["parameters"]).iter().enumerate() {
        let field = format!("{field}.outputs.parameters[{index}].valueFrom");
        let from = &output["valueFrom"];
        let sources: Vec<&str> = SOURCES.into_iter().filter(|source| from.get(source).is_some()).collect();
        let [source] = sources[..] else {
            faults.add(field, format!("got {} sources ({}), expected one", sources.len(), sources.join(", ")));
            continue;
        };
        if is_graph == (source == "path") {
            let expected = if is_graph { "parameter or expression" } else { "path" };
            faults.add(format!("{field}.{source}"), format!("got {source}, expected {expected}"));
        }
        if source == "path" && !mounted(template).any(|mount| is_below(text(&from["path"]), mount)) {
            let message = format!("got {}, which is on no volume: the executor would look in vain", from["path"]);
            faults.add(format!("{field}.path"), message);
        }
        if let Some(name) = output["globalName"].as_str().filter(|name| !is_parameter(name)) {
            faults.add(format!("{field}.globalName"), format!("got `{name}`, which is no valid name"));
        }
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
}

/// Where the container whose outputs are read has volumes.
fn mounted(template: &Value) -> impl Iterator<Item = &str> {
    let bodies = ["container", "script", "containerSet"].into_iter().map(move |body| &template[body]["volumeMounts"]);
    bodies.flat_map(list).map(|mount| text(&mount["mountPath"]))
}

fn mounts(faults: &mut Faults, field: &str, template: &Value) {
    let volumes = faults.names(&format!("{field}.volumes"), list(&template["volumes"]), super::is_name);
    let mut bodies: Vec<(String, &Value)> = ["container", "script", "containerSet"]
        .into_iter()
        .map(|body| (format!("{field}.{body}"), &template[body]))
        .collect();
    for (index, container) in list(&template["containerSet"]["containers"]).iter().enumerate() {
        bodies.push((format!("{field}.containerSet.containers[{index}]"), container));
    }
    for (field, body) in bodies {
        for (index, mount) in list(&body["volumeMounts"]).iter().enumerate() {
            let name = text(&mount["name"]);
            if !volumes.contains(name) {
                faults.add(
                    format!("{field}.volumeMounts[{index}].name"),
                    format!("got `{name}`, expected a volume of the template"),
                );
            }
        }
    }
}

/// The containers of a set: names, order, and the one whose outputs are read.
fn containers(faults: &mut Faults, field: &str, template: &Value) {
    let Some(set) = template.get("containerSet") else { return };
    let field = format!("{field}.containerSet.containers");
    let containers = list(&set["containers"]);
    let names = faults.names(&field, containers, super::is_name);
    if !list(&template["outputs"]["parameters"]).is_empty() && !names.contains("main") {
        faults.add(&field, "outputs are read from the container `main`, and there is none");
    }
    let mut before = Vec::new();
    for (index, container) in containers.iter().enumerate() {
        for dependency in list(&container["dependencies"]) {
            if !before.contains(&text(dependency)) {
                let message = format!("got {dependency}, expected a container before this one");
                faults.add(format!("{field}[{index}].dependencies"), message);
            }
        }
        before.push(text(&container["name"]));
    }
}
