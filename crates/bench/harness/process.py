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
    """Runs a program to its end; the disk is at rest when it starts, so that it does not wait for what the one before left to be written."""
    os.sync()
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
    try:
        stdout = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        # Stopped by hand: nothing stays behind. The runner ends its steps before itself.
        process.terminate()
        process.wait()
        raise
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


def resident(pid):
    """Bytes of a process in memory; what it shares counts for each that shares it."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def proportional(pid):
    """The same, but of what it shares its part alone, so that the sum of processes is what they need together. Takes longer to find out."""
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


# How to look at memory, and the seconds between two looks: where nothing else is measured, and where time is too, from which looking takes
# its share.
CLOSELY, NOW_AND_THEN = (proportional, 0.005), (resident, 0.05)


@dataclasses.dataclass
class Memory:
    """Memory of a program and all below it, looked at again and again."""

    # The most that they held together.
    sum_bytes: int = 0
    # The most that one of them held, and its name.
    single_bytes: int = 0
    single_name: str = ""


def run_watched(*command, watched=CLOSELY, **environment):
    """Runs a program to its end and looks at the memory of it and of all that it starts."""
    process, started = start(*command, **environment)
    memory, over = Memory(), threading.Event()
    watcher = threading.Thread(target=watch, args=(process.pid, memory, over, *watched))
    watcher.start()
    try:
        return finish(process, started, command), memory
    finally:
        over.set()
        watcher.join()


def watch(root, memory, over, held, interval):
    while not over.wait(interval):
        together = 0
        for pid in tree(root):
            try:
                size, name = held(pid), pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            except (OSError, IndexError, StopIteration):
                # It has ended in the meantime.
                continue
            together += size
            if size > memory.single_bytes:
                memory.single_bytes, memory.single_name = size, name
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
