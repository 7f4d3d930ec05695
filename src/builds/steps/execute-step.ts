import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newId, shortId } from "../../base/index.ts";
import type { HostMount } from "../../containers/index.ts";
import { removeTree } from "../../host/index.ts";
import type { BuildRun } from "../build-run.ts";
import type { SourcePlace } from "../dockerfile/dockerfile-error.ts";
import { layerEpoch } from "../epoch.ts";
import type { StageState } from "../evaluation/stage-state.ts";
import { aptPins } from "./apt-pins.ts";
import { hostProxy, type HostProxy } from "./host-proxy.ts";
import type { PreparedMount } from "./prepared-mount.ts";
import { foreignHint } from "./foreign-platform.ts";
import { LastLines, memoryHint, stepFailed } from "./step-failure.ts";

/** Of the output of a command that failed. */
const shownLines = 10;

export interface Execution {
  readonly place: SourcePlace;
  readonly command: readonly string[];
  readonly script: Script | undefined;
  readonly mounts: readonly PreparedMount[];
  readonly network: string;
  readonly extraHosts: readonly string[];
  readonly privileged: boolean;
  readonly hostname: string | undefined;
}

/** A here-document that names its own interpreter. */
export interface Script {
  readonly path: string;
  readonly content: string;
}

/** Runs the command of a RUN on `root`; its output goes to the step's news. */
export async function execute(
  run: BuildRun,
  state: StageState,
  root: string,
  what: Execution,
): Promise<void> {
  const id = newId();
  const folder = join(run.folder, `run-${id}`);
  await using undo = new AsyncDisposableStack();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  undo.defer(() => removeTree(folder, { within: run.folder }));
  const { mounts, variables } = await openMounts(run, what.mounts, undo);
  if (what.script) mounts.push(scriptMount(folder, what.script));
  const proxy = usesProxy(run) ? hostProxy(run.environment, join(folder, "proxy")) : noProxy;
  if (proxy.warning !== undefined && what.network !== "host")
    run.emit({ kind: "warning", text: proxy.warning });
  const last = new LastLines(shownLines);
  run.emit({ kind: "container", id: shortId(id), removed: false });
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const { exitCode, oomKilled } = await run.services.steps.run(
    {
      id,
      folder,
      rootfs: root,
      command: what.command,
      env: [
        ...clock(run, state),
        ...withoutSet(proxy.env, state),
        ...state.variables.runEnv(),
        ...withoutNames(variables, state),
      ],
      user: state.process.User ?? "",
      workingDir: state.process.WorkingDir || "/",
      networkMode: what.network,
      extraHosts: what.extraHosts,
      privileged: what.privileged,
      ...limitsOf(run, what),
      mounts: [...mounts, ...proxy.mounts, ...aptPins(run, root, folder)],
    },
    (stream, data) => {
      const text = decoders[stream].decode(data, { stream: true });
      last.add(text);
      if (text !== "") run.emit({ kind: "output", stream, text });
    },
    run.signal,
  );
  for (const stream of ["stdout", "stderr"] as const) {
    const rest = decoders[stream].decode();
    if (rest !== "") run.emit({ kind: "output", stream, text: rest });
  }
  run.emit({ kind: "container", id: shortId(id), removed: true });
  if (exitCode === 0) return;
  const { file, line, keyword } = what.place;
  const failure = { exitCode, place: { file, line, keyword }, output: last.lines };
  const foreign = foreignHint(state.platform, last.lines);
  if (foreign !== undefined) run.emit({ kind: "output", stream: "stderr", text: `${foreign}\n` });
  throw stepFailed(what.command, failure, oomKilled ? memoryHint : foreign);
}

function limitsOf({ request }: BuildRun, { hostname }: Execution) {
  const { shmSize, memory, ulimits, cgroupParent } = request;
  return {
    shmSize,
    memory,
    ...(hostname === undefined ? {} : { hostname }),
    ...(ulimits === undefined ? {} : { ulimits }),
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
  };
}

async function openMounts(
  run: BuildRun,
  prepared: readonly PreparedMount[],
  undo: AsyncDisposableStack,
): Promise<{ mounts: HostMount[]; variables: string[] }> {
  // In one order, so that two steps never wait for each other.
  for (const lock of new Set(prepared.flatMap((mount) => mount.lock ?? []).toSorted())) {
    undo.use(await run.cacheMounts.locks.acquire(lock, run.signal));
  }
  const mounts: HostMount[] = [];
  const variables: string[] = [];
  for (const one of prepared) {
    const { mount, env = [] } = await one.open(undo);
    if (mount) mounts.push(mount);
    variables.push(...env);
  }
  return { mounts, variables };
}

/** What ENV or ARG set already stays, except for secrets, which are asked for by name. */
function withoutNames(variables: readonly string[], state: StageState): string[] {
  const set = state.variables.values();
  return variables.filter((one) => !one.startsWith("SSH_AUTH_SOCK=") || !set.has("SSH_AUTH_SOCK"));
}

/** A proxy or a bundle that the file itself names stays. */
function withoutSet(variables: readonly string[], state: StageState): string[] {
  const set = new Set(state.variables.runEnv().map((one) => one.replace(/=.*/s, "")));
  return variables.filter((one) => !set.has(one.replace(/=.*/s, "")));
}

export function usesProxy(run: BuildRun): boolean {
  return run.request.hostProxy ?? run.hostProxy;
}

const noProxy: HostProxy = { env: [], mounts: [] };

/** Tells compilers, archivers and the like which time to write, unless the file itself does. */
function clock(run: BuildRun, state: StageState): string[] {
  if (state.variables.values().has("SOURCE_DATE_EPOCH")) return [];
  return [`SOURCE_DATE_EPOCH=${layerEpoch(run, state)}`];
}

function scriptMount(folder: string, script: Script): HostMount {
  const source = join(folder, "script");
  writeFileSync(source, script.content);
  chmodSync(source, 0o755);
  return {
    type: "bind",
    source,
    target: script.path,
    readOnly: true,
    propagation: "rprivate",
    recursive: false,
  };
}
