import { mkdirSync } from "node:fs";
import { join, posix } from "node:path";
import { removeTree } from "../../host/index.ts";
import type { BuildRun, BuildSource } from "../build-run.ts";
import { ignoreNothing } from "../context/ignore.ts";
import { selectSources } from "../context/source-tree.ts";
import type { RunInstruction } from "../dockerfile/instructions/run.ts";
import { resolveMount, type RunMount } from "../dockerfile/instructions/run-mount.ts";
import type { StageState } from "../evaluation/stage-state.ts";
import { expand } from "../evaluation/variables.ts";
import { contextFileTime } from "../epoch.ts";
import { copyInto } from "../files/copy-tree.ts";
import { digestSources } from "../files/source-digest.ts";
import { cacheMount } from "./cache-mounts.ts";
import { bind, type PreparedMount } from "./prepared-mount.ts";
import { secretMount, sshMount } from "./secret-mounts.ts";

export async function prepareMounts(
  run: BuildRun,
  state: StageState,
  instruction: RunInstruction,
): Promise<PreparedMount[]> {
  const prepared: PreparedMount[] = [];
  const { variables } = state;
  const replace = (word: string) => expand(instruction, word, variables.values(), variables.escape);
  const absolute = (target: string) => posix.resolve("/", state.process.WorkingDir ?? "/", target);
  let agents = 0;
  for (const written of instruction.mounts) {
    const mount = resolveMount(instruction, written, replace);
    const from = async () =>
      mount.type === "bind" || mount.type === "cache"
        ? await sourceOf(run, instruction, mount.from)
        : undefined;
    if (mount.type === "tmpfs") prepared.push(tmpfsMount(mount, absolute(mount.target)));
    else if (mount.type === "cache")
      prepared.push(await cacheMount(run, mount, absolute(mount.target), await from()));
    else if (mount.type === "secret") {
      const target = mount.target === undefined ? undefined : absolute(mount.target);
      prepared.push(secretMount(run, instruction, mount, target));
    } else if (mount.type === "ssh") {
      const target = absolute(mount.target ?? `/run/buildkit/ssh_agent.${agents}`);
      prepared.push(sshMount(run, instruction, mount, target, agents++ === 0));
    } else {
      const source = (await from()) ?? contextSource(run);
      prepared.push(await bindMount(run, state, mount, absolute(mount.target), source));
    }
  }
  return prepared;
}

async function sourceOf(
  run: BuildRun,
  instruction: RunInstruction,
  from: string | undefined,
): Promise<BuildSource | undefined> {
  return from === undefined ? undefined : await run.source(instruction, from);
}

/** The build context as something to copy from. */
export function contextSource({ context }: Pick<BuildRun, "context">): BuildSource {
  return { layers: undefined, tree: () => Promise.resolve(context.tree), digests: context.digests };
}

function tmpfsMount(mount: Extract<RunMount, { type: "tmpfs" }>, target: string): PreparedMount {
  const options = mount.size === undefined ? [] : [`size=${mount.size}`];
  const open = () => Promise.resolve({ mount: { type: "tmpfs", target, options } as const });
  return { target, key: ["tmpfs", target], open };
}

async function bindMount(
  run: BuildRun,
  state: StageState,
  mount: Extract<RunMount, { type: "bind" }>,
  target: string,
  source: BuildSource,
): Promise<PreparedMount> {
  const selection = { exclude: ignoreNothing, parents: false };
  const { layers } = source;
  if (layers && !mount.writable) {
    const open = async () => {
      const tree = await source.tree();
      const [selected] = await selectSources(tree, mount.source, selection);
      // The root itself is no entry of its tree.
      const top = selected?.entries[0];
      return { mount: bind(top?.to === "" ? top.absolute : tree.root, target, true) };
    };
    return { target, key: ["bind", target, mount.source, layers], open };
  }
  const tree = await source.tree();
  const sources = await selectSources(tree, mount.source, selection);
  const digest = layers ?? (await digestSources(sources, source.digests, false, run.signal));
  const open = async (undo: AsyncDisposableStack) => {
    // A copy, so that the step sees what .dockerignore leaves, owned by root, and nothing of the host.
    const folder = join(run.folder, `bind-${run.next()}`);
    mkdirSync(folder, { mode: 0o755 });
    undo.defer(() => removeTree(folder, { within: run.folder }));
    const owner = tree.keepOwner ? undefined : { uid: 0, gid: 0 };
    const time = tree.keepOwner ? undefined : contextFileTime(run, state);
    const options = { owner, mode: undefined, xattrs: tree.keepOwner, time, signal: run.signal };
    await copyInto(folder, "/content", sources, options);
    return { mount: bind(join(folder, "content"), target, !mount.writable) };
  };
  return { target, key: ["bind", target, layers ? mount.source : "", digest], open };
}
