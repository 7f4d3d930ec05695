import type { KeyObject } from "node:crypto";
import { errnoOf, fail } from "../base/index.ts";
import { isSealed, openPrivateKey } from "../signatures/keys/index.ts";
import { askHidden } from "./ask.ts";
import { isTerminal } from "./terminal.ts";

const variable = "COSIGN_PASSWORD";
const hint = `give the password in ${variable}, or through stdin`;

/** cosign's variable, what comes through a pipe, or what a person types. */
export async function readPassword(question: string): Promise<string> {
  const known = process.env[variable];
  if (known !== undefined) return known;
  if (!isTerminal(0)) return (await Bun.stdin.text()).replace(/\r?\n$/, "");
  return await askHidden(question, hint);
}

export async function newPassword(): Promise<string> {
  const first = await readPassword("Password for the private key: ");
  if (process.env[variable] !== undefined || !isTerminal(0)) return first;
  const again = await askHidden("The same again: ", hint);
  if (first === again) return first;
  throw fail("invalid", "cli.passwords-differ", "the passwords are not the same", { hint: "try again" });
}

/** The private key in a file, opened; asks for its password when it has one. */
export async function readSigningKey(file: string): Promise<KeyObject> {
  refuseUrl(file);
  const pem = await readText(file);
  return openPrivateKey(pem, isSealed(pem) ? await readPassword(`Password for ${file}: `) : "");
}

export async function readText(file: string): Promise<string> {
  try {
    return await Bun.file(file).text();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw fail("invalid", "cli.no-such-file", `${file} can't be read`, { cause: error });
  }
}

/** cosign takes keys of clouds, clusters and tokens by URLs. */
function refuseUrl(file: string): void {
  if (!/^[a-z0-9]+:\/\//.test(file) && !file.startsWith("pkcs11:")) return;
  throw fail("unimplemented", "key.kind", `keys in '${file.split(":")[0]}' are not supported: name a file`, {
    hint: "virga key generate makes one",
  });
}
