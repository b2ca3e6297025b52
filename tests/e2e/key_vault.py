"""azure-keyvault-secrets for Python does all it can with secrets of the Key Vault emulator.

The vault has half a second of limbo after delete, recover and purge, so that the pollers have to poll.
"""

import base64
import datetime
import time

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import ApiVersion, ContentType, SecretClient
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

import check as e2e
from check import check

# Seconds; the package's own two are for the limbo of the service.
POLL = {"_polling_interval": 0.05}


def client(identity, **options):
    # The vault answers on localhost here, which is no host of the vault's domain.
    return SecretClient(
        e2e.address("KEY_VAULT_URL"),
        ManagedIdentityCredential(client_id=identity["client_id"]),
        verify_challenge_resource=False,
        **options,
    )


def delete(vault, *names):
    """Deletes secrets, and waits until each can be found among the deleted."""
    pollers = [vault.begin_delete_secret(name, **POLL) for name in names]
    for poller in pollers:
        poller.wait()


def purge(vault, *names):
    """Purges deleted secrets, and waits until the last name is free again."""
    for name in names:
        vault.purge_deleted_secret(name)
    until_allowed(lambda: vault.set_secret(names[-1], "value"))


def until_allowed(call):
    """Calls until it is no conflict any more: nothing else tells the end of a purge."""
    while True:
        try:
            return call()
        except ResourceExistsError:
            time.sleep(0.05)


@check
def configured_secret_is_read():
    assert client(e2e.READER).get_secret("greeting").value == "hello from the vault"


@check
def written_secret_has_versions():
    vault = client(e2e.JOBS)
    first = vault.set_secret("versioned", "one", content_type="text/plain", tags={"team": "data"})
    second = vault.set_secret("versioned", "two")
    assert first.properties.version != second.properties.version
    assert vault.get_secret("versioned").value == "two"
    old = vault.get_secret("versioned", first.properties.version)
    assert (old.value, old.properties.content_type, old.properties.tags) == (
        "one", "text/plain", {"team": "data"},
    )
    versions = {each.version for each in vault.list_properties_of_secret_versions("versioned")}
    assert versions == {first.properties.version, second.properties.version}


@check
def listing_goes_over_several_pages():
    vault = client(e2e.JOBS)
    names = {f"page-{number:02}" for number in range(60)}
    for name in names:
        vault.set_secret(name, "value")
    listed = [each.name for each in vault.list_properties_of_secrets()]
    assert names <= set(listed) and len(listed) == len(set(listed)), listed


@check
def pages_of_any_size_show_each_secret_once():
    vault = client(e2e.JOBS)
    pages = [list(page) for page in vault.list_properties_of_secrets(max_page_size=10).by_page()]
    assert len(pages) > 6 and all(len(page) == 10 for page in pages[:-1]), pages
    names = [each.name for page in pages for each in page]
    assert len(names) == len(set(names)), names


@check
def versions_go_over_several_pages():
    vault = client(e2e.JOBS)
    versions = {vault.set_secret("many-versions", "value").properties.version for _ in range(30)}
    listed = [each.version for each in vault.list_properties_of_secret_versions("many-versions")]
    assert set(listed) == versions and len(listed) == 30, listed
    assert list(vault.list_properties_of_secret_versions("no-such")) == []


@check
def every_known_version_of_the_api_reads_writes_and_updates():
    for version in ApiVersion:
        vault = client(e2e.JOBS, api_version=version)
        name = f"api-{version.value.replace('.', '-')}"
        set_ = vault.set_secret(name, version.value)
        read = vault.get_secret(name, set_.properties.version)
        assert read.value == version.value
        updated = vault.update_secret_properties(name, content_type="text/plain")
        assert updated.content_type == "text/plain", updated
    e2e.refused(
        HttpResponseError,
        lambda: client(e2e.JOBS, api_version="1999-01-01").get_secret("greeting"), "BadParameter",
    )


@check
def properties_are_updated_in_one_version_and_the_value_stays():
    vault = client(e2e.JOBS)
    old = vault.set_secret("updated", "old", tags={"team": "data"})
    vault.set_secret("updated", "new")
    expires_on = datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc)
    changed = vault.update_secret_properties(
        "updated", old.properties.version, expires_on=expires_on, content_type="text/plain"
    )
    assert (changed.version, changed.expires_on) == (old.properties.version, expires_on), changed
    read = vault.get_secret("updated", old.properties.version)
    assert (read.value, read.properties.tags) == ("old", {"team": "data"}), read
    assert read.properties.updated_on >= read.properties.created_on
    latest = vault.get_secret("updated")
    assert (latest.value, latest.properties.expires_on) == ("new", None), latest


