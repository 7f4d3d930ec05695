import { existsSync } from "node:fs";
import { fail } from "../../../base/index.ts";
import type { ProgressLine } from "../../../api/client/docker/index.ts";
import { jsonOption, quietOption, type Command } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { showProgress } from "../../image-progress.ts";
import { named } from "../../nearest-name.ts";
import { changeOption, newImageQuery } from "../../new-image.ts";
import { saveBody } from "../../save-body.ts";
import { isTerminal, print, printJson } from "../../terminal.ts";

export const save: Command = {
  name: "save",
  summary: "Write images as one tar archive, for virga load or docker load",
  usage: "IMAGE...",
  arguments: { min: 1 },
  options: {
    output: {
      type: "string",
      short: "o",
      value: "FILE",
      completes: "file",
      help: "to a file instead of stdout",
    },
    platform: { type: "string", value: "OS/ARCH", help: "of this platform" },
  },
  completes: ["image"],
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const names = invocation.arguments;
    const query = { names, platform: invocation.text("platform") };
    // Names are looked up first, so that a wrong one leaves no file.
    const get = () =>
      named(docker, "image", names[0]!, () => docker.transport.request("GET", "/images/get", { query }));
    await saveBody(get, invocation.text("output"), `save ${names.join(" ")}`);
    return 0;
  },
};

/** A file, or stdin, as the body of a request. */
function archiveBody(file: string | undefined): NonNullable<RequestInit["body"]> {
  if (file === undefined || file === "-") {
    if (isTerminal(0)) {
      throw fail("invalid", "cli.no-input", "no archive comes from a terminal", {
        hint: "name a file, or pipe one in",
      });
    }
    return Bun.stdin.stream();
  }
  if (!existsSync(file)) throw fail("invalid", "cli.no-such-file", `there is no file ${file}`);
  return Bun.file(file);
}

export const load: Command = {
  name: "load",
  summary: "Take in the images of an archive that docker save or virga save has written",
  usage: "[FILE]",
  arguments: { max: 1 },
  options: {
    input: {
      type: "string",
      short: "i",
      value: "FILE",
      completes: "file",
      help: "from a file instead of stdin",
    },
    platform: { type: "string", value: "OS/ARCH", help: "of this platform" },
    ...quietOption,
    ...jsonOption,
  },
  completes: ["file"],
  async run(invocation) {
    const quiet = invocation.flag("quiet") || invocation.flag("json");
    const docker = engineOf(invocation.root, { start: true });
    const body = archiveBody(invocation.text("input") ?? invocation.arguments[0]);
    const response = await docker.transport.request("POST", "/images/load", {
      query: { quiet, platform: invocation.text("platform") },
      headers: { "content-type": "application/x-tar" },
      body,
    });
    const names = (await showProgress(response, { quiet })).flatMap(loadedName);
    if (invocation.flag("json")) printJson(names);
    else print(names.join("\n"));
    return 0;
  },
};

function loadedName({ stream }: ProgressLine): readonly string[] {
  const name = /^Loaded image(?: ID)?: (.*)\n?$/.exec(stream ?? "")?.[1];
  return name === undefined ? [] : [name];
}

export const importImage: Command = {
  name: "import",
  summary: "Make an image of one layer from a tar archive of a root file system",
  usage: "FILE|- [IMAGE[:TAG]]",
  arguments: { min: 1, max: 2 },
  options: {
    ...changeOption,
    message: { type: "string", short: "m", value: "TEXT", help: "what it is" },
    platform: { type: "string", value: "OS/ARCH", help: "its platform" },
    ...jsonOption,
  },
  completes: ["file", "nothing"],
  async run(invocation) {
    const [file = "", image] = invocation.arguments;
    const docker = engineOf(invocation.root, { start: true });
    const isUrl = /^https?:\/\//.test(file);
    const response = await docker.transport.request("POST", "/images/create", {
      query: {
        fromSrc: isUrl ? file : "-",
        ...newImageQuery(invocation, image),
        message: invocation.text("message"),
        platform: invocation.text("platform"),
      },
      headers: { "content-type": "application/x-tar" },
      ...(isUrl ? {} : { body: archiveBody(file) }),
    });
    const lines = await showProgress(response, { quiet: invocation.flag("json") });
    const id = lines.findLast((line) => line.status?.startsWith("sha256:"))?.status;
    if (invocation.flag("json")) printJson({ id });
    else print(id ?? "");
    return 0;
  },
};
