import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { fail } from "../../../base/index.ts";
import type { WireBuild, WireBuildResult } from "../../../api/client/index.ts";
import { jsonOption, type Command, type Invocation } from "../../command.ts";
import { ensureDaemon } from "../../connection.ts";
import { follow } from "../../operation.ts";
import { isTerminal, print, printJson, tell } from "../../terminal.ts";
import { pairs, readText } from "../../values.ts";
import { debugBuild } from "./build-debug.ts";
import { checkBuild } from "./build-check.ts";
import { lockInputs, writeLock } from "./build-lock.ts";
import { buildInputs, isAddress } from "./build-inputs.ts";

export const build: Command = {
  name: "build",
  summary: "Build an image from a Dockerfile and a folder",
  usage: "FOLDER|ADDRESS|-",
  arguments: { min: 1, max: 1 },
  options: {
    tag: { type: "string", short: "t", multiple: true, value: "IMAGE[:TAG]", help: "name it" },
    file: {
      type: "string",
      short: "f",
      value: "FILE",
      completes: "file",
      help: "the Dockerfile (default FOLDER/Dockerfile; - is stdin)",
    },
    "build-arg": {
      type: "string",
      multiple: true,
      value: "NAME[=VALUE]",
      help: "set an ARG; without a value: as it is here",
    },
    target: { type: "string", value: "STAGE", help: "up to this stage" },
    label: { type: "string", multiple: true, value: "KEY=VALUE", help: "set a label" },
    "no-cache": { type: "boolean", help: "run every step" },
    pull: { type: "boolean", help: "ask for the base images again" },
    network: {
      type: "string",
      value: "NETWORK",
      help: "for RUN: default, host, none or a network",
      completes: "network",
    },
    "add-host": { type: "string", multiple: true, value: "NAME:IP", help: "a line of /etc/hosts for RUN" },
    memory: { type: "size", short: "m", help: "memory of RUN at most" },
    "shm-size": { type: "size", help: "size of /dev/shm of RUN" },
    "cache-from": {
      type: "string",
      multiple: true,
      value: "CACHE",
      help: "take steps from an image, type=registry,ref=IMAGE or type=local,src=FOLDER",
      completes: "image",
    },
    "cache-to": {
      type: "string",
      multiple: true,
      value: "CACHE",
      help: "put the steps to type=registry,ref=IMAGE, type=local,dest=FOLDER (mode=min|max) or type=inline",
    },
    secret: {
      type: "string",
      multiple: true,
      value: "id=NAME,src=FILE",
      help: "for RUN --mount=type=secret (env=VARIABLE instead of src)",
    },
    ssh: {
      type: "string",
      multiple: true,
      value: "default|ID[=SOCKET]",
      help: "an SSH agent for RUN --mount=type=ssh",
    },
    "build-context": {
      type: "string",
      multiple: true,
      value: "NAME=FOLDER",
      help: "a context for FROM and --from (docker-image://IMAGE: an image)",
    },
    allow: {
      type: "string",
      multiple: true,
      value: "ENTITLEMENT",
      choices: ["network.host", "security.insecure"],
      help: "let RUN steps use the host's network, or run privileged",
    },
    platform: { type: "string", value: "OS/ARCH", help: "the image's platform: this machine's" },
    lock: { type: "boolean", help: "write what came from elsewhere to DOCKERFILE.lock" },
    locked: { type: "boolean", help: "take the same as DOCKERFILE.lock says, or fail" },
    "host-proxy": {
      type: "boolean",
      help: "give RUN this machine's proxy settings and CA bundle; they are not in the image",
    },
    debug: { type: "boolean", help: "when a RUN fails: a shell in it, as it was then" },
    check: { type: "boolean", help: "look for mistakes in the Dockerfile, and build nothing" },
    iidfile: { type: "string", value: "FILE", completes: "file", help: "write the image's id to a file" },
    quiet: { type: "boolean", short: "q", help: "print the image's id only" },
    ...jsonOption,
  },
  completes: ["folder"],
  details: `The daemon reads the folder in place, without what .dockerignore says. It gets git repositories (https://HOST/NAME.git#REF:FOLDER,
git@HOST:NAME.git) and archives (http, https) itself. With - instead of a folder stdin is a Dockerfile, with nothing to
COPY from, or a tar archive of the folder.

  virga build -t web:1 .`,
  async run(invocation) {
    using place = await readPlace(invocation);
    const client = await ensureDaemon(invocation.root);
    const request = {
      ...place.source,
      ...buildOptions(invocation),
      ...buildInputs(invocation),
      ...lockInputs(invocation),
    };
    if (invocation.flag("check")) return await checkBuild(client, request, invocation.flag("json"));
    if (invocation.flag("debug"))
      return await debugBuild(invocation, request, (one) => finish(invocation, one));
    return await finish(invocation, request);
  },
};

async function finish(invocation: Invocation, request: WireBuild): Promise<number> {
  const client = await ensureDaemon(invocation.root);
  const operation = await client.build(request);
  const quiet = invocation.flag("quiet") || invocation.flag("json");
  const result = (await follow(client, operation.id, "steps that were done stay in the cache", {
    quiet,
  })) as WireBuildResult;
  for (const warning of result.warnings) tell(`virga: ${warning}`);
  if (invocation.flag("lock")) writeLock(invocation, result.lock);
  const iidfile = invocation.text("iidfile");
  if (iidfile !== undefined) writeFileSync(iidfile, result.imageId);
  if (invocation.flag("json")) printJson(result);
  else print(result.imageId);
  return 0;
}

interface Place extends Disposable {
  readonly source: Pick<WireBuild, "directory" | "dockerfile" | "dockerfileText">;
}

