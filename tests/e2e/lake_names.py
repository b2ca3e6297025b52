"""Azure's Python SDKs on names: accounts with and without a hierarchical namespace, listings that
begin somewhere, conditional renames, copies by URL and batches of deletes."""

import os
import secrets

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobBlock, BlobPrefix, BlobServiceClient
from azure.storage.filedatalake import DataLakeServiceClient

import check as e2e
from check import check

NAME = f"names-{secrets.token_hex(4)}"
ACCOUNTS = {"hierarchical": e2e.ACCOUNT, "flat": e2e.FLAT_ACCOUNT}
CREDENTIAL = ManagedIdentityCredential(client_id=e2e.JOBS["client_id"])
PAYLOAD = os.urandom(3_000_000)


def service(kind):
    return BlobServiceClient(
        f"{e2e.address('LAKE_BLOB_URL')}/{ACCOUNTS[kind]}", credential=CREDENTIAL
    )


def container(kind):
    return service(kind).get_container_client(NAME)


def filesystem(kind):
    service = DataLakeServiceClient(
        f"{e2e.address('LAKE_DFS_URL')}/{ACCOUNTS[kind]}", credential=CREDENTIAL
    )
    return service.get_file_system_client(NAME)


def bearer():
    return "Bearer " + CREDENTIAL.get_token("https://storage.azure.com/.default").token


def refused(kind, code, call):
    error = e2e.refused(kind, call)
    found = getattr(error, "error_code", None)
    found = getattr(found, "value", found)
    assert code is None or found == code, f"{found} instead of {code}: {error}"


@check
def account_says_what_it_is():
    for kind in ACCOUNTS:
        information = service(kind).get_account_information()
        assert information["is_hns_enabled"] == (kind == "hierarchical"), information
        container(kind).create_container()
        for name in ["a-b", "a/1", "a/b/2", "a/b/3", "c"]:
            container(kind).upload_blob(name, name.encode())


@check
def blobs_are_listed_flat_and_by_delimiter():
    listed = {kind: [blob.name for blob in container(kind).list_blobs()] for kind in ACCOUNTS}
    assert listed["flat"] == ["a-b", "a/1", "a/b/2", "a/b/3", "c"], listed
    # With a hierarchy directories are blobs too.
    assert listed["hierarchical"] == ["a", "a/1", "a/b", "a/b/2", "a/b/3", "a-b", "c"], listed
    for kind in ACCOUNTS:
        top = list(container(kind).walk_blobs(delimiter="/"))
        assert sorted(item.name for item in top) == ["a-b", "a/", "c"], top
        prefix = next(item for item in top if isinstance(item, BlobPrefix))
        assert sorted(item.name for item in prefix) == ["a/1", "a/b/"]
        paged = container(kind).list_blobs(name_starts_with="a/", results_per_page=1).by_page()
        names = [blob.name for page in paged for blob in page]
        assert [name for name in names if name != "a/b"] == ["a/1", "a/b/2", "a/b/3"], names


@check
def flat_names_may_continue_one_another():
    flat = container("flat")
    flat.upload_blob("a", b"both")
    assert flat.download_blob("a").readall() == b"both"
    assert flat.download_blob("a/1").readall() == b"a/1"
    flat.delete_blob("a")
    assert flat.download_blob("a/1").readall() == b"a/1"
    refused(
        HttpResponseError,
        "ResourceTypeMismatch",
        lambda: container("hierarchical").upload_blob("a", b"both", overwrite=True),
    )


@check
def blobs_that_are_not_committed_are_listed_on_demand():
    for kind in ACCOUNTS:
        container(kind).get_blob_client("waiting").stage_block("0001", b"x")
        listed = [blob.name for blob in container(kind).list_blobs(name_starts_with="w")]
        assert listed == [], listed
        listed = container(kind).list_blobs(
            name_starts_with="w", include=["uncommittedblobs", "metadata", "copy", "snapshots"]
        )
        assert [blob.name for blob in listed] == ["waiting"]


@check
def paths_are_listed_from_a_name_on():
    hierarchical = filesystem("hierarchical")
    names = [path.name for path in hierarchical.get_paths(start_from="a/b/3")]
    assert names == ["a/b/3", "a-b", "c"], names
    names = [path.name for path in hierarchical.get_paths("a", start_from="b", max_results=1)]
    assert names == ["a/b", "a/b/2", "a/b/3"], names
    refused(
        HttpResponseError,
        "InvalidQueryParameterValue",
        lambda: list(hierarchical.get_paths(recursive=False, start_from="a/b")),
    )
    for kind in ACCOUNTS:
        top = {path.name: path.is_directory for path in filesystem(kind).get_paths(recursive=False)}
        assert top == {"a": True, "a-b": False, "c": False}, top


@check
def rename_holds_to_its_conditions():
    lake = filesystem("hierarchical")
    source, target = lake.get_file_client("from"), lake.get_file_client("to")
    source.upload_data(b"old", overwrite=True)
    stale = source.get_file_properties().etag
    source.upload_data(b"new", overwrite=True)
    target.upload_data(b"there", overwrite=True)
    refused(
        ResourceExistsError,
        "PathAlreadyExists",
        lambda: source.rename_file(f"{NAME}/to", match_condition=MatchConditions.IfMissing),
    )
    refused(
        HttpResponseError,
        "SourceConditionNotMet",
        lambda: source.rename_file(
            f"{NAME}/to", source_etag=stale, source_match_condition=MatchConditions.IfNotModified
        ),
    )
    refused(
        ResourceModifiedError,
        "ConditionNotMet",
        lambda: source.rename_file(
            f"{NAME}/to", etag=stale, match_condition=MatchConditions.IfNotModified
        ),
    )
    assert target.download_file().readall() == b"there"
    current = source.get_file_properties().etag
    source.rename_file(
        f"{NAME}/to", source_etag=current, source_match_condition=MatchConditions.IfNotModified
    )
    assert target.download_file().readall() == b"new" and not source.exists()


