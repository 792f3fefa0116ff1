"""A folder of batch files, read by pandas, into a frame for each or one for all, or read by polars and written as Parquet.

usage: read_csv.py pandas|pandas-table FOLDER
       read_csv.py polars|polars-lazy|polars-f32|polars-lazy-f32 FOLDER OUT
       read_csv.py difference OURS THEIRS      the greatest difference of the readings of two tables, as a share of the reading, and how many are
                                               missing in one of them only

With f32 the file is what ours writes: f32, Snappy, without statistics, but for the order of the bytes; else what polars makes of it by itself.
"""

import functools
import glob
import json
import os
import sys

# The columns of ours before the sensors.
SYSTEM_COLUMNS = 8
COLUMNS_AT_ONCE = 50


def by_pandas(paths, into_one=False):
    import pandas as pd

    frames = [pd.read_csv(path) for path in paths]
    return len(pd.concat(frames, ignore_index=True)) if into_one else sum(len(frame) for frame in frames)


def by_polars(paths, out, lazy=False, as_ours=False):
    import polars as pl

    types = sensors(paths) if as_ours else None
    how = {"compression": "snappy", "statistics": False} if as_ours else {}
    if lazy:
        pl.scan_csv(paths, schema_overrides=types).sink_parquet(out, **how)
    else:
        pl.read_csv(paths, schema_overrides=types).write_parquet(out, **how)
    return rows_written(out)


def sensors(paths):
    import polars as pl

    with open(paths[0], encoding="utf-8") as file:
        return dict.fromkeys(file.readline().rstrip("\n").split(",")[1:-1], pl.Float32)


def rows_written(out):
    import pyarrow.parquet as pq

    return pq.read_metadata(out).num_rows


def difference(ours, theirs):
    import numpy as np
    import pyarrow.parquet as pq

    names = [pq.read_schema(ours).names[SYSTEM_COLUMNS:], pq.read_schema(theirs).names[1:-1]]
    assert len(names[0]) == len(names[1]), [len(side) for side in names]
    most, missing_apart = 0.0, 0
    for start in range(0, len(names[0]), COLUMNS_AT_ONCE):
        tables = [pq.read_table(path, columns=of[start : start + COLUMNS_AT_ONCE]) for path, of in zip((ours, theirs), names)]
        for columns in zip(*(table.columns for table in tables)):
            mine, other = (column.to_numpy().astype(np.float64) for column in columns)
            missing_apart += int((np.isnan(mine) != np.isnan(other)).sum())
            # Both missing or both 0 are no difference.
            size = np.maximum(np.abs(other), np.finfo(np.float32).tiny)
            most = max(most, float(np.nan_to_num(np.abs(mine - other) / size).max()))
    print(json.dumps({"max": most, "missing_apart": missing_apart}))


WAYS = {
    "pandas": by_pandas,
    "pandas-table": functools.partial(by_pandas, into_one=True),
    "polars": by_polars,
    "polars-lazy": functools.partial(by_polars, lazy=True),
    "polars-f32": functools.partial(by_polars, as_ours=True),
    "polars-lazy-f32": functools.partial(by_polars, lazy=True, as_ours=True),
}


def main(what, *arguments):
    if what == "difference":
        return difference(*arguments)
    folder, *out = arguments
    paths = sorted(glob.glob(os.path.join(folder, "*.csv")))
    print(WAYS[what](paths, *out))


if __name__ == "__main__":
    main(*sys.argv[1:])
