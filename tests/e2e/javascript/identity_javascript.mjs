// @azure/identity for JavaScript asks the managed identity and Entra emulators for tokens.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import {
  ChainedTokenCredential,
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  EnvironmentCredential,
  ManagedIdentityCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

import { captureAssertion } from "./capture.mjs";
import * as e2e from "./check.mjs";
import { check } from "./check.mjs";
import { assertionClaims, claims } from "./tokens.mjs";

const VAULT = "https://vault.azure.net/.default";
const STORAGE = "https://storage.azure.com/.default";
const EXCHANGE = "api://AzureADTokenExchange/.default";

// Instance discovery would ask the public cloud whether the emulators' authority is one.
const OPTIONS = { disableInstanceDiscovery: true };

// What the package makes of a refusal by Entra ID.
const REFUSED = "AuthenticationRequiredError";

async function expectIdentity(token, identity) {
  const found = await claims(token, "https://vault.azure.net");
  assert.equal(found.oid, identity.objectId);
  assert.equal(found.appid, identity.clientId);
  assert.equal(found.tid, e2e.TENANT_ID);
}

async function expectApp(credential, scope = VAULT) {
  const { token } = await credential.getToken(scope);
  const found = await claims(token, scope.replace("/.default", ""));
  assert.equal(found.appid, e2e.APP_CLIENT_ID);
  assert.equal(found.tid, e2e.TENANT_ID);
}

/** Runs the function with these variables, of which an undefined one is hidden. */
async function withEnvironment(variables, run) {
  const before = Object.keys(variables).map((name) => [name, process.env[name]]);
  const set = ([name, value]) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  Object.entries(variables).forEach(set);
  try {
    return await run();
  } finally {
    before.forEach(set);
  }
}

/** What IMDS gives or says, asked as from a virtual machine. */
function overImds(options) {
  const script = fileURLToPath(new URL("imds.mjs", import.meta.url));
  return withEnvironment({ IDENTITY_ENDPOINT: undefined, IDENTITY_HEADER: undefined }, async () => {
    const { stdout } = await e2e.run(process.execPath, [script, VAULT, JSON.stringify(options)]);
    return JSON.parse(stdout);
  });
}

const KINDS_OF_ID = [
  ["client_id", ({ clientId }) => ({ clientId })],
  ["object_id", ({ objectId }) => ({ objectId })],
  ["resource_id", ({ resourceId }) => ({ resourceId })],
];
for (const [kind, options] of KINDS_OF_ID) {
  for (const [name, identity] of [["jobs", e2e.JOBS], ["reader", e2e.READER]]) {
    check(`app_service_identity_${name}_by_${kind}`, async () => {
      const { token } = await new ManagedIdentityCredential(options(identity)).getToken(VAULT);
      await expectIdentity(token, identity);
    });
    check(`imds_identity_${name}_by_${kind}`, async () => {
      const { token, message } = await overImds(options(identity));
      assert.ok(token, message);
      await expectIdentity(token, identity);
    });
  }
}

check("several_identities_and_none_named_is_refused_by_imds", async () => {
  const { name, message } = await overImds({});
  assert.equal(name, "CredentialUnavailableError");
  assert.match(message, /Multiple user assigned identities exist/);
});

check("several_identities_and_none_named_is_refused_by_app_service", async () => {
  await e2e.refused(
    new ManagedIdentityCredential().getToken(VAULT), "CredentialUnavailableError",
    "ManagedIdentityCredential: Authentication failed",
  );
});

check("unknown_identity_is_refused_by_imds", async () => {
  const { name, message } = await overImds({ clientId: randomUUID() });
  assert.equal(name, "CredentialUnavailableError");
  assert.match(message, /Identity not found/);
});

function withSecret(secret, clientId = e2e.APP_CLIENT_ID) {
  return new ClientSecretCredential(e2e.TENANT_ID, clientId, secret, OPTIONS);
}

check("client_secret_gets_a_token", () => expectApp(withSecret(e2e.CLIENT_SECRET)));

check("wrong_client_secret_is_refused", async () => {
  await e2e.refused(
    withSecret("no-such-secret").getToken(VAULT), REFUSED, "AADSTS7000215",
  );
});

check("unknown_application_is_refused", async () => {
  await e2e.refused(
    withSecret(e2e.CLIENT_SECRET, randomUUID()).getToken(VAULT), REFUSED,
    "AADSTS700016",
  );
});

const CERTIFICATES = join(e2e.FOLDER, "certificates");

/** A PFX file of `azconnect cert new`, as `azconnect cert pem` writes it for others. */
async function pemOf(folder, name) {
  const pfx = join(folder, `${name}.pfx`);
  return (await e2e.azconnect(["cert", "pem", pfx, "--password-file", `${pfx}.pw`])).stdout;
}

async function withCertificate(folder, name, options = {}) {
  const certificate = await pemOf(folder, name);
  return new ClientCertificateCredential(
    e2e.TENANT_ID, e2e.APP_CLIENT_ID, { certificate }, { ...OPTIONS, ...options },
  );
}

check("certificate_from_our_pfx_gets_a_token", async () => {
  await expectApp(await withCertificate(CERTIFICATES, "service-principal"), STORAGE);
});

check("certificate_sent_with_its_chain_gets_a_token", async () => {
  const options = { sendCertificateChain: true };
  await expectApp(await withCertificate(CERTIFICATES, "service-principal", options), STORAGE);
});

