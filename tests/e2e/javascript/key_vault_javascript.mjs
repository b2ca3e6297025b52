// @azure/keyvault-secrets for JavaScript does all it can with secrets of the Key Vault emulator.
//
// The vault has half a second of limbo after delete, recover and purge, so that the pollers have to poll.

import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { ManagedIdentityCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

import * as e2e from "./check.mjs";
import { check } from "./check.mjs";

// The package's own two seconds are for the limbo of the service.
const POLL = { intervalInMs: 50 };

function client(identity, options = {}) {
  // The vault answers on localhost here, which is no host of the vault's domain.
  return new SecretClient(
    process.env.AZCONNECT_EMULATE_KEY_VAULT_URL,
    new ManagedIdentityCredential({ clientId: identity.clientId }),
    { disableChallengeResourceVerification: true, ...options },
  );
}

const vault = client(e2e.JOBS);

async function all(pager) {
  const found = [];
  for await (const each of pager) found.push(each);
  return found;
}

/** The promise must fail with this status and code, and with this inner code if one is given. */
async function refused(promise, statusCode, code, innerCode) {
  const error = await e2e.refused(promise, "RestError");
  assert.deepEqual([error.statusCode, error.code], [statusCode, code], error.message);
  assert.equal(error.details.error.innerError?.code, innerCode, error.message);
  return error;
}

async function deleteAll(names) {
  const pollers = await Promise.all(names.map((name) => vault.beginDeleteSecret(name, POLL)));
  await Promise.all(pollers.map((poller) => poller.pollUntilDone()));
}

/** Calls until it is no conflict any more: nothing else tells the end of a purge. */
async function untilAllowed(call) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (error.statusCode !== 409) throw error;
      await setTimeout(50);
    }
  }
}

check("secret_is_written_read_and_updated_in_one_version", async () => {
  // No content type: the package drops it from what it sends, here and in updates, before 4.12.0, which needs
  // Node.js 22.
  const first = await vault.setSecret("js-written", "one", { tags: { team: "data" } });
  await vault.setSecret("js-written", "two");
  assert.equal((await vault.getSecret("js-written")).value, "two");

  const { version } = first.properties;
  // Not after 2038: the package sends times as numbers of 32 bits.
  const expiresOn = new Date("2037-01-01T00:00:00Z");
  const updated = await vault.updateSecretProperties("js-written", version, { expiresOn });
  assert.deepEqual([updated.version, updated.expiresOn], [version, expiresOn]);
  const old = await vault.getSecret("js-written", { version });
  assert.equal(old.value, "one");
  assert.deepEqual(old.properties.tags, { team: "data" });
  assert.ok(old.properties.updatedOn >= old.properties.createdOn);
  assert.equal((await vault.getSecret("js-written")).properties.expiresOn, undefined);

  const versions = await all(vault.listPropertiesOfSecretVersions("js-written"));
  assert.equal(versions.length, 2);
});

check("latest_version_is_updated_where_none_is_named", async () => {
  await vault.setSecret("js-latest", "one");
  const updated = await vault.updateSecretProperties("js-latest", "", { tags: { team: "data" } });
  assert.deepEqual(updated.tags, { team: "data" });
});

check("every_version_of_the_api_that_is_known_reads_and_writes", async () => {
  const versions = ["7.4", "7.5", "7.6", "2025-07-01", "2026-03-01-preview", "2026-04-01"];
  for (const serviceVersion of versions) {
    const vault = client(e2e.JOBS, { serviceVersion });
    await vault.setSecret("js-api", serviceVersion);
    assert.equal((await vault.getSecret("js-api")).value, serviceVersion);
  }
  const unknown = client(e2e.JOBS, { serviceVersion: "1999-01-01" });
  await refused(unknown.getSecret("greeting"), 400, "BadParameter");
});

check("disabled_secret_is_forbidden_and_expired_one_is_not", async () => {
  await vault.setSecret("js-disabled", "value", { enabled: false });
  await refused(vault.getSecret("js-disabled"), 403, "Forbidden", "SecretDisabled");
  await vault.updateSecretProperties("js-disabled", "", { enabled: true });
  assert.equal((await vault.getSecret("js-disabled")).value, "value");

  const past = new Date("2001-09-09T00:00:00Z");
  await vault.setSecret("js-expired", "value", { notBefore: past, expiresOn: past });
  const { value, properties } = await vault.getSecret("js-expired");
  assert.deepEqual([value, properties.expiresOn], ["value", past]);
});

check("pages_show_each_secret_version_and_deleted_secret_once", async () => {
  const names = Array.from({ length: 30 }, (_, number) => `js-page-${number}`);
  for (const name of names) await vault.setSecret(name, "value");
  const expectOnce = (listed) => {
    const found = listed.map(({ name }) => name);
    assert.equal(new Set(found).size, found.length, `${found}`);
    assert.ok(names.every((name) => found.includes(name)), `${found}`);
  };
  expectOnce(await all(vault.listPropertiesOfSecrets()));
  const pages = await all(vault.listPropertiesOfSecrets().byPage({ maxPageSize: 7 }));
  assert.ok(pages.length > 4 && pages.slice(0, -1).every((page) => page.length === 7));
  expectOnce(pages.flat());

  const versions = new Set();
  for (let count = 0; count < 30; count += 1) {
    versions.add((await vault.setSecret("js-versions", "value")).properties.version);
  }
  const listed = await all(vault.listPropertiesOfSecretVersions("js-versions"));
  assert.equal(listed.length, 30);
  assert.deepEqual(new Set(listed.map(({ version }) => version)), versions);
  assert.deepEqual(await all(vault.listPropertiesOfSecretVersions("js-no-such")), []);

  await deleteAll(names);
  expectOnce(await all(vault.listDeletedSecrets()));
  expectOnce((await all(vault.listDeletedSecrets().byPage({ maxPageSize: 7 }))).flat());
  for (const name of names) await vault.purgeDeletedSecret(name);
});

