import { fail } from "../../base/index.ts";
import type { FileCalls } from "../../host/index.ts";
import { fromUtf8, toUtf8, type ByteString } from "../tar/entry.ts";
import { TarParser } from "../tar/parser.ts";
import { nameOf, parentOf } from "../tar/path.ts";
import type { Channel } from "./channel.ts";
import { decompress } from "./decompress.ts";
import { Directories } from "./directories.ts";
import { frameKinds, type ExtractResult, type Job } from "./protocol.ts";
import { TreeReader } from "./tree-reader.ts";
import { TreeWriter } from "./tree-writer.ts";

/** Unpacks the job's input below a directory of the root, which must be entered already. */
export async function extractArchive(
  calls: FileCalls,
  job: Extract<Job, { kind: "extract" }>,
  channel: Channel,
): Promise<ExtractResult> {
  const writer = new TreeWriter({
    calls,
    directory: { path: fromUtf8(job.directory), make: job.makeDirectories },
    limits: job.limits,
    ...(job.owner ? { owner: job.owner } : {}),
    noOverwriteDirNonDir: job.noOverwriteDirNonDir,
    stripLeadingSlashes: job.stripLeadingSlashes,
    ...(job.hashFrom === undefined ? {} : { hashFrom: job.hashFrom }),
  });
  try {
    const parser = new TarParser(writer);
    const compression = await decompress(channel.input(), (chunk) => parser.push(chunk));
    parser.end(compression === "zstd");
    writer.finish();
  } finally {
    writer.close();
  }
  const digests = [...writer.digests].map(([path, digest]) => [toUtf8(path), digest] as const);
  return { entries: writer.entries, bytes: writer.bytes, digests: Object.fromEntries(digests) };
}

/** Sends an archive of a path of the root, which must be entered already. */
export function createArchive(
  calls: FileCalls,
  job: Extract<Job, { kind: "create" }>,
  channel: Channel,
): Record<string, never> {
  const output = bufferedOutput((bytes) => channel.write(frameKinds.data, bytes));
  const reader = new TreeReader({
    calls,
    write: (bytes) => output.write(bytes),
    ...(job.ask ? { select: (prefix, names) => selected(channel, prefix, names) } : {}),
  });
  const path = fromUtf8(job.path);
  const wantsContent = /\/\.?$|^\.?$/.test(path);
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const clean = parts.join("/");
  const resolve = (directory: ByteString) =>
    new Directories(calls, { path: directory, make: false }, () => undefined).base;
  if (wantsContent && (path.endsWith("/.") || path === ".")) {
    reader.content(resolve(clean), job.name === undefined ? "" : fromUtf8(job.name));
  } else {
    // A slash at the end asks for the directory that a symlink leads to.
    const parent = parts.at(-1) === ".." || wantsContent ? undefined : resolve(parentOf(clean));
    const found = parent === undefined ? resolve(clean) : `${parent}/${nameOf(clean)}`;
    if (found !== "" && !calls.status(found)) throw notFound(job.path);
    const name = fromUtf8(job.name ?? (toUtf8(nameOf(found)) || "."));
    reader.one(found === "" ? "/." : found, name);
  }
  reader.end();
  output.flush();
  return {};
}

export function notFound(path: string): Error {
  return fail("not-found", "archive.not-found", `no such file or directory: '${path}'`);
}

function selected(channel: Channel, prefix: ByteString, names: readonly ByteString[]): ByteString[] {
  if (names.length === 0) return [];
  const paths = names.map((name) => toUtf8(prefix === "" ? name : `${prefix}/${name}`));
  const excluded = channel.ask(paths);
  return names.filter((_name, i) => !excluded[i]);
}

/** Collects headers and small files, so that a frame is worth its way. */
function bufferedOutput(send: (bytes: Uint8Array) => void) {
  const buffer = Buffer.allocUnsafe(1 << 18);
  let filled = 0;
  const flush = () => {
    if (filled > 0) send(buffer.subarray(0, filled));
    filled = 0;
  };
  return {
    flush,
    write(bytes: Uint8Array): void {
      if (filled + bytes.length > buffer.length) flush();
      if (bytes.length >= buffer.length) return send(bytes);
      buffer.set(bytes, filled);
      filled += bytes.length;
    },
  };
}
