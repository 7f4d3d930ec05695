import { toVirgaError } from "../../base/index.ts";
import { parseLogOptions } from "../../containers/index.ts";
import { build } from "./build-keys.ts";
import { deploy } from "./deploy-keys.ts";
import { mountList } from "./mounts.ts";
import { portList, parseRange } from "./ports.ts";
import {
  bytes,
  choice,
  command,
  decimal,
  duration,
  expected,
  flag,
  hostPath,
  integer,
  labels,
  listOf,
  mapOf,
  matching,
  object,
  oneOrMore,
  pairs,
  text,
  type KeyNotes,
  type Keys,
  type Read,
  type Reader,
} from "./readers.ts";
import {
  attachments,
  dependsOn,
  device,
  envFiles,
  grants,
  healthcheckKeys,
  hostList,
  nameRule,
  nameWhat,
  restart,
  securityOption,
  tmpfs,
  ulimits,
} from "./service-values.ts";
import { child } from "./tree.ts";

const expose: Reader<string> = (node, path, problems) => {
  const value = text(node, path, problems);
  if (value === undefined) return undefined;
  const match = /^([\d-]+)(?:\/(tcp|udp|sctp))?$/.exec(value);
  if (!match || !parseRange(match[1]!)) return expected(node, path, problems, "PORT, PORT-PORT or PORT/udp");
  return `${match[1]}/${match[2] ?? "tcp"}`;
};

/** Labels that a file may set: those with the prefix of Compose itself are reserved. */
const ownLabels: typeof labels = (node, path, problems) => {
  const read = labels(node, path, problems);
  for (const key of Object.keys(read ?? {})) {
    if (key.startsWith("com.docker.compose")) {
      problems.invalid(
        node.at,
        path,
        `the label '${key}' is reserved: names that start with com.docker.compose are set by the engine`,
      );
    }
  }
  return read;
};

const pullPolicies = ["always", "never", "missing", "if_not_present", "build"] as const;
const pullPolicy: Reader<(typeof pullPolicies)[number]> = (node, path, problems) => {
  if (node.kind === "scalar" && /^(daily|weekly|refresh|every_\w+)$/.test(node.text)) {
    problems.unimplemented(
      node.at,
      path,
      `'${node.text}' is not supported; always, missing, never and build are`,
    );
    return undefined;
  }
  return choice(...pullPolicies)(node, path, problems);
};

/** As written: `compress: true` is Docker's `compress=true`. */
const option: Reader<string> = (node, path, problems) =>
  node.kind === "scalar" ? node.text : expected(node, path, problems, "a value");

export const loggingKeys = { driver: text, options: mapOf(option) } satisfies Keys;

/** The engine knows the drivers and what each of them takes. */
const readLogging = object(loggingKeys);
const logging: typeof readLogging = (node, path, problems) => {
  const read = readLogging(node, path, problems);
  if (!read) return undefined;
  try {
    parseLogOptions(read.driver ?? "json-file", read.options ?? {});
    return read;
  } catch (error) {
    const { message, code } = toVirgaError(error);
    const at = child(node, code === "log.driver" ? "driver" : "options")?.at ?? node.at;
    problems.invalid(at, path, message);
    return undefined;
  }
};

const namespaced = (...values: readonly string[]) =>
  matching(
    new RegExp(`^(${values.map((value) => (value.endsWith(":") ? `${value}.+` : value)).join("|")})$`),
    `one of ${values.map((value) => (value.endsWith(":") ? `${value}NAME` : value)).join(", ")}`,
  );

const reference = matching(/^[a-zA-Z0-9][\w.\-/:@]*$/, "an image such as nginx or registry.example/app:1.0");
const anyValues: Reader<Readonly<Record<string, string>>> = labels;

/** What Virga adds to a service; other extensions are left alone. */
export const extensionKeys = { "restart-unhealthy": flag } satisfies Keys;

const processKeys = {
  image: reference,
  build,
  command,
  entrypoint: command,
  environment: pairs,
  env_file: envFiles,
  user: text,
  group_add: listOf(text),
  working_dir: text,
  hostname: text,
  domainname: text,
  container_name: matching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/, nameWhat),
  labels: ownLabels,
  label_file: oneOrMore(hostPath),
  annotations: labels,
  tty: flag,
  stdin_open: flag,
  init: flag,
  stop_signal: matching(/^(SIG)?[A-Z]+[0-9+-]*$|^\d+$/, "a signal such as SIGTERM"),
  stop_grace_period: duration,
  healthcheck: object(healthcheckKeys),
  restart,
  depends_on: dependsOn,
  profiles: listOf(matching(nameRule, nameWhat)),
  pull_policy: pullPolicy,
  platform: matching(/^[a-z0-9]+(\/[a-z0-9_]+(\/[a-z0-9]+)?)?$/, "OS/ARCHITECTURE, such as linux/amd64"),
  runtime: text,
  scale: integer({ min: 0, max: 1000 }),
  deploy,
  logging,
  attach: flag,
  "x-virga": object(extensionKeys),
} satisfies Keys;

