import { newId } from "../../../base/index.ts";
import {
  failureOf,
  type BuildRequest,
  type Builds,
  type LintWarning,
  type Outline,
} from "../../../builds/index.ts";
import { codes, RpcError } from "../rpc/status.ts";
import { lineIn } from "./build-error.ts";
import type { BuiltResult } from "./result.ts";

type Asked = Pick<Builds, "check" | "outline">;
type Answer = (builds: Asked, request: BuildRequest, signal: AbortSignal) => Promise<BuiltResult>;

interface Subrequest {
  readonly description: string;
  readonly answer: Answer;
  /** `result.statuscode` is told, too. */
  readonly status?: true;
}

/** Questions about a Dockerfile that clients may ask instead of a build: `docker build --call=check` and so on. */
const subrequests: Readonly<Record<string, Subrequest>> = {
  "frontend.lint": { description: "Lint a Dockerfile", answer: lint, status: true },
  "frontend.outline": { description: "List all parameters current build target supports", answer: outline },
  "frontend.targets": { description: "List all targets current build supports", answer: targets },
  "frontend.subrequests.describe": {
    description: "List available subrequest types",
    answer: () => Promise.resolve(result(described(), describedText())),
  },
};

export async function answerSubrequest(
  builds: Asked,
  name: string,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<BuiltResult> {
  const known = Object.hasOwn(subrequests, name) ? subrequests[name] : undefined;
  if (known) return await known.answer(builds, request, signal);
  const value = Buffer.from(JSON.stringify({ name }));
  const detail = { typeUrl: "github.com/moby/buildkit/errdefs.Subrequest+json", value };
  const text = `unsupported request '${name}'; there are ${Object.keys(subrequests).join(", ")}`;
  throw new RpcError(codes.unimplemented, text, [detail]);
}

const version = "1.0.0";

function described() {
  return Object.entries(subrequests).map(([name, { description, status }]) => ({
    name,
    version,
    type: "rpc",
    description,
    opts: name === "frontend.outline" ? [{ name: "target", description: "Target build stage" }] : [],
    metadata: ["result.json", "result.txt", ...(status ? ["result.statuscode"] : [])].map((one) => ({
      name: one,
    })),
  }));
}

function describedText(): string {
  return described()
    .map(({ name, description }) => `${name} ${version}: ${description}\n`)
    .join("");
}

async function lint(builds: Asked, request: BuildRequest, signal: AbortSignal): Promise<BuiltResult> {
  const filename = nameOf(request);
  const data = Buffer.from(request.dockerfileText ?? "").toString("base64");
  const sources = [{ filename, data, language: "Dockerfile" }];
  let warnings: readonly LintWarning[] = [];
  let buildError: { readonly message: string; readonly location: unknown } | undefined;
  try {
    const checked = await builds.check(request, { signal });
    ({ warnings } = checked);
    const [first] = warnings;
    if (checked.failed && first) {
      const rules = [...new Set(warnings.map(({ rule }) => rule))].join(", ");
      buildError = { message: `lint violation found for rules: ${rules}`, location: locationOf(first) };
    }
  } catch (error) {
    // A file that can't be read is an answer, too.
    const message = error instanceof Error ? error.message : String(error);
    const line = failureOf(error)?.place.line ?? lineIn(message, filename);
    if (line === undefined) throw error;
    buildError = { message, location: locationOf({ start: line, end: line }) };
  }
  const text = warnings.map(
    ({ rule, url, message, start }) => `\nWARNING: ${rule} - ${url}\n${message}\n${filename}:${start}\n`,
  );
  const answer = {
    warnings: warnings.map(encodeWarning),
    sources,
    ...(buildError === undefined ? {} : { buildError }),
  };
  const shown = `${text.join("")}${buildError === undefined ? "" : `\nERROR: ${buildError.message}\n`}`;
  return result(answer, shown, shown === "" ? "0" : "1");
}

function encodeWarning({ rule, description, url, message, start, end }: LintWarning) {
  return { ruleName: rule, description, url, detail: message, location: locationOf({ start, end }) };
}

async function outline(builds: Asked, request: BuildRequest, signal: AbortSignal): Promise<BuiltResult> {
  const found = await builds.outline(request, { signal });
  const mounts = (kind: Outline["secrets"]) =>
    kind.map(({ name, required, ...place }) => ({
      name,
      ...(required ? { required } : {}),
      location: locationOf(place),
    }));
  const answer = {
    name: found.name,
    description: found.description,
    args: found.args.map(({ name, value = "", description, ...place }) => ({
      name,
      description,
      value,
      location: locationOf(place),
    })),
    secrets: mounts(found.secrets),
    ssh: mounts(found.ssh),
    sources: sourcesOf(request),
  };
  const line = (kind: string) => (one: { readonly name: string; readonly description?: string }) =>
    `${kind} ${one.name}${one.description ? `: ${one.description}` : ""}\n`;
  const text = [
    `TARGET ${found.name || "(default)"}\n`,
    ...found.args.map(line("BUILD ARG")),
    ...found.secrets.map(line("SECRET")),
    ...found.ssh.map(line("SSH")),
  ];
  return result(answer, text.join(""));
}

async function targets(builds: Asked, request: BuildRequest, signal: AbortSignal): Promise<BuiltResult> {
  const { target: _, ...whole } = request;
  const found = await builds.outline(whole, { signal });
  const answer = {
    targets: found.targets.map(({ isDefault, start, end, ...one }) => ({
      ...one,
      ...(isDefault ? { default: true } : {}),
      location: locationOf({ start, end }),
    })),
    sources: sourcesOf(request),
  };
  const text = found.targets.map(
    ({ name, isDefault, description }) =>
      `${name || "(unnamed)"}${isDefault ? " (default)" : ""} ${description}`.trimEnd() + "\n",
  );
  return result(answer, text.join(""));
}

function sourcesOf({ dockerfileText = "" }: BuildRequest): string[] {
  return [Buffer.from(dockerfileText).toString("base64")];
}

function nameOf({ dockerfile = "Dockerfile" }: BuildRequest): string {
  return dockerfile;
}

function locationOf({ start, end }: { readonly start: number; readonly end: number }) {
  return { ranges: [{ start: { line: start }, end: { line: end } }] };
}

function result(json: unknown, text: string, status?: string): BuiltResult {
  const metadata = {
    "result.json": Buffer.from(JSON.stringify(json, undefined, 2)),
    "result.txt": Buffer.from(text),
    version: Buffer.from(version),
    ...(status === undefined ? {} : { "result.statuscode": Buffer.from(status) }),
  };
  return { id: newId(), metadata };
}
