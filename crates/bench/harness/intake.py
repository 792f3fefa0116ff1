"""P5: validate and transform on large batch files, against pandas that only reads and polars that reads and writes Parquet."""

import json
import pathlib
import statistics

from harness import inputs
from harness.pipelines import file_of
from harness.process import Failed, run
from harness.rows import compared, limited, rounded

# One wafer of the sample is about 4.85 kB; sixteen files of this many are 2 GB.
ROWS_PER_FILE = 26_000
FILES = 16
QUICK_ROWS_PER_FILE = 500
QUICK_FILES = 8
MEGABYTE = 1e6
LIMIT_MEGABYTES = 300
# Memory that does not grow with the input may still differ by this from run to run.
FLAT_RATIO = 1.1
# polars' ways to do it: whole or as a stream, with types that it finds out or with those that ours writes.
WAYS = ("polars", "polars-lazy", "polars-f32", "polars-lazy-f32")
# Both sides write f32, or the peer f64.
VALUE_TOLERANCE = 1e-6
READING = "pandas, reading alone"
READING_INTO_ONE = "pandas, reading into one table, as transform's is"


def both(setting):
    """The rows, and the seconds that verifying costs by itself: sha256 alone of the CSV and of the Parquet, by OpenSSL on all cores."""
    files, rows = (QUICK_FILES, QUICK_ROWS_PER_FILE) if setting.quick else (FILES, ROWS_PER_FILE)
    folder = inputs.batch_files(setting, files, rows)
    size = total(folder)
    read_whole(folder)
    pandas, into_one, polars, digests, memory_pairs = [], [], [], [], ([], [])
    for nth in range(setting.at_most(3)):
        mine, peaks = ours(setting, folder, files * rows)
        out = setting.fresh("intake/peers")
        by_pandas = counted(setting.peer("read_csv", "pandas", folder), files * rows)
        by_pandas_into_one = counted(setting.peer("read_csv", "pandas-table", folder), files * rows)
        ways = WAYS if nth == 0 else (way,)
        read = {way: counted(setting.peer("read_csv", way, folder, out / way), files * rows) for way in ways}
        way = min(read, key=lambda name: read[name].wall)
        pandas.append((mine, by_pandas.wall))
        into_one.append((mine, by_pandas_into_one.wall))
        polars.append((mine, read[way].wall))
        table = file_of(manifest(setting.work / "intake/ours"), "table.parquet")
        digests.append(setting.peer("digests", *verified(folder, table)).wall)
        peak = max(peaks.values()) / MEGABYTE
        for pairs, peer in zip(memory_pairs, (by_pandas, read[way])):
            pairs.append((peak, peer.peak_bytes / MEGABYTE))
    quality = agreement(setting, table, out / way)
    work = f"validate and transform of {size / 1e9:.2g} GB in {files} files, Parquet written"
    rows_out = [
        compared("P5", work, READING, "s", pandas, target=3, quality=quality),
        compared("P5", work, READING_INTO_ONE, "s", into_one, target=3, quality=quality),
        compared("P5", work, f"{way}, reading and writing Parquet", "s", polars, target=1.5, quality=quality),
    ]
    flat = memory(setting, folder, files, rows, max(peaks.values()))
    for peer, pairs in zip((READING, f"{way}, reading and writing"), memory_pairs):
        rows_out.append(compared("P5", f"peak memory, {size / 1e9:.2g} GB", peer, "MB", pairs))
    return rows_out + flat, rounded(statistics.median(digests))


def ours(setting, folder, rows):
    """Seconds of both steps, started one after the other, and the peak of each."""
    root = setting.fresh("intake/ours")
    common = ["--root-uri", root, "--run-id", "run", "--no-cache=true"]
    first = run(setting.program("validate"), *common, "--raw-uri", folder)
    verdict = root / "runs/run/validate/manifest.json"
    second = run(setting.program("transform"), *common, "--validate-manifest-uri", verdict)
    counted_rows = manifest(root)["counts"]["rows_out"]
    if counted_rows != rows:
        raise Failed(f"transform left {counted_rows} rows of {rows}")
    return first.wall + second.wall, {"validate": first.peak_bytes, "transform": second.peak_bytes}


def verified(folder, table):
    """The files that have a sha256 in manifests."""
    return [*sorted(folder.glob("*.csv")), table]


def memory(setting, folder, files, rows, whole):
    """Ours on a quarter and on half of the files, beside the whole."""
    found = {}
    for share in (4, 2):
        part = setting.fresh("intake/part")
        paths = sorted(folder.glob("*.csv"))[: files // share]
        for path in paths:
            (part / path.name).hardlink_to(path)
        _, peaks = ours(setting, part, files // share * rows)
        found[share] = max(peaks.values())
    found[1] = whole
    is_flat = found[1] <= found[4] * FLAT_RATIO
    shown = {4: "a quarter", 2: "half", 1: "all"}
    result = []
    for share, peak in found.items():
        work, target = f"peak memory of validate and transform on {shown[share]} of the files", f"below {LIMIT_MEGABYTES} MB, and flat"
        row = limited("P5", work, "MB", [peak / MEGABYTE], LIMIT_MEGABYTES, target=target)
        result.append({**row, "met": row["met"] and is_flat})
    return result


def agreement(setting, ours, theirs):
    """Every reading of both tables, which have the rows in one order."""
    apart = setting.peer("read_csv", "difference", ours, theirs).json()
    good = apart["max"] <= VALUE_TOLERANCE and apart["missing_apart"] == 0
    return f"readings within {apart['max']:.1g} of theirs, {apart['missing_apart']} missing on one side only", "the measure", good


def manifest(root):
    return json.loads((root / "runs/run/transform/manifest.json").read_text())


def counted(finished, rows):
    if int(finished.stdout) != rows:
        raise Failed(f"the peer read {finished.stdout.strip()} rows of {rows}")
    return finished


def total(folder):
    return sum(path.stat().st_size for path in folder.glob("*.csv"))


def read_whole(folder):
    """Both sides read from memory: the disk is not what is measured."""
    for path in folder.glob("*.csv"):
        with pathlib.Path(path).open("rb") as file:
            while file.read(1 << 24):
                pass
