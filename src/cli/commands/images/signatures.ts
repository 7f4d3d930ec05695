import { fail } from "../../../base/index.ts";
import type { WireSignature } from "../../../api/client/index.ts";
import { jsonOption, type Command } from "../../command.ts";
import { needDaemon } from "../../connection.ts";
import { hereOrThere, registryOption } from "../../image-place.ts";
import { table } from "../../output.ts";
import { readText } from "../../signing-key.ts";
import { print, printJson, tell } from "../../terminal.ts";
import { parseAnnotation } from "./sign.ts";

export const signatures: Command = {
  name: "image signatures",
  summary: "List the signatures of an image; whether they are good only a key can tell",
  usage: "IMAGE",
  arguments: { min: 1, max: 1 },
  options: { ...registryOption, ...jsonOption },
  completes: ["image"],
  details: "An image that is not here is looked at in its registry.",
  async run(invocation) {
    const [image = ""] = invocation.arguments;
    const client = await needDaemon(invocation.root);
    const { where, result } = await hereOrThere(invocation, image, (asked) => client.signatures.list(asked));
    if (invocation.flag("json")) printJson(result);
    else if (result.length === 0) tell(`${image} has no signatures ${place(where)}`);
    else {
      const rows = result.map((one) => [
        one.identity ?? (one.reason === undefined ? "-" : one.reason),
        annotationsOf(one),
        one.format,
        one.digest.slice(7, 19),
      ]);
      print(table(["NAME", "ANNOTATIONS", "FORMAT", "DIGEST"], rows));
    }
    return 0;
  },
};

export const checkSignature: Command = {
  name: "image check-signature",
  summary: "Check that an image is signed with a key; the exit code is 1 when it is not",
  usage: "--key FILE IMAGE",
  arguments: { min: 1, max: 1 },
  options: {
    key: {
      type: "string",
      multiple: true,
      value: "FILE",
      completes: "file",
      help: "a public key; of several one is enough",
    },
    annotation: {
      type: "string",
      short: "a",
      multiple: true,
      value: "KEY=VALUE",
      alias: "annotations",
      help: "what the signature has to say",
    },
    identity: {
      type: "string",
      value: "NAME",
      help: "the name that has to be signed, instead of the image's own repository",
    },
    ...registryOption,
    ...jsonOption,
  },
  completes: ["image"],
  details:
    "An image that is not here is looked at in its registry. Signatures of cosign 2 and 3, podman and Virga are\n" +
    "understood when they were made with a key.",
  async run(invocation) {
    const [image = ""] = invocation.arguments;
    const files = invocation.texts("key");
    if (files.length === 0) {
      throw fail("invalid", "cli.usage", "--key FILE is missing: only signatures of keys are supported", {
        hint: "virga image check-signature --help",
      });
    }
    const identity = invocation.text("identity");
    const wanted = {
      keys: await Promise.all(files.map(readText)),
      annotations: Object.fromEntries(invocation.texts("annotation").map(parseAnnotation)),
      ...(identity === undefined ? {} : { identity }),
    };
    const client = await needDaemon(invocation.root);
    const { where, result } = await hereOrThere(invocation, image, (asked) =>
      client.signatures.list(asked, wanted),
    );
    const good = result.filter((one) => one.good === true);
    if (invocation.flag("json")) printJson(result);
    else report(image, place(where), result, good);
    return good.length > 0 ? 0 : 1;
  },
};

function report(
  image: string,
  where: string,
  all: readonly WireSignature[],
  good: readonly WireSignature[],
): void {
  for (const one of good)
    print(`good  ${one.identity ?? image}  ${one.digest}  by ${one.key} ${annotationsOf(one)}`);
  if (good.length > 0) return;
  if (all.length === 0) tell(`virga: ${image} has no signatures ${where}`);
  for (const one of all) tell(`virga: a signature of ${image} is not good: ${one.reason}`);
}

function place(where: "here" | "registry"): string {
  return where === "here" ? "here; --registry looks in its registry" : "in its registry";
}

function annotationsOf({ annotations }: WireSignature): string {
  return Object.entries(annotations)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}
