//! The checks find mistakes that are planted in documents that hold.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use faultline_argo::{Options, check};
use faultline_testkit::generated::workspace;
use serde_json::{Value, json};
use support::{corpus, export_file, export_text, pipeline};

fn of_pipeline(name: &str) -> Value {
    let options =
        Options { account_per_task: true, executor_account: Some("executor".to_owned()), ..Options::default() };
    export_file(&workspace().join("pipelines").join(name), None, &options).unwrap()
}

/// The index of a template.
fn at(document: &Value, name: &str) -> usize {
    let templates = document["spec"]["templates"].as_array().unwrap();
    templates.iter().position(|template| template["name"] == name).unwrap()
}

type Plant = fn(&mut Value);

#[test]
fn planted_mistakes_are_found() {
    let plants: [(&str, Plant, &str); 33] = [
        ("kind", |d| d["kind"] = json!("Workflow"), "expected WorkflowTemplate"),
        ("name", |d| d["metadata"]["name"] = json!("Train"), "metadata.name"),
        ("entrypoint", |d| d["spec"]["entrypoint"] = json!("nosuch"), "spec.entrypoint"),
        ("exit handler", |d| d["spec"]["onExit"] = json!("nosuch"), "spec.onExit"),
        ("unused template", |d| d["spec"]["onExit"] = Value::Null, "nothing runs the template `finally`"),
        ("no executor", |d| d["spec"]["executor"] = json!({}), "spec.executor.serviceAccountName"),
        ("deadline", |d| d["spec"]["activeDeadlineSeconds"] = json!(0), "spec.activeDeadlineSeconds"),
        (
            "argument",
            |d| d["spec"]["arguments"]["parameters"][0]["name"] = json!("raw"),
            "there is no argument of the workflow `raw-uri`",
        ),
        (
            "argument twice",
            |d| d["spec"]["arguments"]["parameters"][0]["name"] = json!("model"),
            "`model` stands here twice",
        ),
        (
            "argument's name",
            |d| d["spec"]["arguments"]["parameters"][0]["name"] = json!("a.b"),
            "`a.b`, which is no valid name",
        ),
        (
            "template",
            |d| d["spec"]["templates"][0]["dag"]["tasks"][0]["template"] = json!("nosuch"),
            "tasks[0].template: got `nosuch`",
        ),
        (
            "task twice",
            |d| d["spec"]["templates"][0]["dag"]["tasks"][0]["name"] = json!("load"),
            "`load` stands here twice",
        ),
        ("digit", |d| d["spec"]["templates"][0]["dag"]["tasks"][6]["name"] = json!("6th"), "begins with no digit"),
        (
            "dependency",
            |d| d["spec"]["templates"][0]["dag"]["tasks"][1]["depends"] = json!("nosuch.Succeeded"),
            "waits for `nosuch`",
        ),
        (
            "result of a task",
            |d| d["spec"]["templates"][0]["dag"]["tasks"][1]["depends"] = json!("validate.Success"),
            "got the result `Success`",
        ),
        (
            "broken condition",
            |d| d["spec"]["templates"][0]["dag"]["tasks"][1]["depends"] = json!("validate.Succeeded &&"),
            "ends too early",
        ),
        (
            "no dependency",
            |d| d["spec"]["templates"][0]["dag"]["tasks"][1]["depends"] = Value::Null,
            "`validate` is no task that has ended by then",
        ),
        (
            "cycle",
            |d| d["spec"]["templates"][0]["dag"]["tasks"][0]["depends"] = json!("promote.Succeeded"),
            "waits for itself",
        ),
        (
            "both styles",
            |d| d["spec"]["templates"][0]["dag"]["tasks"][0]["dependencies"] = json!(["load"]),
            "in a graph with `depends`",
        ),
        (
            "two loops",
            |d| d["spec"]["templates"][0]["dag"]["tasks"][5]["withItems"] = json!(["x"]),
            "expected one loop",
        ),
        (
            "no loop",
            |d| {
                d["spec"]["templates"][0]["dag"]["tasks"][5]
                    .as_object_mut()
                    .unwrap()
                    .remove("withParam")
                    .map_or((), drop)
            },
            "`{{item}}`: there is no loop here",
        ),
        ("no items", |d| d["spec"]["templates"][0]["dag"]["tasks"][0]["withItems"] = json!([]), "got no items"),
        (
            "missing argument",
            |d| {
                d["spec"]["templates"][0]["dag"]["tasks"][0]["arguments"]["parameters"]
                    .as_array_mut()
                    .unwrap()
                    .truncate(1)
            },
            "no value for `run-id`",
        ),
        (
            "unknown argument",
            |d| d["spec"]["templates"][0]["dag"]["tasks"][0]["arguments"]["parameters"][0]["name"] = json!("nosuch"),
            "`nosuch`, which the template `validate` does not take",
        ),
        ("recursion", |d| d["spec"]["templates"][1]["dag"]["tasks"][0]["template"] = json!("finally"), "runs itself"),
        (
            "status before the end",
            |d| {
                d["spec"]["templates"][0]["dag"]["tasks"][0]["arguments"]["parameters"][0]["value"] =
                    json!("{{workflow.status}}")
            },
            "in the exit handler alone",
        ),
        (
            "open tag",
            |d| {
                d["spec"]["templates"][0]["dag"]["tasks"][0]["arguments"]["parameters"][0]["value"] =
                    json!("{{workflow.uid")
            },
            "is not closed",
        ),
        (
            "broken expression",
            |d| d["spec"]["templates"][0]["dag"]["tasks"][0]["when"] = json!("{{=('a' in ['a']}}"),
            "is missing",
        ),
        (
            "choice",
            |d| {
                d["spec"]["templates"][0]["dag"]["tasks"][0]["when"] = json!("{{=workflow.name == 'x' ? true : false}}")
            },
            "take apart wrongly",
        ),
        (
            "two bodies",
            |d| {
                let i = at(d, "train");
                d["spec"]["templates"][i]["dag"] = json!({"tasks": []})
            },
            "got 2 bodies",
        ),
        (
            "undeclared output",
            |d| {
                let i = at(d, "validate");
                d["spec"]["templates"][i]["outputs"]["parameters"][0]["name"] = json!("uri")
            },
            "`validate` has no output `manifest-uri`",
        ),
        (
            "output on no volume",
            |d| {
                let i = at(d, "validate");
                d["spec"]["templates"][i]["outputs"]["parameters"][0]["valueFrom"]["path"] = json!("/out/x")
            },
            "on no volume",
        ),
        (
            "mount",
            |d| {
                let i = at(d, "validate");
                d["spec"]["templates"][i]["volumes"][0]["name"] = json!("other")
            },
            "expected a volume of the template",
        ),
    ];
    let sound = of_pipeline("train.yaml");
    assert_eq!(check(&sound), []);
    for (name, plant, expected) in plants {
        let mut document = sound.clone();
        plant(&mut document);
        let faults: Vec<String> = check(&document).iter().map(ToString::to_string).collect();
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{name}: {faults:#?}");
    }
}

/// The places of all texts with tags.
fn tagged(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains("{{") => found.push(path.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| tagged(item, &format!("{path}/{index}"), found))
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                tagged(field, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        _ => {}
    }
}

/// The last name of each tag gets another, so that it leads nowhere.
fn astray(text: &str) -> String {
    let mut parts = text.split("}}").map(str::to_owned).collect::<Vec<_>>();
    let count = parts.len();
    for part in parts.iter_mut().take(count - 1).filter(|part| part.contains("{{")) {
        let (before, tag) = part.rsplit_once("{{").unwrap();
        let tag = match tag.strip_prefix('=') {
            Some(_) => "=workflow.nosuch".to_owned(),
            None => format!("{tag}.nosuch"),
        };
        *part = format!("{before}{{{{{tag}");
    }
    parts.join("}}")
}

#[test]
fn no_tag_may_lead_astray() {
    let mut documents: Vec<Value> = ["train.yaml", "predict-sharded.yaml"].map(of_pipeline).into();
    let exported = corpus()
        .into_iter()
        .filter_map(|case| export_file(&case.join("pipeline.yaml"), Some("p"), &Options::default()).ok());
    documents.extend(exported);
    let mut count = 0;
    for document in documents {
        let mut places = Vec::new();
        tagged(&document, "", &mut places);
        for place in places {
            let mut wrong = document.clone();
            let text = wrong.pointer_mut(&place).unwrap();
            // A field of an item that a list will only bring later cannot be known.
            if *text == "{{item}}" {
                continue;
            }
            *text = json!(astray(text.as_str().unwrap()));
            assert!(!check(&wrong).is_empty(), "{place}: {text}", text = wrong.pointer(&place).unwrap());
            count += 1;
        }
    }
    assert!(count > 500, "{count}");
}

#[test]
fn no_template_and_no_parent_may_be_missing() {
    for name in ["train.yaml", "predict.yaml", "train-sharded.yaml", "predict-sharded.yaml"] {
        let document = of_pipeline(name);
        for index in 0..document["spec"]["templates"].as_array().unwrap().len() {
            let mut wrong = document.clone();
            wrong["spec"]["templates"].as_array_mut().unwrap().remove(index);
            assert!(!check(&wrong).is_empty(), "{name} without template {index}");
        }
        for index in 0..document["spec"]["templates"][0]["dag"]["tasks"].as_array().unwrap().len() {
            let mut wrong = document.clone();
            wrong["spec"]["templates"][0]["dag"]["tasks"].as_array_mut().unwrap().remove(index);
            assert!(!check(&wrong).is_empty(), "{name} without task {index}");
        }
    }
}

#[test]
fn containers_of_a_set_wait_for_those_before() {
    let spec = "  tasks: [{name: a, taskSpec: {results: [{name: r}], steps: [{image: i, command: [x]}, {image: i, command: [some]}]}}]";
    let sound = export_text(&pipeline(spec), &Options::default()).unwrap();
    let index = at(&sound, "a");
    let plants: [(Plant, &str); 2] = [
        (|set| set["containers"][0]["dependencies"] = json!(["main"]), "expected a container before this one"),
        (|set| set["containers"][1]["name"] = json!("last"), "there is none"),
    ];
    for (plant, expected) in plants {
        let mut document = sound.clone();
        plant(&mut document["spec"]["templates"][index]["containerSet"]);
        let faults = check(&document);
        assert!(faults.iter().any(|fault| fault.message.contains(expected)), "{faults:?}");
    }
}
