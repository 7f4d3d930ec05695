import { toVirgaError } from "../../../base/index.ts";
import { failureOf } from "../../../builds/index.ts";
import { RpcError, toRpcError } from "../rpc/status.ts";

/** The Dockerfile of a build, as its client names it. */
export interface ShownDockerfile {
  readonly name: string;
  readonly text: string;
}

/** An error of a build as BuildKit tells it: with the place in the Dockerfile, which clients show. */
export function buildError(error: unknown, { name, text }: ShownDockerfile): RpcError {
  const { code, message, details } = toRpcError(error);
  const line = failureOf(error)?.place.line ?? lineIn(toVirgaError(error).message, name);
  if (line === undefined || text === "") return new RpcError(code, inBuildkitsWords(message), details);
  const source = {
    info: { filename: name, data: Buffer.from(text).toString("base64"), language: "Dockerfile" },
    ranges: [{ start: { line }, end: { line } }],
  };
  const value = Buffer.from(JSON.stringify(source));
  const detail = { typeUrl: "github.com/moby/buildkit/errdefs.Source+json", value };
  return new RpcError(code, inBuildkitsWords(message), [...details, detail]);
}

/** Errors of Dockerfiles begin with their place. */
export function lineIn(message: string, file: string): number | undefined {
  if (!message.startsWith(`${file}:`)) return undefined;
  const line = /^(\d+):/.exec(message.slice(file.length + 1))?.[1];
  return line === undefined ? undefined : Number(line);
}

/** Scripts look for BuildKit's text of a RUN that has failed. */
export function inBuildkitsWords(message: string): string {
  const [, command, code] = /^The command '(.*)' returned a non-zero code: (\d+)$/s.exec(message) ?? [];
  if (command === undefined) return message;
  return `process ${JSON.stringify(command)} did not complete successfully: exit code: ${code}`;
}