async function readPlace(invocation: Invocation): Promise<Place> {
  const [folder = ""] = invocation.arguments;
  const file = invocation.text("file");
  const keep = { [Symbol.dispose]() {} };
  if (folder === "-") {
    return await placeFromStdin(file);
  }
  if (isAddress(folder)) {
    const dockerfile =
      file === undefined
        ? {}
        : file === "-"
          ? { dockerfileText: await dockerfileFromStdin() }
          : { dockerfile: file };
    return { source: { directory: folder, ...dockerfile }, ...keep };
  }
  const directory = resolve(folder);
  if (!existsSync(directory) || !statSync(directory).isDirectory()) {
    throw fail("invalid", "cli.no-such-place", `there is no folder ${folder}`, {
      hint: "virga build -t NAME FOLDER",
    });
  }
  if (file === undefined) return { source: { directory }, ...keep };
  if (file === "-") return { source: { directory, dockerfileText: await dockerfileFromStdin() }, ...keep };
  const path = relative(directory, resolve(file));
  if (!path.startsWith("..")) return { source: { directory, dockerfile: path }, ...keep };
  return { source: { directory, dockerfileText: readText(file) }, ...keep };
}

/** Text is a Dockerfile, anything else the archive of a whole folder. It goes to a folder that is ours until the end. */
async function placeFromStdin(dockerfile: string | undefined): Promise<Place> {
  const input = await inputBytes();
  const work = mkdtempSync(join(tmpdir(), "virga-build-"));
  const remove = { [Symbol.dispose]: () => rmSync(work, { recursive: true, force: true }) };
  try {
    const directory = join(work, "context");
    mkdirSync(directory);
    if (!isArchive(input)) {
      return { source: { directory, dockerfileText: new TextDecoder().decode(input) }, ...remove };
    }
    await unpack(input, join(work, "archive"), directory);
    return { source: { directory, ...(dockerfile === undefined ? {} : { dockerfile }) }, ...remove };
  } catch (error) {
    remove[Symbol.dispose]();
    throw error;
  }
}

/** A text has no zero bytes, and no archive or compressed one is without. */
function isArchive(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 100_000).includes(0);
}

/** tar(1) finds out how it is compressed, which it cannot with a pipe. */
async function unpack(bytes: Uint8Array, file: string, directory: string): Promise<void> {
  writeFileSync(file, bytes, { mode: 0o600 });
  const child = Bun.spawn(["tar", "-x", "-p", "-C", directory, "-f", file], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const [said, code] = await Promise.all([child.stderr.text(), child.exited]);
  rmSync(file);
  if (code === 0) return;
  throw fail("invalid", "build.context-damaged", `the archive on stdin cannot be unpacked: ${said.trim()}`);
}

async function dockerfileFromStdin(): Promise<string> {
  return new TextDecoder().decode(await inputBytes());
}

async function inputBytes(): Promise<Uint8Array> {
  if (!isTerminal(0)) return await Bun.stdin.bytes();
  throw fail("invalid", "cli.no-input", "no Dockerfile comes from a terminal", {
    hint: "virga build - < Dockerfile",
  });
}

function buildOptions(invocation: Invocation): Omit<WireBuild, "directory"> {
  const texts = (option: string, field: string) =>
    invocation.given(option) ? { [field]: invocation.texts(option) } : {};
  // The daemon may run in another folder.
  const caches = (option: string, field: string) =>
    invocation.given(option)
      ? { [field]: invocation.texts(option).map((one) => one.replace(/(^|,)(src|dest)=([^,]+)/g, absolute)) }
      : {};
  const text = (option: string, field: string) =>
    invocation.given(option) ? { [field]: invocation.text(option) } : {};
  const number = (option: string, field: string) =>
    invocation.given(option) ? { [field]: invocation.number(option) } : {};
  return {
    ...texts("tag", "tags"),
    ...text("target", "target"),
    ...text("network", "networkMode"),
    ...text("platform", "platform"),
    ...number("memory", "memory"),
    ...number("shm-size", "shmSize"),
    ...texts("add-host", "extraHosts"),
    ...caches("cache-from", "cacheFrom"),
    ...caches("cache-to", "cacheTo"),
    ...texts("allow", "entitlements"),
    ...(invocation.given("label") ? { labels: pairs("label", invocation.texts("label")) } : {}),
    ...(invocation.flag("no-cache") ? { noCache: true } : {}),
    ...(invocation.flag("pull") ? { pull: true } : {}),
    ...(invocation.given("host-proxy") ? { hostProxy: invocation.flag("host-proxy") } : {}),
    ...buildArguments(invocation),
  };
}

/** As BuildKit's clients do: the SOURCE_DATE_EPOCH of the environment is the build's. */
function buildArguments(invocation: Invocation): Pick<WireBuild, "buildArgs"> {
  const epoch = process.env["SOURCE_DATE_EPOCH"];
  const given = invocation.given("build-arg") ? invocation.texts("build-arg").map(buildArgument) : [];
  const all = epoch === undefined ? given : [["SOURCE_DATE_EPOCH", epoch] as const, ...given];
  return all.length === 0 ? {} : { buildArgs: Object.fromEntries(all) };
}

/** An ARG without a value is as it is here, and not set when it is not here. */
function buildArgument(text: string): readonly [string, string | null] {
  const at = text.indexOf("=");
  return at < 0 ? [text, process.env[text] ?? null] : [text.slice(0, at), text.slice(at + 1)];
}

function absolute(_field: string, before: string, name: string, path: string): string {
  return `${before}${name}=${resolve(path)}`;
}
