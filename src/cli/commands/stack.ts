import { fail } from "../../base/index.ts";
import type { WireStackStatus } from "../../api/client/index.ts";
import type { Command, Invocation, Option } from "../command.ts";
import { ensureDaemon, needDaemon } from "../connection.ts";
import { follow } from "../operation.ts";
import { paint, table } from "../output.ts";
import { readSource, readTarget, readWholeTarget, sourceOptions } from "../stack-source.ts";

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
  options: { ...sourceOptions, ...upOptions, json: { type: "boolean", help: "print JSON" } },
  async run(invocation) {
    const { source, services } = readSource(invocation);
    const client = await ensureDaemon(invocation.root, (line) => process.stderr.write(`virga: ${line}\n`));
    const operation = await client.up(source, { services, ...readUpOptions(invocation) });
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

export const ps: Command = {
  name: "ps",
  summary: "List the containers of a stack, or all stacks with --all",
  usage: targetUsage,
  options: {
    ...sourceOptions,
    all: { type: "boolean", short: "a", help: "list every stack" },
    json: { type: "boolean", help: "print JSON" },
  },
  arguments: { max: 1 },
  async run(invocation) {
    const client = await needDaemon(invocation.root);
    if (!invocation.flag("all")) {
      printStack(await client.stack(readWholeTarget(invocation)), invocation.flag("json"));
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
  usage: `${targetUsage} [SERVICE...]`,
  options: {
    ...sourceOptions,
    // As with docker compose, -f is --follow here.
    file: { type: "string", multiple: true, value: "FILE", help: sourceOptions.file.help },
    follow: { type: "boolean", short: "f", help: "go on with what comes, until Ctrl-C" },
    tail: {
      type: "string",
      short: "n",
      value: "LINES",
      help: "so many lines of each container from the end, or all (the default)",
    },
    timestamps: { type: "boolean", short: "t", help: "show times" },
    "no-log-prefix": { type: "boolean", help: "show lines without their container" },
  },
  async run(invocation) {
    const client = await needDaemon(invocation.root);
    const { target, services } = readTarget(invocation);
    const options = { services, follow: invocation.flag("follow"), ...readTail(invocation) };
    const status = await client.stack(target);
    const prefix = createPrefix(status, services);
    const interrupted = new AbortController();
    process.once("SIGINT", () => interrupted.abort());
    try {
      for await (const line of client.logs(target, options, interrupted.signal)) {
        const name = invocation.flag("no-log-prefix") ? "" : prefix(line.container);
        const time = invocation.flag("timestamps") ? `${line.time} ` : "";
        process.stdout.write(`${name}${time}${line.text.replace(/\n$/, "")}\n`);
      }
    } catch (error) {
      if (!interrupted.signal.aborted) throw error;
    }
    return interrupted.signal.aborted ? 130 : 0;
  },
};

function readTail(invocation: Invocation): { readonly tail?: number } {
  if (invocation.text("tail") === "all") return {};
  const tail = invocation.number("tail");
  return tail === undefined || tail < 0 ? {} : { tail };
}

/** `web-1 | `, as wide for every container; the stack's own name is left out. */
function createPrefix(status: WireStackStatus, services: readonly string[]): (container: string) => string {
  const short = (name: string) =>
    name.startsWith(`${status.name}-`) ? name.slice(status.name.length + 1) : name;
  const shown = status.services.filter((one) => services.length === 0 || services.includes(one.service));
  let width = Math.max(0, ...shown.map((one) => short(one.container).length));
  return (container) => {
    const name = short(container);
    width = Math.max(width, name.length);
    return `${paint("cyan", `${name.padEnd(width)} |`)} `;
  };
}

export const plan: Command = {
  name: "plan",
  summary: "Say what up would do, and change nothing",
  usage: sourceUsage,
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

function printStack(status: WireStackStatus, asJson: boolean): void {
  if (asJson) {
    console.log(JSON.stringify(status, null, 2));
    return;
  }
  if (status.services.length === 0) {
    process.stderr.write(`the stack ${status.name} has no containers\n  next: virga up\n`);
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
  if (urls.length > 0) console.log(`\n${urls.map((url) => `  ${paint("green", url)}`).join("\n")}`);
}
