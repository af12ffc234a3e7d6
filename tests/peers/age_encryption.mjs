// Opens the part halves of vaults with the npm package age-encryption (typage). The argument is the directory of the
// packages. The standard input is a JSON array of objects with these fields: `name`, `identity` and `recipient` in the
// text form of age, `enc` and `body` of the stanza in base64, and the expected `half` in hex.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const directory = join(process.argv[2], "age-encryption");
const load = (file) => import(pathToFileURL(join(directory, file)).href);
const { identityToRecipient, Stanza } = await load("dist/index.js");
const { HybridIdentity } = await load("dist/recipients.js");
const { version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));

const halves = JSON.parse(readFileSync(0, "utf8"));
for (const { name, identity, recipient, enc, body, half } of halves) {
  if ((await identityToRecipient(identity)) !== recipient) {
    throw new Error(`${name}: the identity should have the recipient of the manifest`);
  }
  const stanza = new Stanza(["mlkem768x25519", enc], Buffer.from(body, "base64"));
  const opened = new HybridIdentity(identity).unwrapFileKey([stanza]);
  if (opened === null || Buffer.from(opened).toString("hex") !== half) {
    throw new Error(`${name}: the half should be the half that breakglass decrypts`);
  }
}
console.log(`version ${version} opens ${halves.length} part halves`);
