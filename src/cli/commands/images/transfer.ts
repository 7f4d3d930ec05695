import { fail } from "../../../base/index.ts";
import { jsonOption, type Command, type Option } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { registryAuth } from "../../credentials.ts";
import { showProgress } from "../../image-progress.ts";
import { named } from "../../nearest-name.ts";
import { pullImage, splitTag } from "../../pull.ts";
import { print, printJson, tell } from "../../terminal.ts";
import { imagePath } from "./images.ts";

const transferOptions = {
  "all-tags": { type: "boolean", short: "a", help: "every tag" },
  platform: { type: "string", value: "OS/ARCH", help: "of this platform" },
  quiet: { type: "boolean", short: "q", help: "no progress" },
  ...jsonOption,
} as const satisfies Record<string, Option>;

export const pull: Command = {
  name: "pull",
  summary: "Get an image from a registry, or make it from a package mirror (debian:*, ubuntu:*)",
  usage: "IMAGE[:TAG]",
  arguments: { min: 1, max: 1 },
  options: transferOptions,
  completes: ["image"],
  async run(invocation) {
    const docker = engineOf(invocation.root, { start: true });
    const [image = ""] = invocation.arguments;
    const { tag } = splitTag(image);
    const allTags = invocation.flag("all-tags");
    if (allTags && tag !== undefined) {
      throw fail("invalid", "cli.usage", "--all-tags wants a name without a tag", {
        hint: "virga pull --help",
      });
    }
    const quiet = invocation.flag("quiet") || invocation.flag("json");
    const said = await pullImage(docker, image, { platform: invocation.text("platform"), quiet, allTags });
    const name = tag === undefined && !allTags ? `${image}:latest` : image;
    if (invocation.flag("json")) {
      printJson(await docker.transport.json("GET", `/images/${imagePath(name)}/json`));
      return 0;
    }
    for (const line of said) if (!quiet) tell(line);
    print(name);
    return 0;
  },
};

export const push: Command = {
  name: "push",
  summary: "Send an image to its registry",
  usage: "IMAGE[:TAG]",
  arguments: { min: 1, max: 1 },
  options: transferOptions,
  completes: ["image"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [image = ""] = invocation.arguments;
    const { name, tag } = splitTag(image);
    const allTags = invocation.flag("all-tags");
    const platform = invocation.text("platform");
    const response = await named(docker, "image", image, async () =>
      docker.transport.request("POST", `/images/${imagePath(name)}/push`, {
        query: {
          tag: allTags ? undefined : (tag ?? "latest"),
          platform: platform === undefined ? undefined : platformJson(platform),
        },
        // The daemon wants the header even where there is nothing in it.
        headers: { "x-registry-auth": "e30=", ...(await registryAuth(image)) },
      }),
    );
    const quiet = invocation.flag("quiet") || invocation.flag("json");
    const lines = await showProgress(response, { quiet });
    const result = lines.flatMap((line) => (line.aux === undefined ? [] : [line.aux]));
    if (invocation.flag("json")) printJson(result);
    else {
      for (const line of lines) if (!quiet && line.status !== undefined) tell(line.status);
      print(image);
    }
    return 0;
  },
};

function platformJson(text: string): string {
  const [os, architecture, variant] = text.split("/");
  return JSON.stringify({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}
