import { linkTarget, type SelectedSource, type SourceEntry } from "../context/source-tree.ts";
import type { FileDigests } from "../context/file-digests.ts";
import { capabilityOf } from "./copy-tree.ts";

/** So many files are looked at before others get their turn. */
const filesPerTurn = 200;

/**
 * One digest of what a COPY takes: names, kinds, modes, contents, and what is `kept` of a stage's files: owners and
 * times. Times of a context do not count, so that a fresh checkout of the same files is the same.
 */
export async function digestSources(
  sources: readonly SelectedSource[],
  digests: FileDigests,
  kept: boolean,
  signal?: AbortSignal,
): Promise<string> {
  const linked = new Map<string, string>();
  const hasher = new Bun.CryptoHasher("sha256");
  for (const source of sources) {
    hasher.update(JSON.stringify([source.kind, source.kind === "file" ? source.name : "", source.parents]));
    for (const [index, entry] of source.entries.entries()) {
      if (index % filesPerTurn === filesPerTurn - 1) await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      hasher.update(
        JSON.stringify([...(await describe(entry, digests, kept, signal)), ...firstNameOf(entry, linked)]),
      );
    }
  }
  digests.save();
  return hasher.digest("hex");
}

async function describe(
  entry: SourceEntry,
  digests: FileDigests,
  kept: boolean,
  signal: AbortSignal | undefined,
): Promise<unknown[]> {
  const { stat } = entry;
  const owner = kept ? `${stat.uid}:${stat.gid} ${stat.mtimeNs}` : "";
  const common = [entry.to, stat.mode.toString(8), owner];
  if (stat.isSymbolicLink()) return [entry.to, "link", owner, linkTarget(entry)];
  if (stat.isDirectory()) return common;
  if (!stat.isFile()) return [...common, stat.rdev.toString()];
  const capability = capabilityOf(entry)?.toHex() ?? "";
  return [...common, capability, await digests.digest(entry.absolute, stat, signal)];
}

/** Of a file with several names, all but the first: that one, as the copy will be linked to it. */
function firstNameOf({ stat, to }: SourceEntry, linked: Map<string, string>): string[] {
  if (stat.nlink < 2n || !stat.isFile()) return [];
  const key = `${stat.dev}:${stat.ino}`;
  const first = linked.get(key);
  if (first === undefined) linked.set(key, to);
  return first === undefined ? [] : [first];
}
