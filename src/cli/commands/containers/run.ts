import { fail, isVirgaError, toVirgaError } from "../../../base/index.ts";
import type { DockerClient, RawConnection } from "../../../api/client/docker/index.ts";
import { jsonOption, type Command, type CommandHelp, type Invocation, type Option } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { meantName, namesOf, named } from "../../nearest-name.ts";
import { errorText } from "../../output.ts";
import { print, printJson, tell } from "../../terminal.ts";
import { createBody, type CreateBody } from "./create-body.ts";
import { createOptions } from "./create-options.ts";

const shape = {
  usageErrorCode: 125,
  usage: "IMAGE [COMMAND] [ARGUMENT...]",
  arguments: { min: 1 },
  restAfter: 1,
  completes: ["image", "nothing"],
} as const satisfies Partial<CommandHelp>;

const attachOptions = {
  detach: { type: "boolean", short: "d", help: "in the background: print its id and return" },
  attach: {
    type: "string",
    short: "a",
    multiple: true,
    value: "STREAM",
    help: "only stdin, stdout or stderr",
  },
  "detach-keys": {
    type: "string",
    value: "KEYS",
    help: "keys that leave it running (default ctrl-p,ctrl-q)",
  },
  "sig-proxy": { type: "boolean", help: "pass signals on to it (default true)" },
} as const satisfies Record<string, Option>;

export const run: Command = {
  name: "run",
  summary: "Make a container from an image and run a command in it",
  ...shape,
  options: {
    ...attachOptions,
    json: { type: "boolean", help: "with -d: print the id as JSON" },
    ...createOptions,
  },
  details: `Options stand before the image; what follows the image is the container's command. The exit code is the command's; 125
when the container could not be made or started, 126 when the command cannot be run, 127 when it is not there.
Without -d the container's output is shown until it ends; with -it it has your terminal, and ctrl-p ctrl-q leaves it
running. An image that is not here is pulled, or made from a package mirror (debian:*, ubuntu:*).

  virga run -it --rm debian:bookworm bash
  virga run -d --name web -p 8080:80 -v site:/srv --restart unless-stopped web:1`,
  run: (invocation) => asRunEnds(async () => await runContainer(invocation)),
};

export const create: Command = {
  name: "create",
  summary: "Make a container without starting it",
  ...shape,
  options: { ...jsonOption, ...createOptions },
  run: (invocation) =>
    asRunEnds(async () => {
      const docker = engineOf(invocation.root, { start: true });
      const id = await createContainer(docker, invocation, createBody(invocation));
      if (invocation.flag("json")) printJson({ id });
      else print(id);
      return 0;
    }),
};

/** Exit codes of docker run for what went wrong before the command ran. */
async function asRunEnds(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (isVirgaError(error, "cancelled")) throw error;
    tell(errorText(error));
    return failureCode(error);
  }
}

export function failureCode(error: unknown): number {
  const { code } = toVirgaError(error);
  if (code === "task.command-not-found") return 127;
  return code === "task.command-not-executable" ? 126 : 125;
}

async function createContainer(
  docker: DockerClient,
  invocation: Invocation,
  body: CreateBody,
): Promise<string> {
  const cidfile = invocation.text("cidfile");
  if (cidfile !== undefined && files().existsSync(cidfile)) {
    throw fail("conflict", "cli.cidfile-exists", `the file ${cidfile} is there already`, {
      hint: "remove it, or name another one",
    });
  }
  const [image = ""] = invocation.arguments;
  const platform = invocation.text("platform");
  const pull = async () => {
    const { pullImage } = await import("../../pull.ts");
    await pullImage(docker, image, { platform, quiet: invocation.flag("quiet") });
  };
  const make = () => docker.createContainer(body, { name: invocation.text("name"), platform });
  const when = invocation.text("pull") ?? "missing";
  if (when === "always") await pull();
  const { Id, Warnings } = await make().catch(async (error: unknown) => {
    if (!isVirgaError(error, "not-found") || error.code !== "image.not-found") throw error;
    if (when === "never") throw await missingImage(docker, image);
    await pull();
    return await make();
  });
  for (const warning of Warnings ?? []) tell(`virga: ${warning}`);
  if (cidfile !== undefined) files().writeFileSync(cidfile, Id);
  return Id;
}

