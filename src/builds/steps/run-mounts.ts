import { chmodSync, chownSync, existsSync, mkdirSync } from "node:fs";
import { join, posix } from "node:path";
import type { HostMount } from "../../containers/index.ts";
import { removeTree } from "../../host/index.ts";
import type { BuildRun } from "../build-run.ts";
import { ignoreNothing } from "../context/ignore.ts";
import { selectSources } from "../context/source-tree.ts";
import type { RunInstruction, RunMount } from "../dockerfile/instructions/run.ts";
import type { StageState } from "../evaluation/stage-state.ts";
import { expand } from "../evaluation/variables.ts";
import { copyInto } from "../files/copy-tree.ts";
import { digestSources } from "../files/source-digest.ts";

/** A `RUN --mount` before it is known whether the step runs at all. */
export interface PreparedMount {
  readonly target: string;
  /** What of it the step's outcome depends on. */
  readonly key: unknown;
  /** Makes what is mounted; `undo` takes it away after the step. */
  readonly open: (undo: AsyncDisposableStack) => Promise<HostMount>;
}

export async function prepareMounts(
  run: BuildRun,
  state: StageState,
  instruction: RunInstruction,
  stageIndex: number,
): Promise<PreparedMount[]> {
  const prepared: PreparedMount[] = [];
  for (const mount of instruction.mounts) {
    const { variables } = state;
    const written = expand(instruction, mount.target, variables.values(), variables.escape);
    const target = posix.resolve("/", state.process.WorkingDir ?? "/", written);
    if (mount.type === "tmpfs") prepared.push(tmpfsMount(mount, target));
    else if (mount.type === "cache") prepared.push(cacheMount(run, mount, target));
    else prepared.push(await bindMount(run, instruction, mount, target, stageIndex));
  }
  return prepared;
}

function tmpfsMount(mount: Extract<RunMount, { type: "tmpfs" }>, target: string): PreparedMount {
  const options = mount.size === undefined ? [] : [`size=${mount.size}`];
  const open = () => Promise.resolve({ type: "tmpfs", target, options } as const);
  return { target, key: ["tmpfs", target], open };
}

/** The folder below ROOT/builds that keeps what `type=cache` mounts hold, over builds. */
export const cacheMountsFolder = "mounts";

function cacheMount(
  run: BuildRun,
  mount: Extract<RunMount, { type: "cache" }>,
  target: string,
): PreparedMount {
  const id = new Bun.CryptoHasher("sha256").update(mount.id ?? target).digest("hex");
  return {
    target,
    key: ["cache", target, mount.id ?? null],
    open: async (undo) => {
      const source = run.services.identity.path("builds", cacheMountsFolder, id);
      if (mount.locked) undo.use(await run.mountLocks.acquire(id));
      if (!existsSync(source)) {
        mkdirSync(source, { recursive: true });
        chmodSync(source, mount.mode);
        chownSync(source, mount.uid, mount.gid);
      }
      return bind(source, target, mount.readOnly);
    },
  };
}

async function bindMount(
  run: BuildRun,
  instruction: RunInstruction,
  mount: Extract<RunMount, { type: "bind" }>,
  target: string,
  stageIndex: number,
): Promise<PreparedMount> {
  const source = mount.from === undefined ? undefined : await run.source(instruction, mount.from, stageIndex);
  if (source) {
    const open = async () => {
      const tree = await source.tree();
      const [selected] = await selectSources(tree, mount.source, { exclude: ignoreNothing, parents: false });
      const path = selected?.entries[0]?.absolute ?? tree.root;
      return bind(mount.source === "/" ? tree.root : path, target, true);
    };
    return {
      target,
      key: ["bind", target, mount.source, source.state.layers.map((one) => one.diffId)],
      open,
    };
  }
  const { tree, digests } = run.context;
  const sources = await selectSources(tree, mount.source, { exclude: ignoreNothing, parents: false });
  const digest = await digestSources(sources, digests, false, run.signal);
  const open = async (undo: AsyncDisposableStack) => {
    // A copy, so that the step sees what .dockerignore leaves, owned by root, and nothing of the host.
    const folder = join(run.folder, `bind-${run.next()}`);
    mkdirSync(folder, { mode: 0o755 });
    undo.defer(() => removeTree(folder, { within: run.folder }));
    const options = { owner: { uid: 0, gid: 0 }, mode: undefined, signal: run.signal };
    await copyInto(folder, "/content", sources, options);
    return bind(join(folder, "content"), target, true);
  };
  return { target, key: ["bind", target, digest], open };
}

function bind(source: string, target: string, readOnly: boolean): HostMount {
  return { type: "bind", source, target, readOnly, propagation: "rprivate", recursive: false };
}
