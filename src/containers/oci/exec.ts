import { fail } from "../../base/index.ts";
import type { OciConfig } from "../../runtimes/index.ts";
import type { ExecRequest } from "../container.ts";
import { capabilitySets, resolveCapabilities } from "./capabilities.ts";
import type { HostFacts, ResolvedUser } from "./input.ts";
import { overlayEnv, withHome } from "./process.ts";
import { uint64 } from "./uint64.ts";

export interface ExecProcessInput {
  /** The container's configuration, of `buildOciConfig`. */
  readonly config: OciConfig;
  readonly request: ExecRequest;
  readonly user: ResolvedUser;
  readonly tty: boolean;
  readonly host: HostFacts;
}

interface ContainerProcess {
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: { readonly bounding: readonly string[] };
  readonly rlimits?: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  readonly noNewPrivileges: boolean;
  readonly oomScoreAdj: number;
}

/**
 * The OCI `process` of an exec in a container: as its first process, but for what the request says. Throws `invalid` /
 * `exec.no-command` and `exec.working-dir-invalid`.
 */
export function buildExecProcess(input: ExecProcessInput): OciConfig {
  const { request, user, tty, host } = input;
  const first = input.config["process"] as ContainerProcess;
  if (request.command.length === 0 || request.command[0] === "") {
    throw fail("invalid", "exec.no-command", "No exec command specified");
  }
  const cwd = request.workingDir || first.cwd;
  if (!cwd.startsWith("/")) {
    throw fail("invalid", "exec.working-dir-invalid", `cwd must be an absolute path: '${cwd}'`);
  }
  const capabilities = request.privileged
    ? resolveCapabilities({ privileged: true }, host.capabilities).capabilities
    : first.capabilities.bounding;
  const terminal = tty ? ["TERM=xterm"] : [];
  return {
    terminal: tty,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: request.command,
    env: withHome(overlayEnv([...terminal, ...first.env], request.env ?? []), user),
    cwd,
    capabilities: capabilitySets(capabilities, user.uid),
    ...(first.rlimits
      ? {
          rlimits: first.rlimits.map(({ type, soft, hard }) => ({
            type,
            soft: uint64(soft),
            hard: uint64(hard),
          })),
        }
      : {}),
    noNewPrivileges: first.noNewPrivileges,
    oomScoreAdj: first.oomScoreAdj,
  };
}
