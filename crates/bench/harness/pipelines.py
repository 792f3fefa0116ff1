"""Running the pipelines as a user does, and reading what they left."""

import json
import pathlib
import re

from harness.process import run, run_watched


class Run:
    """A finished run: its cost and its documents."""

    def __init__(self, finished, root, run_id, memory=None):
        self.finished, self.folder, self.memory = finished, root / "runs" / run_id, memory
        self.record = json.loads((self.folder / "_run/record.json").read_text())

    def ended(self, task):
        """Seconds from the start of the run until the last task of that name had ended."""
        return max(each["started_secs"] + each["elapsed_secs"] for each in self.tasks(task))

    def tasks(self, name=None):
        """The tasks that were started, all or those of that name."""
        started = [each for each in self.record["tasks"] if each["started_secs"] is not None]
        return [each for each in started if name in (None, each["name"])]

    def largest(self):
        """The most memory that one process of a task held, and the task."""
        task = max(self.tasks(), key=lambda each: each["peak_memory_bytes"])
        return task["peak_memory_bytes"], task["name"]

    def manifests(self, step):
        """Every manifest of a step, by part; a step without parts has the part None."""
        paths = sorted((self.folder / step).rglob("manifest.json"))
        found = [json.loads(path.read_text()) for path in paths]
        return {manifest.get("part"): manifest for manifest in found}

    def document(self, step, name, part=None):
        return json.loads(self.path(step, name, part).read_text())

    def path(self, step, name, part=None):
        """The local file of an output."""
        return file_of(self.manifests(step)[part], name)


def file_of(manifest, name):
    """The local file of an output of a manifest."""
    uri = next(output["uri"] for output in manifest["outputs"] if output["name"] == name)
    return pathlib.Path(uri.removeprefix("file://"))


def demo_grid(setting):
    """The default hyper-parameters; quick benches have fewer."""
    return setting.checkout / "crates/bench/params/small.json" if setting.quick else "builtin://demo"


def with_time(setting, name, root, hours):
    """A file with the Pipeline `name` and a run of it that gives it and each of its tasks that many hours; as it is, it has one."""
    pipelines, text = setting.checkout / "pipelines", (setting.checkout / f"pipelines/{name}.yaml").read_text()
    tasks = re.findall(r"^    - name: (\S+)\n(?:      .*\n)*?      taskRef:", text, re.MULTILINE)
    timeouts = "".join(f"    - {{pipelineTaskName: {task}, timeout: {hours}h}}\n" for task in tasks)
    run_of_it = (
        f"---\napiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {{name: {name}}}\nspec:\n"
        f"  pipelineRef: {{name: {name}}}\n  timeouts: {{pipeline: {hours}h}}\n  taskRunSpecs:\n{timeouts}"
    )
    folder = root / f"pipelines/{name}"
    folder.mkdir(parents=True)
    (folder / "tasks").symlink_to(pipelines / "tasks")
    (folder / f"{name}.yaml").write_text(text + run_of_it)
    return folder / f"{name}.yaml"


def pipeline(setting, name, root, raw, run_id, *, watched=None, hours=None, **params):
    """Runs the Pipeline `name` on the batch files in `raw`, in up to so many `hours`, and looks at its memory as `watched` says."""
    file = with_time(setting, name, root, hours) if hours else setting.checkout / f"pipelines/{name}.yaml"
    command = [setting.program("faultline"), "run", file, "--run-id", run_id]
    command += ["--state-dir", root / "logs", "--output", "json", "-p", f"raw-uri={raw}", "-p", f"root-uri={root}"]
    for param, value in params.items():
        command += ["-p", f"{param.replace('_', '-')}={value}"]
    if watched:
        finished, memory = run_watched(*command, watched=watched)
        return Run(finished, root, run_id, memory)
    return Run(run(*command), root, run_id)
