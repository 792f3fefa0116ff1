"""P9: the whole training pipeline on ever more rows: seconds, processor time and memory, whole and by stage."""

import shutil

from harness import inputs
from harness.pipelines import demo_grid, pipeline
from harness.process import SELDOM
from harness.rows import alone, rounded
from harness.setting import note

ROWS_PER_FILE = 10_000
QUICK_ROWS = (300,)
BASE_ROWS, LARGE_ROWS = 100_000, 1_000_000
HOURS = 12
LIMIT_MEGABYTES = 12_000
LIMIT_RATIO = 1.3
MEGABYTE = 1e6


def sizes(setting):
    """One entry per number of rows, smallest first."""
    found = []
    for rows in QUICK_ROWS if setting.quick else sorted(setting.scale_rows):
        note(f"the whole training on {rows:,} rows")
        files = max(rows // ROWS_PER_FILE, 1)
        folder = inputs.batch_files(setting, files, rows // files)
        root = setting.fresh("scale")
        grid = demo_grid(setting)
        done = pipeline(setting, "train", root, folder, "train", watched=SELDOM, hours=HOURS, params_uri=grid)
        found.append(size(done, files * (rows // files), folder))
        shutil.rmtree(root)
    return found


def size(done, rows, folder):
    stages = {}
    for task in done.tasks():
        stage = stages.setdefault(task["name"], {"seconds": 0.0, "cpu_seconds": 0.0, "peak_bytes": 0})
        stage["cpu_seconds"] += task["cpu_secs"]
        stage["peak_bytes"] = max(stage["peak_bytes"], task["peak_memory_bytes"])
    for name, stage in stages.items():
        stage["seconds"] = rounded(done.ended(name) - min(task["started_secs"] for task in done.tasks(name)))
        stage["cpu_seconds"] = rounded(stage["cpu_seconds"])
    return {
        "rows": rows,
        "raw_bytes": sum(path.stat().st_size for path in folder.glob("*.csv")),
        "seconds": rounded(done.finished.wall),
        "cpu_seconds": rounded(done.finished.cpu),
        "peak_bytes": done.memory.sum_bytes,
        "largest_process_bytes": done.largest()[0],
        "largest_process": done.largest()[1],
        "stages": stages,
    }


def rows(found):
    """The rows of P9 from all sizes that were ever measured with these programs."""
    result = []
    for each in found:
        work = f"whole training on {each['rows']:,} rows x 590, the demo grid"
        result.append(alone("P9", work, "s", [each["seconds"]]))
        large = each["rows"] >= LARGE_ROWS
        result.append(
            alone(
                "P9",
                f"peak memory of it, {each['rows']:,} rows, all processes together",
                "MB",
                [each["peak_bytes"] / MEGABYTE],
                limit=LIMIT_MEGABYTES if large else None,
                target=f"below {LIMIT_MEGABYTES / 1000:g} GB" if large else None,
            )
        )
    by_rows = {each["rows"]: each["seconds"] / each["rows"] for each in found}
    if BASE_ROWS in by_rows and LARGE_ROWS in by_rows:
        ratio = by_rows[LARGE_ROWS] / by_rows[BASE_ROWS]
        work = f"time per row of {LARGE_ROWS:,} rows against that of {BASE_ROWS:,}"
        result.append(alone("P9", work, "x", [ratio], limit=LIMIT_RATIO, target=f"at most {LIMIT_RATIO} x"))
    return result
