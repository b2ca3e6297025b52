"""OpenSSL's command line reads the keys, certificates and PFX files that `azconnect cert` writes."""

import hashlib
import pathlib
import shutil
import subprocess

import check as e2e
from check import check

FOLDER = (e2e.FOLDER or pathlib.Path(".")) / "certificates"
NAME = "service-principal"


def openssl(*arguments, expect=0):
    if shutil.which("openssl") is None:
        raise AssertionError("the `openssl` command is missing: `apt-get install openssl`")
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == expect, f"openssl {arguments}: {done.stderr}"
    return done.stdout + done.stderr


@check
def certificate_request_verifies():
    assert "verify OK" in openssl("req", "-in", FOLDER / f"{NAME}.csr", "-verify", "-noout")


@check
def certificate_is_self_signed_by_its_key():
    crt = FOLDER / f"{NAME}.crt"
    assert "OK" in openssl("verify", "-CAfile", crt, crt)
    of_certificate = openssl("x509", "-in", crt, "-pubkey", "-noout")
    assert of_certificate == openssl("pkey", "-in", FOLDER / f"{NAME}.key", "-pubout")


@check
def pfx_opens_with_its_password():
    found = openssl(
        "pkcs12", "-in", FOLDER / f"{NAME}.pfx", "-nodes",
        "-passin", f"file:{FOLDER / f'{NAME}.pfx.pw'}",
    )
    assert "BEGIN PRIVATE KEY" in found and "BEGIN CERTIFICATE" in found, found


@check
def pfx_refuses_another_password():
    openssl("pkcs12", "-in", FOLDER / f"{NAME}.pfx", "-nodes", "-passin", "pass:wrong", expect=1)


@check
def thumbprints_agree():
    crt = FOLDER / f"{NAME}.crt"
    for algorithm in ("sha1", "sha256"):
        printed = openssl("x509", "-in", crt, "-noout", "-fingerprint", f"-{algorithm}")
        expected = printed.strip().split("=")[1]
        ours, _ = e2e.azconnect(
            "cert", "thumbprint", crt, "--algorithm", algorithm, "--format", "colon"
        )
        assert ours.strip().upper() == expected.upper(), (ours, expected)


@check
def pem_of_the_pfx_holds_the_same_key_and_certificate():
    pem, _ = e2e.azconnect(
        "cert", "pem", FOLDER / f"{NAME}.pfx", "--password-file", FOLDER / f"{NAME}.pfx.pw"
    )
    file = FOLDER / "roundtrip.pem"
    file.write_text(pem)
    try:
        for kind in ("x509", "pkey"):
            again = openssl(kind, "-in", file, "-outform", "PEM")
            original = FOLDER / (f"{NAME}.crt" if kind == "x509" else f"{NAME}.key")
            assert again == openssl(kind, "-in", original, "-outform", "PEM"), kind
    finally:
        file.unlink()


@check
def conversions_are_byte_for_byte_those_of_openssl():
    pfx, password = FOLDER / f"{NAME}.pfx", FOLDER / f"{NAME}.pfx.pw"
    key, crt = FOLDER / f"{NAME}.key", FOLDER / f"{NAME}.crt"
    source = (pfx, "--password-file", password)

    traditional, _ = e2e.azconnect("cert", "pem", *source, "--traditional")
    expected = openssl("rsa", "-in", key, "-traditional").removeprefix("writing RSA key\n")
    expected = expected.removesuffix("writing RSA key\n")
    assert traditional == expected + openssl("x509", "-in", crt), traditional

    pem, _ = e2e.azconnect("cert", "pem", *source)
    assert pem == openssl("pkcs8", "-topk8", "-nocrypt", "-in", key) + openssl("x509", "-in", crt)

    der = FOLDER / "ours.cer"
    e2e.azconnect("cert", "crt", *source, "--der", "--output-file", der, "--force")
    openssl("x509", "-in", crt, "-outform", "DER", "-out", FOLDER / "theirs.cer")
    assert der.read_bytes() == (FOLDER / "theirs.cer").read_bytes()


@check
def pfx_for_old_windows_is_read_and_names_old_algorithms():
    out = FOLDER / "legacy.pfx"
    e2e.azconnect(
        "cert", "pfx", FOLDER / f"{NAME}.crt", "--key", FOLDER / f"{NAME}.key", "--legacy",
        "--new-password-file", FOLDER / f"{NAME}.pfx.pw", "--out", out, "--force",
    )
    shown = openssl(
        "pkcs12", "-in", out, "-info", "-noout", "-passin", f"file:{FOLDER / f'{NAME}.pfx.pw'}"
    )
    assert shown.count("pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048") == 2, shown
    assert "MAC: sha1, Iteration 2048" in shown, shown


@check
def request_for_a_key_that_exists_verifies():
    request, _ = e2e.azconnect(
        "cert", "csr", FOLDER / f"{NAME}.key", "--subject", "CN=node-1,O=Contoso",
        "--san", "node-1.contoso.example",
    )
    file = FOLDER / "made.csr"
    file.write_text(request)
    shown = openssl("req", "-in", file, "-verify", "-noout", "-text")
    assert "verify OK" in shown and "DNS:node-1.contoso.example" in shown, shown


@check
def pfx_made_by_openssl_opens():
    for options in ([], ["-legacy"], ["-certpbe", "NONE", "-keypbe", "NONE", "-nomac"]):
        made = FOLDER / "made-by-openssl.pfx"
        openssl(
            "pkcs12", "-export", "-out", made, "-inkey", FOLDER / f"{NAME}.key",
            "-in", FOLDER / f"{NAME}.crt", "-passout", f"file:{FOLDER / f'{NAME}.pfx.pw'}", *options,
        )
        pem, _ = e2e.azconnect(
            "cert", "pem", made, "--password-file", FOLDER / f"{NAME}.pfx.pw"
        )
        digest = hashlib.sha256(pem.encode()).hexdigest()
        expected, _ = e2e.azconnect(
            "cert", "pem", FOLDER / f"{NAME}.pfx", "--password-file", FOLDER / f"{NAME}.pfx.pw"
        )
        assert digest == hashlib.sha256(expected.encode()).hexdigest(), options


@check
def wrong_password_is_said_plainly():
    wrong = FOLDER / "wrong.pw"
    wrong.write_text("wrong\n")
    _, error = e2e.azconnect(
        "cert", "pem", FOLDER / f"{NAME}.pfx", "--password-file", wrong, expect=1
    )
    assert "password" in error and "hint" in error, error


if __name__ == "__main__":
    e2e.main()
