import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, fail, messageOf, newId } from "../../../base/index.ts";
import type { CachePlace } from "./cache-place.ts";
import { describe, malformed, parseDocument } from "./document.ts";

const refName = "org.opencontainers.image.ref.name";

/**
 * A folder of this machine as an OCI image layout (image specification 1.1, "Image Layout"); a layout may hold several
 * caches, each with its tag. Files appear by rename, `index.json` last.
 */
export function openFolderPlace(folder: string, tag: string, digest: string | undefined): CachePlace {
  const fileOf = (of: string) => join(folder, "blobs", ...of.split(":"));
  const index = () => readIndex(folder);
  return {
    name: folder,
    manifest(wanted) {
      const named = index().manifests.find((one) => one.annotations?.[refName] === tag);
      const found = wanted ?? digest ?? named?.digest;
      if (found === undefined || !existsSync(fileOf(found))) return Promise.resolve(undefined);
      const bytes = readFileSync(fileOf(found));
      const mediaType = parseDocument(bytes, folder).manifests ? "index" : "manifest";
      return Promise.resolve({ mediaType, bytes });
    },
    async small(blob) {
      const bytes = await readBlob(folder, fileOf(blob.digest));
      if (describe("", bytes).digest !== blob.digest) throw malformed(folder, `${blob.digest} is damaged`);
      return bytes;
    },
    read(blob, received, use) {
      if (!existsSync(fileOf(blob.digest))) throw malformed(folder, `${blob.digest} is missing`);
      received(blob.size);
      return use(Bun.file(fileOf(blob.digest)).stream());
    },
    has: ({ digest: of, size }) =>
      Promise.resolve(existsSync(fileOf(of)) && statSync(fileOf(of)).size === size),
    async write(blob, path, sent) {
      await intoPlace(fileOf(blob.digest), (making) => copyFile(path, making));
      sent(blob.size);
    },
    async finish(mediaType, bytes) {
      const manifest = { ...describe(mediaType, bytes), annotations: { [refName]: tag } };
      const write = (path: string, data: string | Uint8Array) =>
        intoPlace(path, async (making) => void (await Bun.write(making, data)));
      await write(fileOf(manifest.digest), bytes);
      await write(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
      const others = index().manifests.filter((one) => one.annotations?.[refName] !== tag);
      await write(
        join(folder, "index.json"),
        JSON.stringify({
          schemaVersion: 2,
          mediaType: "application/vnd.oci.image.index.v1+json",
          manifests: [...others, manifest],
        }),
      );
    },
  };
}

async function readBlob(folder: string, path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw malformed(folder, messageOf(error));
  }
}

function readIndex(folder: string) {
  const path = join(folder, "index.json");
  if (!existsSync(path)) return { manifests: [] };
  const { manifests } = parseDocument(readFileSync(path), path);
  return { manifests: manifests ?? [] };
}

/** Makes a file under another name first. Throws `exhausted` / `build.cache-folder-full`, `permission`. */
async function intoPlace(path: string, make: (path: string) => Promise<void>): Promise<void> {
  const making = `${path}.${newId().slice(0, 8)}`;
  try {
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(making, "", { flag: "wx", mode: 0o644 });
    await make(making);
    renameSync(making, path);
  } catch (error) {
    if (existsSync(making)) rmSync(making);
    const full = errnoOf(error) === "ENOSPC" || errnoOf(error) === "EDQUOT";
    const kind = full ? "exhausted" : "invalid";
    throw fail(kind, "build.cache-folder", `the cache can't be written to ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
