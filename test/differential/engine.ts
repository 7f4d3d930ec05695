import { createHash } from "node:crypto";
import { exchange, type ExchangeResponse } from "./exchange.ts";
import type { Body, Case, Request } from "./request.ts";
import { valueAt } from "./paths.ts";
import { readTar, writeTar } from "./tar.ts";

/** One of the two that are compared. */
export interface Engine {
  readonly name: "docker" | "virga";
  readonly socket: string;
  /** What stands for a text of this engine alone: its root, its folder. */
  readonly own: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
}

/** An answer as it is compared, and what it takes to mask it. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Outcome {
  readonly answers: readonly Answer[];
  readonly saved: ReadonlyMap<string, string>;
}

const version = "/v1.41";
const shownHeaders = ["content-type", "x-docker-container-path-stat"];

export async function play(engine: Engine, one: Case): Promise<Outcome> {
  const saved = new Map(Object.entries(engine.variables));
  // What has happened just now lies before the next millisecond, and what this case does after it.
  const start = Date.now() + 1;
  saved.set("start", secondsText(start));
  while (Date.now() <= start) await Bun.sleep(1);
  const bodies = new Map<string, Buffer>();
  const answers: Answer[] = [];
  for (const request of one.requests) {
    // The clock shows whole milliseconds; what has just happened lies before the end of this one.
    saved.set("now", secondsText(Date.now() + 1));
    const { response, answer } = await ask(engine, request, saved, bodies);
    for (const [name, at] of Object.entries(request.save ?? {})) {
      if (at === "*") bodies.set(name, response.body);
      else saved.set(name, String(valueAt(answer.body, at)));
    }
    answers.push(answer);
  }
  return { answers, saved };
}

const secondsText = (milliseconds: number) => (milliseconds / 1000).toFixed(3);

async function ask(
  engine: Engine,
  request: Request,
  saved: ReadonlyMap<string, string>,
  bodies: ReadonlyMap<string, Buffer>,
): Promise<{ response: ExchangeResponse; answer: Answer }> {
  const path = filled(request.path, saved);
  const body = request.body === undefined ? undefined : await encode(request.body, saved, bodies);
  for (let turn = 0; ; turn++) {
    const response = await exchange(engine.socket, {
      method: request.method,
      path: /^\/v\d/.test(path) ? path : `${version}${path}`,
      headers: { ...(body === undefined ? {} : { "Content-Type": body.type }), ...request.headers },
      ...(body === undefined ? {} : { body: body.bytes }),
      ...(request.stdin === undefined ? {} : { stdin: request.stdin }),
    });
    const answer = {
      status: response.status,
      headers: Object.fromEntries(
        shownHeaders.flatMap((name) =>
          response.headers[name] === undefined ? [] : [[name, response.headers[name]]],
        ),
      ) as Record<string, string>,
      body: await decode(request, response),
    };
    const { until } = request;
    if (until === undefined || Bun.deepEquals(valueAt(answer.body, until.at), until.is))
      return { response, answer };
    if (turn > 200)
      throw new Error(
        `${engine.name}: ${path}: ${until.at} is not ${JSON.stringify(until.is)}: ${JSON.stringify(answer)}`,
      );
    await Bun.sleep(50);
  }
}

function filled(text: string, saved: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\{([a-z][\w-]*)\}/g, (whole, name: string) => saved.get(name) ?? whole);
}

async function encode(body: Body, saved: ReadonlyMap<string, string>, bodies: ReadonlyMap<string, Buffer>) {
  if ("json" in body)
    return { type: "application/json", bytes: Buffer.from(filled(JSON.stringify(body.json), saved)) };
  if ("text" in body) return { type: "application/json", bytes: Buffer.from(body.text) };
  if ("saved" in body) return { type: "application/x-tar", bytes: bodies.get(body.saved)! };
  const files = Object.entries(body.tar).map(([name, text]) => [name, filled(text, saved)] as const);
  return { type: "application/x-tar", bytes: writeTar(Object.fromEntries(files)) };
}

async function decode(request: Request, response: ExchangeResponse): Promise<unknown> {
  const { body } = response;
  const type = response.headers["content-type"] ?? "";
  const failed = response.status >= 400;
  const as = failed ? undefined : request.as;
  if (as === "nothing" || (body.length === 0 && as === undefined))
    return body.length === 0 ? null : "(something)";
  if (as === "frames" || (!failed && as === undefined && isFrames(type, body))) return frames(body);
  if (as === "tar" || type === "application/x-tar") return await readTar(body);
  if (as === "text") return body.toString();
  if (as === "lines") return joined(lines(body));
  if (type.startsWith("application/json"))
    return lines(body).length > 1 ? lines(body) : parsed(body.toString());
  return body.toString();
}

/** Docker 20.10 says nothing of a stream's type, or that it is raw. */
function isFrames(type: string, body: Buffer): boolean {
  return (
    !type.startsWith("application/json") && body.length >= 8 && body[0]! <= 2 && body.readUIntBE(1, 3) === 0
  );
}

function lines(body: Buffer): unknown[] {
  return body
    .toString()
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "")
    .map(parsed);
}

/** Which pieces the output of a build comes in is chance. */
function joined(list: readonly unknown[]): unknown[] {
  const texts: unknown[] = [];
  for (const one of list) {
    const text = (one as { stream?: unknown } | null)?.stream;
    const last = texts.at(-1) as { stream?: unknown } | undefined;
    if (typeof text === "string" && typeof last?.stream === "string")
      texts[texts.length - 1] = { stream: last.stream + text };
    else texts.push(one);
  }
  return texts.flatMap((one) => {
    const text = (one as { stream?: unknown } | null)?.stream;
    return typeof text === "string"
      ? Bun.stripANSI(text)
          .split("\n")
          .filter((line) => line !== "")
      : [one];
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The text of each stream; which pieces it came in is chance. */
function frames(body: Buffer): unknown {
  const texts: Record<string, Buffer[]> = {};
  for (let at = 0; at + 8 <= body.length;) {
    const size = body.readUInt32BE(at + 4);
    const name = ["stdin", "stdout", "stderr"][body[at]!] ?? "other";
    (texts[name] ??= []).push(body.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  return Object.fromEntries(
    Object.entries(texts).map(([name, parts]) => [name, shownBytes(Buffer.concat(parts))]),
  );
}

export function shownBytes(bytes: Buffer): string {
  return bytes.length > 4096
    ? `${bytes.length} bytes ${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`
    : bytes.toString();
}
