import { formatBytes, shortId } from "../../../base/index.ts";
import type { ContainerSummary, PortSummary } from "../../../api/client/docker/index.ts";
import { jsonOption, type Command, type Invocation } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { filterOption, filtersOf } from "../../filters.ts";
import { table } from "../../output.ts";
import { print, printJson } from "../../terminal.ts";
import { ago } from "../../time.ts";

export const ps: Command = {
  name: "ps",
  summary: "List containers, or the services of one stack",
  usage: "[STACK | FOLDER | FILE]",
  options: {
    all: { type: "boolean", short: "a", help: "also containers that do not run" },
    ...filterOption,
    last: { type: "number", short: "n", help: "the last N that were created, in any state" },
    latest: { type: "boolean", short: "l", help: "the last that was created, in any state" },
    "no-trunc": { type: "boolean", help: "show ids, images and commands in full" },
    quiet: { type: "boolean", short: "q", help: "print ids only" },
    size: { type: "boolean", short: "s", help: "show how much each has written" },
    ...jsonOption,
    "project-name": {
      type: "string",
      short: "p",
      value: "STACK",
      help: "the services of this stack",
      completes: "stack",
    },
    file: {
      type: "string",
      multiple: true,
      value: "FILE",
      help: "the services of the stack in this Compose file",
    },
  },
  arguments: { max: 1 },
  completes: ["stack"],
  details: `Without an argument it lists the running containers of the whole daemon, in whatever folder you are; the column STACK
says to which stack one belongs. With the name of a stack, a folder or a Compose file it lists that stack's services:
virga ps shop, or virga ps . for the stack in this folder.`,
  async run(invocation) {
    const isStack =
      invocation.arguments.length > 0 || invocation.given("project-name") || invocation.given("file");
    if (isStack) return await printServices(invocation);
    const containers = await list(invocation);
    if (invocation.flag("quiet")) print(containers.map((one) => idOf(one, invocation)).join("\n"));
    else if (invocation.flag("json")) printJson(containers);
    else print(tableOf(containers, invocation));
    return 0;
  },
};

async function printServices(invocation: Invocation): Promise<number> {
  const [{ needDaemon }, { readWholeTarget }, { printStack }] = await Promise.all([
    import("../../connection.ts"),
    import("../../stack-source.ts"),
    import("../../stack-view.ts"),
  ]);
  const client = await needDaemon(invocation.root);
  const status = await client.stack(readWholeTarget(invocation));
  if (invocation.flag("quiet")) print(status.services.map((one) => shortId(one.containerId)).join("\n"));
  else printStack(status, invocation.flag("json"));
  return 0;
}

function list(invocation: Invocation): Promise<readonly ContainerSummary[]> {
  const limit = invocation.flag("latest") ? 1 : invocation.number("last");
  return engineOf(invocation.root).containers({
    all: invocation.flag("all") || undefined,
    limit,
    size: invocation.flag("size") || undefined,
    filters: filtersOf(invocation.texts("filter")),
  });
}

function idOf(container: ContainerSummary, invocation: Invocation): string {
  return invocation.flag("no-trunc") ? container.Id : shortId(container.Id);
}

function tableOf(containers: readonly ContainerSummary[], invocation: Invocation): string {
  const full = invocation.flag("no-trunc");
  const stacks = containers.some((one) => stackOf(one) !== "");
  const size = invocation.flag("size");
  const command = (text: string) => (full || text.length <= 24 ? text : `${text.slice(0, 23)}…`);
  const rows = containers.map((one) => [
    nameOf(one),
    idOf(one, invocation),
    full ? one.Image : one.Image.replace(/^sha256:([0-9a-f]{12}).*/, "$1"),
    command(one.Command),
    ago(one.Created),
    one.Status,
    portsText(one.Ports),
    ...(stacks ? [stackOf(one)] : []),
    ...(size ? [`${formatBytes(one.SizeRw ?? 0)} (of ${formatBytes(one.SizeRootFs ?? 0)})`] : []),
  ]);
  const headings = ["NAME", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS"];
  return table([...headings, ...(stacks ? ["STACK"] : []), ...(size ? ["SIZE"] : [])], rows);
}

export function nameOf(container: ContainerSummary): string {
  return (container.Names[0] ?? "").replace(/^\//, "");
}

function stackOf(container: ContainerSummary): string {
  return container.Labels["com.docker.compose.project"] ?? "";
}

/** `0.0.0.0:8080->80/tcp, 443/tcp`; an address of both families is shown once. */
function portsText(ports: readonly PortSummary[]): string {
  const texts = ports.map((port) => {
    if (port.PublicPort === undefined) return `${port.PrivatePort}/${port.Type}`;
    const address = port.IP === undefined || port.IP === "::" ? "0.0.0.0" : port.IP;
    return `${address.includes(":") ? `[${address}]` : address}:${port.PublicPort}->${port.PrivatePort}/${port.Type}`;
  });
  return [...new Set(texts)].join(", ");
}