check("unregistered_certificate_is_refused", async () => {
  const folder = join(e2e.FOLDER, "stranger");
  await e2e.azconnect([
    "cert", "new", "--name", "stranger", "--bits", "2048", "--out", folder, "--force",
  ]);
  const credential = await withCertificate(folder, "stranger");
  await e2e.refused(credential.getToken(STORAGE), REFUSED, "AADSTS700027");
});

/** The app, vouched for by a managed identity. */
function federated(identity) {
  const vouching = new ManagedIdentityCredential({ clientId: identity.clientId });
  const assertion = async () => (await vouching.getToken(EXCHANGE)).token;
  return new ClientAssertionCredential(e2e.TENANT_ID, e2e.APP_CLIENT_ID, assertion, OPTIONS);
}

check("identity_that_the_app_trusts_vouches_for_it", () => expectApp(federated(e2e.JOBS)));

check("identity_that_the_app_does_not_trust_is_refused", async () => {
  await e2e.refused(
    federated(e2e.READER).getToken(VAULT), REFUSED, "AADSTS700213",
  );
});

async function writeToken(name, identity) {
  const file = join(e2e.FOLDER, name);
  const credential = new ManagedIdentityCredential({ clientId: identity.clientId });
  writeFileSync(file, (await credential.getToken(EXCHANGE)).token);
  return file;
}

function workload(tokenFilePath) {
  return new WorkloadIdentityCredential({
    tenantId: e2e.TENANT_ID, clientId: e2e.APP_CLIENT_ID, tokenFilePath, ...OPTIONS,
  });
}

check("workload_identity_from_a_token_file", async () => {
  await expectApp(workload(await writeToken("javascript.token", e2e.JOBS)), STORAGE);
});

check("workload_identity_with_the_token_of_a_stranger_is_refused", async () => {
  const credential = workload(await writeToken("stranger.token", e2e.READER));
  await e2e.refused(credential.getToken(STORAGE), REFUSED, "AADSTS700213");
});

check("environment_credential_takes_the_client_secret", async () => {
  const variables = {
    AZURE_CLIENT_ID: e2e.APP_CLIENT_ID,
    AZURE_CLIENT_SECRET: e2e.CLIENT_SECRET,
  };
  await withEnvironment(variables, () => expectApp(new EnvironmentCredential(OPTIONS)));
});

check("environment_credential_takes_the_certificate_that_we_wrote", async () => {
  const file = join(e2e.FOLDER, "service-principal.pem");
  writeFileSync(file, await pemOf(CERTIFICATES, "service-principal"), { mode: 0o600 });
  const variables = {
    AZURE_CLIENT_ID: e2e.APP_CLIENT_ID,
    AZURE_CLIENT_SECRET: undefined,
    AZURE_CLIENT_CERTIFICATE_PATH: file,
  };
  await withEnvironment(variables, () => expectApp(new EnvironmentCredential(OPTIONS), STORAGE));
});

check("chain_goes_on_to_the_first_credential_that_can_be_had", async () => {
  const nobody = new ManagedIdentityCredential({ clientId: randomUUID() });
  const jobs = new ManagedIdentityCredential({ clientId: e2e.JOBS.clientId });
  const chain = new ChainedTokenCredential(new EnvironmentCredential(OPTIONS), nobody, jobs);
  await expectIdentity((await chain.getToken(VAULT)).token, e2e.JOBS);
});

check("chain_of_which_none_can_be_had_tells_of_each", async () => {
  const nobody = new ManagedIdentityCredential({ clientId: randomUUID() });
  const chain = new ChainedTokenCredential(withSecret("no-such-secret"), nobody);
  await e2e.refused(
    chain.getToken(VAULT), "AggregateAuthenticationError", "AADSTS7000215",
    "ManagedIdentityCredential: Authentication failed",
  );
});

function vault(credential) {
  // The vault answers on localhost here, which is no host of the vault's domain.
  return new SecretClient(process.env.AZCONNECT_EMULATE_KEY_VAULT_URL, credential, {
    disableChallengeResourceVerification: true,
  });
}

check("secret_is_read_by_a_managed_identity_and_by_the_certificate", async () => {
  const jobs = new ManagedIdentityCredential({ clientId: e2e.JOBS.clientId });
  const certificate = await withCertificate(CERTIFICATES, "service-principal");
  for (const credential of [jobs, certificate]) {
    const { value, properties } = await vault(credential).getSecret("greeting");
    assert.equal(value, "hello from the vault");
    assert.match(properties.version, /^[0-9a-f]{32}$/);
  }
});

check("identity_without_a_role_may_not_read_the_secret", async () => {
  const nobody = new ManagedIdentityCredential({ clientId: e2e.NOBODY.clientId });
  const error = await e2e.refused(vault(nobody).getSecret("greeting"), "RestError");
  assert.equal(error.statusCode, 403);
});

check("assertion_of_our_command_is_verified_with_the_certificate_that_it_brings", async () => {
  const { assertion, audience, clientId } = await captureAssertion(
    join(CERTIFICATES, "service-principal.pfx"),
  );
  const certificatePem = readFileSync(join(CERTIFICATES, "service-principal.crt"), "utf8");
  const found = await assertionClaims(assertion, { audience, certificatePem });
  assert.equal(clientId, e2e.APP_CLIENT_ID);
  assert.equal(found.iss, e2e.APP_CLIENT_ID);
  assert.equal(found.sub, e2e.APP_CLIENT_ID);
  assert.ok(found.exp - found.nbf <= 600, `${found.exp - found.nbf} s`);
});

await e2e.main();
