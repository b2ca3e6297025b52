"""Five real tables go through `azconnect export` into the lake and back, and every cell is compared
with pyarrow's own reading of the source."""

import json

import pyarrow as pa
import pyarrow.parquet

import check as e2e
from check import check
from make_tables import NAMES, nycflights

DOWNLOADS = e2e.FOLDER / "downloads"
IDENTITY = ("--identity", e2e.JOBS["client_id"])


def through_the_lake(name):
    """Exports a table, checks that it is there, downloads it and reads it with pyarrow."""
    url = f"abfss://{e2e.FILESYSTEM}@{e2e.ACCOUNT}.dfs.core.windows.net/nycflights/{name}.parquet"
    report = e2e.azconnect_json(
        "export", "--query", f"SELECT * FROM dbo.{name}", "--server", "syn-demo",
        "--database", e2e.DATABASE, *IDENTITY, "--overwrite", url,
    )
    stat = e2e.azconnect_json("lake", "stat", url, *IDENTITY)
    local = DOWNLOADS / f"{name}.parquet"
    e2e.azconnect("lake", "cp", url, local, "--overwrite", *IDENTITY)
    assert local.stat().st_size == report["bytes"], (report, stat)
    return report, pa.parquet.read_table(local)


def sorted_by_every_column(table):
    return table.sort_by([(name, "ascending") for name in table.column_names]).combine_chunks()


def compare(name):
    expected = nycflights(name)
    report, found = through_the_lake(name)
    assert report["rows"] == expected.num_rows == found.num_rows, report
    assert found.column_names == expected.column_names, found.schema
    # The cast is safe: a value that does not survive it unchanged raises.
    found = sorted_by_every_column(found.cast(expected.schema))
    expected = sorted_by_every_column(expected)
    for column in expected.column_names:
        assert found[column].equals(expected[column]), f"{name}.{column} differs"
        assert found[column].null_count == expected[column].null_count


for table in NAMES:

    def every_cell(table=table):
        compare(table)

    every_cell.__name__ = f"every_cell_of_{table}"
    check(every_cell)


@check
def a_query_reaches_polars_through_arrow_ipc():
    import subprocess, os, polars

    done = subprocess.run(
        [
            os.environ["AZCONNECT"], "sql", "query",
            "SELECT origin, COUNT(*) AS flights FROM dbo.flights GROUP BY origin ORDER BY origin",
            "--server", "syn-demo", "--database", e2e.DATABASE, *IDENTITY, "-o", "arrow",
        ],
        capture_output=True,
        check=True,
    )
    frame = polars.read_ipc_stream(done.stdout)
    counts = {row["origin"]: row["flights"] for row in frame.iter_rows(named=True)}
    assert counts == {"EWR": 120835, "JFK": 111279, "LGA": 104662}, counts


@check
def absent_table_gives_the_servers_message_and_no_file():
    url = f"abfss://{e2e.FILESYSTEM}@{e2e.ACCOUNT}.dfs.core.windows.net/nycflights/none.parquet"
    _, error = e2e.azconnect(
        "export", "--query", "SELECT * FROM dbo.no_such_table", "--server", "syn-demo",
        "--database", e2e.DATABASE, *IDENTITY, url, expect=1,
    )
    assert "Invalid object name" in error and "dbo.no_such_table" in error, error
    listing = e2e.azconnect_json(
        "lake", "ls", f"abfss://{e2e.FILESYSTEM}@{e2e.ACCOUNT}.dfs.core.windows.net/nycflights",
        *IDENTITY,
    )
    assert "none.parquet" not in json.dumps(listing), listing


if __name__ == "__main__":
    e2e.main()
