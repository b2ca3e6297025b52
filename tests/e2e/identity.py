"""azure-identity for Python asks the managed identity and Entra emulators for tokens."""

import json
import os
import signal
import uuid

import jwt
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from azure.keyvault.secrets import SecretClient

import check as e2e
from check import check

VAULT = "https://vault.azure.net/.default"
STORAGE = "https://storage.azure.com/.default"
REFUSALS = (ClientAuthenticationError, CredentialUnavailableError)


def claims(token, audience):
    """The token's claims, after PyJWT verified signature, expiry and audience by the published keys."""
    authority = os.environ["AZURE_AUTHORITY_HOST"].rstrip("/")
    metadata = requests.get(
        f"{authority}/{e2e.TENANT_ID}/v2.0/.well-known/openid-configuration", timeout=10
    ).json()
    keys = jwt.PyJWKSet.from_dict(requests.get(metadata["jwks_uri"], timeout=10).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key.key, algorithms=["RS256"], audience=audience)


def without_app_service(function):
    """Runs the function as on a virtual machine, where only IMDS answers."""
    with e2e.on_host("imds"):
        return function()


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


@check
def machine_learning_identity_by_client_id():
    with e2e.on_host("machine-learning"):
        for identity in (e2e.JOBS, e2e.READER):
            expect_identity(ManagedIdentityCredential(client_id=identity["client_id"]), identity)
        # The variable is there for SDKs of other languages.
        assert os.environ["DEFAULT_IDENTITY_CLIENT_ID"] == e2e.JOBS["client_id"]


@check
def machine_learning_refuses_a_wrong_secret_and_an_unknown_identity():
    named = ManagedIdentityCredential
    with e2e.on_host("machine-learning"):
        stranger = named(client_id=str(uuid.uuid4()))
        e2e.refused(REFUSALS, lambda: stranger.get_token(VAULT), "No User Assigned")
    with e2e.on_host("machine-learning", MSI_SECRET="guess"):
        credential = named(client_id=e2e.JOBS["client_id"])
        e2e.refused(REFUSALS, lambda: credential.get_token(VAULT), "MSI_SECRET")


def machine():
    """Emulators where the hosts whose requests name no identity have one of their own."""
    hosts = ("arc", "cloud-shell", "service-fabric")
    return e2e.emulators(
        managed_identities=[e2e.JOBS, e2e.READER, e2e.NOBODY, e2e.MACHINE],
        host_identities={host: [e2e.MACHINE["name"]] for host in hosts},
    )


@check
def cloud_shell_gives_the_one_identity_and_refuses_an_unknown_audience():
    with machine(), e2e.on_host("cloud-shell"):
        credential = ManagedIdentityCredential()
        expect_identity(credential, e2e.MACHINE)
        e2e.refused(
            REFUSALS, lambda: credential.get_token("https://vault.example.org/.default"),
            "AudienceNotSupported",
        )


@check
def service_fabric_is_known_by_its_thumbprint_and_wants_its_secret():
    with machine():
        with e2e.on_host("service-fabric"):
            credential = ManagedIdentityCredential()
            expect_identity(credential, e2e.MACHINE)
            # Whatever has another certificate gets no secret to see.
            thumbprint = os.environ["IDENTITY_SERVER_THUMBPRINT"]
        other = f"{int(thumbprint, 16) ^ 1:040X}"
        with e2e.on_host("service-fabric", IDENTITY_SERVER_THUMBPRINT=other):
            credential = ManagedIdentityCredential()
            e2e.refused(Exception, lambda: credential.get_token(VAULT), "thumbprint")
        with e2e.on_host("service-fabric", IDENTITY_HEADER="guess"):
            credential = ManagedIdentityCredential()
            e2e.refused(REFUSALS, lambda: credential.get_token(VAULT), "ManagedIdentityNotFound")


@check
def arc_key_outside_of_the_agents_folder_is_not_read():
    with machine(), e2e.on_host("arc"):
        # MSAL looks for the file's name in the real folder; the suite `namespace` has that one.
        credential = ManagedIdentityCredential()
        e2e.refused(Exception, lambda: credential.get_token(VAULT), "/var/opt/azcmagent/tokens/")


