import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail, newId, shortId } from "../../base/index.ts";
import type { HostMount } from "../../containers/index.ts";
import { removeTree } from "../../host/index.ts";
import type { BuildRun } from "../build-run.ts";
import { stepKey } from "../cache/step-key.ts";
import { dockerfileError, notSupported } from "../dockerfile/dockerfile-error.ts";
import type { RunInstruction } from "../dockerfile/instructions/run.ts";
import { shellOf, type StageState } from "../evaluation/stage-state.ts";
import { layerEpoch } from "../epoch.ts";
import { carryOut } from "./commit-step.ts";
import { findMountStubs, type MountStubs } from "./mount-stubs.ts";
import type { PreparedMount } from "./prepared-mount.ts";
import { prepareMounts } from "./run-mounts.ts";

/** Runs a command on the files so far. Throws `invalid` / `build.step-failed` when it ends with another code than 0. */
export async function runStep(
  run: BuildRun,
  state: StageState,
  instruction: RunInstruction,
  stageIndex: number,
): Promise<void> {
  const { command, script } = commandOf(state, instruction);
  const args = state.variables.runArgs();
  const mounts = await prepareMounts(run, state, instruction, stageIndex);
  const { networkMode = "default", extraHosts = [] } = run.request;
  const network = instruction.network === "default" ? networkMode : instruction.network;
  checkEntitlements(run, instruction);
  const key = stepKey(state.key, "run", [
    command,
    script ?? null,
    args,
    instruction.network,
    mounts.map((mount) => mount.key),
    run.sourceDateEpoch ?? null,
    ...(instruction.security === "insecure" ? ["insecure"] : []),
  ]);
  const shown = [...(args.length === 0 ? [] : [`|${args.length}`, ...args]), ...command];
  let stubs: MountStubs | undefined;
  await carryOut(run, state, {
    key,
    createdBy: `RUN ${shown.join(" ")}`,
    make: async (root) => {
      stubs = findMountStubs(root, mounts.flatMap((mount) => mount.target ?? [])); // prettier-ignore
      const privileged = instruction.security === "insecure";
      await execute(run, state, root, { command, script, mounts, network, extraHosts, privileged });
    },
    finish: (upper) => stubs?.removeFrom(upper),
  });
}

interface Execution {
  readonly command: readonly string[];
  readonly script: Script | undefined;
  readonly mounts: readonly PreparedMount[];
  readonly network: string;
  readonly extraHosts: readonly string[];
  readonly privileged: boolean;
}

/** A here-document that names its own interpreter. */
interface Script {
  readonly path: string;
  readonly content: string;
}

function commandOf(
  state: StageState,
  { command, heredocs }: RunInstruction,
): { readonly command: readonly string[]; readonly script: Script | undefined } {
  const script = undefined;
  if (command.form === "exec") return { command: command.arguments, script };
  const [only] = heredocs;
  if (only === undefined) return { command: [...shellOf(state), command.line], script };
  if (heredocs.length === 1 && /^<<-?\S+$/.test(command.line)) {
    if (!only.content.startsWith("#!")) return { command: [...shellOf(state), only.content], script };
    const path = `/dev/pipes/${only.name.replaceAll("/", "_")}`;
    return { command: [path], script: { path, content: only.content } };
  }
  // The shell gets the line and what belongs to it as they stand in the file.
  const text = heredocs.map((one) => `\n${one.content}${one.name}`).join("");
  return { command: [...shellOf(state), `${command.line}${text}`], script };
}

async function execute(run: BuildRun, state: StageState, root: string, what: Execution): Promise<void> {
  const id = newId();
  const folder = join(run.folder, `run-${id}`);
  await using undo = new AsyncDisposableStack();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  undo.defer(() => removeTree(folder, { within: run.folder }));
  // In one order, so that two steps never wait for each other.
  for (const lock of new Set(what.mounts.flatMap((mount) => mount.lock ?? []).toSorted())) {
    undo.use(await run.cacheMounts.locks.acquire(lock, run.signal));
  }
  const mounts: HostMount[] = [];
  const variables: string[] = [];
  for (const prepared of what.mounts) {
    const { mount, env = [] } = await prepared.open(undo);
    if (mount) mounts.push(mount);
    variables.push(...env);
  }
  if (what.script) mounts.push(scriptMount(folder, what.script));
  const { shmSize, memory } = run.request;
  run.emit({ kind: "container", id: shortId(id), removed: false });
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const { exitCode, oomKilled } = await run.services.steps.run(
    {
      id,
      folder,
      rootfs: root,
      command: what.command,
      env: [...clock(run, state), ...state.variables.runEnv(), ...withoutNames(variables, state)],
      user: state.process.User ?? "",
      workingDir: state.process.WorkingDir || "/",
      networkMode: what.network,
      extraHosts: what.extraHosts,
      privileged: what.privileged,
      shmSize,
      memory,
      mounts,
    },
    (stream, data) => {
      const text = decoders[stream].decode(data, { stream: true });
      if (text !== "") run.emit({ kind: "output", stream, text });
    },
    run.signal,
  );
  for (const stream of ["stdout", "stderr"] as const) {
    const rest = decoders[stream].decode();
    if (rest !== "") run.emit({ kind: "output", stream, text: rest });
  }
  run.emit({ kind: "container", id: shortId(id), removed: true });
  if (exitCode !== 0) throw stepFailed(what.command, exitCode, oomKilled);
}

/** What ENV or ARG set already stays, except for secrets, which are asked for by name. */
function withoutNames(variables: readonly string[], state: StageState): string[] {
  const set = state.variables.values();
  return variables.filter((one) => !one.startsWith("SSH_AUTH_SOCK=") || !set.has("SSH_AUTH_SOCK"));
}

function checkEntitlements({ request }: BuildRun, instruction: RunInstruction): void {
  const { entitlements = [], networkMode } = request;
  const refuse = (what: string, entitlement: string) => {
    const text = `${what} needs the entitlement ${entitlement}, which the build was not given`;
    const hint = `virga build --allow ${entitlement}, if you trust what the step runs`;
    throw dockerfileError("dockerfile.entitlement", instruction, text, hint);
  };
  const hostNetwork = instruction.network === "host" && networkMode !== "host";
  if (hostNetwork && !entitlements.includes("network.host")) refuse("--network=host", "network.host");
  const insecure = instruction.security === "insecure";
  if (insecure && !entitlements.includes("security.insecure"))
    refuse("--security=insecure", "security.insecure");
  if (instruction.devices.length > 0) {
    const hint = "a step has the devices of every container; run what needs others with 'virga run --device'";
    throw notSupported(instruction, `--device=${instruction.devices[0]}`, hint);
  }
}

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

function stepFailed(command: readonly string[], exitCode: number, oomKilled: boolean) {
  const text = `The command '${command.join(" ")}' returned a non-zero code: ${exitCode}`;
  const hint = oomKilled
    ? "it ran out of memory: give the build more with --memory"
    : "what it wrote is above; the steps before it are cached, so a corrected file goes on from here";
  return fail("invalid", "build.step-failed", text, { hint, cause: { exitCode } });
}
