import {
  parseLogOptions,
  restartUnhealthyLabel,
  type ContainerSpec,
  type EndpointSettings,
  type MountSpec,
  type NetworkingSpec,
  type ResourceSpec,
  type RestartPolicy,
} from "../containers/index.ts";
import type { HealthcheckConfig } from "../images/index.ts";
import { actualName, type Service, type StackModel } from "./compose/model.ts";
import type { Mount } from "./compose/mounts.ts";
import type { ServiceContents } from "./contents.ts";
import { defined } from "./defined.ts";

/**
 * A service as a container's specification. Containers of other services stand in it as `service:NAME` (network, pid
 * and ipc modes, `volumesFrom`) until the container is made; name, number and the stack's labels are not in it.
 */
export function containerSpec(
  model: StackModel,
  name: string,
  service: Service,
  image: string,
  contents: ServiceContents,
): ContainerSpec {
  return defined({
    image,
    entrypoint: service.entrypoint,
    command: service.command,
    env: contents.env,
    user: service.user,
    workingDir: service.working_dir,
    labels: { ...contents.labels, ...extensionLabels(service) },
    annotations: service.annotations,
    hostname: service.hostname,
    domainname: service.domainname,
    tty: service.tty,
    openStdin: service.stdin_open,
    stopSignal: service.stop_signal,
    stopTimeout:
      service.stop_grace_period === undefined ? undefined : Math.ceil(service.stop_grace_period / 1000),
    healthcheck: healthcheck(service),
    exposedPorts: (service.expose ?? []).flatMap(exposedPorts),
    mounts: [...mounts(model, service), ...contents.mounts.map(fileMount)],
    volumesFrom: service.volumes_from?.map((from) =>
      from.startsWith("container:") ? from.slice("container:".length) : `service:${from}`,
    ),
    network: networking(model, name, service),
    resources: resources(service),
    security: security(service, contents),
    namespaces: defined({ pid: service.pid, ipc: service.ipc, uts: service.uts, cgroup: service.cgroup }),
    restart: restart(service),
    log: logging(service),
    init: service.init,
    runtime: service.runtime,
    shmSize: service.shm_size,
    sysctls: service.sysctls,
    extraHosts: service.extra_hosts,
  });
}

function extensionLabels(service: Service): Record<string, string> {
  const restarts = service["x-virga"]?.["restart-unhealthy"];
  return restarts === undefined ? {} : { [restartUnhealthyLabel]: String(restarts) };
}

function nanoseconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds * 1e6);
}

function healthcheck({ healthcheck: check }: Service): HealthcheckConfig | undefined {
  if (!check) return undefined;
  if (check.disable) return { Test: ["NONE"] };
  return defined({
    Test: check.test,
    Interval: nanoseconds(check.interval),
    Timeout: nanoseconds(check.timeout),
    StartPeriod: nanoseconds(check.start_period),
    StartInterval: nanoseconds(check.start_interval),
    Retries: check.retries,
  });
}

/** `8000-8001/tcp` as single ports. */
function exposedPorts(written: string): string[] {
  const [range = "", protocol = "tcp"] = written.split("/");
  const [first = 0, last = first] = range.split("-").map(Number);
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}

function mounts(model: StackModel, service: Service): MountSpec[] {
  const long = (service.volumes ?? []).map((mount) => mountSpec(model, mount));
  const short = (service.tmpfs ?? []).map((one): MountSpec => ({ type: "tmpfs", ...one }));
  return [...long, ...short];
}

function mountSpec(model: StackModel, mount: Mount): MountSpec {
  if (mount.type === "tmpfs") {
    return defined({
      type: "tmpfs",
      target: mount.target,
      size: mount.tmpfs?.size,
      mode: mount.tmpfs?.mode,
      options: mount.read_only ? ["ro"] : undefined,
    });
  }
  if (mount.type === "image") {
    return defined({
      type: "image",
      source: mount.source,
      target: mount.target,
      subpath: mount.image?.subpath,
    });
  }
  const { source, target, read_only: readOnly } = mount;
  if (mount.type === "bind") {
    return defined({
      type: "bind",
      source: mount.source,
      target,
      readOnly,
      propagation: mount.bind?.propagation,
      nonRecursive: mount.bind?.recursive === "disabled" ? true : undefined,
      readOnlyBelow: readOnlyBelow[mount.bind?.recursive ?? "enabled"],
      createSource: mount.bind?.create_host_path,
    });
  }
  return defined({
    type: "volume",
    name: source === undefined ? undefined : actualName(model.name, source, model.volumes[source] ?? {}),
    target,
    readOnly,
    noCopy: mount.volume?.nocopy,
    subpath: mount.volume?.subpath,
    labels: source === undefined ? mount.volume?.labels : undefined,
  });
}

