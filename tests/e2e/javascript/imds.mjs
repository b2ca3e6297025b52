// Asks IMDS for one token and prints it: `node imds.mjs SCOPE OPTIONS`, OPTIONS as JSON.
//
// A process of its own, because the first managed identity that a process asks decides for all later ones
// whether App Service or IMDS is asked: MSAL keeps the source in a static field.

import { ManagedIdentityCredential } from "@azure/identity";

const [scope, options] = process.argv.slice(2);
try {
  const { token } = await new ManagedIdentityCredential(JSON.parse(options)).getToken(scope);
  console.log(JSON.stringify({ token }));
} catch ({ name, message }) {
  console.log(JSON.stringify({ name, message }));
}
