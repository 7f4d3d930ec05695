import type { Answer, Engine, Outcome } from "./engine.ts";
import { matches } from "./paths.ts";
import type { Case, Request } from "./request.ts";

/** One value that is not the same. `nothing` stands for a field that is not there. */
export interface Difference {
  readonly case: string;
  /** `GET /containers/a/json`. */
  readonly request: string;
  /** `status`, `headers.content-type`, `body.HostConfig.Memory`. */
  readonly at: string;
  readonly docker: unknown;
  readonly virga: unknown;
}

export const nothing = "(nothing)";

/** Numbers that are different on every run. */
const volatile = /^(Pid|time|timeNano|created|createdAt|Created|LastTagTime|Ttl|SystemTime|NFd|NGoroutines)$/;

export function compare(one: Case, docker: [Engine, Outcome], virga: [Engine, Outcome]): Difference[] {
  return one.requests.flatMap((request, index) => {
    const [left, right] = ([docker, virga] as const).map(([engine, outcome]) =>
      masked(request, outcome.answers[index]!, engine, outcome.saved),
    ) as [Masked, Masked];
    const label = `${request.method} ${request.path.replace(/\?.*/, "")}`;
    return different(left, right).map(({ at, docker, virga }) => ({
      case: one.name,
      request: label,
      at,
      docker,
      virga,
    }));
  });
}

/** Where only one of them refuses, that alone is told: `answer`, with the status and what was said of it. */
function different(docker: Masked, virga: Masked): Pick<Difference, "at" | "docker" | "virga">[] {
  if (docker.status < 400 === virga.status < 400) return walk(docker, virga, "");
  return [{ at: "answer", docker: inShort(docker), virga: inShort(virga) }];
}

function inShort({ status, body }: Masked): string {
  const { message } = (body ?? {}) as { message?: string };
  return status < 400 ? String(status) : `${status} ${message ?? JSON.stringify(body)}`;
}

interface Masked {
  readonly status: number;
  readonly headers?: unknown;
  readonly body?: unknown;
}

function masked(
  request: Request,
  answer: Answer,
  engine: Engine,
  saved: ReadonlyMap<string, string>,
): Masked {
  if (request.quiet) return { status: answer.status };
  const names = [
    ...Object.entries(engine.own),
    ...[...saved].filter(([name]) => !["start", "now"].includes(name)),
  ];
  const hide = (text: string) => hideTexts(text, names);
  const tree = maskTree(answer.body, "", request, hide);
  const only = request.only;
  return {
    status: answer.status,
    headers:
      only === undefined
        ? Object.fromEntries(
            Object.entries(answer.headers).map(([name, value]) => [name, shownHeader(name, value, hide)]),
          )
        : {},
    body:
      only === undefined
        ? tree
        : Object.fromEntries(flat(tree, "").filter(([at]) => only.some((pattern) => matches(pattern, at)))),
  };
}

/** The path-stat header is JSON in base64. */
function shownHeader(name: string, value: string, hide: (text: string) => string): unknown {
  if (name !== "x-docker-container-path-stat") return value.replace(/;\s*charset=utf-8$/i, "");
  return maskTree(JSON.parse(Buffer.from(value, "base64").toString()), "", {}, hide);
}

function maskTree(
  value: unknown,
  at: string,
  request: Pick<Request, "mask" | "unordered">,
  hide: (text: string) => string,
): unknown {
  if (request.mask?.some((pattern) => matches(pattern, at))) return `(${kindOf(value)})`;
  if (typeof value === "string") return hide(value);
  if (typeof value === "number")
    return volatile.test(at.split(".").at(-1) ?? "") && value !== 0 ? "(number)" : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const list = value.map((one, index) => maskTree(one, `${at}.${index}`.replace(/^\./, ""), request, hide));
    if (!request.unordered?.some((pattern) => matches(pattern, at))) return list;
    return Object.fromEntries(list.map((one) => [nameOf(one), one]));
  }
  const entries = Object.entries(value).map(([name, one]) => {
    const path = at === "" ? name : `${at}.${name}`;
    return [hide(name), maskTree(one, path, request, hide)] as const;
  });
  return Object.fromEntries(entries);
}

