"""Azure's Python SDKs for the data lake and for blobs, against the two endpoints of the lake emulator."""

import os
import secrets
from concurrent.futures import ThreadPoolExecutor

from azure.core import MatchConditions
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobBlock, BlobServiceClient
from azure.storage.filedatalake import ContentSettings, DataLakeServiceClient

import check as e2e
from check import check

DFS = f"{e2e.address('LAKE_DFS_URL')}/{e2e.ACCOUNT}"
BLOB = f"{e2e.address('LAKE_BLOB_URL')}/{e2e.ACCOUNT}"
NAME = f"sdk-{secrets.token_hex(4)}"
PAYLOAD = os.urandom(25_000_000)


def credential(identity):
    return ManagedIdentityCredential(client_id=identity["client_id"])


lake = DataLakeServiceClient(DFS, credential=credential(e2e.JOBS))
filesystem = lake.get_file_system_client(NAME)
blobs = BlobServiceClient(BLOB, credential=credential(e2e.JOBS), max_single_put_size=4_000_000)
container = blobs.get_container_client(NAME)


def refused(kind, code, call):
    """The SDK must raise `kind` with the service's error code."""
    error = e2e.refused(kind, call)
    found = getattr(error, "error_code", None)
    found = getattr(found, "value", found)
    assert code is None or found == code, f"{found} instead of {code}: {error}"


def written(path, content):
    file = filesystem.get_file_client(path)
    file.upload_data(content, overwrite=True)
    return file


@check
def filesystem_is_made_once():
    lake.create_file_system(NAME, metadata={"team": "red"})
    refused(ResourceExistsError, None, lambda: lake.create_file_system(NAME))
    assert filesystem.get_file_system_properties().metadata == {"team": "red"}
    assert NAME in [found.name for found in lake.list_file_systems()]
    assert container.exists() and blobs.get_account_information()["is_hns_enabled"]


@check
def directories_bring_their_parents():
    directory = filesystem.create_directory("in/2024 05/é+&")
    assert directory.get_directory_properties().metadata.get("hdi_isfolder") == "true"
    assert filesystem.get_directory_client("in").exists()


@check
def file_in_chunks_is_read_whole_by_range_and_with_checksums():
    payload = PAYLOAD[:9_000_001]
    file = filesystem.get_directory_client("in/2024 05/é+&").create_file(
        "data.bin", content_settings=ContentSettings(content_type="a/b")
    )
    file.upload_data(payload, overwrite=True, chunk_size=1_000_000, max_concurrency=4)
    assert file.get_file_properties().size == len(payload)
    assert file.download_file(max_concurrency=4).readall() == payload
    assert file.download_file(offset=1000, length=77).readall() == payload[1000:1077]
    assert file.download_file(validate_content=True).readall() == payload


@check
def appends_in_any_order_show_after_the_flush():
    log = filesystem.create_file("log.txt", metadata={"k": "v"})
    parts = [os.urandom(100_000 + number) for number in range(8)]
    starts = [sum(map(len, parts[:number])) for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: log.append_data(parts[n], starts[n]), reversed(range(8))))
    assert log.download_file().readall() == b""
    refused(HttpResponseError, "InvalidFlushPosition", lambda: log.flush_data(10**7))
    log.flush_data(sum(map(len, parts)))
    assert log.download_file().readall() == b"".join(parts)
    log.append_data(b"tail", log.get_file_properties().size, flush=True, validate_content=True)
    assert log.download_file().readall() == b"".join(parts) + b"tail"
    assert log.get_file_properties().metadata == {"k": "v"}


@check
def properties_change_and_conditions_hold():
    file = written("conditions", b"content")
    old = file.get_file_properties().etag
    file.set_metadata({"k": "w"})
    file.set_http_headers(ContentSettings(content_type="text/plain", cache_control="no-store"))
    assert file.get_file_properties().content_settings.content_type == "text/plain"
    refused(
        ResourceModifiedError,
        "ConditionNotMet",
        lambda: file.delete_file(etag=old, match_condition=MatchConditions.IfNotModified),
    )
    refused(
        ResourceExistsError,
        "PathAlreadyExists",
        lambda: file.create_file(match_condition=MatchConditions.IfMissing),
    )
    assert file.download_file().readall() == b"content"


@check
def listing_goes_over_several_pages():
    for number in range(25):
        filesystem.get_file_client(f"many/{number:02}/x").create_file()
    listed = list(filesystem.get_paths("many", max_results=7))
    expected = [path for n in range(25) for path in (f"many/{n:02}", f"many/{n:02}/x")]
    assert [path.name for path in listed] == expected
    assert [path.is_directory for path in listed[:2]] == [True, False]
    assert len(list(filesystem.get_paths("many", recursive=False))) == 25
    refused(ResourceNotFoundError, "PathNotFound", lambda: list(filesystem.get_paths("absent")))


@check
def rename_moves_a_file_and_a_directory():
    file = written("from", PAYLOAD[:5000])
    moved = file.rename_file(f"{NAME}/to é.bin")
    assert moved.download_file().readall() == PAYLOAD[:5000] and not file.exists()
    written("old/deep/file", b"x")
    filesystem.get_directory_client("old").rename_directory(f"{NAME}/new")
    assert filesystem.get_file_client("new/deep/file").download_file().readall() == b"x"
    assert not filesystem.get_directory_client("old").exists()


