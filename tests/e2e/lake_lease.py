"""Azure's Python SDKs against the lake emulator: leases, appends, expiry, tags, soft delete, metadata."""

import datetime
import secrets
import uuid

from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobLeaseClient, BlobServiceClient
from azure.storage.filedatalake import ContentSettings, DataLakeLeaseClient, DataLakeServiceClient

import check as e2e
from check import check

NAME = f"lease-{secrets.token_hex(4)}"


def credential():
    return ManagedIdentityCredential(client_id=e2e.JOBS["client_id"])


def services():
    """Clients of both endpoints of the emulators that the environment names."""
    dfs = f"{e2e.address('LAKE_DFS_URL')}/{e2e.ACCOUNT}"
    blob = f"{e2e.address('LAKE_BLOB_URL')}/{e2e.ACCOUNT}"
    return (
        DataLakeServiceClient(dfs, credential=credential()),
        BlobServiceClient(blob, credential=credential()),
    )


lake, blobs = services()
filesystem = lake.create_file_system(NAME, metadata={"team": "red"})
container = blobs.get_container_client(NAME)


def refused(kind, code, call):
    """The SDK must raise `kind` with the service's error code."""
    error = e2e.refused(kind, call)
    found = getattr(error, "error_code", None)
    found = getattr(found, "value", found)
    assert found == code, f"{found} instead of {code}: {error}"


def written(path, content=b"content"):
    file = filesystem.get_file_client(path)
    file.upload_data(content, overwrite=True)
    return file


def lives(properties, acquire, lease_client):
    """A lease's whole life, on whatever can be leased."""
    proposed = str(uuid.uuid4())
    lease = acquire(lease_duration=15, lease_id=proposed)
    assert lease.id == proposed and lease.etag
    assert properties().lease.state == "leased" and properties().lease.status == "locked"
    assert properties().lease.duration == "fixed"
    refused(HttpResponseError, "LeaseAlreadyPresent", lambda: acquire(lease_duration=15))
    lease.renew()
    other = str(uuid.uuid4())
    lease.change(other)
    assert lease.id == other
    stranger = lease_client(str(uuid.uuid4()))
    refused(HttpResponseError, "LeaseIdMismatchWithLeaseOperation", stranger.renew)
    refused(HttpResponseError, "LeaseIdMismatchWithLeaseOperation", stranger.release)
    assert lease.break_lease(lease_break_period=10) == 10
    assert properties().lease.state == "breaking"
    refused(HttpResponseError, "LeaseIsBrokenAndCannotBeRenewed", lease.renew)
    assert lease.break_lease(lease_break_period=0) == 0
    assert properties().lease.state == "broken" and properties().lease.status == "unlocked"
    again = acquire(lease_duration=-1)
    assert properties().lease.duration == "infinite"
    again.release()
    assert properties().lease.state == "available"
    refused(HttpResponseError, "LeaseNotPresentWithLeaseOperation", lease_client(proposed).renew)


@check
def lease_of_a_file_lives_its_life():
    file = written("leased")
    lives(
        file.get_file_properties, file.acquire_lease, lambda id: DataLakeLeaseClient(file, id)
    )


@check
def lease_of_a_directory_lives_its_life():
    directory = filesystem.create_directory("leased-directory")
    lives(
        directory.get_directory_properties,
        directory.acquire_lease,
        lambda id: DataLakeLeaseClient(directory, id),
    )


@check
def lease_of_a_filesystem_lives_its_life():
    lives(
        filesystem.get_file_system_properties,
        filesystem.acquire_lease,
        lambda id: DataLakeLeaseClient(filesystem, id),
    )


@check
def lease_of_a_blob_and_of_a_container_lives_its_life():
    blob = container.get_blob_client("leased-blob")
    blob.upload_blob(b"content")
    lives(blob.get_blob_properties, blob.acquire_lease, lambda id: BlobLeaseClient(blob, id))
    lives(
        container.get_container_properties,
        container.acquire_lease,
        lambda id: BlobLeaseClient(container, id),
    )


