import { fail } from "../../../base/index.ts";
import type { WireAttestation } from "../../../api/client/index.ts";
import { jsonOption, type Command, type Invocation } from "../../command.ts";
import { needDaemon } from "../../connection.ts";
import { hereOrThere, registryOption } from "../../image-place.ts";
import { table } from "../../output.ts";
import { readText } from "../../signing-key.ts";
import { print, printJson, tell } from "../../terminal.ts";
import { predicateTypeOf, typeOption } from "./sign.ts";

const about =
  "An image that is not here is looked at in its registry. The list of parts and the provenance that a build makes without a\nkey are shown by virga image sbom and virga image provenance.";

export const attestations: Command = {
  name: "image attestations",
  summary: "List what has been signed about an image; whether it is good only a key can tell",
  usage: "IMAGE",
  arguments: { min: 1, max: 1 },
  options: {
    type: { ...typeOption, help: `only those of a type: ${typeOption.help}` },
    ...registryOption,
    ...jsonOption,
  },
  completes: ["image"],
  details: about,
  async run(invocation) {
    const [image = ""] = invocation.arguments;
    const { where, result } = await find(invocation, image);
    if (invocation.flag("json")) printJson(result);
    else if (result.length === 0) tell(none(image, where));
    else {
      const rows = result.map((one) => [
        one.predicateType ?? `${one.reason}`,
        one.format,
        one.digest.slice(7, 19),
      ]);
      print(table(["TYPE", "FORMAT", "DIGEST"], rows));
    }
    return 0;
  },
};

export const checkAttestation: Command = {
  name: "image check-attestation",
  summary:
    "Check that something has been signed about an image with a key; the exit code is 1 when it has not",
  usage: "--key FILE [--type TYPE] IMAGE",
  arguments: { min: 1, max: 1 },
  options: {
    key: {
      type: "string",
      multiple: true,
      value: "FILE",
      completes: "file",
      help: "a public key; of several one is enough",
    },
    type: { ...typeOption, help: `what is asked for: ${typeOption.help}` },
    predicate: { type: "boolean", help: "print the documents that are good, each as a line of JSON" },
    ...registryOption,
    ...jsonOption,
  },
  completes: ["image"],
  details: `${about}\nAttestations of cosign 2 and 3 and Virga are understood when they were made with a key.`,
  async run(invocation) {
    const [image = ""] = invocation.arguments;
    const files = invocation.texts("key");
    if (files.length === 0) {
      throw fail("invalid", "cli.usage", "--key FILE is missing: only signatures of keys are supported", {
        hint: "virga image check-attestation --help",
      });
    }
    const { where, result } = await find(invocation, image, await Promise.all(files.map(readText)));
    const good = result.filter((one) => one.good === true);
    if (invocation.flag("json")) printJson(result);
    else report(image, where, result, invocation.flag("predicate"));
    return good.length > 0 ? 0 : 1;
  },
};

async function find(invocation: Invocation, image: string, keys?: readonly string[]) {
  const type = invocation.text("type");
  const wanted = {
    ...(keys ? { keys } : {}),
    ...(type === undefined ? {} : { predicateType: predicateTypeOf(type) }),
  };
  const client = await needDaemon(invocation.root);
  return await hereOrThere(invocation, image, (asked) => client.signatures.attestations(asked, wanted));
}

function report(
  image: string,
  where: "here" | "registry",
  all: readonly WireAttestation[],
  documents: boolean,
): void {
  const good = all.filter((one) => one.good === true);
  for (const { predicate, predicateType, digest, key } of good) {
    print(documents ? JSON.stringify(predicate ?? null) : `good  ${predicateType}  ${digest}  by ${key}`);
  }
  if (good.length > 0) return;
  if (all.length === 0) tell(`virga: ${none(image, where)}`);
  for (const one of all) tell(`virga: an attestation of ${image} is not good: ${one.reason}`);
}

function none(image: string, where: "here" | "registry"): string {
  return `${image} has no such attestation ${where === "here" ? "here; --registry looks in its registry" : "in its registry"}`;
}
