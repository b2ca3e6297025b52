"""Microsoft's ODBC driver 18 and FreeTDS, through pyodbc and arrow-odbc, against the Synapse emulator."""

import datetime
import struct

import pyarrow as pa
import pyodbc
from arrow_odbc import read_arrow_batches_from_odbc
from azure.identity import ManagedIdentityCredential

import check as e2e
from check import check
from make_tables import NAMES, nycflights

HOST, PORT = e2e.address("SQL_SERVER").split(",")
LOGIN, PASSWORD = e2e.SQL_LOGIN
# The driver's own trust store does not hold the emulators' CA, which is made anew for each run.
MICROSOFT = (
    "Driver={ODBC Driver 18 for SQL Server};"
    f"Server={HOST},{PORT};Database={e2e.DATABASE};TrustServerCertificate=yes;"
)
FREETDS = f"Driver={{FreeTDS}};Server={HOST};Port={PORT};Database={e2e.DATABASE};TDS_Version=7.4;Encryption=require;"
BY_PASSWORD = f"UID={LOGIN};PWD={PASSWORD};"
SQL_COPT_SS_ACCESS_TOKEN = 1256


def token_of(identity):
    """A token in the form of the driver's connection attribute."""
    token = ManagedIdentityCredential(client_id=identity["client_id"]).get_token(
        "https://database.windows.net/.default"
    )
    encoded = token.token.encode("utf-16-le")
    return {SQL_COPT_SS_ACCESS_TOKEN: struct.pack("<i", len(encoded)) + encoded}


def count_a_million(connection_string, **options):
    """All rows of `million` arrive, and their sums are those of 0 to 999,999."""
    with pyodbc.connect(connection_string, **options) as connection:
        cursor = connection.execute("SELECT id, text, half FROM dbo.million")
        rows = total = halves = 0
        while batch := cursor.fetchmany(50_000):
            for number, text, half in batch:
                assert text == f"row {number}", (number, text)
                rows += 1
                total += number
                halves += half
    assert (rows, total, halves) == (1_000_000, 499_999_500_000, 249_999_750_000.0)


@check
def microsoft_by_password_reads_a_million_rows():
    count_a_million(MICROSOFT + BY_PASSWORD)


@check
def microsoft_by_access_token_reads_a_million_rows():
    count_a_million(MICROSOFT, attrs_before=token_of(e2e.JOBS))


@check
def microsoft_by_managed_identity_asks_the_identity_endpoint():
    text = f"{MICROSOFT}Authentication=ActiveDirectoryMsi;UID={e2e.JOBS['client_id']};"
    with pyodbc.connect(text) as connection:
        assert connection.execute("SELECT COUNT(*) FROM dbo.flights").fetchval() == 336_776


@check
def freetds_by_password_reads_a_million_rows():
    count_a_million(FREETDS + BY_PASSWORD)


@check
def arrow_odbc_reads_what_pyarrow_reads():
    for name in NAMES:
        expected = nycflights(name)
        reader = read_arrow_batches_from_odbc(
            query=f"SELECT * FROM dbo.{name}",
            connection_string=MICROSOFT + BY_PASSWORD,
            batch_size=65_535,
        )
        found = pa.Table.from_batches(reader, reader.schema)
        assert found.num_rows == expected.num_rows, name
        for column in expected.column_names:
            if pa.types.is_timestamp(expected[column].type):
                continue  # arrow-odbc gives datetimeoffset as text
            ours = sorted(value for value in found[column].to_pylist() if value is not None)
            theirs = sorted(value for value in expected[column].to_pylist() if value is not None)
            assert ours == theirs, f"{name}.{column}"
            assert found[column].null_count == expected[column].null_count, f"{name}.{column}"


def on_both_drivers(function):
    """Runs a check of one connection on each driver, as two checks."""
    for driver, text in (("microsoft", MICROSOFT), ("freetds", FREETDS)):

        def on_driver(text=text):
            with pyodbc.connect(text + BY_PASSWORD) as connection:
                function(connection)

        on_driver.__name__ = f"{driver}_{function.__name__}"
        check(on_driver)
    return function


@on_both_drivers
def parameters_are_typed(connection):
    row = connection.execute(
        "SELECT COUNT(*) FROM dbo.flights WHERE origin = ? AND month = ?", "JFK", 1
    ).fetchval()
    assert row == 9_161, row
    carriers = connection.execute(
        "SELECT name FROM dbo.airlines WHERE carrier IN (?, ?) ORDER BY name", "UA", "AA"
    ).fetchall()
    assert [name for (name,) in carriers] == ["American Airlines Inc.", "United Air Lines Inc."]


@on_both_drivers
def nulls_stay_nulls(connection):
    missing = connection.execute(
        "SELECT COUNT(*) FROM dbo.flights WHERE dep_time IS NULL"
    ).fetchval()
    assert missing == 8_255, missing
    row = connection.execute(
        "SELECT TOP 1 dep_time, dep_delay, tailnum FROM dbo.flights WHERE dep_time IS NULL AND tailnum IS NULL"
    ).fetchone()
    assert tuple(row) == (None, None, None), row


@on_both_drivers
def t_sql_spellings_are_understood(connection):
    row = connection.execute(
        "SELECT TOP 1 [carrier], ISNULL(CAST(NULL AS INT), 7) AS seven, N'ä' AS text "
        "FROM [dbo].[airlines] ORDER BY [carrier]"
    ).fetchone()
    assert tuple(row) == ("9E", 7, "ä"), row


@on_both_drivers
def absent_table_is_error_208(connection):
    error = e2e.refused(
        pyodbc.Error, lambda: connection.execute("SELECT * FROM dbo.no_such_table"),
        "Invalid object name 'dbo.no_such_table'",
    )
    assert error.args[0] == "42S02", error


@on_both_drivers
def connection_serves_on_after_an_error(connection):
    e2e.refused(pyodbc.Error, lambda: connection.execute("SELECT no_such_column FROM dbo.airlines"))
    assert connection.execute("SELECT COUNT(*) FROM dbo.airlines").fetchval() == 16


@check
def times_arrive_as_they_are():
    with pyodbc.connect(MICROSOFT + BY_PASSWORD) as connection:
        row = connection.execute(
            "SELECT CAST('2013-01-01' AS DATE), CAST('2013-01-01T10:00:00.5' AS DATETIME2)"
        ).fetchone()
    assert tuple(row) == (
        datetime.date(2013, 1, 1), datetime.datetime(2013, 1, 1, 10, 0, 0, 500_000),
    ), row


@check
def our_two_backends_give_the_same_rows():
    query = "SELECT * FROM dbo.planes ORDER BY tailnum"
    where = ("--server", "syn-demo", "--database", e2e.DATABASE, "--identity", e2e.JOBS["client_id"])
    native, _ = e2e.azconnect("sql", "query", query, *where, "-o", "csv")
    odbc, _ = e2e.azconnect("sql", "query", query, *where, "-o", "csv", "--backend", "odbc")
    assert native.count("\n") == 3_323 and native == odbc


@check
def wrong_password_is_error_18456():
    for text in (MICROSOFT, FREETDS):
        e2e.refused(
            pyodbc.Error, lambda: pyodbc.connect(f"{text}UID={LOGIN};PWD=wrong;"), "18456"
        )


@check
def identity_without_a_user_is_refused():
    e2e.refused(
        pyodbc.Error, lambda: pyodbc.connect(MICROSOFT, attrs_before=token_of(e2e.NOBODY)),
        "<token-identified principal>",
    )


if __name__ == "__main__":
    e2e.main()
