// What jose, which knows nothing of us, says about tokens and client assertions.

import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";

import { createRemoteJWKSet, decodeProtectedHeader, importX509, jwtVerify } from "jose";

import { TENANT_ID } from "./check.mjs";

/** The claims of an access token, after its signature, lifetime, issuer and audience were verified. */
export async function claims(token, audience) {
  const authority = process.env.AZURE_AUTHORITY_HOST.replace(/\/$/, "");
  const answer = await fetch(`${authority}/${TENANT_ID}/v2.0/.well-known/openid-configuration`);
  assert.equal(answer.status, 200);
  const { jwks_uri: address } = await answer.json();
  const keys = createRemoteJWKSet(new URL(address));
  const { payload } = await jwtVerify(token, keys, {
    algorithms: ["RS256"],
    audience,
    issuer: `https://sts.windows.net/${TENANT_ID}/`,
  });
  return payload;
}

/**
 * The claims of a client assertion that brings its certificate, after its signature was verified by that
 * certificate's key, its lifetime and audience checked, and its thumbprint computed anew.
 */
export async function assertionClaims(assertion, { audience, certificatePem }) {
  const header = decodeProtectedHeader(assertion);
  assert.equal(header.alg, "PS256");
  const registered = new X509Certificate(certificatePem);
  assert.equal(header.x5c[0], registered.raw.toString("base64"));
  const leaf = new X509Certificate(Buffer.from(header.x5c[0], "base64"));
  assert.equal(header["x5t#S256"], createHash("sha256").update(leaf.raw).digest("base64url"));
  const key = await importX509(leaf.toString(), header.alg);
  const { payload } = await jwtVerify(assertion, key, { algorithms: ["PS256"], audience });
  return payload;
}