@check
def delete_removes_a_file_and_a_directory():
    file = written("gone/file", b"x")
    file.delete_file()
    refused(ResourceNotFoundError, None, file.get_file_properties)
    written("gone/other", b"x")
    filesystem.get_directory_client("gone").delete_directory()
    assert not filesystem.get_directory_client("gone").exists()


@check
def blob_is_read_by_both_endpoints():
    blob = container.get_blob_client("blob/small")
    blob.upload_blob(PAYLOAD[:1000], metadata={"a": "b"})
    refused(ResourceExistsError, "BlobAlreadyExists", lambda: blob.upload_blob(b"x"))
    blob.upload_blob(PAYLOAD[:2000], overwrite=True, validate_content=True)
    assert blob.download_blob().readall() == PAYLOAD[:2000]
    assert filesystem.get_file_client("blob/small").download_file().readall() == PAYLOAD[:2000]


@check
def blob_in_blocks_is_read_in_parallel_ranges():
    big = container.get_blob_client("blob/big")
    big.upload_blob(PAYLOAD, max_concurrency=4)
    assert big.get_blob_properties().size == len(PAYLOAD)
    assert big.download_blob(max_concurrency=4, validate_content=True).readall() == PAYLOAD
    committed, waiting = big.get_block_list("all")
    assert sum(block.size for block in committed) == len(PAYLOAD) and not waiting


@check
def staged_blocks_appear_when_they_are_committed():
    staged = container.get_blob_client("blob/staged")
    for number in (2, 0, 1):
        start = number * 10
        staged.stage_block(f"{number:06}", PAYLOAD[start : start + 10], validate_content=True)
    refused(
        HttpResponseError,
        "InvalidBlockList",
        lambda: staged.commit_block_list([BlobBlock("000009")]),
    )
    assert not staged.exists()
    staged.commit_block_list([BlobBlock(f"{number:06}") for number in range(3)])
    assert staged.download_blob().readall() == PAYLOAD[:30]


@check
def blobs_are_listed_by_prefix_and_delimiter():
    names = [found.name for found in container.list_blobs(name_starts_with="blob/")]
    assert names == ["blob/big", "blob/small", "blob/staged"], names
    walked = [found.name for found in container.walk_blobs(delimiter="/")]
    assert "blob/" in walked and "log.txt" in walked, walked
    assert len([*container.list_blobs(results_per_page=2)]) >= 4


@check
def what_the_emulator_lacks_it_refuses():
    refused(HttpResponseError, None, container.get_blob_client("blob/small").create_snapshot)


@check
def absent_blobs_and_containers_are_not_found():
    refused(
        ResourceNotFoundError,
        "BlobNotFound",
        lambda: container.get_blob_client("absent").download_blob(),
    )
    refused(
        ResourceNotFoundError,
        "ContainerNotFound",
        lambda: blobs.get_blob_client("absent-container", "x").download_blob(),
    )


@check
def token_that_nobody_signed_is_refused():
    class Forged:
        def get_token(self, *scopes, **_):
            return AccessToken("not.a.token", 4102444800)

    forged = DataLakeServiceClient(DFS, credential=Forged()).get_file_system_client(NAME)
    refused(
        ClientAuthenticationError, "InvalidAuthenticationInfo", lambda: list(forged.get_paths())
    )


@check
def reader_reads_and_does_not_write():
    written("for-readers", b"read me")
    service = DataLakeServiceClient(DFS, credential=credential(e2e.READER))
    file = service.get_file_system_client(NAME).get_file_client("for-readers")
    assert file.download_file().readall() == b"read me"
    refused(HttpResponseError, "AuthorizationPermissionMismatch", file.delete_file)
    assert file.exists()


@check
def identity_without_a_role_reads_nothing():
    service = DataLakeServiceClient(DFS, credential=credential(e2e.NOBODY))
    file = service.get_file_system_client(NAME).get_file_client("for-readers")
    refused(HttpResponseError, "AuthorizationPermissionMismatch", file.download_file)


@check
def what_we_write_the_sdk_reads_and_the_other_way_round():
    source = e2e.FOLDER / "lake-source.bin"
    source.write_bytes(PAYLOAD)
    url = f"abfss://{NAME}@{e2e.ACCOUNT}.dfs.core.windows.net"
    identity = ("--identity", e2e.JOBS["client_id"])
    e2e.azconnect("lake", "cp", source, f"{url}/ours.bin", *identity)
    assert filesystem.get_file_client("ours.bin").download_file().readall() == PAYLOAD
    written("theirs.bin", PAYLOAD[:7_000_003])
    target = e2e.FOLDER / "lake-target.bin"
    e2e.azconnect("lake", "cp", f"{url}/theirs.bin", target, "--overwrite", *identity)
    assert target.read_bytes() == PAYLOAD[:7_000_003]


@check
def filesystem_is_deleted():
    filesystem.delete_file_system()
    assert not filesystem.exists()


if __name__ == "__main__":
    e2e.main()
