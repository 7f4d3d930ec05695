import type { OciConfig, OciResources } from "../../runtimes/index.ts";
import type { ImageProcess } from "../../images/index.ts";
import type { ExecRequest } from "../container.ts";
import type { ContainerSpec, ResourceSpec } from "../spec.ts";
import type { HostFacts, OciConfigInput, OciConfigResult, ResolvedUser } from "./input.ts";

export type { HostFacts, NetworkNamespace, OciConfigInput, OciConfigResult, ResolvedUser } from "./input.ts";

/** The image's process with the spec's values over it, by Docker's rules: what Container.process holds. */
export declare function mergeProcess(image: ImageProcess, spec: ContainerSpec): ImageProcess;

/**
 * The complete OCI runtime configuration of a container. Throws `invalid` for what cannot work (with Docker's words
 * where it has some), `unimplemented` for what is not supported, `conflict` for `container:ID` that does not run.
 */
export declare function buildOciConfig(input: OciConfigInput): OciConfigResult;

/** The OCI `process` of an exec in a container whose configuration is `config`. */
export declare function buildExecProcess(input: {
  readonly config: OciConfig;
  readonly request: ExecRequest;
  readonly user: ResolvedUser;
  readonly tty: boolean;
  readonly host: HostFacts;
}): OciConfig;

/**
 * Limits in the OCI shape, for `buildOciConfig` and for `docker update` (Runtime.update). Validates as Docker does;
 * a limit whose controller is missing is left out with a warning.
 */
export declare function buildResources(
  spec: ResourceSpec,
  host: HostFacts,
): { readonly resources: OciResources; readonly warnings: readonly string[] };

/** Reads what `buildOciConfig` needs to know of this machine; once, at the daemon's start. */
export declare function readHostFacts(): HostFacts;

/**
 * Looks `user` (`name`, `uid`, `name:group`, `uid:gid`, "" is root) and `groups` up in the root filesystem's
 * /etc/passwd and /etc/group, without leaving it through symlinks. Throws `invalid` / `user.not-found` with Docker's
 * text: `unable to find user x: no matching entries in passwd file`.
 */
export declare function resolveUser(rootfs: string, user: string, groups: readonly string[]): ResolvedUser;
