"""P9: the whole training pipeline on ever more rows, and a prediction of the same: seconds, processor time and memory, whole and by stage."""

import shutil

from harness import inputs
from harness.pipelines import demo_grid, pipeline
from harness.process import NOW_AND_THEN
from harness.rows import limited, rounded
from harness.setting import note

ROWS_PER_FILE = 10_000
QUICK_ROWS = (150, 300)
BASE_ROWS, LARGE_ROWS = 100_000, 1_000_000
HOURS = 12
LIMIT_MEGABYTES = 12_000
LIMIT_RATIO = 1.3
MEGABYTE = 1e6
# A size tells by this what it was measured with.
STAMP = ("commit", "date", "machine")


def sizes(setting):
    """One entry per number of rows, smallest first."""
    found = []
    for wanted in QUICK_ROWS if setting.quick else sorted(setting.scale_rows):
        files = max(wanted // ROWS_PER_FILE, 1)
        rows = files * (wanted // files)
        note(f"the whole training on {rows:,} rows")
        folder = inputs.batch_files(setting, files, rows // files)
        root, how = setting.fresh("scale"), {"watched": NOW_AND_THEN, "hours": HOURS}
        trained = pipeline(setting, "train", root, folder, "train", **how, params_uri=demo_grid(setting))
        note(f"a prediction of {rows:,} rows")
        predicted = pipeline(setting, "predict", root, folder, "predict", **how)
        found.append(size(trained, predicted, rows, folder))
        shutil.rmtree(root)
    return found


def size(trained, predicted, rows, folder):
    """The whole is that of the training; of the prediction, its own stage is shown beside those."""
    return {
        "rows": rows,
        "raw_bytes": sum(path.stat().st_size for path in folder.glob("*.csv")),
        "seconds": rounded(trained.finished.wall),
        "cpu_seconds": rounded(trained.finished.cpu),
        "peak_bytes": trained.memory.sum_bytes,
        "largest_process_bytes": trained.largest()[0],
        "largest_process": trained.largest()[1],
        "stages": {**stages(trained), "predict": stages(predicted)["predict"]},
    }


def stages(done):
    stages = {}
    for task in done.tasks():
        stage = stages.setdefault(task["name"], {"seconds": 0.0, "cpu_seconds": 0.0, "peak_bytes": 0})
        stage["cpu_seconds"] += task["cpu_secs"]
        stage["peak_bytes"] = max(stage["peak_bytes"], task["peak_memory_bytes"])
    for name, stage in stages.items():
        stage["seconds"] = rounded(done.ended(name) - min(task["started_secs"] for task in done.tasks(name)))
        stage["cpu_seconds"] = rounded(stage["cpu_seconds"])
    return stages


def rows(found):
    """The rows of P9: a million rows against the limits, for the time against that of fewer rows with the same programs on the same machine.

    Where these sizes are missing the largest and the smallest stand in for them, and no target is judged."""
    by_rows = {each["rows"]: each for each in found}
    large = by_rows.get(LARGE_ROWS, found[-1])
    alike = {rows: each for rows, each in by_rows.items() if all(large[key] == each[key] for key in ("commit", "machine"))}
    base = alike.get(BASE_ROWS, alike[min(alike)])
    work = f"peak memory of the whole training on {large['rows']:,} rows x 590, the demo grid, all processes together"
    peak, target = large["peak_bytes"] / MEGABYTE, f"below {LIMIT_MEGABYTES / 1000:g} GB"
    is_large = large["rows"] == LARGE_ROWS
    result = [judged(limited("P9", work, "MB", [peak], LIMIT_MEGABYTES, target=target), is_large)]
    if base is not large:
        per_row, limit = (each["seconds"] / each["rows"] * 1000 for each in (large, base))
        work = f"the whole training, the demo grid: time per row of {large['rows']:,} rows"
        of = f"{LIMIT_RATIO} x the time per row of {base['rows']:,} rows"
        target = f"at most {LIMIT_RATIO} x"
        row = limited("P9", work, "ms", [per_row], limit * LIMIT_RATIO, of=of, target=target)
        result.append(judged(row, is_large and base["rows"] == BASE_ROWS))
    return [{**row, **{key: large[key] for key in STAMP}} for row in result]


def judged(row, can_be):
    return row if can_be else {**row, "met": None}