@check
def disabled_secret_is_forbidden_and_expired_one_is_not():
    vault = client(e2e.JOBS)
    vault.set_secret("disabled", "value", enabled=False)
    error = e2e.refused(HttpResponseError, lambda: vault.get_secret("disabled"), "Forbidden")
    assert error.status_code == 403 and error.error.innererror["code"] == "SecretDisabled", error
    vault.update_secret_properties("disabled", enabled=True)
    assert vault.get_secret("disabled").value == "value"

    past = datetime.datetime(2001, 9, 9, tzinfo=datetime.timezone.utc)
    vault.set_secret("expired", "value", not_before=past, expires_on=past)
    read = vault.get_secret("expired")
    assert (read.value, read.properties.expires_on) == ("value", past), read


@check
def deleted_secret_is_found_recovered_deleted_again_and_purged():
    vault = client(e2e.JOBS)
    vault.set_secret("short-lived", "one")
    latest = vault.set_secret("short-lived", "two", content_type="text/plain")

    deleting = vault.begin_delete_secret("short-lived", **POLL)
    deleted = deleting.result()
    assert deleted.recovery_id.endswith("/deletedsecrets/short-lived"), deleted
    kept = deleted.scheduled_purge_date - deleted.deleted_date
    assert kept == datetime.timedelta(days=90), kept
    assert deleted.properties.recovery_level == "Recoverable+Purgeable", deleted.properties
    # In limbo: neither here nor there, and not free.
    e2e.refused(
        ResourceNotFoundError, lambda: vault.get_deleted_secret("short-lived"), "SecretNotFound"
    )
    e2e.refused(ResourceNotFoundError, lambda: vault.get_secret("short-lived"), "SecretNotFound")
    conflict(lambda: vault.set_secret("short-lived", "three"), "ObjectIsBeingDeleted")
    deleting.wait()
    found = vault.get_deleted_secret("short-lived")
    assert found.properties.version == latest.properties.version, found.properties
    assert found.properties.content_type == "text/plain", found.properties
    conflict(lambda: vault.set_secret("short-lived", "three"), "ObjectIsDeletedButRecoverable")

    recovering = vault.begin_recover_deleted_secret("short-lived", **POLL)
    e2e.refused(ResourceNotFoundError, lambda: vault.get_secret("short-lived"), "SecretNotFound")
    conflict(lambda: vault.set_secret("short-lived", "three"), "ObjectIsBeingRecovered")
    recovering.wait()
    assert vault.get_secret("short-lived").value == "two"
    assert len(list(vault.list_properties_of_secret_versions("short-lived"))) == 2

    delete(vault, "short-lived")
    vault.purge_deleted_secret("short-lived")
    for call in (vault.get_deleted_secret, vault.get_secret, vault.purge_deleted_secret):
        e2e.refused(ResourceNotFoundError, lambda: call("short-lived"), "SecretNotFound")
    conflict(lambda: vault.set_secret("short-lived", "three"), "ObjectIsBeingDeleted")
    until_allowed(lambda: vault.set_secret("short-lived", "three"))
    assert len(list(vault.list_properties_of_secret_versions("short-lived"))) == 1


def conflict(call, inner_code):
    error = e2e.refused(ResourceExistsError, call, "Conflict")
    assert error.error.innererror["code"] == inner_code, error


@check
def deleted_secrets_go_over_several_pages():
    vault = client(e2e.JOBS)
    names = [f"deleted-{number:02}" for number in range(30)]
    for name in names:
        vault.set_secret(name, "value")
    delete(vault, *names)
    for options in ({}, {"max_page_size": 7}):
        listed = [each.name for each in vault.list_deleted_secrets(**options)]
        assert set(names) <= set(listed) and len(listed) == len(set(listed)), listed
    kept = {each.name for each in vault.list_properties_of_secrets()}
    assert not kept & set(names), kept
    purge(vault, *names)


