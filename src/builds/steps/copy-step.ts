import { posix } from "node:path";
import { notSupported } from "../dockerfile/dockerfile-error.ts";
import type { BuildRun, BuildSource } from "../build-run.ts";
import { stepKey } from "../cache/step-key.ts";
import { ignoreRules } from "../context/ignore.ts";
import { resolveInRoot } from "../context/root-path.ts";
import { isUnchanged } from "../context/source-tree.ts";
import { dockerfileError } from "../dockerfile/dockerfile-error.ts";
import type { CopyInstruction, CopySource } from "../dockerfile/instructions/files.ts";
import type { StageState } from "../evaluation/stage-state.ts";
import { expand } from "../evaluation/variables.ts";
import { openTar } from "../files/archive.ts";
import { contextFileTime } from "../epoch.ts";
import { copyInto } from "../files/copy-tree.ts";
import { parseMode } from "../files/mode.ts";
import { parseOwner } from "../files/owner.ts";
import { digestSources } from "../files/source-digest.ts";
import { append, carryOut, findCached } from "./commit-step.ts";
import { contextSource } from "./run-mounts.ts";
import { collectSources, remoteIdentities, type CopyItem, type CopyWords } from "./copy-sources.ts";

/** A COPY or ADD with its variables replaced. */
interface CopyPlan extends CopyWords {
  readonly instruction: CopyInstruction;
  /** Absolute; ends with a slash when it must be a folder. */
  readonly destination: string;
  readonly chown: string | undefined;
  readonly chmod: string | undefined;
  readonly createdBy: string;
}

export async function copyStep(
  run: BuildRun,
  state: StageState,
  instruction: CopyInstruction,
): Promise<void> {
  const plan = planCopy(state, instruction);
  const { from } = instruction;
  const source = from === undefined ? contextSource(run) : await run.source(instruction, from);
  const options = [plan.destination, plan.chown, plan.chmod, instruction.unpack, instruction.link].map(
    (one) => one ?? null,
  );
  const common = [instruction.kind, options, run.sourceDateEpoch ?? null];
  const { layers } = source;
  if (layers) await copyFromStage(run, state, plan, { ...source, layers }, common);
  else await copyFromContext(run, state, plan, source, common);
}

async function copyFromContext(
  run: BuildRun,
  state: StageState,
  plan: CopyPlan,
  { tree: open, digests }: BuildSource,
  common: readonly unknown[],
): Promise<void> {
  const identities = await remoteIdentities(run, plan.instruction, plan);
  const byIdentity =
    identities && stepKey(state.key, "copy-remote", [...common, identities, plan.instruction.exclude]);
  const known = byIdentity === undefined ? undefined : findCached(run, byIdentity);
  if (known) return append(run, state, plan.createdBy, known, true);
  const tree = await open();
  const items = await collectSources(run, plan.instruction, plan, tree);
  const sources = items.map((item) => item.source);
  const digest = await digestSources(sources, digests, false, run.signal);
  const served = items.flatMap((item) => (isDownload(item) ? [String(timeOfFile(item))] : []));
  const key = stepKey(state.key, "copy", [...common, digest, served]);
  let sound = true;
  const make = async (root: string) => {
    await putFiles(run, plan, items, root, { uid: 0, gid: 0, time: contextFileTime(run, state) });
    sound = isUnchanged(sources);
  };
  await carryOut(run, state, { key, createdBy: plan.createdBy, make, isSound: () => sound });
  const result = byIdentity === undefined ? undefined : run.cache.find(key);
  if (result && byIdentity !== undefined) run.cache.save(byIdentity, result);
  if (sound) return;
  const where = `${plan.instruction.file}:${plan.instruction.line}`;
  const text = `${where}: the files changed while they were copied; the step is not cached`;
  run.emit({ kind: "warning", text });
}

/**
 * First the cache is asked by the layers of the source, which needs no look at files; then, when those are new, by
 * the files' contents: a stage that came out the same in what is copied does not make the copy new.
 */
async function copyFromStage(
  run: BuildRun,
  state: StageState,
  plan: CopyPlan,
  source: BuildSource & { readonly layers: readonly string[] },
  common: readonly unknown[],
): Promise<void> {
  const { layers } = source;
  const { exclude: written, parents } = plan.instruction;
  const byLayers = stepKey(state.key, "copy-layers", [...common, layers, plan.sources, written, parents]);
  const known = findCached(run, byLayers);
  if (known) return append(run, state, plan.createdBy, known, true);
  const tree = await source.tree();
  const items = await collectSources(run, plan.instruction, plan, tree);
  const sources = items.map((item) => item.source);
  const digest = await digestSources(sources, source.digests, true, run.signal);
  const key = stepKey(state.key, "copy", [...common, digest]);
  await carryOut(run, state, {
    key,
    createdBy: plan.createdBy,
    make: (root) => putFiles(run, plan, items, root, undefined),
  });
  const result = run.cache.find(key);
  if (result) run.cache.save(byLayers, result);
}

