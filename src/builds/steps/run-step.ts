import type { BuildRequest } from "../build.ts";
import type { BuildRun } from "../build-run.ts";
import { stepKey } from "../cache/step-key.ts";
import { dockerfileError, notSupported } from "../dockerfile/dockerfile-error.ts";
import type { RunInstruction } from "../dockerfile/instructions/run.ts";
import { shellOf, type StageState } from "../evaluation/stage-state.ts";
import { pinTargets } from "./apt-pins.ts";
import { carryOut } from "./commit-step.ts";
import { execute, usesProxy, type Script } from "./execute-step.ts";
import { proxyTargets } from "./host-proxy.ts";
import { findMountStubs, type MountStubs } from "./mount-stubs.ts";
import { prepareMounts } from "./run-mounts.ts";

/** Runs a command on the files so far. Throws `invalid` / `build.step-failed` when it ends with another code than 0. */
export async function runStep(run: BuildRun, state: StageState, instruction: RunInstruction): Promise<void> {
  const { command, script } = commandOf(state, instruction);
  const args = state.variables.runArgs();
  const mounts = await prepareMounts(run, state, instruction);
  const { networkMode = "default", extraHosts = [] } = run.request;
  const hostname = run.global.passed.get("BUILDKIT_SANDBOX_HOSTNAME") ?? run.request.hostname;
  const network = instruction.network === "default" ? networkMode : instruction.network;
  checkEntitlements(run.request, instruction);
  const key = stepKey(state.key, "run", [
    command,
    script ?? null,
    [args, state.variables.env()],
    [state.process.User ?? "", state.process.WorkingDir ?? ""],
    instruction.network,
    mounts.map((mount) => mount.key),
    run.sourceDateEpoch ?? null,
    ...(instruction.security === "insecure" ? ["insecure"] : []),
    ...(hostname === undefined ? [] : [`hostname ${hostname}`]),
  ]);
  const shown = [...(args.length === 0 ? [] : [`|${args.length}`, ...args]), ...command];
  let stubs: MountStubs | undefined;
  await carryOut(run, state, {
    key,
    createdBy: `RUN ${shown.join(" ")}`,
    make: async (root) => {
      const targets = mounts.flatMap((mount) => mount.target ?? []);
      stubs = findMountStubs(root, [...targets, ...pinTargets(run), ...(usesProxy(run) ? proxyTargets : [])]);
      const privileged = instruction.security === "insecure";
      await execute(run, state, root, {
        place: instruction,
        command,
        script,
        mounts,
        network,
        extraHosts,
        privileged,
        hostname,
      });
    },
    finish: (upper) => stubs?.removeFrom(upper),
  });
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

/** Throws `invalid` / `dockerfile.entitlement` for what the build may not do. */
export function checkEntitlements(
  { entitlements = [], networkMode }: Pick<BuildRequest, "entitlements" | "networkMode">,
  instruction: RunInstruction,
): void {
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
