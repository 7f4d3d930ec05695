import { closeSync, openSync } from "node:fs";
import { errnoOf } from "../../base/index.ts";
import type { FileCalls } from "../../host/index.ts";
import { TarParser } from "../tar/parser.ts";
import type { Channel } from "./channel.ts";
import { decompress, followFileChunks, readFileChunks } from "./decompress.ts";
import { LayerWriter } from "./layer-writer.ts";
import { tooLarge } from "./limits.ts";
import type { Job, UnpackResult } from "./protocol.ts";

/** Extended headers and padding count too: an archive may be this much larger than what it may hold. */
const overhead = 2;

/** Unpacks a blob to an empty directory and hashes the uncompressed archive in the same pass. */
export async function unpackLayer(
  calls: FileCalls,
  job: Extract<Job, { kind: "unpack" }>,
  channel: Channel,
): Promise<UnpackResult> {
  const blob = openBlob(job); // before the root changes
  const chunks = job.follow ? followFileChunks(blob, channel.input()) : readFileChunks(blob);
  try {
    const leave = calls.enterRoot(job.target);
    try {
      return await unpackHere(calls, job, chunks);
    } finally {
      leave();
    }
  } finally {
    closeSync(blob);
  }
}

/** A small blob may be complete, and in its place, before this worker has come to it. */
function openBlob({ blob, complete }: Extract<Job, { kind: "unpack" }>): number {
  try {
    return openSync(blob, "r");
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" || complete === blob) throw error;
    return openSync(complete, "r");
  }
}

async function unpackHere(
  calls: FileCalls,
  { limits }: Extract<Job, { kind: "unpack" }>,
  chunks: Iterable<Uint8Array>,
): Promise<UnpackResult> {
  const writer = new LayerWriter({ calls, directory: { path: "", make: false }, limits });
  const parser = new TarParser(writer);
  const hasher = new Bun.CryptoHasher("sha256");
  const most = limits.maxBytes * overhead + limits.maxEntries * 2048;
  let total = 0;
  try {
    const compression = await decompress(chunks, (chunk) => {
      total += chunk.length;
      if (total > most) throw tooLarge(limits);
      hasher.update(chunk);
      parser.push(chunk);
    });
    parser.end(compression === "zstd");
    writer.finish();
  } finally {
    writer.close();
  }
  return { diffId: `sha256:${hasher.digest("hex")}`, entries: writer.entries, size: writer.bytes };
}
