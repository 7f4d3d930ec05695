import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { fail } from "../../base/index.ts";
import {
  generateKeyPair,
  importKeyPair,
  publicHalf,
  readPublicKey,
  type KeyPair,
} from "../../signatures/keys/index.ts";
import { jsonOption, type Command } from "../command.ts";
import { newPassword, readSigningKey, readText } from "../signing-key.ts";
import { print, printJson } from "../terminal.ts";

const about =
  "The private key is sealed with a password, which is taken from COSIGN_PASSWORD, from stdin, or asked for. Both files\n" +
  "are those that cosign makes and reads.";

export const generate: Command = {
  name: "key generate",
  summary: "Make a pair of keys for signing images: NAME.key and NAME.pub",
  usage: "[NAME]",
  arguments: { max: 1 },
  options: { ...jsonOption },
  completes: ["file"],
  details: about,
  async run(invocation) {
    const name = invocation.arguments[0] ?? "cosign";
    refuseExisting(name);
    await keep(name, generateKeyPair(await newPassword()), invocation.flag("json"));
    return 0;
  },
};

export const importKey: Command = {
  name: "key import",
  summary: "Seal a private key that openssl or another program has made, as NAME.key and NAME.pub",
  usage: "FILE [NAME]",
  arguments: { min: 1, max: 2 },
  options: { ...jsonOption },
  completes: ["file", "file"],
  details: `${about} ECDSA, RSA and Ed25519 keys in PEM are taken.`,
  async run(invocation) {
    const [file = "", name = "cosign"] = invocation.arguments;
    refuseExisting(name);
    const pem = await readText(file);
    await keep(name, importKeyPair(pem, await newPassword()), invocation.flag("json"));
    return 0;
  },
};

export const publicKey: Command = {
  name: "key public",
  summary: "Print the public key of a private one, which those who check signatures need",
  usage: "FILE",
  arguments: { min: 1, max: 1 },
  options: {},
  completes: ["file"],
  async run(invocation) {
    print(publicHalf(await readSigningKey(invocation.arguments[0]!)));
    return 0;
  },
};

function refuseExisting(name: string): void {
  const there = [`${name}.key`, `${name}.pub`].find((file) => existsSync(file));
  if (there === undefined) return;
  throw fail("conflict", "cli.file-exists", `${there} is there already`, {
    hint: "give another name: virga key generate NAME",
  });
}

async function keep(name: string, pair: KeyPair, json: boolean): Promise<void> {
  write(`${name}.key`, pair.privatePem, 0o600);
  write(`${name}.pub`, pair.publicPem, 0o644);
  const { fingerprint, kind } = readPublicKey(pair.publicPem);
  if (json) printJson({ privateKey: `${name}.key`, publicKey: `${name}.pub`, kind, fingerprint });
  else print(`${name}.key   keep it secret, and a copy of it\n${name}.pub   ${kind} ${fingerprint}`);
}

/** Never over something that is there. */
function write(file: string, content: string, mode: number): void {
  const fd = openSync(file, "wx", mode);
  try {
    writeSync(fd, content);
  } finally {
    closeSync(fd);
  }
}
