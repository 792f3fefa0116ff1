//! The pipelines that share out work over nodes, generated from those that do not.

use std::fs;

use anyhow::{Context, Result, ensure};
use faultline_testkit::generated::{check_file, workspace};

/// The tasks whose work is shared out.
const SHARDED: [&str; 4] = ["validate", "transform", "load", "predict"];
/// The param that says how, and its default.
const PARAM: &str = r#"    - name: shards
      description: The shards that validate, transform, load and predict are split into, each as I/N; one pod for each.
      type: array
      default: ["1/4", "2/4", "3/4", "4/4"]
"#;
const ABOUT: &str =
    "    Files and rows are shared out over nodes; what is put together from the shards is the same to the byte.\n";

/// The sharded twin of a pipeline: each task that can be shared out comes after a matrix of the same task, one per shard, and puts together
/// what these leave.
fn sharded(name: &str, plain: &str) -> Result<String> {
    let (head, rest) = plain.split_once("  tasks:\n").context("a pipeline has tasks")?;
    let (tasks, finally) = rest.split_once("  finally:\n").context("a pipeline has a task at the end")?;
    let (_, head) = head.split_once("apiVersion:").context("a document has a version")?;
    let mut head = format!("apiVersion:{head}");
    replace(&mut head, &format!("  name: {name}\n"), &format!("  name: {name}-sharded\n"))?;
    replace(&mut head, "  params:\n", &format!("{ABOUT}  params:\n"))?;
    replace(&mut head, "  results:\n", &format!("{PARAM}  results:\n"))?;
    let mut blocks = String::new();
    // The params of a task are lists of names too, further to the right.
    for block in format!("\n{tasks}").trim_end().split("\n    - name: ").skip(1) {
        let (task, body) = block.split_once('\n').context("a task has a name and more")?;
        let body = format!("{body}\n");
        if !SHARDED.contains(&task) {
            blocks += &["    - name: ", task, "\n", &body].concat();
            continue;
        }
        let reference = format!("      taskRef:\n        name: {task}\n");
        let (mut shards, mut merge) = (body.clone(), body);
        let matrix =
            "      matrix:\n        params:\n          - name: shard\n            value: $(params.shards[*])\n";
        replace(&mut shards, &reference, &format!("{reference}{matrix}"))?;
        replace(&mut merge, &reference, &format!("      runAfter:\n        - {task}-shards\n{reference}"))?;
        let length = format!("        - name: merge-shards\n          value: $(tasks.{task}-shards.matrix.length)\n");
        blocks += &["    - name: ", task, "-shards\n", &shards, "    - name: ", task, "\n", &merge, &length].concat();
    }
    Ok(format!(
        "# Generated from {name}.yaml; change that and run `./dev generate`.\n{head}  tasks:\n{blocks}  finally:\n{finally}"
    ))
}

fn replace(text: &mut String, from: &str, to: &str) -> Result<()> {
    ensure!(text.matches(from).count() == 1, "expected `{from}` once in\n{text}");
    *text = text.replacen(from, to, 1);
    Ok(())
}

#[test]
fn the_sharded_pipelines_are_the_generated_ones() -> Result<()> {
    for name in ["train", "predict"] {
        let plain = fs::read_to_string(workspace().join(format!("pipelines/{name}.yaml")))?;
        check_file(&format!("pipelines/{name}-sharded.yaml"), &sharded(name, &plain)?);
    }
    Ok(())
}
