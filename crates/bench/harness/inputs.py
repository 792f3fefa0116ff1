"""What is measured on; made once and kept."""

import dataclasses
import hashlib
import json
import pathlib
import shutil

from harness.process import run
from harness.setting import note


@dataclasses.dataclass(frozen=True)
class Table:
    """A table for the kernels. Its files are named after it."""

    path: pathlib.Path
    # For people, "20,000 x 474" say.
    name: str
    # Of the table that imputing is measured on.
    name_with_gaps: str
    with_gaps: str

    @property
    def whole(self):
        return f"{self.path}.npy"

    @property
    def labels(self):
        return f"{self.path}.labels.npy"


def synthetic(setting, rows, columns, missing=0.0, seed=1):
    """A made-up table of wafers, the same for the same numbers."""
    path = folder(setting, "tables") / f"synthetic-{rows}-{columns}-{missing}-{seed}"
    name = f"{rows:,} x {columns} made up" + (f", {missing:.0%} missing" if missing else "")
    table = Table(path, name, name, f"{path}.npy")
    if not pathlib.Path(table.labels).exists():
        setting.peer("tables", "synthetic", path, rows, columns, missing, seed)
    return table


def wafers(setting):
    """The labelled real wafers."""
    source = setting.data() / "wafer/Training_Batch_Files"
    path = folder(setting, "tables") / f"wafers-{hashlib.sha256(str(source).encode()).hexdigest()[:12]}"
    said = pathlib.Path(f"{path}.json")
    if not said.exists():
        said.write_text(json.dumps(setting.peer("tables", "wafers", path, source).json()))
    found = json.loads(said.read_text())
    gaps = f"{found['rows']:,} x {found['columns']} real, {found['missing']:.1%} missing"
    return Table(path, f"{found['rows']:,} x {found['columns_kept']} real", gaps, f"{path}.raw.npy")


def split(setting, table, seed):
    """Which rows are to be predicted: the same for both sides."""
    path = pathlib.Path(f"{table.path}.split-{seed}.npy")
    if not path.exists():
        setting.peer("tables", "split", path, table.labels, seed)
    return path


def batch_files(setting, files, rows_per_file):
    """A folder of labelled batch files without faults."""
    return sample(setting, rows_per_file, files, 0) / "training"


def to_predict(setting, rows_per_file, training_files, prediction_files):
    """A folder of labelled batch files, and one of files to predict."""
    home = sample(setting, rows_per_file, training_files, prediction_files)
    return home / "training", home / "prediction"


def sample(setting, rows_per_file, training_files, prediction_files):
    home = folder(setting, "batches") / f"{training_files}-{prediction_files}-{rows_per_file}"
    if not (home / "complete").exists():
        note(f"making {training_files + prediction_files} batch files of {rows_per_file:,} wafers")
        shutil.rmtree(home, ignore_errors=True)
        flags = ["--training-files", training_files, "--prediction-files", prediction_files]
        run(setting.program("faultline"), "sample", home, "--no-faults", "--rows-per-file", rows_per_file, *flags)
        (home / "complete").touch()
    return home


def folder(setting, name):
    path = setting.work / name
    path.mkdir(parents=True, exist_ok=True)
    return path
