"""What the Python sides share: one section is measured, one JSON line is printed."""

import contextlib
import json
import time

import threadpoolctl


class Section:
    """The cost of the measured section, in the terms of `faultline-bench`."""

    cpu_seconds = wall_seconds = 0.0

    @contextlib.contextmanager
    def measured(self):
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_seconds = time.perf_counter() - wall
        self.cpu_seconds = time.process_time() - cpu

    def report(self, **result):
        costs = {"cpu_seconds": self.cpu_seconds, "wall_seconds": self.wall_seconds, "peak_bytes": peak_bytes()}
        print(json.dumps({**costs, "result": result}))


def peak_bytes():
    """The most memory that this process held at once, resident."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def limit_threads(threads):
    """At most so many threads in every library; 0 leaves each its own default."""
    if threads:
        threadpoolctl.threadpool_limits(limits=threads)
