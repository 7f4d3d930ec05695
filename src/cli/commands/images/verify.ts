import { relative, resolve } from "node:path";
import type { WireDifference, WireVerification } from "../../../api/client/index.ts";
import { jsonOption, type Command } from "../../command.ts";
import { ensureDaemon } from "../../connection.ts";
import { allCredentials } from "../../credentials.ts";
import { follow } from "../../operation.ts";
import { print, printJson } from "../../terminal.ts";
import { isAddress } from "./build-inputs.ts";

export const verify: Command = {
  name: "image verify",
  summary: "Build an image again and compare",
  usage: "IMAGE FOLDER|ADDRESS",
  arguments: { min: 2, max: 2 },
  options: {
    file: {
      type: "string",
      short: "f",
      value: "FILE",
      completes: "file",
      help: "the Dockerfile (default: where it was)",
    },
    ...jsonOption,
  },
  completes: ["image", "folder"],
  details: `Builds without the cache, with the arguments and the base images that the image's provenance names, and says whether the result is
the same, bit for bit, or what the first difference is. Ends with 0 for the same, with 1 for another.

  virga image verify web:1 .`,
  async run(invocation) {
    const [name = "", folder = ""] = invocation.arguments;
    const file = invocation.text("file");
    const directory = isAddress(folder) ? folder : resolve(folder);
    const inside = file === undefined || isAddress(folder) ? file : relative(directory, resolve(file));
    const client = await ensureDaemon(invocation.root);
    const operation = await client.verifyImage(name, directory, inside, await allCredentials());
    const quiet = invocation.flag("json");
    const result = (await follow(client, operation.id, "nothing was changed", { quiet })) as WireVerification;
    if (invocation.flag("json")) printJson(result);
    else print(result.identical ? `identical ${result.imageId}` : `different: ${textOf(result.difference)}`);
    return result.identical ? 0 : 1;
  },
};

function textOf(difference: WireDifference): string {
  switch (difference.kind) {
    case "layers":
      return `${difference.was} layers, built now: ${difference.is}`;
    case "configuration":
      return `configuration, ${difference.field}: ${difference.was}, built now: ${difference.is}`;
    case "file": {
      const { layer, layers, step, file } = difference;
      const values = file.was === undefined ? "" : ` ${file.was}, built now: ${file.is}`;
      const what = file.what === "missing" ? "was there, built now: not" : file.what === "added" ? "was not there, built now: it is" : file.what; // prettier-ignore
      return `${file.path}: ${what}${values}\n  in layer ${layer} of ${layers}: ${step}`;
    }
    default:
      return difference satisfies never;
  }
}
