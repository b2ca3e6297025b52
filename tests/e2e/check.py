"""What the suites share: named checks that are counted, and the emulators' addresses.

A suite is a script of functions marked with `@check`; `main()` runs them in order and ends with
the line `N passed, N failed`. The addresses come from `azconnect-emulate run`.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import traceback

TENANT_ID = "7e000000-0000-4000-8000-000000000001"
APP_CLIENT_ID = "a0000000-0000-4000-8000-000000000001"
CLIENT_SECRET = "e2e-client-secret"
SQL_LOGIN = ("sqladmin", "e2e-Sql-password-1")


def _identity(name, digit):
    return {
        "name": name,
        "client_id": f"c0000000-{digit * 4}-4000-8000-{digit * 12}",
        "object_id": f"0b000000-{digit * 4}-4000-8000-{digit * 12}",
        "resource_id": "/subscriptions/50b00000-0000-4000-8000-000000000000/resourceGroups/rg-demo"
        f"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}",
    }


JOBS = _identity("uami-jobs", "1")
READER = _identity("uami-reader", "2")
NOBODY = _identity("uami-nobody", "3")

# A system-assigned identity, for hosts whose requests name none.
MACHINE = {key: value for key, value in _identity("machine", "4").items() if key != "resource_id"}

ACCOUNT = "lakedemo"
# Has no hierarchical namespace.
FLAT_ACCOUNT = "flatdemo"
FILESYSTEM = "raw"
DATABASE = "demo"

FOLDER = pathlib.Path(os.environ["AZCONNECT_E2E"]) if "AZCONNECT_E2E" in os.environ else None

_checks = []


def check(function):
    """Marks a function as a check; its docstring or name says what it proves."""
    _checks.append(function)
    return function


def main():
    """Runs every check, even after one failed, and exits non-zero if any did."""
    failed = 0
    for function in _checks:
        try:
            function()
            print(f"PASS {function.__name__}", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {function.__name__}", flush=True)
            traceback.print_exc(file=sys.stdout)
    print(f"{len(_checks) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


def address(name):
    """An emulator's address: KEY_VAULT_URL, LAKE_DFS_URL, LAKE_BLOB_URL or SQL_SERVER."""
    return os.environ[f"AZCONNECT_EMULATE_{name}"]


# What some host of managed identity sets; SDKs decide by these where they run.
HOST_VARIABLES = (
    "AZURE_POD_IDENTITY_AUTHORITY_HOST", "DEFAULT_IDENTITY_CLIENT_ID", "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET",
)


@contextlib.contextmanager
def environment(changes):
    """Sets variables, or unsets those that are None, and puts them back at the end."""
    before = {name: os.environ.get(name) for name in changes}

    def put(values):
        for name, value in values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    put(changes)
    try:
        yield
    finally:
        put(before)


def on_host(name=None, **changes):
    """The environment of one host of managed identity and of no other; of none, without a name."""
    variables = json.loads(os.environ["AZCONNECT_EMULATE_HOSTS"])[name] if name else {}
    return environment({**dict.fromkeys(HOST_VARIABLES), **variables, **changes})


def emulate():
    """The program `azconnect-emulate`, which is beside our command."""
    return str(pathlib.Path(os.environ["AZCONNECT"]).with_name("azconnect-emulate"))


def configuration(**changes):
    """The suites' configuration of the emulators, some of its keys changed, as a file."""
    settings = json.loads((FOLDER / "emulators.json").read_text())
    file = FOLDER / "changed-emulators.json"
    file.write_text(json.dumps({**settings, **changes}))
    return str(file)


@contextlib.contextmanager
def emulators(**changes):
    """Emulators of their own, with some keys of the configuration changed, and their environment.

    Gives the running process.
    """
    with subprocess.Popen(
        [emulate(), "up", "--exit-with-stdin", "--config", configuration(**changes)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:
        try:
            ready = json.loads(process.stdout.readline())
            with environment(ready["environment"]):
                yield process
        finally:
            process.stdin.close()


def azconnect(*arguments, expect=0, env=None):
    """Runs our command and returns (stdout, stderr); anything but `expect` as exit code fails."""
    done = subprocess.run(
        [os.environ["AZCONNECT"], *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
    )
    assert done.returncode == expect, (
        f"exit code {done.returncode}, not {expect}: {arguments}\n{done.stdout}\n{done.stderr}"
    )
    return done.stdout, done.stderr


def azconnect_json(*arguments, **keywords):
    """Runs our command with `-o json` and returns what it printed."""
    return json.loads(azconnect(*arguments, "-o", "json", **keywords)[0])


def refused(kind, call, *words):
    """The call must raise `kind`, and its message must contain each of the words."""
    try:
        call()
    except kind as error:
        for word in words:
            assert word in str(error), f"{word!r} is not in: {error}"
        return error
    raise AssertionError(f"{kind.__name__} was expected and nothing was raised")
