"""azure-keyvault-secrets for Python reads, writes and lists secrets of the Key Vault emulator."""

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

import check as e2e
from check import check


def client(identity):
    # The vault answers on localhost here, which is no host of the vault's domain.
    return SecretClient(
        e2e.address("KEY_VAULT_URL"),
        ManagedIdentityCredential(client_id=identity["client_id"]),
        verify_challenge_resource=False,
    )


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
