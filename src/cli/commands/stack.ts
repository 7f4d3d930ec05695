import { existsSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { fail } from "../../base/index.ts";
import type { WireStackSource, WireStackStatus, WireStackTarget } from "../../api/client/index.ts";
import type { Command, Invocation, Option } from "../command.ts";
import { ensureDaemon, needDaemon } from "../connection.ts";
import { follow } from "../operation.ts";
import { paint, table } from "../output.ts";

const sourceOptions: Readonly<Record<string, Option>> = {
  file: {
    type: "string",
    short: "f",
    multiple: true,
    value: "FILE",
    help: "a Compose file; later ones lie over earlier",
  },
  "project-name": {
    type: "string",
    short: "p",
    value: "NAME",
    help: "the stack's name (default: the folder's)",
  },
  profile: { type: "string", multiple: true, value: "NAME", help: "also the services of this profile" },
  "env-file": {
    type: "string",
    multiple: true,
    value: "FILE",
    help: "read variables from here instead of .env",
  },
};

const upOptions: Readonly<Record<string, Option>> = {
  build: { type: "boolean", help: "build images even when they are there" },
  "no-build": { type: "boolean", help: "never build" },
  "force-recreate": { type: "boolean", help: "make every container anew" },
  "remove-orphans": { type: "boolean", help: "remove containers of services that are no longer in the file" },
  "no-start": { type: "boolean", help: "create only" },
  "no-wait": { type: "boolean", help: "do not wait until the services are healthy" },
  scale: { type: "string", multiple: true, value: "SERVICE=N", help: "so many containers of a service" },
};

const place = "[FOLDER | FILE] [SERVICE...]";

export const up: Command = {
  name: "up",
  summary: "Build and start what a Compose file describes; again: change only what changed",
  usage: place,
  options: { ...sourceOptions, ...upOptions, json: { type: "boolean", help: "print JSON" } },
  async run(invocation) {
    const { source, services } = readSource(invocation);
    const client = await ensureDaemon(invocation.root, (line) => process.stderr.write(`virga: ${line}\n`));
    const operation = await client.up(source, { services, ...readUpOptions(invocation) });
    const status = (await follow(client, operation.id)) as WireStackStatus;
    printStack(status, invocation.flag("json"));
    return 0;
  },
};

export const down: Command = {
  name: "down",
  summary: "Stop and remove a stack; its volumes stay unless --volumes is given",
  usage: "[FOLDER | FILE]",
  options: {
    ...sourceOptions,
    volumes: { type: "boolean", short: "v", help: "remove its volumes too: their data is lost" },
    "remove-orphans": { type: "boolean", help: "also containers of services that are no longer in the file" },
    rmi: { type: "string", value: "all|local", help: "also remove images: all, or those that were built" },
    timeout: { type: "string", short: "t", value: "SECONDS", help: "wait so long for a container to stop" },
  },
  arguments: { max: 1 },
  async run(invocation) {
    const client = await ensureDaemon(invocation.root, (line) => process.stderr.write(`virga: ${line}\n`));
    const images = invocation.text("rmi");
    if (images !== undefined && images !== "all" && images !== "local") {
      throw fail("invalid", "cli.usage", `--rmi takes all or local, not '${images}'`, {
        hint: "virga down --help",
      });
    }
    const timeout = invocation.number("timeout");
    const operation = await client.down(readTarget(invocation), {
      volumes: invocation.flag("volumes"),
      removeOrphans: invocation.flag("remove-orphans"),
      ...(images ? { images } : {}),
      ...(timeout === undefined ? {} : { timeout }),
    });
    await follow(client, operation.id);
    return 0;
  },
};

export const ps: Command = {
  name: "ps",
  summary: "List the containers of a stack, or all stacks with --all",
  usage: "[FOLDER | FILE]",
  options: {
    ...sourceOptions,
    all: { type: "boolean", short: "a", help: "list every stack" },
    json: { type: "boolean", help: "print JSON" },
  },
  arguments: { max: 1 },
  async run(invocation) {
    const client = await needDaemon(invocation.root);
    if (!invocation.flag("all")) {
      printStack(await client.stack(readTarget(invocation)), invocation.flag("json"));
      return 0;
    }
    const stacks = await client.stacks();
    if (invocation.flag("json")) console.log(JSON.stringify(stacks, null, 2));
    else {
      const rows = stacks.map((one) => [one.name, String(one.services), String(one.running)]);
      process.stdout.write(table(["STACK", "SERVICES", "RUNNING"], rows));
    }
    return 0;
  },
};

export const logs: Command = {
  name: "logs",
  summary: "Show what the containers of a stack have written",
  usage: place,
  options: {
    ...sourceOptions,
    follow: { type: "boolean", help: "go on with what comes" },
    tail: {
      type: "string",
      short: "n",
      value: "LINES",
      help: "so many lines of each container from the end",
    },
    timestamps: { type: "boolean", short: "t", help: "show times" },
  },
  async run(invocation) {
    const client = await needDaemon(invocation.root);
    const { target, services } = readTargetAndServices(invocation);
    const tail = invocation.number("tail");
    const options = { services, follow: invocation.flag("follow"), ...(tail === undefined ? {} : { tail }) };
    for await (const line of client.logs(target, options)) {
      const time = invocation.flag("timestamps") ? `${line.time} ` : "";
      console.log(`${paint("cyan", line.container.padEnd(20))} | ${time}${line.text.replace(/\n$/, "")}`);
    }
    return 0;
  },
};

export const plan: Command = {
  name: "plan",
  summary: "Say what up would do, and change nothing",
  usage: place,
  options: { ...sourceOptions, ...upOptions },
  async run(invocation) {
    const { source, services } = readSource(invocation);
    const client = await ensureDaemon(invocation.root, (line) => process.stderr.write(`virga: ${line}\n`));
    const lines = await client.plan(source, { services, ...readUpOptions(invocation) });
    console.log(lines.length === 0 ? "nothing to do" : lines.join("\n"));
    return 0;
  },
};

export const config: Command = {
  name: "config",
  summary: "Check a Compose file and print it with everything filled in",
  usage: "[FOLDER | FILE]",
  options: sourceOptions,
  arguments: { max: 1 },
  async run(invocation) {
    const client = await ensureDaemon(invocation.root, (line) => process.stderr.write(`virga: ${line}\n`));
    console.log(JSON.stringify(await client.config(readSource(invocation).source), null, 2));
    return 0;
  },
};

function readUpOptions(invocation: Invocation) {
  const scale = invocation.texts("scale").map((text) => {
    const match = /^([^=]+)=(\d+)$/.exec(text);
    if (!match)
      throw fail("invalid", "cli.usage", `--scale takes SERVICE=N, not '${text}'`, {
        hint: "virga up --help",
      });
    return [match[1]!, Number(match[2])] as const;
  });
  const build = invocation.flag("build") ? "always" : invocation.flag("no-build") ? "never" : "missing";
  return {
    build,
    forceRecreate: invocation.flag("force-recreate"),
    removeOrphans: invocation.flag("remove-orphans"),
    noStart: invocation.flag("no-start"),
    wait: !invocation.flag("no-wait"),
    scale: Object.fromEntries(scale),
  } as const;
}

/** The first argument is a folder or a file when it is one on disk; every other argument is a service. */
function readSource(invocation: Invocation): { source: WireStackSource; services: readonly string[] } {
  const [first, ...rest] = invocation.arguments;
  const isPlace = first !== undefined && (first.includes("/") || first === "." || existsSync(first));
  if (isPlace && !existsSync(first)) {
    throw fail("not-found", "cli.no-such-place", `there is no file or folder ${first}`);
  }
  const files = invocation.texts("file").map((file) => resolve(file));
  if (isPlace && statSync(first).isFile()) files.unshift(resolve(first));
  const folder = isPlace && statSync(first).isDirectory() ? resolve(first) : undefined;
  const projectName = invocation.text("project-name");
  const envFiles = invocation.texts("env-file").map((file) => resolve(file));
  const environment = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return {
    services: isPlace ? rest : invocation.arguments,
    source: {
      directory: folder ?? (files[0] ? dirname(files[0]) : process.cwd()),
      files,
      profiles: invocation.texts("profile"),
      environment: Object.fromEntries(environment),
      ...(projectName === undefined ? {} : { projectName }),
      ...(envFiles.length === 0 ? {} : { envFiles }),
    },
  };
}

function readTargetAndServices(invocation: Invocation): {
  target: WireStackTarget;
  services: readonly string[];
} {
  const name = invocation.text("project-name");
  if (name !== undefined && invocation.texts("file").length === 0)
    return { target: { name }, services: invocation.arguments };
  const { source, services } = readSource(invocation);
  return { target: source, services };
}

/** A stack by name when only a name is given, otherwise by its files. */
function readTarget(invocation: Invocation): WireStackTarget {
  const { target, services } = readTargetAndServices(invocation);
  if (services[0] === undefined) return target;
  return { name: basename(services[0]) };
}

function printStack(status: WireStackStatus, asJson: boolean): void {
  for (const warning of status.warnings) process.stderr.write(`virga: warning: ${warning}\n`);
  if (asJson) {
    console.log(JSON.stringify(status, null, 2));
    return;
  }
  const rows = status.services.map((one) => [
    one.service,
    one.container,
    one.health ? `${one.state} (${one.health})` : one.state,
    one.ports.join(", "),
  ]);
  process.stdout.write(table(["SERVICE", "CONTAINER", "STATE", "PORTS"], rows));
  const urls = [...new Set(status.services.flatMap((one) => one.urls))];
  for (const url of urls) console.log(`\n  ${paint("green", url)}`);
}
