import { fail } from "../../../../base/index.ts";
import type { ContainerSpec } from "../../../../containers/index.ts";
import type { HealthcheckConfig } from "../../../../images/index.ts";
import { defined, filled, nonZero, whenTrue } from "../../http/defined.ts";
import { checkFields } from "../../http/fields.ts";
import type { CreateBody, HealthcheckBody, HostConfigBody } from "./body.ts";
import { configFields, hostConfigFields } from "./fields.ts";
import { decodeMounts } from "./mounts.ts";
import { decodeNetworking, parsePort } from "./network.ts";
import { decodeLog, decodeResources, decodeRestartPolicy } from "./resources.ts";
import { decodeNamespaces, decodeSecurity } from "./security.ts";

/**
 * The body of POST /containers/create as what Virga understands. Throws `invalid` for wrong values and
 * `unimplemented` for a field that is set and not supported, by its name.
 */
export function decodeCreate(name: string | undefined, config: CreateBody): ContainerSpec {
  const host = config.HostConfig ?? {};
  checkFields(config, configFields, "");
  checkFields(host, hostConfigFields, "HostConfig.");
  // As dockerd: what says nothing of the container itself says nothing at all.
  if (Object.keys(config).every((one) => one === "HostConfig" || one === "NetworkingConfig")) {
    throw fail("invalid", "container.no-config", "config cannot be empty in order to create a container");
  }
  const image = filled(config.Image);
  if (image === undefined)
    throw fail("invalid", "container.no-image", "invalid reference format: no image specified");
  return defined({
    ...decodeConfig(config),
    ...decodeHost(config, host),
    name: filled(name),
    image,
  });
}

/** What the body says of the container itself; `HostConfig` has what concerns the host. */
export function decodeConfig(config: CreateBody): Omit<ContainerSpec, "image"> {
  const streams = { stdin: config.AttachStdin, stdout: config.AttachStdout, stderr: config.AttachStderr };
  const attach = (["stdin", "stdout", "stderr"] as const).filter((one) => streams[one] === true);
  return defined({
    labels: filled(config.Labels),
    hostname: filled(config.Hostname),
    domainname: filled(config.Domainname),
    stopSignal: filled(config.StopSignal),
    stopTimeout: config.StopTimeout ?? undefined,
    healthcheck: decodeHealthcheck(config.Healthcheck),
    exposedPorts: filled(Object.keys(config.ExposedPorts ?? {}).map(portText)),
    entrypoint: config.Entrypoint ?? undefined,
    command: filled(config.Cmd),
    env: filled(config.Env),
    user: filled(config.User),
    workingDir: filled(config.WorkingDir),
    tty: whenTrue(config.Tty),
    consoleSize: decodeSize(config.HostConfig?.ConsoleSize),
    openStdin: whenTrue(config.OpenStdin),
    stdinOnce: whenTrue(config.StdinOnce),
    attach: filled(attach),
    onBuild: filled(config.OnBuild),
  });
}

/** Rows and columns; undefined when nothing was said. */
export function decodeSize(size: readonly number[] | null | undefined) {
  const [rows = 0, columns = 0] = size ?? [];
  return rows > 0 && columns > 0 ? { rows, columns } : undefined;
}

function decodeHost(config: CreateBody, host: HostConfigBody) {
  if ((host.ShmSize ?? 0) < 0) {
    throw fail("invalid", "container.shm-size", "SHM size can not be less than 0");
  }
  return {
    annotations: filled(host.Annotations),
    mounts: filled(decodeMounts(config, host)),
    volumeDriver: filled(host.VolumeDriver),
    volumesFrom: filled(host.VolumesFrom),
    network: decodeNetworking(config, host),
    resources: filled({ ...decodeResources(host), ...defined({ oomScoreAdj: nonZero(host.OomScoreAdj) }) }),
    security: filled(decodeSecurity(host)),
    namespaces: filled(decodeNamespaces(host)),
    restart: decodeRestartPolicy(host.RestartPolicy),
    autoRemove: whenTrue(host.AutoRemove),
    log: decodeLog(host.LogConfig),
    init: host.Init ?? undefined,
    runtime: filled(host.Runtime) ?? filled(config.Runtime),
    shmSize: nonZero(host.ShmSize),
    sysctls: filled(host.Sysctls),
    storageOptions: filled(host.StorageOpt),
    extraHosts: filled(host.ExtraHosts),
  };
}

function decodeHealthcheck(body: HealthcheckBody): HealthcheckConfig | undefined {
  if (body === null || body === undefined) return undefined;
  return filled(
    defined({
      Test: filled(body.Test),
      Interval: nonZero(body.Interval),
      Timeout: nonZero(body.Timeout),
      StartPeriod: nonZero(body.StartPeriod),
      StartInterval: nonZero(body.StartInterval),
      Retries: nonZero(body.Retries),
    }),
  );
}

function portText(text: string): string {
  const { port, protocol } = parsePort(text);
  return `${port}/${protocol}`;
}