check("deleted_secret_is_found_recovered_deleted_again_and_purged", async () => {
  const name = "js-short-lived";
  await vault.setSecret(name, "one");
  const latest = await vault.setSecret(name, "two");

  const deleting = await vault.beginDeleteSecret(name, POLL);
  assert.equal(deleting.isDone(), false);
  await refused(vault.getDeletedSecret(name), 404, "SecretNotFound");
  await refused(vault.getSecret(name), 404, "SecretNotFound");
  await refused(vault.setSecret(name, "three"), 409, "Conflict", "ObjectIsBeingDeleted");
  const deleted = await deleting.pollUntilDone();
  assert.equal(deleted.properties.version, latest.properties.version);
  assert.equal(deleted.properties.recoveryLevel, "Recoverable+Purgeable");
  const days = (deleted.properties.scheduledPurgeDate - deleted.properties.deletedOn) / 86_400_000;
  assert.equal(days, deleted.properties.recoverableDays);
  await refused(vault.setSecret(name, "three"), 409, "Conflict", "ObjectIsDeletedButRecoverable");

  const recovering = await vault.beginRecoverDeletedSecret(name, POLL);
  assert.equal(recovering.isDone(), false);
  await refused(vault.getSecret(name), 404, "SecretNotFound");
  await refused(vault.setSecret(name, "three"), 409, "Conflict", "ObjectIsBeingRecovered");
  assert.equal((await recovering.pollUntilDone()).version, latest.properties.version);
  assert.equal((await vault.getSecret(name)).value, "two");

  await deleteAll([name]);
  await vault.purgeDeletedSecret(name);
  await refused(vault.getDeletedSecret(name), 404, "SecretNotFound");
  await refused(vault.getSecret(name), 404, "SecretNotFound");
  await refused(vault.purgeDeletedSecret(name), 404, "SecretNotFound");
  await untilAllowed(() => vault.setSecret(name, "three"));
  assert.equal((await all(vault.listPropertiesOfSecretVersions(name))).length, 1);
});

check("backup_is_restored_with_all_versions_where_the_name_is_free", async () => {
  const name = "js-backed-up";
  const first = await vault.setSecret(name, "one");
  const latest = await vault.setSecret(name, "two");
  const backup = await vault.backupSecret(name);
  await refused(vault.restoreSecretBackup(backup), 409, "Conflict");
  await deleteAll([name]);
  await vault.purgeDeletedSecret(name);
  const restored = await untilAllowed(() => vault.restoreSecretBackup(backup));
  assert.equal(restored.version, latest.properties.version);
  const { version } = first.properties;
  assert.equal((await vault.getSecret(name, { version })).value, "one");
  const error = await refused(vault.restoreSecretBackup(new Uint8Array(4728)), 400, "BadParameter");
  // The sentence that the package's own tests expect of the service.
  assert.equal(error.message, "Backup blob contains invalid or corrupt version.");
});

check("certificate_is_read_as_pem_and_is_not_changed_as_a_secret", async () => {
  const pfx = await vault.getSecret("service-principal");
  assert.equal(pfx.properties.contentType, "application/x-pkcs12");
  assert.equal(pfx.properties.managed, true);
  assert.match(pfx.properties.certificateKeyId, /\/keys\/service-principal\/[0-9a-f]{32}$/);
  const pem = await vault.getSecret("service-principal", {
    outContentType: "application/x-pem-file",
  });
  const expected = readFileSync(join(e2e.FOLDER, "certificates/service-principal.crt"), "utf8");
  const leaf = new X509Certificate(pem.value);
  assert.equal(leaf.fingerprint256, new X509Certificate(expected).fingerprint256);
  assert.ok(leaf.checkPrivateKey(createPrivateKey(pem.value)));
  const managed = [403, "Forbidden", "SecretManagedByKeyVault"];
  await refused(vault.beginDeleteSecret("service-principal"), ...managed);
  await refused(vault.setSecret("service-principal", "value"), ...managed);
});

check("name_that_no_secret_can_have_is_refused", async () => {
  for (const name of ["a_b", "a/b", "..", "a".repeat(128)]) {
    const error = await e2e.refused(vault.setSecret(name, "the value"), "RestError");
    assert.ok([400, 404, 405].includes(error.statusCode), error.message);
    assert.ok(!error.message.includes("the value"), error.message);
  }
});

check("reader_may_read_and_list_and_no_more", async () => {
  const reader = client(e2e.READER);
  assert.equal((await reader.getSecret("greeting")).value, "hello from the vault");
  assert.ok((await all(reader.listPropertiesOfSecrets())).length > 0);
  for (const call of [
    () => reader.setSecret("greeting", "value"),
    () => reader.beginDeleteSecret("greeting"),
    () => reader.backupSecret("greeting"),
    () => reader.purgeDeletedSecret("greeting"),
  ]) {
    await refused(call(), 403, "Forbidden", "ForbiddenByRbac");
  }
});

await e2e.main();