@check
def directory_takes_the_place_of_an_empty_one_only():
    lake = filesystem("hierarchical")
    lake.get_file_client("tree/file").upload_data(b"x", overwrite=True)
    lake.create_directory("empty")
    lake.get_file_client("full/file").upload_data(b"y", overwrite=True)
    directory = lake.get_directory_client("tree")
    refused(
        ResourceExistsError,
        "DirectoryNotEmpty",
        lambda: directory.rename_directory(f"{NAME}/full"),
    )
    directory.rename_directory(f"{NAME}/empty")
    assert lake.get_file_client("empty/file").download_file().readall() == b"x"


@check
def dfs_endpoint_of_a_flat_account_does_what_it_can():
    lake = filesystem("flat")
    lake.create_directory("marked")
    assert lake.get_directory_client("marked").get_directory_properties().metadata[
        "hdi_isfolder"
    ] == "true"
    lake.get_file_client("marked/file").upload_data(b"x", overwrite=True)
    lake.get_directory_client("marked").rename_directory(f"{NAME}/moved")
    assert lake.get_file_client("moved/file").download_file().readall() == b"x"
    refused(
        HttpResponseError,
        "HierarchicalNamespaceNotEnabled",
        lambda: lake.get_directory_client("moved").set_access_control(permissions="rwxrwxrwx"),
    )
    lake.get_directory_client("moved").delete_directory()
    assert [path.name for path in lake.get_paths("a")] == ["a/1", "a/b/2", "a/b/3"]


@check
def blobs_are_copied_by_url():
    for kind in ACCOUNTS:
        source = container(kind).get_blob_client("copies/source")
        source.upload_blob(PAYLOAD, overwrite=True, metadata={"team": "red"})

        copied = container(kind).get_blob_client("copies/started")
        started = copied.start_copy_from_url(source.url)
        assert started["copy_status"] == "success", started
        assert copied.get_blob_properties().copy.id == started["copy_id"]
        assert copied.get_blob_properties().metadata == {"team": "red"}

        at_once = container(kind).get_blob_client("copies/at-once")
        at_once.start_copy_from_url(
            source.url, requires_sync=True, source_authorization=bearer()
        )
        put = container(kind).get_blob_client("copies/put")
        put.upload_blob_from_url(source.url, source_authorization=bearer())
        refused(
            ResourceExistsError,
            "BlobAlreadyExists",
            lambda: put.upload_blob_from_url(
                source.url, overwrite=False, source_authorization=bearer()
            ),
        )
        blocks = container(kind).get_blob_client("copies/blocks")
        for number in range(3):
            blocks.stage_block_from_url(
                f"{number:04}", source.url, source_offset=number * 1_000_000,
                source_length=1_000_000, source_authorization=bearer(),
            )
        blocks.commit_block_list([BlobBlock(f"{number:04}") for number in range(3)])
        for blob in (copied, at_once, put, blocks):
            assert blob.download_blob().readall() == PAYLOAD, blob.blob_name


@check
def copies_cross_accounts_and_hold_to_conditions():
    source = container("flat").get_blob_client("copies/source")
    target = container("hierarchical").get_blob_client("from-flat")
    target.upload_blob_from_url(source.url, source_authorization=bearer())
    assert target.download_blob().readall() == PAYLOAD
    for call, kind, code in [
        (
            lambda: target.upload_blob_from_url(
                source.url, overwrite=True, source_authorization=bearer(),
                source_etag='"0x1"', source_match_condition=MatchConditions.IfNotModified,
            ),
            HttpResponseError,
            "SourceConditionNotMet",
        ),
        (lambda: target.upload_blob_from_url(source.url, overwrite=True), HttpResponseError, None),
        (
            lambda: target.upload_blob_from_url(
                source.url + "-absent", overwrite=True, source_authorization=bearer()
            ),
            ResourceNotFoundError,
            "CannotVerifyCopySource",
        ),
    ]:
        refused(kind, code, call)
    assert target.download_blob().readall() == PAYLOAD


@check
def blobs_are_deleted_in_a_batch():
    for kind in ACCOUNTS:
        blobs = container(kind)
        for number in range(20):
            blobs.upload_blob(f"batch/{number:02}", b"x")
        answers = list(blobs.delete_blobs(*[f"batch/{number:02}" for number in range(19)]))
        assert [answer.status_code for answer in answers] == [202] * 19
        answers = blobs.delete_blobs("batch/19", "batch/absent", raise_on_any_failure=False)
        assert [answer.status_code for answer in answers] == [202, 404]
        left = [blob.name for blob in blobs.list_blobs(name_starts_with="batch/")]
        assert left == [], left


@check
def deleted_with_all_that_is_in_it():
    for kind in ACCOUNTS:
        filesystem(kind).get_directory_client("a").delete_directory()
        assert not container(kind).get_blob_client("a/b/2").exists()
        container(kind).delete_container()


if __name__ == "__main__":
    e2e.main()