@check
def only_the_holder_writes_and_deletes():
    file = written("held")
    lease = file.acquire_lease(lease_duration=60)
    refused(HttpResponseError, "LeaseIdMissing", lambda: file.append_data(b"x", 7))
    refused(HttpResponseError, "LeaseIdMissing", lambda: file.flush_data(7))
    refused(HttpResponseError, "LeaseIdMissing", lambda: file.set_metadata({"a": "b"}))
    refused(HttpResponseError, "LeaseIdMissing", file.delete_file)
    refused(HttpResponseError, "LeaseIdMissing", lambda: file.rename_file(f"{NAME}/elsewhere"))
    refused(
        HttpResponseError,
        "LeaseIdMismatchWithBlobOperation",
        lambda: file.delete_file(lease=str(uuid.uuid4())),
    )
    blob = container.get_blob_client("held")
    refused(
        HttpResponseError, "LeaseIdMissing", lambda: blob.upload_blob(b"new", overwrite=True)
    )
    assert file.download_file().readall() == b"content"
    file.append_data(b" more", 7, lease=lease)
    file.flush_data(12, lease=lease)
    blob.upload_blob(b"new", overwrite=True, lease=lease)
    assert file.get_file_properties(lease=lease).lease.state == "leased"
    file.set_metadata({"a": "b"}, lease=lease)
    file.delete_file(lease=lease)
    assert not file.exists()


@check
def append_can_acquire_renew_and_release():
    file = filesystem.create_file("log")
    lease = str(uuid.uuid4())
    file.append_data(
        b"one", 0, lease_action="acquire", lease_duration=30, lease=DataLakeLeaseClient(file, lease)
    )
    assert file.get_file_properties().lease.state == "leased"
    refused(HttpResponseError, "LeaseIdMissing", lambda: file.append_data(b"x", 3))
    file.append_data(b"two", 3, lease_action="auto-renew", lease=lease)
    file.flush_data(6, lease_action="release", lease=lease)
    assert file.get_file_properties().lease.state == "available"
    file.append_data(
        b"three", 6, flush=True, lease_action="acquire-release", lease_duration=15,
        lease=DataLakeLeaseClient(file, str(uuid.uuid4())),
    )
    assert file.get_file_properties().lease.state == "available"
    assert file.download_file().readall() == b"onetwothree"


@check
def retained_data_waits_for_a_later_flush():
    file = filesystem.create_file("retained")
    file.append_data(b"abcdef", 0)
    file.flush_data(2, retain_uncommitted_data=True)
    assert file.download_file().readall() == b"ab"
    file.flush_data(6, close=True)
    assert file.download_file().readall() == b"abcdef"


@check
def file_is_made_with_a_lease():
    lease = str(uuid.uuid4())
    file = filesystem.create_file("made-leased", lease_id=lease, lease_duration=15)
    assert file.get_file_properties().lease.state == "leased"
    refused(HttpResponseError, "LeaseIdMissing", file.delete_file)
    file.delete_file(lease=lease)


@check
def file_expires_when_it_is_told_to():
    file = written("expiring")
    moment = datetime.datetime(2100, 1, 1)
    file.set_file_expiry("Absolute", expires_on=moment)
    assert file.get_file_properties().expiry_time.replace(tzinfo=None) == moment
    listed = [path for path in filesystem.get_paths() if path.name == "expiring"]
    assert listed[0].expiry_time.replace(tzinfo=None) == moment, listed[0].expiry_time
    file.set_file_expiry("NeverExpire")
    assert not file.get_file_properties().expiry_time
    # The SDK passes this refusal on as it came, without a code of its own.
    past = datetime.datetime(2000, 1, 1)
    e2e.refused(
        HttpResponseError,
        lambda: file.set_file_expiry("Absolute", expires_on=past),
        "InvalidHeaderValue",
    )
    file.set_file_expiry("RelativeToNow", expires_on=1)
    e2e.refused(ResourceNotFoundError, lambda: [file.get_file_properties() for _ in range(100)])
    made = filesystem.create_file("made-expiring", expires_on=moment)
    assert made.get_file_properties().expiry_time.replace(tzinfo=None) == moment


