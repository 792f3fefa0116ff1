"""P6: from the start of a stage's process until it opens its first input, against Python that imports the peer's libraries."""

import ctypes
import os
import select
import time

from harness.process import Failed, run, start
from harness.rows import compared, within

IMPORTS = "import pandas, sklearn, xgboost"
LIMIT_MS = 15
PATIENCE_SECS = 20
# From <sys/inotify.h>.
IN_OPEN = 0x20

# Each stage with its first input, below the root, the flag that names it, and what else the stage wants.
INPUT, EARLIER, CHAMPION = "input.json", "runs/run/validate/manifest.json", "models/wafer/history/00000001.json"
STAGES = {
    "validate": (INPUT, "schema-uri", ["--raw-uri", "{root}/raw"]),
    "transform": (INPUT, "validate-manifest-uri", []),
    "load": (INPUT, "transform-manifest-uri", []),
    "preprocess": (INPUT, "load-manifest-uri", []),
    "cluster": (INPUT, "preprocess-manifest-uri", []),
    "train": (
        INPUT,
        "preprocess-manifest-uri",
        ["--cluster-manifest-uri", "{root}/other.json", "--cluster-model", "0", "--family", "boosting"],
    ),
    "promote": (INPUT, "cluster-manifest-uri", []),
    "predict": (CHAMPION, None, ["--load-manifest-uri", "{root}/other.json"]),
    "report": (EARLIER, None, ["--pipeline", "train"]),
}


def stages(setting):
    pairs = {stage: [] for stage in STAGES}
    for _ in range(2 if setting.quick else max(setting.rounds, 20)):
        python = run(setting.python, "-c", IMPORTS).wall * 1e3
        for stage, how in STAGES.items():
            pairs[stage].append((until_first_input(setting, stage, *how) * 1e3, python))
    rows = []
    for stage, measured in pairs.items():
        work = f"start of {stage} until it reads its first input"
        slowest = max(ours for ours, _ in measured)
        quality = (f"slowest of {len(measured)}: {slowest:.3g} ms", "", True)
        row = compared("P6", work, f'python -c "{IMPORTS}"', "ms", measured, quality=quality)
        rows.append({**row, **within(row["ours"], LIMIT_MS, f"at most {LIMIT_MS} ms")})
    return rows


def until_first_input(setting, stage, first, flag, more):
    """The kernel tells when somebody opens the first input, an empty document; what the stage makes of it does not matter."""
    root = setting.fresh("starting")
    path = root / first
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    command = [setting.program(stage), "--root-uri", root, "--run-id", "run"]
    command += [part.format(root=root) for part in more]
    command += [] if flag is None else [f"--{flag}", path]
    events = opened(path)
    process, started = start(*command)
    try:
        is_told = select.select([events], [], [], PATIENCE_SECS)[0]
        elapsed = time.perf_counter() - started
    finally:
        os.close(events)
        process.kill()
        said = process.communicate()[1]
    if not is_told:
        raise Failed(f"{stage} did not open {path}; it said\n{said}")
    return elapsed


def opened(path):
    """A descriptor that can be read from when somebody has opened the file."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_CLOEXEC)
    if descriptor < 0 or libc.inotify_add_watch(descriptor, os.fsencode(path), IN_OPEN) < 0:
        raise Failed(f"inotify: {os.strerror(ctypes.get_errno())}")
    return descriptor