/** Loaded only when a file is named. */
const files = () => process.getBuiltinModule("node:fs");

async function missingImage(docker: DockerClient, image: string): Promise<Error> {
  const meant = meantName(image, await namesOf(docker, "image"));
  const text = `no such image '${image}'${meant === undefined ? "" : ` – did you mean '${meant}'?`}`;
  return fail("not-found", "image.not-found", text, { hint: "virga images; or leave out --pull never" });
}

async function runContainer(invocation: Invocation): Promise<number> {
  const docker = engineOf(invocation.root, { start: true });
  const body = createBody(invocation);
  const streams = attachedStreams(invocation);
  if (invocation.flag("json") && !invocation.flag("detach")) {
    throw fail("invalid", "cli.usage", "--json goes with -d: without it the command's own output is shown", {
      hint: "virga run -d --json …, or virga inspect",
    });
  }
  if (invocation.flag("detach")) {
    const id = await createContainer(docker, invocation, body);
    await named(docker, "container", id, () => docker.act(id, "start"));
    if (invocation.flag("json")) printJson({ id });
    else print(id);
    return 0;
  }
  // A pipe on stdin with -t would get the terminal's echo mixed into it: docker refuses it too.
  if (invocation.flag("tty") && streams.stdin && !(await import("../../terminal.ts")).isTerminal(0)) {
    throw fail("invalid", "cli.no-terminal", "-t wants a terminal on stdin, and this is none", {
      hint: "leave out -t: virga run -i …",
    });
  }
  const id = await createContainer(docker, invocation, body);
  return await runAttached(docker, id, {
    ...streams,
    tty: invocation.flag("tty"),
    autoRemove: invocation.flag("rm"),
    detachKeys: invocation.text("detach-keys"),
    proxy: invocation.flag("sig-proxy", true),
  });
}

interface Streams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

function attachedStreams(invocation: Invocation): Streams {
  const named = invocation.texts("attach").map((one) => one.toLowerCase());
  const unknown = named.find((one) => !["stdin", "stdout", "stderr"].includes(one));
  if (unknown !== undefined) {
    throw fail("invalid", "cli.usage", `--attach takes stdin, stdout or stderr, not '${unknown}'`, {
      hint: "virga run --help",
    });
  }
  if (named.length === 0) return { stdin: invocation.flag("interactive"), stdout: true, stderr: true };
  return {
    stdin: named.includes("stdin"),
    stdout: named.includes("stdout"),
    stderr: named.includes("stderr"),
  };
}

export interface AttachedRun extends Streams {
  readonly tty: boolean;
  readonly autoRemove: boolean;
  readonly detachKeys: string | undefined;
  /** Whether signals go to the container. */
  readonly proxy: boolean;
}

/** Attaches, starts, joins the terminal, and ends with the container's exit code; 0 when it was left running. */
export async function runAttached(docker: DockerClient, id: string, options: AttachedRun): Promise<number> {
  const { stdin, stdout, stderr, detachKeys, tty, autoRemove, proxy } = options;
  const waiting = new AbortController();
  // Loaded while the daemon works.
  const modules = Promise.all([import("../../session.ts"), import("../../signals.ts")]);
  const [connection, exit] = await Promise.all([
    docker.attach(id, { stream: 1, stdin, stdout, stderr, detachKeys }),
    docker.wait(id, autoRemove ? "removed" : "next-exit", waiting.signal),
  ]);
  const [{ runSession, unreadExitCode }, { proxySignals }] = await modules;
  using _signals = proxy ? proxySignals((signal) => docker.act(id, "kill", { signal })) : undefined;
  await startOrLeave(docker, id, connection);
  const how = await runSession(connection, {
    tty,
    stdin,
    detachKeys,
    resize: (w, h) => docker.act(id, "resize", { w, h }),
  });
  if (how === "detached" || how === "unread") {
    waiting.abort();
    return how === "detached" ? 0 : unreadExitCode;
  }
  const { StatusCode, Error: failure } = await exit.result;
  if (failure?.Message) tell(`virga: ${failure.Message}`);
  return StatusCode;
}

async function startOrLeave(docker: DockerClient, id: string, connection: RawConnection): Promise<void> {
  try {
    await docker.act(id, "start");
  } catch (error) {
    connection.close();
    throw error;
  }
}
