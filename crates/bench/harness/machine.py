"""What the figures were measured on and with."""

import datetime
import json
import os
import pathlib
import platform
import subprocess

from harness.process import run

PEERS = ("numpy", "pandas", "scikit-learn", "xgboost-cpu", "kneed", "polars", "pyarrow", "shap")
VERSIONS = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"


def described(setting):
    memory = next(line for line in lines("/proc/meminfo") if line.startswith("MemTotal:"))
    model = next((line.split(":")[1].strip() for line in lines("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory.split()[1]) / 2**20, 1),
        "kernel": platform.release(),
        "rustc": said(setting, "rustc", "--version"),
        "python": platform.python_version(),
        "peers": json.loads(run(setting.python, "-c", VERSIONS, *PEERS).stdout),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "commit": commit(setting),
    }


def label(machine):
    """A machine in a few words."""
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB"


def stamp(about):
    """What a figure is marked with: by this it tells what it was measured with."""
    return {"commit": about["commit"], "date": about["date"], "machine": label(about)}


def commit(setting):
    """The commit, with a mark when the code differs from it."""
    if not (setting.checkout / ".git").exists():
        return "unknown"
    changed = said(setting, "git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return said(setting, "git", "rev-parse", "--short=12", "HEAD") + (" and changes" if changed else "")


def said(setting, *command):
    return subprocess.run(command, cwd=setting.checkout, check=True, capture_output=True, text=True).stdout.strip()


def lines(path):
    return pathlib.Path(path).read_text().splitlines()