@check
def faults_of_imds_are_survived_or_told():
    passing = ("too_many_requests", "gone", {"late": {"by_ms": 50}})
    lasting = {"requests": 1}
    faults = [{"fault": fault, "lasting": lasting} for fault in (*passing, "not_json")]
    with e2e.emulators(faults={"managed_identity": faults}), e2e.on_host("imds"):
        expect_identity(ManagedIdentityCredential(client_id=e2e.JOBS["client_id"]), e2e.JOBS)
        credential = ManagedIdentityCredential(client_id=e2e.READER["client_id"])
        e2e.refused(CredentialUnavailableError, lambda: credential.get_token(VAULT))
        expect_identity(credential, e2e.READER)


@check
def cached_tokens_are_given_again():
    def tokens():
        with e2e.on_host("imds"):
            credentials = [ManagedIdentityCredential(client_id=e2e.JOBS["client_id"]) for _ in "12"]
            return {credential.get_token(VAULT).token for credential in credentials}

    assert len(tokens()) == 2
    with e2e.emulators(cache_managed_identity_tokens=True):
        assert len(tokens()) == 1


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


OTHER_TENANT = "7e000000-0000-4000-8000-000000000002"
THIRD_TENANT = "7e000000-0000-4000-8000-000000000003"
OBJECT_THERE = "0a000000-0000-4000-8000-000000000002"


def several_tenants():
    """Emulators whose app is consented to in another tenant, and not in a third one."""
    app = json.loads((e2e.FOLDER / "emulators.json").read_text())["apps"][0]
    consent = {"tenant_id": OTHER_TENANT, "object_id": OBJECT_THERE}
    return e2e.emulators(
        apps=[{**app, "tenants": [consent]}],
        tenants=[
            {"tenant_id": OTHER_TENANT, "domains": ["contoso.example"]},
            {"tenant_id": THIRD_TENANT},
        ],
    )


def secret_in(tenant, **options):
    return ClientSecretCredential(
        tenant, e2e.APP_CLIENT_ID, e2e.CLIENT_SECRET, disable_instance_discovery=True, **options
    )


@check
def an_app_is_another_service_principal_in_each_tenant():
    with several_tenants():
        anywhere = secret_in(e2e.TENANT_ID, additionally_allowed_tenants=["*"])
        for token, tenant in (
            (anywhere.get_token(VAULT), e2e.TENANT_ID),
            (anywhere.get_token(VAULT, tenant_id=OTHER_TENANT), OTHER_TENANT),
            (secret_in("contoso.example").get_token(VAULT), OTHER_TENANT),
        ):
            found = claims(token.token, "https://vault.azure.net")
            assert found["tid"] == tenant, found
            assert found["iss"] == f"https://sts.windows.net/{tenant}/", found
            assert (found["oid"] == OBJECT_THERE) == (tenant == OTHER_TENANT), found
        third = secret_in(THIRD_TENANT)
        e2e.refused(ClientAuthenticationError, lambda: third.get_token(VAULT), "AADSTS700016")
        unknown = secret_in("fabrikam.example")
        e2e.refused(Exception, lambda: unknown.get_token(VAULT), "fabrikam.example")


@check
def malformed_claims_are_refused_and_capabilities_come_back():
    credential = secret_in(e2e.TENANT_ID)
    token = credential.get_token(VAULT, enable_cae=True).token
    assert claims(token, "https://vault.azure.net")["xms_cc"] == ["CP1"]
    # MSAL refuses broken JSON by itself, but not JSON of another form.
    wrong = '{"access_token": {"nbf": {"essential": true, "value": "soon"}}}'
    e2e.refused(
        ClientAuthenticationError, lambda: credential.get_token(VAULT, claims=wrong), "AADSTS50117"
    )


@check
def key_vault_client_answers_the_claims_challenge_of_a_revoked_token():
    with e2e.emulators() as process:
        url = e2e.address("KEY_VAULT_URL")

        def refusal():
            return requests.get(
                f"{url}/secrets/greeting?api-version=7.6", timeout=10,
                headers={"Authorization": f"Bearer {revoked}"},
            )

        credential = secret_in(e2e.TENANT_ID)
        client = SecretClient(url, credential, verify_challenge_resource=False)
        greeting = lambda: client.get_secret("greeting").value
        assert greeting() == "hello from the vault"
        revoked = credential.get_token(VAULT, enable_cae=True).token
        process.send_signal(signal.SIGUSR1)
        # The signal is on its way while this asks.
        refused = next(answer for _ in range(1000) if (answer := refusal()).status_code != 200)
        assert refused.status_code == 401, refused.text
        assert 'error="insufficient_claims"' in refused.headers["WWW-Authenticate"]
        assert greeting() == "hello from the vault"
        fresh = credential.get_token(VAULT, enable_cae=True).token
        assert fresh != revoked


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
