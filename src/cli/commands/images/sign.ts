import type { KeyObject } from "node:crypto";
import { fail } from "../../../base/index.ts";
import type { WireAsked, WireSigned, WireSignatureTarget } from "../../../api/client/index.ts";
import {
  encodeClaim,
  preAuthenticationEncoding,
  publicHalf,
  readPublicKey,
  signPredicate,
  signWith,
} from "../../../signatures/keys/index.ts";
import { jsonOption, type Command, type Invocation, type Option } from "../../command.ts";
import { needDaemon } from "../../connection.ts";
import { askedImage, registryOption } from "../../image-place.ts";
import { readSigningKey, readText } from "../../signing-key.ts";
import { print, printJson, tell } from "../../terminal.ts";

const keyOptions: Readonly<Record<string, Option>> = {
  key: { type: "string", value: "FILE", completes: "file", help: "the private key (virga key generate)" },
  ...registryOption,
  recursive: { type: "boolean", short: "r", help: "with --registry: each platform of an index, too" },
  bundle: {
    type: "boolean",
    alias: "new-bundle-format",
    help: "as a Sigstore bundle, the form of cosign 3 and GitHub",
  },
};
const details =
  "An image that is here keeps its signature beside it; the next push sends it along, as a referrer and under cosign's\n" +
  "tag. The password of the key is taken from COSIGN_PASSWORD, from stdin, or asked for.";

export const sign: Command = {
  name: "image sign",
  summary: "Sign images with a key, as cosign does; a push sends the signature after the image",
  usage: "--key FILE IMAGE...",
  arguments: { min: 1 },
  options: {
    ...keyOptions,
    annotation: {
      type: "string",
      short: "a",
      multiple: true,
      value: "KEY=VALUE",
      alias: "annotations",
      help: "something that the signature says besides",
    },
    identity: {
      type: "string",
      value: "NAME",
      help: "the name that is signed, instead of that of the image",
      alias: "sign-container-identity",
    },
    ...jsonOption,
  },
  completes: ["image"],
  details,
  async run(invocation) {
    const annotations = Object.fromEntries(invocation.texts("annotation").map(parseAnnotation));
    const identity = invocation.text("identity");
    const bundle = invocation.flag("bundle");
    if (bundle && identity !== undefined) throw namesNothing();
    return await signAll(invocation, "signed", (key, target) => {
      if (bundle) {
        const subject = [{ digest: digestSet(target), annotations }];
        return bundled(key, target, { predicateType: signPredicate, subject, predicate: {} });
      }
      const named = identity ?? target.identity;
      if (named === undefined) throw nameless();
      const payload = Buffer.from(encodeClaim({ identity: named, digest: target.digest, annotations }));
      const signature = Buffer.from(signWith(key, payload)).toString("base64");
      return { digest: target.digest, payload: payload.toString("base64"), signature };
    });
  },
};

/** Short names of predicates, as cosign has them. */
const predicateTypes: Readonly<Record<string, string>> = {
  slsaprovenance: "https://slsa.dev/provenance/v0.2",
  slsaprovenance02: "https://slsa.dev/provenance/v0.2",
  slsaprovenance1: "https://slsa.dev/provenance/v1",
  spdx: "https://spdx.dev/Document",
  spdxjson: "https://spdx.dev/Document",
  cyclonedx: "https://cyclonedx.org/bom",
  link: "https://in-toto.io/Link/v1",
  vuln: "https://cosign.sigstore.dev/attestation/vuln/v1",
  openvex: "https://openvex.dev/ns",
};

export const typeOption = {
  type: "string",
  value: "TYPE",
  help: `a URI, or ${Object.keys(predicateTypes).join(", ")}`,
} as const satisfies Option;

export const attest: Command = {
  name: "image attest",
  summary: "Sign what is said of images: a list of parts, a provenance, as cosign attest does",
  usage: "--key FILE --type TYPE --predicate FILE IMAGE...",
  arguments: { min: 1 },
  options: {
    ...keyOptions,
    type: { ...typeOption, help: `what it is: ${typeOption.help}` },
    predicate: { type: "string", value: "FILE", completes: "file", help: "the JSON document" },
    ...jsonOption,
  },
  completes: ["image"],
  details,
  async run(invocation) {
    const type = invocation.text("type");
    if (type === undefined) throw missing("--type TYPE", "attest");
    const predicateType = predicateTypeOf(type);
    const file = invocation.text("predicate");
    if (file === undefined) throw missing("--predicate FILE", "attest");
    const predicate = parseJson(file, await readText(file));
    return await signAll(invocation, "attested", (key, target) => {
      const name = target.identity?.replace(/:[^/:]+$/, "");
      const subject = [{ ...(name === undefined ? {} : { name }), digest: digestSet(target) }];
      const statement = { predicateType, subject, predicate };
      if (invocation.flag("bundle")) return bundled(key, target, statement);
      const envelope = seal(key, { _type: "https://in-toto.io/Statement/v0.1", ...statement }, { keyid: "" });
      return { digest: target.digest, envelope: base64(envelope) };
    });
  },
};

