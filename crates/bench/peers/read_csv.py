"""A folder of batch files, read by pandas, or read by polars and written as Parquet.

usage: read_csv.py pandas FOLDER
       read_csv.py polars|polars-lazy FOLDER OUT
"""

import glob
import os
import sys


def by_pandas(paths):
    import pandas as pd

    return len(pd.concat([pd.read_csv(path) for path in paths], ignore_index=True))


def by_polars(paths, out):
    import polars as pl

    pl.read_csv(paths).write_parquet(out, compression="zstd")
    return written(out)


def by_polars_lazy(paths, out):
    import polars as pl

    pl.scan_csv(paths).sink_parquet(out, compression="zstd")
    return written(out)


def written(out):
    import pyarrow.parquet as pq

    return pq.read_metadata(out).num_rows


def main(reader, folder, *out):
    paths = sorted(glob.glob(os.path.join(folder, "*.csv")))
    print({"pandas": by_pandas, "polars": by_polars, "polars-lazy": by_polars_lazy}[reader](paths, *out))


if __name__ == "__main__":
    main(*sys.argv[1:])
