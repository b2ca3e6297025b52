// What the JavaScript checks share: named checks that are counted, and who lives in the emulators.
//
// A suite calls `check(name, function)` for each of its checks and `await main()` at its end, which runs
// them in order and prints the line `N passed, N failed`. The principals are those of `check.py`.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";

export const TENANT_ID = "7e000000-0000-4000-8000-000000000001";
export const APP_CLIENT_ID = "a0000000-0000-4000-8000-000000000001";
export const CLIENT_SECRET = "e2e-client-secret";

function identity(name, digit) {
  const [four, twelve] = [digit.repeat(4), digit.repeat(12)];
  return {
    clientId: `c0000000-${four}-4000-8000-${twelve}`,
    objectId: `0b000000-${four}-4000-8000-${twelve}`,
    resourceId:
      "/subscriptions/50b00000-0000-4000-8000-000000000000/resourceGroups/rg-demo" +
      `/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`,
  };
}

export const JOBS = identity("uami-jobs", "1");
export const READER = identity("uami-reader", "2");
export const NOBODY = identity("uami-nobody", "3");

/** The folder of everything that `cargo xtask e2e` made. */
export const FOLDER = process.env.AZCONNECT_E2E;

const checks = [];

/** Adds a check; its name says what it proves. */
export function check(name, run) {
  checks.push({ name, run });
}

/** Runs every check, even after one failed, and sets the exit code to 1 if any did. */
export async function main() {
  let failed = 0;
  for (const { name, run } of checks) {
    try {
      await run();
      console.log(`PASS ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${name}`);
      console.log(error);
    }
  }
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && checks.length > 0 ? 0 : 1;
}

/** Runs a program; it fails by its exit code, unless that is `expect`. */
export function run(program, args, { env = {}, expect = 0 } = {}) {
  return new Promise((resolve, reject) => {
    execFile(program, args, { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (code === expect) {
        resolve({ stdout, stderr });
      } else {
        reject(new Error(`exit code ${code}, not ${expect}: ${program} ${args}\n${stderr}`));
      }
    });
  });
}

/** Runs our command. */
export function azconnect(args, options) {
  return run(process.env.AZCONNECT, args, options);
}

/** The promise must fail with an error of this name whose message has each of the words. */
export async function refused(promise, name, ...words) {
  let error;
  try {
    await promise;
  } catch (found) {
    error = found;
  }
  assert.ok(error, `${name} was expected and nothing was thrown`);
  assert.equal(error.name, name, error.message);
  for (const word of words) {
    assert.ok(error.message.includes(word), `"${word}" is not in: ${error.message}`);
  }
  return error;
}
