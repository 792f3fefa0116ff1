"""Starts programs and measures them."""

import dataclasses
import json
import os
import pathlib
import subprocess
import threading
import time

# Some machines' profiles tune OpenBLAS by these for programs that a bench should not know of; a peer runs as its wheels were built.
# The others would have our side talk to servers.
LEFT_OUT = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "FAULTLINE_ROOT_URI",
    "FAULTLINE_RECORDS_URI",
    "FAULTLINE_TRACKING_URI",
    "FAULTLINE_METRICS_URI",
    "FAULTLINE_RAW_URI",
    "FAULTLINE_SCHEMA_URI",
    "FAULTLINE_PARAMS_URI",
)
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Failed(Exception):
    """A program of a bench failed, or gave what it must not."""


@dataclasses.dataclass(frozen=True)
class Finished:
    """What a program took, with all that it started and waited for."""

    wall: float
    cpu: float
    # The most memory that one process of it held at once.
    peak_bytes: int
    stdout: str

    def json(self):
        """The last line of its output."""
        return json.loads(self.stdout.strip().splitlines()[-1])


def run(*command, accept=(0,), **environment):
    """Runs a program to its end."""
    process, started = start(*command, **environment)
    return finish(process, started, command, accept)


def start(*command, **environment):
    """Starts a program; the process and when that was."""
    variables = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    variables.update({name: str(value) for name, value in environment.items()})
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return process, started


def finish(process, started, command, accept=(0,)):
    """Waits for its end; an exit code other than those to accept is an error."""
    errors = []
    reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
    reader.start()
    stdout = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    process.stdout.close()
    process.stderr.close()
    if process.returncode not in accept:
        tail = "\n".join(errors[0].strip().splitlines()[-12:])
        text = " ".join(str(part) for part in command)
        raise Failed(f"`{text}` ended with {process.returncode}\n{tail}")
    return Finished(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, stdout)


# Seconds between two looks at memory: where nothing else is measured, and where time is too, from which looking takes its share.
OFTEN, SELDOM = 0.005, 0.05


@dataclasses.dataclass
class Memory:
    """Resident memory of a program and all below it, looked at again and again."""

    # The most that they held together.
    sum_bytes: int = 0
    # The most that one of them held, and its name.
    single_bytes: int = 0
    single_name: str = ""


def run_watched(*command, interval=OFTEN, **environment):
    """Runs a program to its end and looks at the memory of it and of all that it starts, every so many seconds."""
    process, started = start(*command, **environment)
    memory, over = Memory(), threading.Event()
    watcher = threading.Thread(target=watch, args=(process.pid, memory, over, interval))
    watcher.start()
    try:
        return finish(process, started, command), memory
    finally:
        over.set()
        watcher.join()


def watch(root, memory, over, interval):
    while not over.wait(interval):
        together = 0
        for pid in tree(root):
            try:
                resident = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
                name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            except (OSError, IndexError):
                continue
            together += resident
            if resident > memory.single_bytes:
                memory.single_bytes, memory.single_name = resident, name
        memory.sum_bytes = max(memory.sum_bytes, together)


def tree(root):
    """The processes from this one down."""
    found, left = [], [root]
    while left:
        pid = left.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                left.extend(int(child) for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        except OSError:
            continue
    return found
