//! What Argo cannot do alike is refused, with its place and the reason.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fmt::Write;

use faultline_argo::{Error, Options};
use support::{export_text, pipeline};

/// What is written, by a short name.
const CASES: [(&str, &str); 28] = [
    ("braces", "  tasks: [{name: a, taskRef: {name: take}, params: [{name: v, value: 'a {{b}} c'}]}]"),
    ("braces in a default", "  params: [{name: x, default: '{{x}}'}]\n  tasks: [{name: a, taskRef: {name: make}}]"),
    (
        "brace before a reference",
        "  params: [{name: x}]\n  tasks: [{name: a, taskRef: {name: take}, params: [{name: v, value: '{$(params.x)}'}]}]",
    ),
    (
        "default that builds on another",
        "  params: [{name: x}, {name: z, default: '$(params.x)/z'}]\n  tasks: [{name: a, taskRef: {name: make}}]",
    ),
    (
        "list spread over arguments",
        "  params: [{name: l, type: array}]\n  tasks: [{name: a, params: [{name: l, value: '$(params.l[*])'}], taskSpec: {params: [{name: l, type: array}], steps: [{image: i, command: [x, '$(params.l[*])']}]}}]",
    ),
    (
        "list among items",
        "  params: [{name: l, type: array}]\n  tasks: [{name: a, params: [{name: l, value: [a, '$(params.l[*])']}], taskSpec: {params: [{name: l, type: array}], steps: [{image: i, command: [x]}]}}]",
    ),
    (
        "include beside a late list",
        "  params: [{name: l, type: array}]\n  tasks: [{name: a, taskRef: {name: take}, matrix: {params: [{name: v, value: '$(params.l[*])'}], include: [{name: i, params: [{name: w, value: x}]}]}}]",
    ),
    (
        "late include",
        "  params: [{name: x}]\n  tasks: [{name: a, taskRef: {name: take}, matrix: {include: [{name: i, params: [{name: v, value: $(params.x)}]}]}}]",
    ),
    ("empty matrix", "  tasks: [{name: a, taskRef: {name: take}, matrix: {params: [{name: v, value: []}]}}]"),
    (
        "results over several loops",
        "  params: [{name: l, type: array}]\n  tasks:\n  - {name: m, taskRef: {name: make}, matrix: {params: [{name: v, value: '$(params.l[*])'}, {name: x, value: [a, b]}]}}\n  - {name: c, taskRef: {name: take}, matrix: {params: [{name: v, value: '$(tasks.m.results.out[*])'}]}}",
    ),
    (
        "length of a matrix over a result",
        "  tasks:\n  - {name: a, taskRef: {name: make}}\n  - {name: m, taskRef: {name: take}, matrix: {params: [{name: v, value: '$(tasks.a.results.list[*])'}]}}\n  - {name: c, taskRef: {name: take}, runAfter: [m], params: [{name: v, value: $(tasks.m.matrix.length)}]}",
    ),
    (
        "finally with a result",
        "  tasks: [{name: a, taskRef: {name: make}}]\n  finally: [{name: f, taskRef: {name: take}, params: [{name: v, value: $(tasks.a.results.out)}]}]",
    ),
    (
        "finally with a status",
        "  tasks: [{name: a, taskRef: {name: make}}]\n  finally: [{name: f, taskRef: {name: take}, params: [{name: v, value: $(tasks.a.status)}]}]",
    ),
    (
        "finally when Succeeded alone",
        "  tasks: [{name: a, taskRef: {name: make}}]\n  finally: [{name: f, taskRef: {name: make}, when: [{input: $(tasks.status), operator: in, values: [Succeeded]}]}]",
    ),
    (
        "result of finally",
        "  results: [{name: r, value: $(finally.f.results.out)}]\n  tasks: [{name: a, taskRef: {name: make}}]\n  finally: [{name: f, taskRef: {name: make}}]",
    ),
    (
        "condition after a task that may be left out",
        "  params: [{name: x}]\n  tasks:\n  - {name: a, taskRef: {name: make}, when: [{input: $(params.x), operator: in, values: [some]}]}\n  - {name: b, taskRef: {name: take}, params: [{name: v, value: $(tasks.a.results.out)}], when: [{input: $(params.x), operator: in, values: [z]}]}\n  - {name: c, taskRef: {name: make}, runAfter: [b]}",
    ),
    (
        "condition on a late matrix",
        "  params: [{name: x}, {name: l, type: array}]\n  tasks:\n  - {name: a, taskRef: {name: take}, matrix: {params: [{name: v, value: '$(params.l[*])'}]}, when: [{input: $(params.x), operator: in, values: [some]}]}\n  - {name: c, taskRef: {name: make}, runAfter: [a]}",
    ),
    (
        "ignored failure at the end",
        "  params: [{name: x}]\n  tasks:\n  - {name: a, taskRef: {name: make}, when: [{input: $(params.x), operator: in, values: [some]}]}\n  - {name: b, taskRef: {name: take}, onError: continue, params: [{name: v, value: $(tasks.a.results.out)}]}",
    ),
    (
        "question mark in a condition",
        "  params: [{name: x}]\n  tasks: [{name: a, taskRef: {name: make}, when: [{input: $(params.x), operator: in, values: ['a?b']}]}]",
    ),
    ("digit first", "  tasks: [{name: 1st, taskRef: {name: make}}, {name: b, taskRef: {name: make}, runAfter: [1st]}]"),
    ("workspace", "  workspaces: [{name: w}]\n  tasks: [{name: a, taskRef: {name: make}}]"),
    ("sidecar", "  tasks: [{name: a, taskSpec: {sidecars: [{name: s, image: i}], steps: [{image: i, command: [x]}]}}]"),
    (
        "failure of a step",
        "  tasks: [{name: a, taskSpec: {steps: [{image: i, command: [x], onError: continue}, {image: i, command: [some]}]}}]",
    ),
    (
        "name of the TaskRun",
        "  tasks: [{name: a, taskSpec: {steps: [{image: i, command: [x, $(context.taskRun.name)]}]}}]",
    ),
    ("fraction of a second", "  tasks: [{name: a, taskRef: {name: make}, timeout: 1500ms}]"),
    ("dots and underscores", "  params: [{name: a.b}, {name: a_b}]\n  tasks: [{name: a, taskRef: {name: make}}]"),
    ("resolver", "  tasks: [{name: a, taskRef: {resolver: git, params: [{name: url, value: u}]}}]"),
    ("param that is missing", "  tasks: [{name: a, taskRef: {name: take}}]"),
];

#[test]
fn refusals_say_where_and_why() {
    let mut all = String::new();
    for (name, spec) in CASES {
        match export_text(&pipeline(spec), &Options::default()) {
            Err(error @ Error::Refused { .. }) => {
                let hint = error.hint().unwrap();
                let text = error.to_string();
                let from = text.find("p.yaml").unwrap();
                writeln!(all, "{name}\n  {}\n  hint: {hint}", &text[from..]).unwrap();
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    insta::assert_snapshot!("refusals", all);
}