/** What tells the entry of a list from the others, whatever their order. */
function nameOf(entry: unknown): string {
  if (typeof entry !== "object" || entry === null) return JSON.stringify(entry);
  const { Destination, Path, Name, RepoTags, IP, PrivatePort } = entry as Record<string, string | undefined>;
  const port = PrivatePort === undefined ? undefined : `${IP}:${PrivatePort}`;
  return Destination ?? Path ?? Name ?? port ?? JSON.stringify(RepoTags ?? entry);
}

/** What differs from run to run becomes its kind in angle brackets. */
function hideTexts(text: string, names: readonly (readonly [string, string])[]): string {
  let shown = text;
  for (const [name, value] of names) {
    if (value.length < 8) continue;
    shown = shown.replaceAll(value, `<${name}>`);
    if (/^[0-9a-f]{64}$/.test(value)) shown = shown.replaceAll(value.slice(0, 12), `<${name}>`);
  }
  return shown
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, (time) =>
      time.startsWith("0001-01-01") ? time : "<time>",
    )
    .replaceAll(/\b[0-9a-f]{64}\b/g, "<64 hex>")
    .replaceAll(/\b[0-9a-f]{12}\b/g, "<12 hex>")
    .replaceAll(/\b02:42(:[0-9a-f]{2}){4}\b/gi, "<mac>")
    .replaceAll(/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/gi, "<mac>")
    .replaceAll(/\b(?!10\.9[89]\.)(172|10|192\.168)(\.\d+){2,3}\b/g, "<address>")
    .replaceAll(/\b(32[7-9]\d\d|3[3-9]\d\d\d|[45]\d{4}|6[0-5]\d{3})\b/g, "<port>")
    .replaceAll(/\b(Less than a|About an?|\d+) (second|minute|hour)s?( ago)?\b/g, "<time span>$3");
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}

function walk(docker: unknown, virga: unknown, at: string): Pick<Difference, "at" | "docker" | "virga">[] {
  if (Bun.deepEquals(docker, virga)) return [];
  const lists = Array.isArray(docker) && Array.isArray(virga);
  if (lists && docker.length !== virga.length) return unpaired(docker, virga, at);
  if (!lists && !(isObject(docker) && isObject(virga))) return [{ at, docker, virga }];
  const [left, right] = [docker, virga] as [Record<string, unknown>, Record<string, unknown>];
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].flatMap((name) =>
    walk(
      name in left ? left[name] : nothing,
      name in right ? right[name] : nothing,
      at === "" ? name : `${at}.${name}`,
    ),
  );
}

/** Lists of different length: what only one of them has. */
function unpaired(docker: readonly unknown[], virga: readonly unknown[], at: string) {
  const rest = [...virga];
  const missing = docker.filter((one) => {
    const index = rest.findIndex((other) => Bun.deepEquals(one, other));
    if (index >= 0) rest.splice(index, 1);
    return index < 0;
  });
  const alone = missing.flatMap((one) => {
    const index = rest.findIndex((other) => isObject(one) && isObject(other) && sameEvent(one, other));
    if (index < 0) return [{ at: `${at}[]`, docker: one, virga: nothing }];
    return walk(one, rest.splice(index, 1)[0], `${at}[]`);
  });
  return [...alone, ...rest.map((one) => ({ at: `${at}[]`, docker: nothing, virga: one }))];
}

function sameEvent(one: Record<string, unknown>, other: Record<string, unknown>): boolean {
  return one["Type"] !== undefined && one["Type"] === other["Type"] && one["Action"] === other["Action"];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function flat(value: unknown, at: string): [string, unknown][] {
  if (typeof value !== "object" || value === null || Object.keys(value).length === 0) return [[at, value]];
  return Object.entries(value).flatMap(([name, one]) => flat(one, at === "" ? name : `${at}.${name}`));
}