const hostKeys = {
  ports: portList,
  expose: listOf(expose),
  networks: attachments,
  network_mode: namespaced("bridge", "host", "none", "service:", "container:"),
  mac_address: matching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, "an address such as 02:42:ac:11:00:02"),
  dns: oneOrMore(text),
  dns_search: oneOrMore(text),
  dns_opt: listOf(text),
  extra_hosts: hostList,
  volumes: mountList,
  volumes_from: listOf(text),
  tmpfs: oneOrMore(tmpfs),
  secrets: grants,
  configs: grants,
  devices: listOf(device),
  privileged: flag,
  cap_add: listOf(text),
  cap_drop: listOf(text),
  security_opt: listOf(securityOption),
  read_only: flag,
  shm_size: bytes(),
  ulimits,
  sysctls: anyValues,
  mem_limit: bytes(),
  memswap_limit: bytes({ unlimited: true }),
  mem_reservation: bytes(),
  cpus: decimal,
  cpu_shares: integer({ min: 0 }),
  cpu_period: integer({ min: 0 }),
  cpu_quota: integer({ min: -1 }),
  cpuset: matching(/^\d+(-\d+)?(,\d+(-\d+)?)*$/, "CPUs such as 0-3 or 0,1"),
  pids_limit: integer({ min: -1 }),
  oom_score_adj: integer({ min: -1000, max: 1000 }),
  oom_kill_disable: flag,
  pid: namespaced("host", "private", "service:", "container:"),
  ipc: namespaced("host", "private", "shareable", "none", "service:", "container:"),
  uts: namespaced("host"),
  cgroup: choice("host", "private"),
  userns_mode: ((node, path, problems) => {
    if (node.kind === "scalar" && node.text === "host") return "host";
    problems.unimplemented(node.at, path, "user namespaces are not supported; only 'host' is");
    return undefined;
  }) as Reader<"host">,
} satisfies Keys;

export const serviceKeys = { ...processKeys, ...hostKeys };
export type Service = Read<typeof serviceKeys>;

export const serviceNotes: KeyNotes = {
  notes: {
    "x-virga": "what Virga adds, see below",
    attach: "kept; output is shown by `virga logs`",
    extends: "from the same file or another one",
    userns_mode: "only `host`",
    ports: "single ports, ranges of equal length, and a range of host ports for one container port",
    pull_policy: "`always`, `missing`, `never`, `build`",
    logging: "every driver and option that `docker run` takes",
    security_opt: "`no-new-privileges`, `seccomp=…`, `systempaths=unconfined`",
    devices: "paths; not CDI names",
    volumes: "`bind`, `volume`, `tmpfs`, `image`; named volumes must be declared at the top level",
    secrets: "a file made by the daemon, mounted read-only at `/run/secrets/NAME` or `target`",
    configs: "a file made by the daemon, mounted read-only at `/NAME` or `target`",
  },
  refused: {
    blkio_config: "limits on block devices are not there",
    cgroup_parent: "the engine chooses the cgroup",
    cpu_count: "it is for Windows; use cpus",
    cpu_percent: "it is for Windows; use cpus",
    cpu_rt_period: "realtime scheduling is not there",
    cpu_rt_runtime: "realtime scheduling is not there",
    credential_spec: "it is for Windows",
    device_cgroup_rules: "name each device under 'devices'",
    external_links: "join a network of the other stack as an external network",
    gpus: "GPUs are not there",
    isolation: "it is for Windows",
    links: "services reach each other by name; give another name with aliases of a network",
    mem_swappiness: "it is not part of cgroups version 2",
    models: "models are not there",
    post_start: "lifecycle hooks are not there; use a service that others depend on",
    pre_start: "lifecycle hooks are not there; use a service with service_completed_successfully",
    pre_stop: "lifecycle hooks are not there; handle the stop signal",
    provider: "providers are not there",
    pull_refresh_after: "use pull_policy: always",
    storage_opt: "a container's own files have no quota",
    use_api_socket: "mount the engine's socket as a volume",
  },
  hints: { develop: "it says what a watcher does, and takes no part in up" },
};

export const service: Reader<Service> = object(serviceKeys, serviceNotes);
export const services = mapOf(service, { key: nameRule, keyWhat: nameWhat });
