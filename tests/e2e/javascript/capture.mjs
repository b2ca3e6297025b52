// An authority that refuses everybody and keeps what it was shown.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";

import { APP_CLIENT_ID, azconnect, FOLDER, run, TENANT_ID } from "./check.mjs";

/** Has `azconnect auth token` show itself by the PFX file, with its chain, and returns what it sent. */
export async function captureAssertion(pfx) {
  const folder = join(FOLDER, "listener");
  mkdirSync(folder, { recursive: true });
  const [key, certificate] = [join(folder, "localhost.key"), join(folder, "localhost.crt")];
  await run("openssl", [
    "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-subj", "/CN=localhost",
    "-addext", "subjectAltName=DNS:localhost", "-addext", "extendedKeyUsage=serverAuth",
    "-addext", "basicConstraints=critical,CA:FALSE",
    "-keyout", key, "-out", certificate,
  ]);
  const shown = [];
  const server = createServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    async (request, response) => {
      let body = "";
      for await (const part of request.setEncoding("utf8")) body += part;
      shown.push({ path: request.url, form: new URLSearchParams(body) });
      const refusal = {
        error: "invalid_client",
        error_description: "AADSTS700027: The certificate is not registered on the application.",
        error_codes: [700027],
      };
      response.writeHead(401, { "content-type": "application/json" });
      response.end(JSON.stringify(refusal));
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const authority = `https://localhost:${server.address().port}`;
    const cloud = JSON.parse(readFileSync(process.env.AZCONNECT_CLOUD, "utf8"));
    const file = join(folder, "cloud.json");
    const own = { ...cloud, authority_host: authority, ca_file: certificate };
    writeFileSync(file, JSON.stringify(own));
    const { stderr } = await azconnect(
      [
        "auth", "token", "--scope", "https://storage.azure.com/.default", "--cloud", file,
        "--auth", "certificate", "--tenant-id", TENANT_ID, "--client-id", APP_CLIENT_ID,
        "--certificate", pfx, "--certificate-password-file", `${pfx}.pw`,
      ],
      {
        env: { AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: "true", AZURE_AUTHORITY_HOST: authority },
        expect: 1,
      },
    );
    assert.match(stderr, /AADSTS700027/);
    assert.equal(shown.length, 1, "a refusal for good is not asked for again");
    const [{ path, form }] = shown;
    assert.equal(path, `/${TENANT_ID}/oauth2/v2.0/token`);
    return {
      assertion: form.get("client_assertion"),
      audience: authority + path,
      clientId: form.get("client_id"),
    };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
