import { chmodSync, chownSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { posix } from "node:path";
import { removeTree } from "../../host/index.ts";
import type { BuildRun, BuildSource } from "../build-run.ts";
import { ignoreNothing } from "../context/ignore.ts";
import { selectSources, type SelectedSource } from "../context/source-tree.ts";
import type { RunMount } from "../dockerfile/instructions/run-mount.ts";
import { copyInto } from "../files/copy-tree.ts";
import { digestSources } from "../files/source-digest.ts";
import { bind, type PreparedMount } from "./prepared-mount.ts";

/** `from`: what a new cache begins with; without it, with nothing. */
export async function cacheMount(
  run: BuildRun,
  mount: Extract<RunMount, { type: "cache" }>,
  target: string,
  from: BuildSource | undefined,
): Promise<PreparedMount> {
  const namespace = run.global.passed.get("BUILDKIT_CACHE_MOUNT_NS") ?? "";
  const name = mount.id ?? posix.normalize(target);
  let sources: SelectedSource[] | undefined;
  let content: unknown = null;
  if (from) {
    sources = await selectSources(await from.tree(), mount.source, {
      exclude: ignoreNothing,
      parents: false,
    });
    content = [from.layers ?? (await digestSources(sources, from.digests, false, run.signal)), mount.source];
  }
  const identity = namespace === "" && content === null ? name : JSON.stringify([namespace, name, content]);
  const id = new Bun.CryptoHasher("sha256").update(identity).digest("hex");
  return {
    target,
    ...(mount.sharing === "locked" ? { lock: id } : {}),
    key: ["cache", target, mount.id ?? null, ...(content === null ? [] : [content])],
    open: async (undo) => {
      const { cacheMounts } = run;
      const { locks, taken } = cacheMounts;
      const own = mount.sharing === "private" ? freeOf(taken, id) : id;
      if (mount.sharing === "private") {
        taken.add(own);
        undo.defer(() => void taken.delete(own));
      }
      undo.use(cacheMounts.use(own, name));
      const source = cacheMounts.path(own);
      await locks.run(`make ${own}`, () => makeCache(run, source, mount, sources), run.signal);
      return { mount: bind(source, target, mount.readOnly) };
    },
  };
}

/** The first of a private cache's folders that no step has now. */
function freeOf(taken: ReadonlySet<string>, id: string): string {
  let number = 0;
  while (taken.has(`${id}-${number}`)) number++;
  return `${id}-${number}`;
}

async function makeCache(
  run: BuildRun,
  folder: string,
  { owner }: Extract<RunMount, { type: "cache" }>,
  sources: readonly SelectedSource[] | undefined,
): Promise<void> {
  if (existsSync(folder)) return;
  const { mode, uid, gid } = owner;
  const making = `${folder}.new`;
  const within = run.services.identity.path("builds");
  await removeTree(making, { within });
  mkdirSync(making, { recursive: true });
  if (sources)
    await copyInto(making, "/", sources, {
      owner: undefined,
      mode: undefined,
      xattrs: true,
      signal: run.signal,
    });
  chmodSync(making, mode);
  chownSync(making, uid, gid);
  renameSync(making, folder);
}
