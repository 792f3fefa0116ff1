//! What single parts of a Pipeline come to.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use faultline_argo::{Options, RetryOn};
use serde_json::{Value, json};
use support::{argument, export_text, named, pipeline, task, template};

fn export(spec: &str) -> Value {
    export_with(spec, &Options::default())
}

fn export_with(spec: &str, options: &Options) -> Value {
    export_text(&pipeline(spec), options).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn params_and_results() {
    let document = export(
        "  params:
  - {name: who, default: Ada, description: whom to greet}
  - {name: all, type: array, default: [a, 'b \"c\"']}
  - {name: place, type: object, properties: {street: {}, town: {}}, default: {street: s, town: t}}
  - {name: dotted.name}
  tasks:
  - name: a
    taskRef: {name: make}
    params: [{name: v, value: 'hello $(params.who) of $(params.place.town), $(params.all[1])'}]
  - name: b
    taskRef: {name: take}
    params:
    - {name: v, value: '$(tasks.a.results.out)/$(tasks.a.results.list[0])/$(tasks.a.results.map.k)'}
    - {name: w, value: '$(params[\"dotted.name\"]) $(context.pipelineRun.uid) $(context.pipeline.name)'}",
    );
    let arguments = &document["spec"]["arguments"]["parameters"];
    assert_eq!(*named(arguments, "who"), json!({"name": "who", "value": "Ada", "description": "whom to greet"}));
    assert_eq!(named(arguments, "all")["value"], "[\"a\",\"b \\\"c\\\"\"]");
    assert_eq!(named(arguments, "place")["value"], "{\"street\":\"s\",\"town\":\"t\"}");
    assert_eq!(*named(arguments, "dotted_name"), json!({"name": "dotted_name"}));
    assert_eq!(
        argument(task(&document, "a"), "v"),
        "hello {{workflow.parameters.who}} of {{=jsonpath(workflow.parameters['place'], '$[\"town\"]')}}, {{=jsonpath(workflow.parameters['all'], '$[1]')}}"
    );
    let taking = task(&document, "b");
    assert_eq!(taking["dependencies"], json!(["a"]));
    assert_eq!(
        argument(taking, "v"),
        "{{tasks.a.outputs.parameters.out}}/{{=jsonpath(tasks['a'].outputs.parameters['list'], '$[0]')}}/{{=jsonpath(tasks['a'].outputs.parameters['map'], '$[\"k\"]')}}"
    );
    assert_eq!(argument(taking, "w"), "{{workflow.parameters.dotted_name}} {{workflow.uid}} p");
    let made = template(&document, "a");
    assert_eq!(made["container"]["command"], json!(["make", "{{inputs.parameters.v}}", "/tekton/results/out"]));
    // A result that is used must be there; the others may be missing.
    assert_eq!(named(&made["outputs"]["parameters"], "out")["valueFrom"], json!({"path": "/tekton/results/out"}));
    let unused = export("  tasks: [{name: a, taskRef: {name: make}}]");
    let unused = &template(&unused, "a")["outputs"]["parameters"];
    assert_eq!(named(unused, "out")["valueFrom"], json!({"path": "/tekton/results/out", "default": ""}));
    assert_eq!(named(&template(&document, "b")["inputs"]["parameters"], "v"), &json!({"name": "v"}));
    assert_eq!(named(&made["inputs"]["parameters"], "v"), &json!({"name": "v"}));
}

#[test]
fn lists_and_objects_given_in_place_are_spread() {
    let document = export(
        "  params: [{name: x}]
  tasks:
  - name: a
    params:
    - {name: l, value: [one, '$(params.x)']}
    - {name: o, value: {k: '$(params.x)!'}}
    taskSpec:
      params:
      - {name: l, type: array}
      - {name: o, type: object, properties: {k: {}, d: {}}, default: {d: dd}}
      - {name: rest, type: array, default: [p, q]}
      steps:
      - image: i
        command: [echo, '$(params.l[*])', '$(params.o.k)-$(params.o.d)', '$(params.rest[*])', '$(params.l[0])$(params.x)']",
    );
    let command = &template(&document, "a")["container"]["command"];
    let expected = json!([
        "echo",
        "one",
        "{{inputs.parameters.l-1}}",
        "{{inputs.parameters.o-k}}-dd",
        "p",
        "q",
        "one{{workflow.parameters.x}}"
    ]);
    assert_eq!(*command, expected);
    assert_eq!(argument(task(&document, "a"), "o-k"), "{{workflow.parameters.x}}!");
}

#[test]
fn conditions() {
    let when = |when: &str| {
        let spec = format!(
            "  params: [{{name: x}}, {{name: l, type: array}}]
  tasks:
  - {{name: a, taskRef: {{name: make}}}}
  - name: b
    when: {when}
    taskRef: {{name: make}}"
        );
        task(&export(&spec), "b")["when"].clone()
    };
    for (tekton, argo) in [
        (
            "[{input: $(params.x), operator: in, values: [a, \"it's\"]}]",
            "{{=workflow.parameters['x'] in ['a', 'it\\'s']}}",
        ),
        ("[{input: $(params.x), operator: notin, values: [a]}]", "{{=!(workflow.parameters['x'] in ['a'])}}"),
        (
            "[{input: 'v-$(tasks.a.results.out)', operator: in, values: ['$(params.l[*])', z]}, {input: q, operator: in, values: [q]}]",
            "{{=(('v-' + tasks['a'].outputs.parameters['out']) in ['z'] || ('v-' + tasks['a'].outputs.parameters['out']) in jsonpath(workflow.parameters['l'], '$')) && 'q' in ['q']}}",
        ),
    ] {
        assert_eq!(when(tekton), argo, "{tekton}");
    }
}

#[test]
fn what_a_skipped_task_means_for_others() {
    let document = export(
        "  params: [{name: x}]
  tasks:
  - {name: a, taskRef: {name: make}, when: [{input: $(params.x), operator: in, values: [some]}]}
  - {name: after, taskRef: {name: make}, runAfter: [a]}
  - {name: user, taskRef: {name: take}, params: [{name: v, value: $(tasks.a.results.out)}]}
  - {name: last, taskRef: {name: make}, runAfter: [after, user]}",
    );
    assert_eq!(task(&document, "after")["depends"], "(a.Succeeded || a.Skipped)");
    assert_eq!(task(&document, "user")["depends"], "a.Succeeded");
    assert_eq!(task(&document, "last")["depends"], "after.Succeeded && user.Succeeded");
    assert_eq!(task(&document, "a").get("depends"), None);
}

#[test]
fn ignored_failures() {
    let ends = export("  tasks: [{name: a, taskRef: {name: make}, onError: continue}]");
    assert_eq!(task(&ends, "a")["continueOn"], json!({"error": true, "failed": true}));
    let inner = export(
        "  params: [{name: x}]
  tasks:
  - {name: a, taskRef: {name: make}, onError: continue}
  - {name: s, taskRef: {name: make}, when: [{input: $(params.x), operator: in, values: [some]}]}
  - {name: b, taskRef: {name: take}, runAfter: [a], params: [{name: v, value: $(tasks.s.results.out)}]}",
    );
    assert_eq!(task(&inner, "b")["depends"], "(a.Succeeded || a.Failed || a.Errored) && s.Succeeded");
}

#[test]
fn matrices_of_values_known_now() {
    let document = export(
        "  params: [{name: x}]
  tasks:
  - name: one
    taskRef: {name: take}
    matrix: {params: [{name: v, value: [a, '$(params.x)']}]}
  - name: two
    taskRef: {name: take}
    matrix: {params: [{name: v, value: ['1', '2']}, {name: w, value: [x, z]}]}
  - name: more
    taskRef: {name: take}
    matrix:
      params: [{name: v, value: ['1', '2']}]
      include: [{name: i, params: [{name: v, value: '2'}, {name: w, value: W}]}, {name: j, params: [{name: v, value: '3'}]}]",
    );
    let one = task(&document, "one");
    assert_eq!(one["withItems"], json!(["a", "{{workflow.parameters.x}}"]));
    assert_eq!(argument(one, "v"), "{{item}}");
    let two = task(&document, "two");
    let items = [("1", "x"), ("2", "x"), ("1", "z"), ("2", "z")].map(|(v, w)| json!({"v": v, "w": w}));
    assert_eq!(two["withItems"], json!(items));
    assert_eq!(argument(two, "w"), "{{item.w}}");
    // What a combination lacks comes from the Task.
    let items = [("1", "dw"), ("2", "W"), ("3", "dw")].map(|(v, w)| json!({"v": v, "w": w}));
    assert_eq!(task(&document, "more")["withItems"], json!(items));
}

#[test]
fn matrices_of_values_known_later() {
    let document = export(
        "  params: [{name: l, type: array}, {name: x}]
  tasks:
  - {name: a, taskRef: {name: make}}
  - name: m
    taskRef: {name: take}
    matrix: {params: [{name: v, value: '$(tasks.a.results.list[*])'}]}
  - name: fan
    taskRef: {name: take}
    matrix: {params: [{name: v, value: '$(params.l[*])'}, {name: w, value: [x, two]}]}
    params: []
  - {name: after, taskRef: {name: take}, runAfter: [fan], params: [{name: v, value: '$(tasks.fan.matrix.length)'}]}",
    );
    assert_eq!(task(&document, "m")["withParam"], "{{tasks.a.outputs.parameters.list}}");
    let outer = task(&document, "fan");
    assert_eq!((&outer["withParam"], &outer["template"]), (&json!("{{workflow.parameters.l}}"), &json!("fan-each-v")));
    assert_eq!(argument(outer, "v"), "{{item}}");
    let inner = &template(&document, "fan-each-v")["dag"]["tasks"][0];
    assert_eq!((&inner["withItems"], &inner["template"]), (&json!(["x", "two"]), &json!("fan")));
    assert_eq!((argument(inner, "v"), argument(inner, "w")), (&json!("{{inputs.parameters.v}}"), &json!("{{item}}")));
    // An empty list leaves out all that follow, in Tekton; Argo calls that task skipped.
    assert_eq!(task(&document, "after")["depends"], "fan.Succeeded");
    assert_eq!(argument(task(&document, "after"), "v"), "{{=len(jsonpath(workflow.parameters['l'], '$')) * 2}}");
}

#[test]
fn gathered_results() {
    let document = export(
        "  params: [{name: x}]
  results:
  - {name: all, value: '$(tasks.m.results.out[*])'}
  - {name: joined, value: '$(tasks.c.results.out)!'}
  tasks:
  - name: m
    when: [{input: $(params.x), operator: in, values: [some]}]
    taskRef: {name: make}
    matrix: {params: [{name: v, value: [a, b]}]}
  - name: each
    taskRef: {name: take}
    matrix: {params: [{name: v, value: '$(tasks.m.results.out[*])'}]}
  - {name: c, taskRef: {name: make}, params: [{name: v, value: $(tasks.m.matrix.out.length)}], runAfter: [m]}",
    );
    let each = task(&document, "each");
    assert_eq!(each["withParam"], "{{tasks.m.outputs.parameters.out}}");
    // A loop that is left out turn by turn has succeeded.
    assert_eq!(each["depends"], "(m.Succeeded && m.AnySucceeded)");
    assert_eq!(task(&document, "c")["depends"], "m.Succeeded");
    assert_eq!(argument(task(&document, "c"), "v"), "{{=len(jsonpath(tasks['m'].outputs.parameters['out'], '$'))}}");
    let outputs = &template(&document, "tasks")["outputs"]["parameters"];
    let all = json!({"name": "all", "globalName": "all", "valueFrom": {"parameter": "{{tasks.m.outputs.parameters.out}}", "default": ""}});
    assert_eq!(*named(outputs, "all"), all);
    assert_eq!(named(outputs, "joined")["valueFrom"]["expression"], "tasks['c'].outputs.parameters['out'] + '!'");
}

#[test]
fn retries_timeouts_and_accounts() {
    let spec = "  tasks:
  - {name: a, taskRef: {name: make}, retries: 3, timeout: 1h30m}
  - {name: b, taskRef: {name: make}}
  finally:
  - {name: f, taskRef: {name: make}}";
    let document = export(spec);
    let a = template(&document, "a");
    let strategy = json!({
        "limit": "3", "retryPolicy": "Always", "expression": "asInt(lastRetry.exitCode) == 75", "backoff": {"duration": "10s", "factor": "2"}
    });
    assert_eq!(a["retryStrategy"], strategy);
    assert_eq!(a["activeDeadlineSeconds"], "5400");
    assert_eq!(template(&document, "b").get("activeDeadlineSeconds"), None);
    // The workflow's deadline does not bind its exit handler.
    assert_eq!(template(&document, "f")["activeDeadlineSeconds"], "3600");
    assert_eq!(document["spec"]["activeDeadlineSeconds"], 3600);
    let options = Options {
        retry_on: RetryOn::Any,
        timeout: None,
        service_accounts: [("b".to_owned(), "other".to_owned())].into(),
        account_per_task: true,
        executor_account: Some("reporter".to_owned()),
        images: [("i".to_owned(), "registry/i@sha256:0".to_owned())].into(),
    };
    let document = export_with(spec, &options);
    assert_eq!(template(&document, "a")["retryStrategy"].get("expression"), None);
    assert_eq!(template(&document, "a")["serviceAccountName"], "make");
    assert_eq!(template(&document, "b")["serviceAccountName"], "other");
    assert_eq!(template(&document, "a")["container"]["image"], "registry/i@sha256:0");
    assert_eq!(document["spec"].get("activeDeadlineSeconds"), None);
    assert_eq!(document["spec"]["automountServiceAccountToken"], false);
    assert_eq!(document["spec"]["executor"], json!({"serviceAccountName": "reporter"}));
}

#[test]
fn what_a_run_says_of_its_tasks() {
    let run = "---
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {name: r}
spec:
  pipelineRef: {name: p}
  params: [{name: x, value: given}]
  timeouts: {pipeline: 2h, finally: 10m}
  taskRunTemplate: {serviceAccountName: all}
  taskRunSpecs: [{pipelineTaskName: a, serviceAccountName: mine, timeout: 5m}]
";
    let spec = "  params: [{name: x}]\n  tasks: [{name: a, taskRef: {name: make}}]\n  finally: [{name: f, taskRef: {name: make}, timeout: 1h}]\n";
    let document =
        export_text(&format!("{}{run}", pipeline(spec)), &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(document["metadata"]["name"], "p");
    assert_eq!(document["spec"]["serviceAccountName"], "all");
    assert_eq!(document["spec"]["activeDeadlineSeconds"], 6600);
    assert_eq!(document["spec"]["arguments"]["parameters"][0]["value"], "given");
    let a = template(&document, "a");
    assert_eq!((&a["serviceAccountName"], &a["activeDeadlineSeconds"]), (&json!("mine"), &json!("300")));
    assert_eq!(template(&document, "f")["activeDeadlineSeconds"], "600");
}

#[test]
fn the_exit_handler() {
    let document = export(
        "  tasks: [{name: a, taskRef: {name: make}}]
  finally:
  - {name: f, taskRef: {name: take}, params: [{name: v, value: $(tasks.status)}]}
  - {name: g, taskRef: {name: make}, when: [{input: $(tasks.status), operator: in, values: [Failed]}]}
  - {name: h, taskRef: {name: make}, when: [{input: $(tasks.status), operator: notin, values: [Succeeded, Completed]}]}",
    );
    assert_eq!(document["spec"]["onExit"], "finally");
    let graph = &template(&document, "finally")["dag"];
    assert_eq!(graph["failFast"], false);
    let f = named(&graph["tasks"], "f");
    assert_eq!(
        argument(f, "v"),
        "{{={'Succeeded': 'Succeeded', 'Failed': 'Failed', 'Error': 'Failed'}[workflow.status]}}"
    );
    assert_eq!(named(&graph["tasks"], "g")["when"], "{{=!(workflow.status == 'Succeeded')}}");
    assert_eq!(named(&graph["tasks"], "h")["when"], "{{=!(workflow.status == 'Succeeded')}}");
}

#[test]
fn pods() {
    let document = export(
        "  tasks:
  - name: a
    retries: 1
    taskSpec:
      results: [{name: out}]
      stepTemplate:
        envFrom: [{configMapRef: {name: services}}]
        securityContext: {runAsNonRoot: true, capabilities: {drop: [ALL]}}
        computeResources: {requests: {cpu: 1}}
      steps:
      - name: s
        image: i
        script: 'echo $(context.task.retry-count) > $(results.out.path)'
        env: [{name: SECRET, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}]
        computeResources: {requests: {memory: 1Gi}}
        securityContext: {runAsUser: 65532, runAsGroup: 65532}
        volumeMounts: [{name: scratch, mountPath: /tmp}]
      volumes: [{name: scratch, emptyDir: {}}]
  - name: many
    taskSpec:
      results: [{name: out}]
      steps:
      - {name: main, image: i, command: [one]}
      - {image: i, command: [two]}
      - {name: three, image: i, script: \"#!/bin/bash\\necho $1\", args: [x]}",
    );
    let a = template(&document, "a");
    assert_eq!(a["securityContext"], json!({"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532}));
    let script = &a["script"];
    assert_eq!(script["command"], json!(["/bin/sh", "-e"]));
    assert_eq!(script["source"], "echo {{retries}} > /tekton/results/out");
    assert_eq!(script["resources"], json!({"requests": {"cpu": "1", "memory": "1Gi"}}));
    assert_eq!(script["envFrom"], json!([{"configMapRef": {"name": "services"}}]));
    assert_eq!(script["env"][0]["valueFrom"]["secretKeyRef"]["optional"], true);
    assert_eq!(script["securityContext"]["capabilities"], json!({"drop": ["ALL"]}));
    let mounts =
        json!([{"name": "scratch", "mountPath": "/tmp"}, {"name": "tekton-results", "mountPath": "/tekton/results"}]);
    assert_eq!(script["volumeMounts"], mounts);
    assert_eq!(a["volumes"], json!([{"name": "scratch", "emptyDir": {}}, {"name": "tekton-results", "emptyDir": {}}]));
    assert_eq!(a["metadata"]["labels"], json!({"tekton.dev/pipeline": "p", "tekton.dev/pipelineTask": "a"}));
    let set = &template(&document, "many")["containerSet"];
    let names: Vec<&Value> = set["containers"].as_array().into_iter().flatten().map(|one| &one["name"]).collect();
    assert_eq!(names, ["step-main", "unnamed-1", "main"]);
    assert_eq!(set["containers"][2]["dependencies"], json!(["unnamed-1"]));
    assert_eq!(set["containers"][2]["command"], json!(["/bin/bash", "-c", "#!/bin/bash\necho $1", "script"]));
    assert_eq!(set["volumeMounts"], json!([{"name": "tekton-results", "mountPath": "/tekton/results"}]));
}