@check
def tags_are_set_and_read():
    blob = container.get_blob_client("tagged")
    blob.upload_blob(b"content", tags={"team": "red one", "a/b": ""})
    assert blob.get_blob_tags() == {"team": "red one", "a/b": ""}
    etag = blob.get_blob_properties().etag
    blob.set_blob_tags({"k": "v"})
    assert blob.get_blob_tags() == {"k": "v"}
    assert blob.get_blob_properties().tag_count == 1 and blob.get_blob_properties().etag == etag
    refused(HttpResponseError, "InvalidTag", lambda: blob.set_blob_tags({"!": "v"}))
    refused(
        HttpResponseError, "TagsTooLarge", lambda: blob.set_blob_tags({str(n): "v" for n in range(11)})
    )
    assert blob.get_blob_tags() == {"k": "v"}


@check
def properties_and_metadata_are_those_of_both_endpoints():
    settings = ContentSettings(
        content_type="text/csv",
        content_encoding="gzip",
        content_language="de",
        content_disposition="attachment",
        cache_control="no-store",
    )
    file = filesystem.create_file("described", content_settings=settings, metadata={"a": "b"})
    found = container.get_blob_client("described").get_blob_properties()
    assert found.metadata == {"a": "b"}
    for name in ("type", "encoding", "language", "disposition"):
        name = f"content_{name}"
        assert getattr(found.content_settings, name) == getattr(settings, name), name
    assert found.content_settings.cache_control == "no-store"
    file.set_metadata({"c": "d"})
    assert file.get_file_properties().metadata == {"c": "d"}
    assert filesystem.get_file_system_properties().metadata == {"team": "red"}
    filesystem.set_file_system_metadata({"team": "blue"})
    assert container.get_container_properties().metadata == {"team": "blue"}


@check
def deleted_paths_are_listed_and_restored():
    account = {"name": e2e.ACCOUNT, "filesystems": ["raw"], "soft_delete_retention_days": 7}
    with e2e.emulators(accounts=[account]):
        soft_lake, _ = services()
        raw = soft_lake.get_file_system_client("raw")
        raw.get_file_client("d/é+ &/file").upload_data(b"in a directory", overwrite=True)
        raw.get_file_client("file").upload_data(b"content", overwrite=True)
        raw.delete_directory("d/é+ &")
        raw.delete_file("file")
        deleted = {path.name: path for path in raw.list_deleted_paths()}
        assert sorted(deleted) == ["d/é+ &", "file"], deleted
        assert deleted["file"].deleted_time and deleted["file"].remaining_retention_days == 6
        assert [path.name for path in raw.list_deleted_paths(path_prefix="d")] == ["d/é+ &"]
        one = raw._undelete_path("file", deleted["file"].deletion_id)
        assert one.download_file().readall() == b"content"
        raw._undelete_path("d/é+ &", deleted["d/é+ &"].deletion_id)
        file = raw.get_file_client("d/é+ &/file")
        assert file.download_file().readall() == b"in a directory"
        assert not list(raw.list_deleted_paths())
        refused(
            ResourceNotFoundError,
            "BlobNotFound",
            lambda: raw._undelete_path("file", deleted["file"].deletion_id),
        )


@check
def name_of_a_deleted_filesystem_is_in_limbo():
    account = {"name": e2e.ACCOUNT, "filesystem_deletion_limbo_ms": 600_000}
    with e2e.emulators(accounts=[account]):
        service, _ = services()
        service.create_file_system("limbo").delete_file_system()
        refused(
            ResourceExistsError, "ContainerBeingDeleted", lambda: service.create_file_system("limbo")
        )


@check
def leased_filesystem_is_deleted_by_its_holder():
    lease = filesystem.acquire_lease(lease_duration=15)
    refused(HttpResponseError, "LeaseIdMissing", filesystem.delete_file_system)
    refused(
        HttpResponseError,
        "LeaseIdMismatchWithContainerOperation",
        lambda: filesystem.delete_file_system(lease=str(uuid.uuid4())),
    )
    filesystem.delete_file_system(lease=lease)
    assert not filesystem.exists()


if __name__ == "__main__":
    e2e.main()
