import { newId } from "../../../base/index.ts";
import type { BuildRequest, Builds, LintWarning } from "../../../builds/index.ts";
import { codes, RpcError } from "../rpc/status.ts";
import type { BuiltResult } from "./result.ts";

/** Questions about a Dockerfile that clients may ask instead of a build; `docker build --check` asks the first. */
export async function answerSubrequest(
  builds: Pick<Builds, "check">,
  name: string,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<BuiltResult> {
  if (name === "frontend.lint") return await lint(builds, request, signal);
  if (name === "frontend.subrequests.describe") return result(described, describedText());
  const known = described.map((one) => one.name).join(", ");
  throw new RpcError(codes.unimplemented, `unsupported request '${name}'; there are ${known}`);
}

const described = [
  {
    name: "frontend.lint",
    version: "1.0.0",
    type: "rpc",
    description: "Lint a Dockerfile",
    opts: [],
    metadata: [{ name: "result.json" }, { name: "result.txt" }, { name: "result.statuscode" }],
  },
  {
    name: "frontend.subrequests.describe",
    version: "1.0.0",
    type: "rpc",
    description: "List available subrequest types",
    opts: [],
    metadata: [{ name: "result.json" }, { name: "result.txt" }],
  },
];

function describedText(): string {
  return described.map(({ name, version, description }) => `${name} ${version}: ${description}\n`).join("");
}

async function lint(
  builds: Pick<Builds, "check">,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<BuiltResult> {
  const { warnings } = await builds.check(request, { signal });
  const filename = request.dockerfile ?? "Dockerfile";
  const data = Buffer.from(request.dockerfileText ?? "").toString("base64");
  const answer = {
    warnings: warnings.map(encodeWarning),
    sources: [{ filename, data, language: "Dockerfile" }],
  };
  const text = warnings.map(
    ({ rule, url, message, start }) => `\nWARNING: ${rule} - ${url}\n${message}\n${filename}:${start}\n`,
  );
  return result(answer, text.join(""), warnings.length > 0 ? "1" : "0");
}

function encodeWarning({ rule, description, url, message, start, end }: LintWarning) {
  const ranges = [{ start: { line: start }, end: { line: end } }];
  return { ruleName: rule, description, url, detail: message, location: { ranges } };
}

function result(json: unknown, text: string, status?: string): BuiltResult {
  const metadata = {
    "result.json": Buffer.from(JSON.stringify(json, undefined, 2)),
    "result.txt": Buffer.from(text),
    version: Buffer.from("1.0.0"),
    ...(status === undefined ? {} : { "result.statuscode": Buffer.from(status) }),
  };
  return { id: newId(), metadata };
}
