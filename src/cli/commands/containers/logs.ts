import { fail, isVirgaError } from "../../../base/index.ts";
import { bodyOf, framedOutput, part, type OutputPiece } from "../../../api/client/docker/index.ts";
import type { Client, WireStackTarget } from "../../../api/client/index.ts";
import { type Command, type Invocation } from "../../command.ts";
import { engineOf, needDaemon } from "../../connection.ts";
import { named } from "../../nearest-name.ts";
import { print } from "../../terminal.ts";

export const logs: Command = {
  name: "logs",
  summary: "Show what a container, or the services of a stack, have written",
  usage: "[CONTAINER | STACK | FOLDER | FILE] [SERVICE...]",
  options: {
    follow: { type: "boolean", short: "f", help: "go on with what comes, until Ctrl-C" },
    tail: {
      type: "string",
      short: "n",
      value: "LINES",
      help: "so many lines of each container from the end, or all (the default)",
    },
    since: {
      type: "string",
      value: "TIME",
      help: "from a time on (2026-01-31T12:00:00) or so long ago (10m)",
    },
    until: { type: "string", value: "TIME", help: "up to a time, or up to so long ago" },
    timestamps: { type: "boolean", short: "t", help: "show times" },
    "no-log-prefix": { type: "boolean", help: "of a stack: show lines without their container" },
    json: { type: "boolean", help: "print a JSON object a line" },
    file: { type: "string", multiple: true, value: "FILE", help: "the stack in this Compose file" },
    "project-name": {
      type: "string",
      short: "p",
      value: "STACK",
      help: "the stack of this name",
      completes: "stack",
    },
  },
  completes: ["container", "service"],
  details: `What the first argument names is looked for in this order: a folder or file with a stack; a service of the stack in the
folder where you are; a container; a stack. Without an argument it is the stack in this folder. What a container wrote to
stderr goes to stderr.`,
  async run(invocation) {
    const found = await findStack(invocation);
    return found === undefined ? await containerLogs(invocation) : await stackLogs(invocation, found);
  },
};

interface StackLogs {
  readonly client: Client;
  readonly target: WireStackTarget;
  readonly services: readonly string[];
}

/** The stack that the arguments are about; undefined when they are about a container. */
async function findStack(invocation: Invocation): Promise<StackLogs | undefined> {
  const { readTarget, readPlace, isHere } = await import("../../stack-source.ts");
  const [first, ...others] = invocation.arguments;
  const isNamed = invocation.given("file") || invocation.given("project-name");
  const { place } = readPlace(invocation);
  if (first === undefined || isNamed || place !== undefined) {
    return { client: await needDaemon(invocation.root), ...readTarget(invocation) };
  }
  if (isHere(invocation)) {
    const client = await needDaemon(invocation.root);
    const { target, services } = readTarget(invocation);
    const status = await client.stack(target);
    if (status.services.some((one) => one.service === first)) return { client, target, services };
  }
  const docker = engineOf(invocation.root);
  try {
    await docker.container(first);
    return undefined;
  } catch (error) {
    if (!isVirgaError(error, "not-found")) throw error;
  }
  const client = await needDaemon(invocation.root);
  const isStack = (await client.stacks()).some((one) => one.name === first);
  return isStack ? { client, target: { name: first }, services: others } : undefined;
}

async function stackLogs(invocation: Invocation, { client, target, services }: StackLogs): Promise<number> {
  if (invocation.given("until") && invocation.flag("follow")) {
    throw fail("invalid", "cli.usage", "of a stack, --until does not go with --follow", {
      hint: "leave one of them out",
    });
  }
  const { createPrefix } = await import("../../stack-view.ts");
  const prefix = createPrefix(await client.stack(target), services);
  const tail = readTail(invocation);
  const options = {
    services,
    follow: invocation.flag("follow"),
    ...(tail === undefined ? {} : { tail }),
    ...span(invocation),
  };
  return await untilInterrupted(async (signal) => {
    for await (const line of client.logs(target, options, signal)) {
      const text = line.text.replace(/\n$/, "");
      const name = invocation.flag("no-log-prefix") ? "" : prefix(line.container);
      const time = invocation.flag("timestamps") ? `${line.time} ` : "";
      print(invocation.flag("json") ? JSON.stringify({ ...line, text }) : `${name}${time}${text}\n`);
    }
  });
}