const readOnlyBelow = { enabled: undefined, disabled: undefined, writable: "no", readonly: "force" } as const;

function fileMount({ file, target }: ServiceContents["mounts"][number]): MountSpec {
  // Nothing is mounted below a file.
  return { type: "bind", source: file.path, target, readOnly: true, nonRecursive: true };
}

/** Keys of the networks that a service is on; the one of its default route first. Empty with a `network_mode`. */
export function networkKeys(model: StackModel, service: Service): string[] {
  if (service.network_mode !== undefined) return [];
  const wanted = Object.entries(service.networks ?? {});
  if (wanted.length === 0) return ["default"];
  const isInternal = (key: string) => (model.networks[key]?.internal ? 1 : 0);
  return wanted
    .toSorted(
      ([a, one], [b, two]) =>
        (two.gw_priority ?? 0) - (one.gw_priority ?? 0) ||
        isInternal(a) - isInternal(b) ||
        (two.priority ?? 0) - (one.priority ?? 0),
    )
    .map(([key]) => key);
}

function networking(model: StackModel, name: string, service: Service): NetworkingSpec {
  const keys = networkKeys(model, service);
  const endpoints = keys.map((key): [string, EndpointSettings] => {
    const own = service.networks?.[key] ?? {};
    const settings = defined({
      aliases: [...new Set([name, ...(own.aliases ?? [])])],
      ipv4: own.ipv4_address,
      ipv6: own.ipv6_address,
      mac: own.mac_address,
    });
    return [actualName(model.name, key, model.networks[key] ?? {}), settings];
  });
  return defined({
    mode: service.network_mode ?? endpoints[0]?.[0],
    endpoints: service.network_mode === undefined ? Object.fromEntries(endpoints) : undefined,
    ports: (service.ports ?? []).map((port) => ({
      protocol: port.protocol,
      containerPort: port.target,
      hostIp: port.host_ip ?? "",
      hostPort: port.published ?? 0,
      ...(port.published_last === undefined ? {} : { hostPortEnd: port.published_last }),
    })),
    macAddress: service.mac_address,
    dns: service.dns,
    dnsSearch: service.dns_search,
    dnsOptions: service.dns_opt,
  });
}

function resources(service: Service): ResourceSpec {
  const { limits, reservations } = service.deploy?.resources ?? {};
  const cpus = service.cpus ?? limits?.cpus;
  return defined({
    memory: service.mem_limit ?? limits?.memory,
    // 0 means unset, by the specification.
    memorySwap: service.memswap_limit === 0 ? undefined : service.memswap_limit,
    memoryReservation: service.mem_reservation ?? reservations?.memory,
    nanoCpus: cpus === undefined || cpus === 0 ? undefined : Math.round(cpus * 1e9),
    cpuShares: service.cpu_shares,
    cpuPeriod: service.cpu_period,
    cpuQuota: service.cpu_quota,
    cpusetCpus: service.cpuset,
    pidsLimit: service.pids_limit ?? limits?.pids,
    ulimits: service.ulimits && Object.entries(service.ulimits).map(([name, limit]) => ({ name, ...limit })),
    oomScoreAdj: service.oom_score_adj,
    oomKillDisable: service.oom_kill_disable,
    devices: service.devices?.map(({ source, target, permissions }) => ({
      hostPath: source,
      containerPath: target,
      permissions,
    })),
  });
}

function security(service: Service, contents: ServiceContents): NonNullable<ContainerSpec["security"]> {
  const options = new Set(service.security_opt);
  const open = options.has("systempaths=unconfined") ? [] : undefined;
  return defined({
    privileged: service.privileged,
    capAdd: service.cap_add,
    capDrop: service.cap_drop,
    noNewPrivileges: options.has("no-new-privileges=true") ? true : undefined,
    seccomp: contents.seccomp,
    readonlyRootfs: service.read_only,
    groupAdd: service.group_add,
    maskedPaths: open,
    readonlyPaths: open,
  });
}

function restart(service: Service): RestartPolicy | undefined {
  const policy = service.deploy?.restart_policy;
  if (policy) {
    const { condition = "any", max_attempts: attempts } = policy;
    if (condition === "none") return { name: "no" };
    if (condition === "any") return { name: "always" };
    return defined({ name: "on-failure", maximumRetryCount: attempts });
  }
  if (service.restart === undefined) return undefined;
  const [name, attempts] = service.restart.split(":");
  return defined({
    name: name as RestartPolicy["name"],
    maximumRetryCount: attempts === undefined ? undefined : Number(attempts),
  });
}

function logging(service: Service): ContainerSpec["log"] {
  if (!service.logging) return undefined;
  const { driver = "json-file", options } = service.logging;
  return parseLogOptions(driver, options ?? {});
}