@check
def backup_is_restored_with_all_versions_where_the_name_is_free():
    vault = client(e2e.JOBS)
    first = vault.set_secret("backed-up", "one", tags={"team": "data"})
    latest = vault.set_secret("backed-up", "two", enabled=False)
    backup = vault.backup_secret("backed-up")
    assert b"one" not in backup and b"two" not in backup
    e2e.refused(ResourceExistsError, lambda: vault.restore_secret_backup(backup), "Conflict")
    delete(vault, "backed-up")
    conflict(lambda: vault.restore_secret_backup(backup), "ObjectIsDeletedButRecoverable")
    vault.purge_deleted_secret("backed-up")
    restored = until_allowed(lambda: vault.restore_secret_backup(backup))
    assert (restored.version, restored.enabled) == (latest.properties.version, False), restored
    old = vault.get_secret("backed-up", first.properties.version)
    assert (old.value, old.properties.tags) == ("one", {"team": "data"}), old

    touched = backup[:-1] + bytes([backup[-1] ^ 1])
    for blob, words in ((touched, "Cannot decrypt"), (bytes(4728), "invalid or corrupt version")):
        error = e2e.refused(HttpResponseError, lambda: vault.restore_secret_backup(blob), words)
        assert error.status_code == 400, error


@check
def certificate_is_read_as_pfx_with_an_empty_password_and_as_pem():
    vault = client(e2e.JOBS)
    secret = vault.get_secret("service-principal")
    assert secret.properties.content_type == "application/x-pkcs12", secret.properties
    assert secret.properties.managed and "/keys/service-principal/" in secret.properties.key_id
    pfx = base64.b64decode(secret.value)
    key, leaf, _ = pkcs12.load_key_and_certificates(pfx, b"")
    assert secret.properties.expires_on == leaf.not_valid_after_utc, secret.properties
    on_disk = (e2e.FOLDER / "certificates/service-principal.crt").read_bytes()
    assert leaf == x509.load_pem_x509_certificate(on_disk)

    pem = vault.get_secret("service-principal", out_content_type=ContentType.PEM)
    assert pem.properties.content_type == "application/x-pem-file", pem.properties
    assert x509.load_pem_x509_certificate(pem.value.encode()) == leaf
    of_pem = load_pem_private_key(pem.value.encode(), None)
    assert of_pem.private_numbers() == key.private_numbers()


@check
def secret_of_a_certificate_is_not_changed_as_a_secret():
    vault = client(e2e.JOBS)
    for call in (
        lambda: vault.begin_delete_secret("service-principal"),
        lambda: vault.set_secret("service-principal", "value"),
        lambda: vault.update_secret_properties("service-principal", enabled=False),
    ):
        error = e2e.refused(HttpResponseError, call, "Forbidden")
        assert error.error.innererror["code"] == "SecretManagedByKeyVault", error


@check
def reader_may_not_delete_recover_purge_back_up_or_restore():
    vault = client(e2e.READER)
    for call, action in (
        (lambda: vault.begin_delete_secret("greeting"), "secrets/delete"),
        (lambda: vault.begin_recover_deleted_secret("greeting"), "recover/action"),
        (lambda: vault.purge_deleted_secret("greeting"), "purge/action"),
        (lambda: vault.backup_secret("greeting"), "backup/action"),
        (lambda: vault.restore_secret_backup(b"blob"), "restore/action"),
        (lambda: vault.update_secret_properties("greeting", enabled=False), "update/action"),
    ):
        error = e2e.refused(HttpResponseError, call, "Forbidden", action)
        assert error.status_code == 403, error


@check
def absent_secret_is_not_found():
    e2e.refused(
        ResourceNotFoundError, lambda: client(e2e.JOBS).get_secret("no-such"), "SecretNotFound"
    )


@check
def identity_without_a_role_is_forbidden():
    error = e2e.refused(
        HttpResponseError, lambda: client(e2e.NOBODY).get_secret("greeting"), "Forbidden"
    )
    assert error.status_code == 403, error


@check
def reader_may_not_write():
    error = e2e.refused(
        HttpResponseError, lambda: client(e2e.READER).set_secret("greeting", "x"), "Forbidden"
    )
    assert error.status_code == 403, error


@check
def our_command_reads_what_the_sdk_wrote():
    client(e2e.JOBS).set_secret("shared-value", "written by the SDK")
    out, _ = e2e.azconnect(
        "secret", "get", "shared-value", "--vault", "kv-demo",
        "--identity", e2e.JOBS["client_id"],
    )
    assert out.rstrip("\n") == "written by the SDK", out


@check
def our_command_lists_without_values():
    out, _ = e2e.azconnect(
        "secret", "list", "--vault", "kv-demo", "--identity", e2e.READER["client_id"], "-o", "json"
    )
    assert "greeting" in out and "hello from the vault" not in out, out


@check
def our_command_says_which_role_is_missing():
    _, error = e2e.azconnect(
        "secret", "get", "greeting", "--vault", "kv-demo",
        "--identity", e2e.NOBODY["client_id"], expect=1,
    )
    assert "Key Vault Secrets User" in error and "hint" in error, error


if __name__ == "__main__":
    e2e.main()
