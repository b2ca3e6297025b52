#!/bin/sh
# Makes the seeds that programs write, with OpenSSL 3.0.19, from the key and certificate of `crates/cert-tools/fixtures/kinds`.
# Every file asks for one key-derivation round in each place, so that running a target is fast.
set -eu
cd "$(dirname "$0")"
kinds=../../crates/cert-tools/fixtures/kinds
mkdir -p pfx_open pfx_bags certificate private_key request

pfx() {
    out=pfx_open/$1.pfx
    shift
    openssl pkcs12 -export -provider default -provider legacy -inkey "$kinds/key.pem" -in "$kinds/leaf.pem" -iter 1 \
        -name node -passout pass:fixture-password "$@" -out "$out"
}
for cipher in PBE-MD5-DES PBE-SHA1-RC2-64 PBE-SHA1-RC4-40 PBE-SHA1-3DES PBE-SHA1-2DES PBE-SHA1-RC2-128 \
    aes-128-cbc aes-256-cbc des-ede3-cbc rc2-cbc camellia-256-cbc seed-cbc; do
    pfx "$cipher" -keypbe "$cipher" -certpbe "$cipher" -macalg sha1
done
for digest in md5 sha256 sha384 sha512 sha3-256; do
    pfx "mac-$digest" -macalg "$digest"
done
pfx no-mac -nomac
pfx plain -nomac -keypbe NONE -certpbe NONE
pfx no-key -nokeys
openssl pkcs12 -export -inkey "$kinds/key.pem" -in "$kinds/leaf.pem" -iter 1 -passout pass: -out pfx_open/empty-password.pfx

# The bags of the file without protection: what stands in its two parts, behind the head of each part's SEQUENCE.
python3 - <<'PYTHON'
data = open("pfx_open/plain.pfx", "rb").read()
no_mac = open("pfx_open/no-mac.pfx", "rb").read()

def element(data, at):
    """The tag of an element in DER, where its content begins, and where it ends."""
    length, begin = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, begin = int.from_bytes(data[begin:begin + count], "big"), begin + count
    return data[at], begin, begin + length

def children(data, at):
    _, at, end = element(data, at)
    while at < end:
        yield at
        at = element(data, at)[2]

def bags(data):
    info = list(children(data, 0))[1]
    octets = next(children(data, list(children(data, info))[1]))
    _, begin, _ = element(data, octets)
    for part in children(data, begin):
        inner = next(children(data, list(children(data, part))[1]))
        _, begin, _ = element(data, inner)
        _, begin, end = element(data, begin)
        yield data[begin:end]

for name, file in (("plain", data), ("no-mac", no_mac)):
    for index, content in enumerate(bags(file)):
        open(f"pfx_bags/{name}-{index}.der", "wb").write(content)
PYTHON

openssl x509 -in "$kinds/leaf.pem" -outform DER -out certificate/leaf.der
openssl pkcs8 -topk8 -iter 1 -v2 aes-256-cbc -in "$kinds/key.pem" -passout pass:fixture-password -out private_key/pbes2.pem
openssl pkcs8 -topk8 -scrypt -scrypt_N 2 -scrypt_r 1 -scrypt_p 1 -in "$kinds/key.pem" -passout pass:fixture-password -out private_key/scrypt.pem
openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -iter 1 -in "$kinds/key.pem" -passout pass:fixture-password -out private_key/pkcs12.pem
openssl ec -aes128 -in "$kinds/key.pem" -passout pass:fixture-password -out private_key/traditional.pem
openssl genpkey -algorithm ed25519 -out private_key/ed25519.pem
openssl req -new -key "$kinds/key.pem" -subj '/C=SE/O=Contoso, Ltd/CN=node' -addext 'subjectAltName=DNS:node.example,IP:::1' -out request/request.pem
