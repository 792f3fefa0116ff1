"""What all benches need to know: where things are and how much is asked for."""

import dataclasses
import os
import pathlib
import shutil
import sys

from harness.process import Failed, run


class Skipped(Exception):
    """A bench cannot run here; the text says why."""


class Missing(Failed):
    """What must be there in CI is not."""


def note(text):
    print(f"== {text}", file=sys.stderr)


@dataclasses.dataclass(frozen=True)
class Setting:
    checkout: pathlib.Path
    # The programs that were built.
    programs: pathlib.Path
    # The interpreter of the peer's environment.
    python: pathlib.Path
    # Where inputs and stores are kept.
    work: pathlib.Path
    rounds: int
    quick: bool
    # Rows of P9.
    scale_rows: tuple

    def program(self, name):
        path = self.programs / name
        if not path.is_file():
            raise Failed(f"{path} is not built: run `./dev build`")
        return path

    def peer(self, script, *arguments, **environment):
        """The command line of a Python side in `peers`."""
        return run(self.python, self.checkout / "crates/bench/peers" / f"{script}.py", *arguments, **environment)

    def kernel(self, *arguments):
        """Our side of a kernel."""
        return run(self.program("faultline-bench"), *arguments).json()

    def at_most(self, rounds):
        """Rounds of a bench that needs no more."""
        return 1 if self.quick else min(self.rounds, rounds)

    def data(self):
        """The folder of real data."""
        path = pathlib.Path(os.environ.get("FAULTLINE_DATA") or self.checkout / "../shared/data").resolve()
        return present(path / "wafer", "no real data", "FAULTLINE_DATA").parent

    def training_peer(self):
        """The pipeline re-told in one Python process, which stands beside the real data."""
        path = os.environ.get("FAULTLINE_PEER") or self.data() / "../peers/wafer_python_peer.py"
        return present(pathlib.Path(path).resolve(), "no peer's script", "FAULTLINE_PEER")

    def fresh(self, name):
        """An empty folder."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def present(path, what, variable):
    if path.exists():
        return path
    if os.environ.get("CI") == "true":
        raise Missing(f"{what} at {path}: set {variable}")
    raise Skipped(f"{what} at {path}")
