"""azure-keyvault-secrets for Python before vaults that refuse, throttle and fail in every other way."""

import contextlib
import os
import time
import urllib.parse

import urllib3.util.connection
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import ClientSecretCredential, ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

import check as e2e
from check import check

OTHER_TENANT = "7e000000-0000-4000-8000-000000000002"


def vault(**settings):
    """The suites' only vault, some of its settings changed."""
    return [{"name": "kv-demo", "secrets": {"greeting": "hello from the vault"}, **settings}]


def broken(*faults):
    """Emulators whose Key Vault has these faults, each for one request."""
    once = [{"fault": fault, "lasting": {"requests": 1}} for fault in faults]
    return e2e.emulators(faults={"key_vault": once})


def client(identity, **options):
    # The vault answers on localhost here, which is no host of the vault's domain.
    options = {"verify_challenge_resource": False, **options}
    credential = ManagedIdentityCredential(client_id=identity["client_id"])
    return SecretClient(e2e.address("KEY_VAULT_URL"), credential, **options)


def forbidden(call, inner_code, *words):
    error = e2e.refused(HttpResponseError, call, "Forbidden", *words)
    assert error.status_code == 403, error
    assert error.error.innererror["code"] == inner_code, error.error.innererror


@contextlib.contextmanager
def real_host_name():
    """Connections to `kv-demo.vault.azure.net` arrive at the emulator, and nothing else differs."""
    port = urllib.parse.urlsplit(e2e.address("KEY_VAULT_URL")).port
    connect = urllib3.util.connection.create_connection

    def mapped(address, *arguments, **keywords):
        if address[0] == "kv-demo.vault.azure.net":
            address = ("127.0.0.1", port)
        return connect(address, *arguments, **keywords)

    no_proxy = os.environ["NO_PROXY"] + ",kv-demo.vault.azure.net"
    urllib3.util.connection.create_connection = mapped
    try:
        with e2e.environment({"NO_PROXY": no_proxy, "no_proxy": no_proxy}):
            yield "https://kv-demo.vault.azure.net"
    finally:
        urllib3.util.connection.create_connection = connect


@check
def role_on_one_secret_opens_no_other_and_not_the_list():
    role = {
        "principal": e2e.NOBODY["name"],
        "role": "Key Vault Secrets User",
        "resource": "kv-demo/secrets/greeting",
    }
    with e2e.emulators(role_assignments=[role]):
        secrets = client(e2e.NOBODY)
        assert secrets.get_secret("greeting").value == "hello from the vault"
        forbidden(lambda: secrets.get_secret("other"), "ForbiddenByRbac", "secrets/other")
        forbidden(
            lambda: list(secrets.list_properties_of_secrets()), "ForbiddenByRbac", "readMetadata"
        )


@check
def access_policy_allows_what_it_says():
    policy = {"principal": e2e.NOBODY["name"], "secrets": ["get"]}
    with e2e.emulators(vaults=vault(access_policies=[policy])):
        secrets = client(e2e.NOBODY)
        assert secrets.get_secret("greeting").value == "hello from the vault"
        for call, permission in [
            (lambda: list(secrets.list_properties_of_secrets()), "list"),
            (lambda: secrets.set_secret("greeting", "x"), "set"),
        ]:
            words = f"does not have secrets {permission} permission on key vault 'kv-demo;"
            forbidden(call, "ForbiddenByPolicy", words)
        forbidden(lambda: client(e2e.JOBS).get_secret("greeting"), "ForbiddenByPolicy")


@check
def firewall_keeps_everybody_out():
    with e2e.emulators(vaults=vault(firewall="deny")):
        forbidden(
            lambda: client(e2e.JOBS).get_secret("greeting"),
            "ForbiddenByFirewall",
            "Client address is not authorized", "Client address: 127.0.0.1",
        )