async function signAll(
  invocation: Invocation,
  done: string,
  make: (key: KeyObject, target: WireSignatureTarget) => WireSigned,
): Promise<number> {
  const file = invocation.text("key");
  if (file === undefined) throw missing("--key FILE", done === "signed" ? "sign" : "attest");
  const { signatures } = await needDaemon(invocation.root);
  const key = await readSigningKey(file);
  const results: { readonly image: string; readonly digests: readonly string[] }[] = [];
  for (const image of invocation.arguments) {
    const asked = await askedImage(invocation, image);
    const targets = await signatures.targets({ ...asked, recursive: invocation.flag("recursive") });
    await signatures.attach(
      asked,
      targets.map((target) => make(key, target)),
    );
    results.push({ image, digests: targets.map((target) => target.digest) });
    if (!invocation.flag("json")) report(image, asked, targets, done);
  }
  if (invocation.flag("json")) printJson(results);
  return 0;
}

function report(
  image: string,
  { where }: WireAsked,
  targets: readonly WireSignatureTarget[],
  done: string,
): void {
  for (const { digest } of targets) print(`${done} ${image}  ${digest}`);
  if (where === "here") tell(`  next: virga push ${image} sends it to the registry, with the image`);
}

function digestSet({ digest }: WireSignatureTarget): Readonly<Record<string, string>> {
  const [algorithm = "", hex = ""] = digest.split(":");
  return { [algorithm]: hex };
}

/** A DSSE envelope. */
function seal(key: KeyObject, statement: object, more: { readonly keyid?: string } = {}) {
  const payloadType = "application/vnd.in-toto+json";
  const payload = Buffer.from(JSON.stringify(statement));
  const sig = Buffer.from(signWith(key, preAuthenticationEncoding(payloadType, payload))).toString("base64");
  return { payloadType, payload: payload.toString("base64"), signatures: [{ ...more, sig }] };
}

/** A Sigstore bundle of a key (github.com/sigstore/protobuf-specs, version 0.3). */
function bundled(key: KeyObject, { digest }: WireSignatureTarget, statement: object): WireSigned {
  const hint = readPublicKey(publicHalf(key)).fingerprint.replace("SHA256:", "");
  const bundle = {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint } },
    dsseEnvelope: seal(key, { _type: "https://in-toto.io/Statement/v1", ...statement }),
  };
  return { digest, bundle: base64(bundle) };
}

function base64(document: object): string {
  return Buffer.from(JSON.stringify(document)).toString("base64");
}

function namesNothing(): Error {
  return fail("invalid", "cli.usage", "--identity and --bundle don't go together: a bundle names nothing", {
    hint: "virga image sign --help",
  });
}

export function parseAnnotation(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw fail("invalid", "cli.usage", `an annotation is KEY=VALUE, not '${text}'`, {
    hint: "virga image sign --help",
  });
}

export function predicateTypeOf(text: string): string {
  const known = predicateTypes[text];
  if (known !== undefined) return known;
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) return text;
  throw fail("invalid", "cli.usage", `'${text}' is no type of predicate`, {
    hint: `give a URI, or one of ${Object.keys(predicateTypes).join(", ")}`,
  });
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw fail("invalid", "cli.not-json", `${file} is not JSON`, { cause });
  }
}

function missing(what: string, verb: "sign" | "attest"): Error {
  return fail("invalid", "cli.usage", `${what} is missing: signing without a key is not supported`, {
    hint:
      verb === "sign"
        ? "virga key generate makes a key; virga image sign --help"
        : "virga image attest --help",
  });
}

function nameless(): Error {
  return fail("invalid", "cli.usage", "the image has no name, or several, that could be signed", {
    hint: "name it by one, or give --identity NAME",
  });
}
