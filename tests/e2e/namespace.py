"""Managed identity at its real address, and Azure Arc with its real folder, in namespaces.

Runs under `unshare --net --mount`: nothing outside sees the address or the folder. The script first
makes both, then runs itself again under `azconnect-emulate run`.
"""

import fcntl
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import urllib.error
import urllib.request

import check as e2e
from check import check

IMDS = "169.254.169.254"
ARC_TOKENS = pathlib.Path("/var/opt/azcmagent/tokens")
RESOURCE = "https://vault.azure.net"
VAULT = f"{RESOURCE}/.default"


def add_address():
    """What `ip link set lo up` and `ip addr add 169.254.169.254/32 dev lo` do, without iproute2."""
    # <linux/sockios.h> and <linux/if.h>
    set_address, set_mask, get_flags, set_flags = 0x8916, 0x891C, 0x8913, 0x8914
    up = 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:

        def raise_link(name):
            request = fcntl.ioctl(control, get_flags, struct.pack("16sh22x", name, 0))
            (flags,) = struct.unpack_from("h", request, 16)
            fcntl.ioctl(control, set_flags, struct.pack("16sh22x", name, flags | up))

        def set_ip(request, name, address):
            inet = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(control, request, struct.pack("16s16s8x", name, inet))

        raise_link(b"lo")
        set_ip(set_address, b"lo:imds", IMDS)
        set_ip(set_mask, b"lo:imds", "255.255.255.255")


def make_folder():
    """The agent's folder, on a file system that only this namespace sees."""
    above = next(folder for folder in ARC_TOKENS.parents if folder.is_dir())
    assert above != pathlib.Path("/"), "there is no /var to mount a folder below"
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(above)], check=True)
    ARC_TOKENS.mkdir(parents=True)


def enter():
    """Makes what the emulators need and starts them around this script."""
    add_address()
    make_folder()
    configuration = e2e.configuration(
        imds_address=IMDS,
        arc_tokens_dir=str(ARC_TOKENS),
        managed_identities=[e2e.JOBS, e2e.READER, e2e.NOBODY, e2e.MACHINE],
        host_identities={"arc": [e2e.MACHINE["name"]]},
    )
    os.execv(
        e2e.emulate(),
        [
            e2e.emulate(), "run", "--config", configuration, "--tables", str(e2e.FOLDER / "tables"),
            "--port", "imds=80", "--", sys.executable, __file__, INSIDE,
        ],
    )


def claims(token):
    import jwt

    return jwt.decode(token, options={"verify_signature": False}, audience=RESOURCE)


def expect_identity(credential, identity):
    found = claims(credential.get_token(VAULT).token)
    assert found["oid"] == identity["object_id"], found


@check
def azure_identity_without_any_variable_asks_the_real_address():
    from azure.identity import ManagedIdentityCredential

    with e2e.on_host():
        expect_identity(ManagedIdentityCredential(), e2e.MACHINE)
        expect_identity(ManagedIdentityCredential(client_id=e2e.JOBS["client_id"]), e2e.JOBS)


@check
def default_credential_finds_the_real_address_by_its_probe():
    from azure.identity import DefaultAzureCredential

    with e2e.on_host():
        credential = DefaultAzureCredential(managed_identity_client_id=e2e.READER["client_id"])
        expect_identity(credential, e2e.READER)


@check
def plain_request_works_and_one_without_the_header_does_not():
    url = (
        f"http://{IMDS}/metadata/identity/oauth2/token"
        f"?api-version=2018-02-01&resource={RESOURCE}&object_id={e2e.JOBS['object_id']}"
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers={"Metadata": "true"}), timeout=10) as answer:
        assert e2e.JOBS["client_id"] in answer.read().decode()
    error = e2e.refused(urllib.error.HTTPError, lambda: opener.open(url, timeout=10))
    assert error.code == 400, error.code


@check
def curl_as_in_the_documentation_works():
    if shutil.which("curl") is None:
        print("  curl is not installed: only Python's own client was checked")
        return
    url = f"http://{IMDS}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={RESOURCE}"
    done = subprocess.run(
        ["curl", "--silent", "--fail", "--noproxy", "*", "-H", "Metadata: true", url],
        capture_output=True, text=True, check=True,
    )
    assert e2e.MACHINE["client_id"] in done.stdout


@check
def our_command_without_a_cloud_file_asks_the_real_address():
    with e2e.on_host(None, AZCONNECT_CLOUD=None):
        token = e2e.azconnect_json(
            "auth", "token", "--scope", VAULT, "--identity", e2e.JOBS["client_id"]
        )["accessToken"]
    assert claims(token)["oid"] == e2e.JOBS["object_id"]


@check
def microsofts_driver_asks_the_real_address():
    import pyodbc

    host, port = e2e.address("SQL_SERVER").split(",")
    text = (
        "Driver={ODBC Driver 18 for SQL Server};"
        f"Server={host},{port};Database={e2e.DATABASE};TrustServerCertificate=yes;"
        # At this address, unlike in App Service, the driver sends the UID as an object id.
        f"Authentication=ActiveDirectoryMsi;UID={e2e.JOBS['object_id']};"
    )
    with e2e.on_host(), pyodbc.connect(text) as connection:
        assert connection.execute("SELECT COUNT(*) FROM dbo.flights").fetchval() == 336_776


@check
def azure_identity_reads_the_key_of_the_arc_agent():
    from azure.identity import ManagedIdentityCredential

    with e2e.on_host("arc"):
        expect_identity(ManagedIdentityCredential(), e2e.MACHINE)
    assert not list(ARC_TOKENS.iterdir()), "a key that was used is still there"


@check
def our_command_reads_the_key_of_the_arc_agent():
    with e2e.on_host("arc", AZCONNECT_CLOUD=None):
        token = e2e.azconnect_json("auth", "token", "--scope", VAULT)["accessToken"]
    assert claims(token)["oid"] == e2e.MACHINE["object_id"]
    assert not list(ARC_TOKENS.iterdir()), "a key that was used is still there"


@check
def azure_identity_notices_that_the_arc_agent_overlooked_an_id():
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import ManagedIdentityCredential

    with e2e.on_host("arc"):
        credential = ManagedIdentityCredential(client_id=e2e.JOBS["client_id"])
        e2e.refused(ClientAuthenticationError, lambda: credential.get_token(VAULT), "did not confirm")


INSIDE = "inside"

if __name__ == "__main__":
    if sys.argv[1:] == [INSIDE]:
        e2e.main()
    else:
        enter()