@check
def token_of_another_tenant_is_of_the_wrong_issuer():
    consent = {"tenant_id": OTHER_TENANT, "object_id": "0a000000-0000-4000-8000-000000000002"}
    app = {
        "name": "batch-app",
        "client_id": e2e.APP_CLIENT_ID,
        "object_id": "0a000000-0000-4000-8000-000000000001",
        "client_secrets": [e2e.CLIENT_SECRET],
        "tenants": [consent],
    }
    with e2e.emulators(
        apps=[app], tenants=[{"tenant_id": OTHER_TENANT}], vaults=vault(tenant_id=OTHER_TENANT)
    ):
        # Managed identity has no tenant to choose.
        error = e2e.refused(
            ClientAuthenticationError,
            lambda: client(e2e.JOBS).get_secret("greeting"),
            "AKV10032", f"https://sts.windows.net/{e2e.TENANT_ID}/",
        )
        assert error.status_code == 401, error
        # An app of both tenants follows the challenge to that of the vault.
        credential = ClientSecretCredential(
            e2e.TENANT_ID, e2e.APP_CLIENT_ID, e2e.CLIENT_SECRET,
            additionally_allowed_tenants=[OTHER_TENANT], disable_instance_discovery=True,
        )
        secrets = SecretClient(
            e2e.address("KEY_VAULT_URL"), credential, verify_challenge_resource=False
        )
        assert secrets.get_secret("greeting").value == "hello from the vault"


@check
def retry_after_is_waited_for():
    # The first retry of the SDK's own would come after 0.8 seconds.
    with broken({"throttled": {"retry_after_seconds": 2}}):
        begun = time.monotonic()
        assert client(e2e.JOBS).get_secret("greeting").value == "hello from the vault"
        assert time.monotonic() - begun >= 2


@check
def request_limit_lets_the_next_one_in_when_it_said():
    with e2e.emulators(vaults=vault(request_limit={"requests": 3, "seconds": 2})):
        secrets = client(e2e.JOBS)
        begun = time.monotonic()
        for _ in range(4):
            secrets.get_secret("greeting")
        assert time.monotonic() - begun >= 2
        patience = client(e2e.JOBS, retry_total=0)
        error = e2e.refused(
            HttpResponseError, lambda: [patience.get_secret("greeting") for _ in range(4)],
            "Throttled",
        )
        assert error.status_code == 429, error
        assert error.response.headers["Retry-After"] in ("1", "2"), error.response.headers


@check
def challenge_for_a_foreign_resource_gets_no_token():
    with broken("foreign_challenge"), real_host_name() as url:
        credential = ManagedIdentityCredential(client_id=e2e.JOBS["client_id"])
        secrets = SecretClient(url, credential)
        e2e.refused(ValueError, lambda: secrets.get_secret("greeting"), "vault.evil.example")
        # The vault's own challenge, by the same name: nothing else was wrong.
        assert secrets.get_secret("greeting").value == "hello from the vault"


@check
def broken_answers_are_retried():
    with broken("answers", "reset", "unavailable", "body_cut", "answers"):
        secrets = client(e2e.JOBS)
        for _ in range(2):
            assert secrets.get_secret("greeting").value == "hello from the vault"


@check
def lost_answer_is_of_a_change_that_was_made():
    with broken("lost_answer"):
        secrets = client(e2e.JOBS)
        secrets.set_secret("twice", "value")
        # The SDK could not know and set it again.
        assert len(list(secrets.list_properties_of_secret_versions("twice"))) == 2


@check
def flapping_role_is_refused_and_granted():
    with broken("forbidden_by_rbac", "answers", "forbidden_by_rbac"):
        secrets = client(e2e.JOBS)
        for _ in range(2):
            forbidden(lambda: secrets.get_secret("greeting"), "ForbiddenByRbac", "getSecret/action")
            assert secrets.get_secret("greeting").value == "hello from the vault"


@check
def late_answers_are_waited_for():
    with e2e.emulators(faults={"key_vault_delay_ms": 100}):
        begun = time.monotonic()
        assert client(e2e.JOBS).get_secret("greeting").value == "hello from the vault"
        # Once for the challenge, once for the secret.
        assert time.monotonic() - begun >= 0.2


if __name__ == "__main__":
    e2e.main()
