"""Azure's Python SDK for the data lake against the emulator: owners, permissions and access control lists."""

import secrets

from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.storage.filedatalake import DataLakeServiceClient

import check as e2e
from check import check

NAME = f"acl-{secrets.token_hex(4)}"
ADA = "ada00000-1111-4000-8000-111111111111"

dfs = f"{e2e.address('LAKE_DFS_URL')}/{e2e.ACCOUNT}"
lake = DataLakeServiceClient(dfs, credential=ManagedIdentityCredential(client_id=e2e.JOBS["client_id"]))
filesystem = lake.create_file_system(NAME)


def refused(code, call):
    """The SDK must raise an error with the service's code."""
    error = e2e.refused(HttpResponseError, call)
    found = getattr(error, "error_code", None)
    found = getattr(found, "value", found)
    assert found == code, f"{found} instead of {code}: {error}"


@check
def new_paths_have_the_permissions_that_the_umask_leaves():
    directory = filesystem.create_directory("plain")
    found = directory.get_access_control()
    assert (found["permissions"], found["acl"]) == ("rwxr-x---", "user::rwx,group::r-x,other::---"), found
    file = directory.create_file("f", permissions="0777", umask="0022")
    assert file.get_access_control()["permissions"] == "rwxr-xr-x"
    listed = {path.name: path.permissions for path in filesystem.get_paths()}
    assert listed["plain"] == "rwxr-x---" and listed["plain/f"] == "rwxr-xr-x", listed


@check
def a_list_is_set_and_has_its_mask():
    file = filesystem.get_file_client("one")
    file.create_file()
    file.set_access_control(acl=f"user::rwx,group::r-x,other::---,user:{ADA}:rw-")
    found = file.get_access_control()
    assert found["acl"] == f"user::rwx,user:{ADA}:rw-,group::r-x,mask::rwx,other::---", found
    assert found["permissions"] == "rwxrwx---+", found
    file.set_access_control(permissions="0640")
    assert "mask::r--" in file.get_access_control()["acl"]
    file.set_access_control(owner=ADA)
    assert file.get_access_control()["owner"] == ADA
    # Spelled as the service spells it.
    refused("InvaldAccessControlList", lambda: file.set_access_control(acl="user::rwx"))


@check
def new_paths_inherit_the_default_list():
    directory = filesystem.create_directory("parent")
    directory.set_access_control(
        acl=f"user::rwx,group::r-x,other::---,default:user::rwx,default:user:{ADA}:r-x,default:group::r-x,default:other::---"
    )
    below = directory.create_sub_directory("below").get_access_control()["acl"]
    assert f"default:user:{ADA}:r-x" in below and f",user:{ADA}:r-x" in below, below
    file = directory.create_file("file").get_access_control()["acl"]
    assert f"user:{ADA}:" in file and "default" not in file, file


@check
def a_tree_is_changed_in_batches():
    directory = filesystem.create_directory("tree")
    for number in range(7):
        directory.create_sub_directory(f"d{number}").create_file("f")
    added = directory.update_access_control_recursive(acl=f"user:{ADA}:r-x", batch_size=4)
    counters = added.counters
    assert (counters.directories_successful, counters.files_successful, counters.failure_count) == (8, 7, 0), counters
    assert ADA in filesystem.get_file_client("tree/d6/f").get_access_control()["acl"]
    removed = directory.remove_access_control_recursive(acl=f"user:{ADA}", batch_size=100)
    assert removed.counters.files_successful == 7
    assert ADA not in filesystem.get_file_client("tree/d6/f").get_access_control()["acl"]
    whole = directory.set_access_control_recursive(acl="user::rwx,group::---,other::---")
    assert whole.counters.directories_successful == 8
    assert filesystem.get_directory_client("tree/d0").get_access_control()["permissions"] == "rwx------"


if __name__ == "__main__":
    e2e.main()
