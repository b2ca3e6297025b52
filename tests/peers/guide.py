"""What people write today: managed identity, a secret, a Synapse table through ODBC, Parquet in the lake.

The calls and the batch settings are those of the published guide; only host names are configured:
MSSQL_HOST, MSSQL_DB, KEY_VAULT_URL, LAKE_URL, AZURE_CLIENT_ID, and for a server with a private
certificate MSSQL_EXTRA. It is a peer for benchmarks, so it stays as it is when ours gets better.
"""

import argparse
import io
import os

import polars as pl
from arrow_odbc import read_arrow_batches_from_odbc
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import ManagedIdentityCredential
from azure.storage.filedatalake import DataLakeServiceClient


def secret(credential, name):
    from azure.keyvault.secrets import SecretClient

    client = SecretClient(
        vault_url=os.environ["KEY_VAULT_URL"], credential=credential, verify_challenge_resource=False
    )
    return client.get_secret(name).value


def read_table(table):
    reader = read_arrow_batches_from_odbc(
        query=f"SELECT * FROM {table}",
        connection_string=(
            "Driver={ODBC Driver 18 for SQL Server};"
            f"Server={os.environ['MSSQL_HOST']};"
            f"Database={os.environ['MSSQL_DB']};"
            "Authentication=ActiveDirectoryMsi;"
            f"UID={os.environ['AZURE_CLIENT_ID']};"
            f"{os.environ.get('MSSQL_EXTRA', '')}"
        ),
        max_bytes_per_batch=536_870_912,
        batch_size=1_000_000,
        # The guide calls `reader.fetch_concurrently()`, which newer versions take as an argument.
        fetch_concurrently=True,
    )
    return pl.concat(pl.from_arrow(batch) for batch in reader)


def upload(lake, filesystem, path, frame):
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    file_client = lake.get_file_system_client(filesystem).get_file_client(path)
    file_client.create_file()
    file_client.upload_data(buffer.getvalue(), overwrite=True)


def exists(lake, filesystem, path):
    try:
        lake.get_file_system_client(filesystem).get_file_client(path).get_file_properties()
        return True
    except ResourceNotFoundError:
        return False


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--table", required=True)
    arguments.add_argument("--to", required=True, help="FILESYSTEM/PATH")
    arguments.add_argument("--secret", help="reads this secret first")
    arguments = arguments.parse_args()

    credential = ManagedIdentityCredential(client_id=os.environ["AZURE_CLIENT_ID"])
    if arguments.secret:
        print(f"secret: {len(secret(credential, arguments.secret))} characters")
    frame = read_table(arguments.table)
    lake = DataLakeServiceClient(account_url=os.environ["LAKE_URL"], credential=credential)
    filesystem, path = arguments.to.split("/", 1)
    upload(lake, filesystem, path, frame)
    print(f"rows: {frame.height}, exists: {exists(lake, filesystem, path)}")


if __name__ == "__main__":
    main()
