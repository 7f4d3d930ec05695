import { fail } from "../../base/index.ts";
import type { WireStackStatus } from "../../api/client/index.ts";
import { jsonOption, quietOption, type Command, type Invocation, type Option } from "../command.ts";
import { ensureDaemon, needDaemon } from "../connection.ts";
import { allCredentials } from "../credentials.ts";
import { follow } from "../operation.ts";
import { table } from "../output.ts";
import { readSource, readWholeTarget, sourceOptions } from "../stack-source.ts";
import { printStack } from "../stack-view.ts";
import { print, printJson } from "../terminal.ts";

const upOptions: Readonly<Record<string, Option>> = {
  build: { type: "boolean", help: "build images even when they are there" },
  "no-build": { type: "boolean", help: "never build" },
  "force-recreate": { type: "boolean", help: "make every container anew" },
  "remove-orphans": { type: "boolean", help: "remove containers of services that are no longer in the file" },
  "no-start": { type: "boolean", help: "create only" },
  "no-wait": { type: "boolean", help: "do not wait until the services are healthy" },
  scale: { type: "string", multiple: true, value: "SERVICE=N", help: "so many containers of a service" },
};

const sourceUsage = "[FOLDER | FILE] [SERVICE...]";
const targetUsage = "[FOLDER | FILE | NAME]";

const goOn = "what was made stays: virga up goes on from there, virga down takes it away";

export const up: Command = {
  name: "up",
  summary: "Build and start what a Compose file describes; again: change only what changed",
  usage: sourceUsage,
  options: { ...sourceOptions, ...upOptions, ...jsonOption },
  completes: ["folder", "service"],
  async run(invocation) {
    const { source, services } = readSource(invocation);
    const options = { services, ...readUpOptions(invocation) };
    const registryAuth = await allCredentials();
    const client = await ensureDaemon(invocation.root);
    const operation = await client.up(source, options, registryAuth);
    const status = (await follow(client, operation.id, goOn)) as WireStackStatus;
    printStack(status, invocation.flag("json"));
    return 0;
  },
};

export const down: Command = {
  name: "down",
  summary: "Stop and remove a stack; its volumes stay unless --volumes is given",
  usage: targetUsage,
  options: {
    ...sourceOptions,
    volumes: { type: "boolean", short: "v", help: "remove its volumes too: their data is lost" },
    "remove-orphans": { type: "boolean", help: "also containers of services that are no longer in the file" },
    rmi: {
      type: "string",
      value: "all|local",
      choices: ["all", "local"],
      help: "also remove images: all, or those that were built",
    },
    timeout: { type: "number", short: "t", value: "SECONDS", help: "wait so long for a container to stop" },
  },
  arguments: { max: 1 },
  completes: ["stack"],
  async run(invocation) {
    const client = await ensureDaemon(invocation.root);
    const images = invocation.text("rmi") as "all" | "local" | undefined;
    const timeout = invocation.number("timeout");
    const operation = await client.down(readWholeTarget(invocation), {
      volumes: invocation.flag("volumes"),
      removeOrphans: invocation.flag("remove-orphans"),
      ...(images ? { images } : {}),
      ...(timeout === undefined ? {} : { timeout }),
    });
    await follow(client, operation.id, "what is left goes with: virga down");
    return 0;
  },
};

export const stacks: Command = {
  name: "stacks",
  summary: "List the stacks and how many of their services run",
  usage: "",
  options: { ...jsonOption, ...quietOption },
  arguments: { max: 0 },
  async run(invocation) {
    const all = await (await needDaemon(invocation.root)).stacks();
    if (invocation.flag("json")) printJson(all);
    else if (invocation.flag("quiet")) print(all.map((one) => one.name).join("\n"));
    else {
      const rows = all.map((one) => [one.name, String(one.services), String(one.running)]);
      print(table(["STACK", "SERVICES", "RUNNING"], rows));
    }
    return 0;
  },
};

export const plan: Command = {
  name: "plan",
  summary: "Say what up would do, and change nothing",
  usage: sourceUsage,
  options: { ...sourceOptions, ...upOptions, ...jsonOption },
  completes: ["folder", "service"],
  async run(invocation) {
    const { source, services } = readSource(invocation);
    const client = await ensureDaemon(invocation.root);
    const lines = await client.plan(source, { services, ...readUpOptions(invocation) });
    if (invocation.flag("json")) printJson(lines);
    else print(lines.length === 0 ? "nothing to do" : lines.join("\n"));
    return 0;
  },
};

export const config: Command = {
  name: "config",
  summary: "Check a Compose file and print it with everything filled in",
  usage: "[FOLDER | FILE]",
  options: { ...sourceOptions, ...jsonOption },
  arguments: { max: 1 },
  completes: ["folder"],
  async run(invocation) {
    const client = await ensureDaemon(invocation.root);
    printJson(await client.config(readSource(invocation).source));
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
