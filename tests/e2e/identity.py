"""azure-identity for Python asks the managed identity and Entra emulators for tokens."""

import os
import uuid

import jwt
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

import check as e2e
from check import check

VAULT = "https://vault.azure.net/.default"
STORAGE = "https://storage.azure.com/.default"
REFUSALS = (ClientAuthenticationError, CredentialUnavailableError)


def claims(token, audience):
    """The token's claims, after PyJWT verified signature, expiry and audience by the published keys."""
    authority = os.environ["AZURE_AUTHORITY_HOST"].rstrip("/")
    import requests

    metadata = requests.get(
        f"{authority}/{e2e.TENANT_ID}/v2.0/.well-known/openid-configuration", timeout=10
    ).json()
    keys = jwt.PyJWKSet.from_dict(requests.get(metadata["jwks_uri"], timeout=10).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key.key, algorithms=["RS256"], audience=audience)


def without_app_service(function):
    """Runs the function as on a virtual machine, where only IMDS answers."""
    hidden = {name: os.environ.pop(name) for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")}
    try:
        return function()
    finally:
        os.environ.update(hidden)


def expect_identity(credential, identity):
    found = claims(credential.get_token(VAULT).token, "https://vault.azure.net")
    assert found["oid"] == identity["object_id"], found
    assert found["appid"] == identity["client_id"], found
    assert found["tid"] == e2e.TENANT_ID, found


@check
def app_service_identity_by_client_id():
    expect_identity(ManagedIdentityCredential(client_id=e2e.JOBS["client_id"]), e2e.JOBS)


@check
def app_service_identity_by_object_id():
    credential = ManagedIdentityCredential(
        identity_config={"object_id": e2e.READER["object_id"]}
    )
    expect_identity(credential, e2e.READER)


@check
def app_service_identity_by_resource_id():
    credential = ManagedIdentityCredential(
        identity_config={"resource_id": e2e.JOBS["resource_id"]}
    )
    expect_identity(credential, e2e.JOBS)


@check
def imds_identity_by_client_id():
    without_app_service(
        lambda: expect_identity(ManagedIdentityCredential(client_id=e2e.JOBS["client_id"]), e2e.JOBS)
    )


@check
def imds_identity_by_resource_id():
    config = {"resource_id": e2e.READER["resource_id"]}
    without_app_service(
        lambda: expect_identity(ManagedIdentityCredential(identity_config=config), e2e.READER)
    )


@check
def several_identities_and_none_named_is_refused():
    without_app_service(
        lambda: e2e.refused(
            REFUSALS,
            lambda: ManagedIdentityCredential().get_token(VAULT),
            "Multiple user assigned identities exist",
        )
    )


@check
def unknown_identity_is_refused():
    credential = ManagedIdentityCredential(client_id=str(uuid.uuid4()))
    without_app_service(
        lambda: e2e.refused(REFUSALS, lambda: credential.get_token(VAULT), "Identity not found")
    )


def pem_of_our_pfx():
    """The PFX that `azconnect cert new` made, as the PEM that azure-identity wants."""
    folder = e2e.FOLDER / "certificates"
    pem, _ = e2e.azconnect(
        "cert", "pem", folder / "service-principal.pfx",
        "--password-file", folder / "service-principal.pfx.pw",
    )
    return pem.encode()


@check
def certificate_from_our_pfx_gets_a_token():
    credential = CertificateCredential(
        e2e.TENANT_ID, e2e.APP_CLIENT_ID, certificate_data=pem_of_our_pfx(),
        disable_instance_discovery=True,
    )
    found = claims(credential.get_token(STORAGE).token, "https://storage.azure.com")
    assert found["appid"] == e2e.APP_CLIENT_ID, found


@check
def unregistered_certificate_is_refused():
    folder = e2e.FOLDER / "stranger"
    e2e.azconnect("cert", "new", "--name", "stranger", "--bits", "2048", "--out", folder, "--force")
    pem, _ = e2e.azconnect(
        "cert", "pem", folder / "stranger.pfx", "--password-file", folder / "stranger.pfx.pw"
    )
    credential = CertificateCredential(
        e2e.TENANT_ID, e2e.APP_CLIENT_ID, certificate_data=pem.encode(),
        disable_instance_discovery=True,
    )
    e2e.refused(
        ClientAuthenticationError, lambda: credential.get_token(STORAGE), "AADSTS700027"
    )


@check
def client_secret_gets_a_token_and_a_wrong_one_none():
    right = ClientSecretCredential(e2e.TENANT_ID, e2e.APP_CLIENT_ID, e2e.CLIENT_SECRET, disable_instance_discovery=True)
    assert claims(right.get_token(VAULT).token, "https://vault.azure.net")["tid"] == e2e.TENANT_ID
    wrong = ClientSecretCredential(e2e.TENANT_ID, e2e.APP_CLIENT_ID, "no-such-secret", disable_instance_discovery=True)
    e2e.refused(ClientAuthenticationError, lambda: wrong.get_token(VAULT), "AADSTS7000215")


@check
def unknown_application_is_refused():
    credential = ClientSecretCredential(e2e.TENANT_ID, str(uuid.uuid4()), e2e.CLIENT_SECRET, disable_instance_discovery=True)
    e2e.refused(ClientAuthenticationError, lambda: credential.get_token(VAULT), "AADSTS700016")


EXCHANGE = "api://AzureADTokenExchange/.default"


def federated(identity):
    """The app, vouched for by a managed identity."""
    vouching = ManagedIdentityCredential(client_id=identity["client_id"])
    return ClientAssertionCredential(
        e2e.TENANT_ID, e2e.APP_CLIENT_ID, lambda: vouching.get_token(EXCHANGE).token,
        disable_instance_discovery=True,
    )


@check
def an_identity_that_the_app_trusts_vouches_for_it_and_another_does_not():
    found = claims(federated(e2e.JOBS).get_token(VAULT).token, "https://vault.azure.net")
    assert found["appid"] == e2e.APP_CLIENT_ID, found
    stranger = federated(e2e.READER)
    e2e.refused(ClientAuthenticationError, lambda: stranger.get_token(VAULT), "AADSTS700213")


@check
def workload_identity_from_a_token_file():
    file = e2e.FOLDER / "federated.token"
    file.write_text(ManagedIdentityCredential(client_id=e2e.JOBS["client_id"]).get_token(EXCHANGE).token)
    credential = WorkloadIdentityCredential(
        tenant_id=e2e.TENANT_ID, client_id=e2e.APP_CLIENT_ID, token_file_path=str(file),
        disable_instance_discovery=True,
    )
    found = claims(credential.get_token(STORAGE).token, "https://storage.azure.com")
    assert found["appid"] == e2e.APP_CLIENT_ID, found
    os.environ["AZURE_FEDERATED_TOKEN_FILE"] = str(file)
    try:
        ours = e2e.azconnect_json(
            "auth", "token", "--scope", STORAGE, "--auth", "workload-identity",
            "--tenant-id", e2e.TENANT_ID, "--client-id", e2e.APP_CLIENT_ID,
        )["accessToken"]
    finally:
        del os.environ["AZURE_FEDERATED_TOKEN_FILE"]
    assert claims(ours, "https://storage.azure.com")["appid"] == e2e.APP_CLIENT_ID


@check
def our_command_as_an_app_that_trusts_the_identity():
    ours = e2e.azconnect_json(
        "auth", "token", "--scope", VAULT, "--auth", "federated-identity",
        "--identity", e2e.JOBS["client_id"],
        "--tenant-id", e2e.TENANT_ID, "--client-id", e2e.APP_CLIENT_ID,
    )["accessToken"]
    assert claims(ours, "https://vault.azure.net")["appid"] == e2e.APP_CLIENT_ID


@check
def our_command_gets_the_same_identity():
    token = e2e.azconnect_json(
        "auth", "token", "--scope", VAULT, "--identity", e2e.JOBS["client_id"]
    )["accessToken"]
    assert claims(token, "https://vault.azure.net")["oid"] == e2e.JOBS["object_id"]


@check
def our_command_with_the_certificate_gets_a_token():
    folder = e2e.FOLDER / "certificates"
    token = e2e.azconnect_json(
        "auth", "token", "--scope", STORAGE, "--auth", "certificate",
        "--tenant-id", e2e.TENANT_ID, "--client-id", e2e.APP_CLIENT_ID,
        "--certificate", folder / "service-principal.pfx",
        "--certificate-password-file", folder / "service-principal.pfx.pw",
    )["accessToken"]
    assert claims(token, "https://storage.azure.com")["appid"] == e2e.APP_CLIENT_ID


if __name__ == "__main__":
    e2e.main()
