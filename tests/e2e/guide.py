"""The guide's own script (tests/peers/guide.py) does its job on the emulators, and we read its file."""

import os
import pathlib
import subprocess
import sys

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

import check as e2e
from check import check
from make_tables import nycflights


@check
def the_guides_script_exports_a_table_that_we_read_back():
    script = pathlib.Path(__file__).parent.parent / "peers" / "guide.py"
    environment = {
        **os.environ,
        "MSSQL_HOST": e2e.address("SQL_SERVER"),
        "MSSQL_DB": e2e.DATABASE,
        "MSSQL_EXTRA": "TrustServerCertificate=yes;",
        "KEY_VAULT_URL": e2e.address("KEY_VAULT_URL"),
        "LAKE_URL": f"{e2e.address('LAKE_DFS_URL')}/{e2e.ACCOUNT}",
        "AZURE_CLIENT_ID": e2e.JOBS["client_id"],
    }
    done = subprocess.run(
        [sys.executable, script, "--table", "dbo.flights", "--to", "raw/guide/flights.parquet",
         "--secret", "greeting"],
        env=environment, capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "secret: 20 characters" in done.stdout, done.stdout
    assert "rows: 336776, exists: True" in done.stdout, done.stdout

    local = e2e.FOLDER / "downloads" / "guide-flights.parquet"
    e2e.azconnect(
        "lake", "cp", "abfss://raw@lakedemo.dfs.core.windows.net/guide/flights.parquet", local, "--overwrite",
        "--identity", e2e.JOBS["client_id"],
    )
    found = pa.parquet.read_table(local)
    expected = nycflights("flights")
    assert found.num_rows == expected.num_rows and found.column_names == expected.column_names
    for column in ("distance", "dep_delay", "air_time"):
        sums = [pa.compute.sum(table[column]).as_py() for table in (found, expected)]
        assert sums[0] == sums[1], (column, sums)


if __name__ == "__main__":
    e2e.main()