async function containerLogs(invocation: Invocation): Promise<number> {
  const docker = engineOf(invocation.root);
  const [name = "", other] = invocation.arguments;
  if (other !== undefined) {
    throw fail("invalid", "cli.usage", "too many arguments: a container has no services", {
      hint: "virga logs --help",
    });
  }
  const json = invocation.flag("json");
  const { Id, Config, Name } = await named(docker, "container", name, () => docker.container(name));
  return await untilInterrupted(async (signal) => {
    const response = await docker.transport.request("GET", `/containers/${part(Id)}/logs`, {
      query: {
        stdout: 1,
        stderr: 1,
        follow: invocation.flag("follow") || undefined,
        tail: readTail(invocation),
        since: timeOf(invocation, "since"),
        until: timeOf(invocation, "until"),
        timestamps: json || invocation.flag("timestamps") || undefined,
      },
      signal,
    });
    const bytes = bodyOf(response, signal);
    const pieces = Config.Tty === true ? unframed(bytes) : framedOutput(bytes);
    if (json) await printLines(pieces, Name.replace(/^\//, ""));
    else await copy(pieces);
  });
}

function span(invocation: Invocation): { readonly since?: string; readonly until?: string } {
  const [since, until] = [timeOf(invocation, "since"), timeOf(invocation, "until")];
  return { ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) };
}

/** Docker wants seconds; a length of time is from now back. */
function timeOf(invocation: Invocation, option: string): string | undefined {
  const text = invocation.text(option);
  return text === undefined ? undefined : secondsOf(text, option);
}

export function secondsOf(text: string, option: string, now = Date.now()): string {
  if (/^\d+(\.\d+)?$/.test(text)) return text;
  const length = /^(\d+)(s|m|h|d)$/.exec(text);
  const factor = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
  const time = length
    ? now - Number(length[1]) * factor[length[2] as keyof typeof factor] * 1000
    : Date.parse(text);
  if (Number.isNaN(time)) {
    throw fail("invalid", "cli.usage", `--${option} takes a time or a length of time, not '${text}'`, {
      hint: `--${option} 10m, or --${option} 2026-01-31T12:00:00Z`,
    });
  }
  return (time / 1000).toFixed(3);
}

async function* unframed(source: AsyncIterable<Uint8Array>): AsyncIterableIterator<OutputPiece> {
  for await (const data of source) yield { stream: "stdout", data };
}

async function copy(pieces: AsyncIterable<OutputPiece>): Promise<void> {
  const { byteSink } = await import("../../session.ts");
  await using out = byteSink(1);
  await using err = byteSink(2);
  for await (const { stream, data } of pieces) {
    if (!(await (stream === "stdout" ? out : err).write(data))) return;
  }
}

/** Each line begins with its time. */
async function printLines(pieces: AsyncIterable<OutputPiece>, container: string): Promise<void> {
  const rest = { stdout: "", stderr: "" };
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const show = (stream: OutputPiece["stream"], line: string) => {
    const at = line.indexOf(" ");
    print(JSON.stringify({ container, stream, time: line.slice(0, at), text: line.slice(at + 1) }));
  };
  for await (const { stream, data } of pieces) {
    const lines = (rest[stream] + decoders[stream].decode(data, { stream: true })).split("\n");
    rest[stream] = lines.pop() ?? "";
    for (const line of lines) show(stream, line.replace(/\r$/, ""));
  }
  for (const stream of ["stdout", "stderr"] as const) if (rest[stream] !== "") show(stream, rest[stream]);
}

function readTail(invocation: Invocation): number | undefined {
  const text = invocation.text("tail");
  if (text === undefined || text === "all") return undefined;
  if (!/^-?\d+$/.test(text)) {
    throw fail("invalid", "cli.usage", `--tail takes a whole number or all, not '${text}'`, {
      hint: "virga logs --help",
    });
  }
  return Number(text) < 0 ? undefined : Number(text);
}

/** Ctrl-C ends it without an error: 130. */
export async function untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort());
  try {
    await work(interrupted.signal);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
  }
  return interrupted.signal.aborted ? 130 : 0;
}