async function putFiles(
  run: BuildRun,
  plan: CopyPlan,
  items: readonly CopyItem[],
  root: string,
  otherwise: { readonly uid: number; readonly gid: number; readonly time: bigint } | undefined,
): Promise<void> {
  const { instruction } = plan;
  const owner = plan.chown === undefined ? otherwise : parseOwner(instruction, plan.chown, root);
  const mode = plan.chmod === undefined ? undefined : parseMode(instruction, plan.chmod);
  if (instruction.link) refuseLinkedDestination(root, plan);
  const options = {
    owner,
    mode,
    several: items.length > 1,
    xattrs: otherwise === undefined,
    time: otherwise?.time,
    signal: run.signal,
  };
  if (instruction.kind === "COPY") {
    return copyInto(root, plan.destination, items.map((item) => item.source), options); // prettier-ignore
  }
  for (const item of items) {
    const { source, remote } = item;
    const tar = await tarOf(
      run,
      instruction,
      source.kind === "file" ? source.entries[0]?.absolute : undefined,
      remote,
    );
    if (!tar) {
      const time = isDownload(item) ? undefined : options.time;
      await copyInto(root, plan.destination, [source], { ...options, time });
      continue;
    }
    if (mode)
      throw notSupported(
        instruction,
        "--chmod for an archive that is unpacked",
        "COPY it, and unpack it in a RUN step",
      );
    await run.services.archives.extract(tar, root, plan.destination, {
      makeDirectories: true,
      stripLeadingSlashes: true,
      ...(plan.chown === undefined || owner === undefined ? {} : { owner }),
      signal: run.signal,
    });
  }
}

/** What a server sent has the time that the server says; it counts as an input. */
function isDownload({ source, remote }: CopyItem): boolean {
  return remote && source.kind === "file";
}

function timeOfFile({ source }: CopyItem): bigint | undefined {
  return source.entries[0]?.stat.mtimeNs;
}

async function tarOf(run: BuildRun, instruction: CopyInstruction, path: string | undefined, remote: boolean) {
  if (path === undefined || !(instruction.unpack ?? !remote)) return undefined;
  return openTar(path, run.signal);
}

/** `--link` promises not to look at the files below; where that would make a difference it is refused. */
function refuseLinkedDestination(root: string, plan: CopyPlan): void {
  const resolved = resolveInRoot(root, plan.destination).path;
  if (resolved === plan.destination.replace(/^\/|\/$/g, "")) return;
  throw notSupported(
    plan.instruction,
    `--link with a destination that goes through a symlink (${plan.destination})`,
    `write /${resolved}, or leave out --link`,
  );
}

function planCopy(state: StageState, instruction: CopyInstruction): CopyPlan {
  const variables = state.variables.values();
  const { escape } = state.variables;
  const replace = (word: string) => expand(instruction, word, variables, escape);
  const optional = (word: string | undefined) => (word === undefined ? undefined : replace(word));
  const sources = instruction.sources.map((source): CopySource => {
    if (source.kind === "path") return { kind: "path", path: replace(source.path) };
    return source.kind === "text" ? source : { kind: source.kind, url: replace(source.url) };
  });
  const written = replace(instruction.destination);
  if (written === "") throw dockerfileError("dockerfile.arguments", instruction, "the destination is empty");
  const isFolder = /(^|\/)\.?$/.test(written);
  if (sources.length > 1 && !isFolder) {
    const message = "with more than one source the destination must be a folder and end with a /";
    throw dockerfileError("dockerfile.arguments", instruction, message, `write ${written}/`);
  }
  const absolute = posix.resolve("/", state.process.WorkingDir ?? "/", written);
  const shown = sources.map((source) =>
    source.kind === "text" ? `<<${source.heredoc.name}` : source.kind === "path" ? source.path : source.url,
  );
  const flags = [
    ...(instruction.from === undefined ? [] : [`--from=${instruction.from}`]),
    ...(instruction.chown === undefined ? [] : [`--chown=${replace(instruction.chown)}`]),
    ...(instruction.chmod === undefined ? [] : [`--chmod=${replace(instruction.chmod)}`]),
  ];
  return {
    instruction,
    sources,
    exclude: ignoreRules(
      instruction.exclude.map(replace),
      () => `${instruction.file}:${instruction.line}: --exclude`,
    ),
    checksum: optional(instruction.checksum),
    variables,
    commits: new Map(),
    destination: isFolder && absolute !== "/" ? `${absolute}/` : absolute,
    chown: optional(instruction.chown),
    chmod: optional(instruction.chmod),
    createdBy: [instruction.kind, ...flags, ...shown, written].join(" "),
  };
}
