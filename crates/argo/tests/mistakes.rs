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

/// Mistakes: what they are called, where they are planted (`@NAME` is the template of that name), what is planted there (nothing takes
/// out what is there), and what is said of them.
const PLANTS: [[&str; 4]; 34] = [
    ["kind", "/kind", r#""Workflow""#, "expected WorkflowTemplate"],
    ["name", "/metadata/name", r#""Train""#, "metadata.name"],
    ["entrypoint", "/spec/entrypoint", r#""nosuch""#, "spec.entrypoint"],
    ["exit handler", "/spec/onExit", r#""nosuch""#, "spec.onExit"],
    ["unused template", "/spec/onExit", "", "nothing runs the template `finally`"],
    ["no executor", "/spec/executor", "{}", "spec.executor.serviceAccountName"],
    ["deadline", "/spec/activeDeadlineSeconds", "0", "spec.activeDeadlineSeconds"],
    ["deadline of a template", "@train/activeDeadlineSeconds", r#""soon""#, "expected a number above 0"],
    ["argument", "/spec/arguments/parameters/0/name", r#""raw""#, "there is no argument of the workflow `raw-uri`"],
    ["argument twice", "/spec/arguments/parameters/0/name", r#""model""#, "`model` stands here twice"],
    ["argument's name", "/spec/arguments/parameters/0/name", r#""a.b""#, "`a.b`, which is no valid name"],
    ["template", "/spec/templates/0/dag/tasks/0/template", r#""nosuch""#, "tasks[0].template: got `nosuch`"],
    ["task twice", "/spec/templates/0/dag/tasks/0/name", r#""load""#, "`load` stands here twice"],
    ["digit", "/spec/templates/0/dag/tasks/6/name", r#""6th""#, "begins with no digit"],
    ["dependency", "/spec/templates/0/dag/tasks/1/depends", r#""nosuch.Succeeded""#, "waits for `nosuch`"],
    ["result of a task", "/spec/templates/0/dag/tasks/1/depends", r#""validate.Success""#, "got the result `Success`"],
    ["broken condition", "/spec/templates/0/dag/tasks/1/depends", r#""validate.Succeeded &&""#, "ends too early"],
    ["no dependency", "/spec/templates/0/dag/tasks/1/depends", "", "`validate` is no task that has ended by then"],
    ["cycle", "/spec/templates/0/dag/tasks/0/depends", r#""promote.Succeeded""#, "waits for itself"],
    ["both styles", "/spec/templates/0/dag/tasks/0/dependencies", r#"["load"]"#, "in a graph with `depends`"],
    ["two loops", "/spec/templates/0/dag/tasks/5/withItems", r#"["x"]"#, "expected one loop"],
    ["no loop", "/spec/templates/0/dag/tasks/5/withParam", "", "`{{item}}`: there is no loop here"],
    ["no items", "/spec/templates/0/dag/tasks/0/withItems", "[]", "got no items"],
    ["missing argument", "/spec/templates/0/dag/tasks/0/arguments/parameters", "[]", "no value for `run-id`"],
    [
        "unknown argument",
        "/spec/templates/0/dag/tasks/0/arguments/parameters/0/name",
        r#""nosuch""#,
        "`nosuch`, which the template `validate` does not take",
    ],
    ["recursion", "@finally/dag/tasks/0/template", r#""finally""#, "runs itself"],
    [
        "status before the end",
        "/spec/templates/0/dag/tasks/0/arguments/parameters/0/value",
        r#""{{workflow.status}}""#,
        "in the exit handler alone",
    ],
    ["open tag", "/spec/templates/0/dag/tasks/0/arguments/parameters/0/value", r#""{{workflow.uid""#, "is not closed"],
    ["broken expression", "/spec/templates/0/dag/tasks/0/when", r#""{{=('a' in ['a']}}""#, "is missing"],
    [
        "choice",
        "/spec/templates/0/dag/tasks/0/when",
        r#""{{=workflow.name == 'x' ? true : false}}""#,
        "take apart wrongly",
    ],
    ["two bodies", "@train/dag", r#"{"tasks": []}"#, "got 2 bodies"],
    ["undeclared output", "@validate/outputs/parameters/0/name", r#""uri""#, "`validate` has no output `manifest-uri`"],
    ["output on no volume", "@validate/outputs/parameters/0/valueFrom/path", r#""/out/x""#, "on no volume"],
    ["mount", "@validate/volumes/0/name", r#""other""#, "expected a volume of the template"],
];

#[test]
fn planted_mistakes_are_found() {
    let sound = of_pipeline("train.yaml");
    assert_eq!(check(&sound), []);
    for [name, place, planted, expected] in PLANTS {
        let mut document = sound.clone();
        plant(&mut document, place, planted);
        let faults: Vec<String> = check(&document).iter().map(ToString::to_string).collect();
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{name}: {faults:#?}");
    }
}

fn plant(document: &mut Value, place: &str, planted: &str) {
    let place = match place.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
        Some((template, rest)) => format!("/spec/templates/{}/{rest}", at(document, template)),
        None => place.to_owned(),
    };
    let (parent, key) = place.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if planted.is_empty() {
        parent.remove(key).unwrap();
    } else {
        parent.insert(key.to_owned(), serde_json::from_str(planted).unwrap());
    }
}

/// The places of all texts with tags.
fn tagged(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains("{{") => found.push(path.to_owned()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                tagged(item, &format!("{path}/{index}"), found);
            }
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
    for (place, planted, expected) in [
        ("@a/containerSet/containers/0/dependencies", r#"["main"]"#, "expected a container before this one"),
        ("@a/containerSet/containers/1/name", r#""last""#, "there is none"),
    ] {
        let mut document = sound.clone();
        plant(&mut document, place, planted);
        let faults = check(&document);
        assert!(faults.iter().any(|fault| fault.message.contains(expected)), "{faults:?}");
    }
}
