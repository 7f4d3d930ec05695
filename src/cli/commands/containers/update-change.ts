import { resolve } from "node:path";
import type { ContainerDetail } from "../../../api/client/docker/index.ts";
import type { WireContainerChange, WireLimits, WireMount, WirePort } from "../../../api/client/index.ts";
import type { Invocation, Option } from "../../command.ts";
import { labelPair, pairsOrHere, wrong } from "../../values.ts";
import { restartPolicy } from "./create-body.ts";
import { mountOf, type Mount } from "./create-mounts.ts";
import { portBindings } from "./create-network.ts";
import { createOptions } from "./create-options.ts";

const limits = {
  memory: "memory",
  "memory-swap": "memorySwap",
  "memory-reservation": "memoryReservation",
  cpus: "nanoCpus",
  "cpu-shares": "cpuShares",
  "cpu-period": "cpuPeriod",
  "cpu-quota": "cpuQuota",
  "cpuset-cpus": "cpusetCpus",
  "cpuset-mems": "cpusetMems",
  "pids-limit": "pidsLimit",
  "blkio-weight": "blkioWeight",
} as const satisfies Record<string, keyof WireLimits>;

function same(name: string): Option {
  const { section: _, ...option } = createOptions[name]!;
  return option;
}

/** What `virga update` takes; the same words as `virga run`, with `--…-rm` for what is to go. */
export const updateOptions: Readonly<Record<string, Option>> = {
  publish: {
    ...same("publish"),
    help: "publish a port of it so: 9090:80; where else it was published goes",
  },
  "publish-rm": {
    type: "string",
    multiple: true,
    value: "PORT",
    help: "publish a port of it no more: 80, 53/udp",
  },
  "publish-all": { type: "boolean", short: "P", help: "publish all exposed ports on free ones" },
  env: { ...same("env"), help: "set a variable" },
  "env-file": same("env-file"),
  "env-rm": { type: "string", multiple: true, value: "NAME", help: "a variable goes" },
  label: { ...same("label"), help: "set a label" },
  "label-rm": { type: "string", multiple: true, value: "KEY", help: "a label goes" },
  volume: same("volume"),
  mount: same("mount"),
  "mount-rm": {
    type: "string",
    multiple: true,
    value: "TARGET",
    alias: "volume-rm",
    help: "a mount goes; a volume keeps its data",
  },
  image: { type: "string", value: "IMAGE", help: "another image", completes: "image" },
  user: same("user"),
  workdir: same("workdir"),
  entrypoint: same("entrypoint"),
  "stop-signal": same("stop-signal"),
  "stop-timeout": same("stop-timeout"),
  init: same("init"),
  restart: same("restart"),
  "restart-unhealthy": {
    type: "boolean",
    help: "restart it when its health check says unhealthy; =false: no more",
  },
  ...Object.fromEntries(Object.keys(limits).map((name) => [name, same(name)])),
};

/** The change that the options ask for. Throws `invalid` / `cli.usage`. */
export function changeOf(invocation: Invocation, now: ContainerDetail): WireContainerChange {
  const text = (option: string, field: string) =>
    invocation.given(option) ? { [field]: invocation.text(option) } : {};
  const entrypoint = invocation.text("entrypoint");
  const restart = invocation.text("restart");
  return {
    ...filled("env", { set: variables(invocation), remove: invocation.texts("env-rm") }),
    ...labelChange(invocation),
    ...portChange(invocation, now),
    ...filled("mounts", {
      add: [...invocation.texts("volume").map(bindMount), ...invocation.texts("mount").map(wireMount)],
      remove: invocation.texts("mount-rm"),
    }),
    ...text("image", "image"),
    ...text("user", "user"),
    ...text("workdir", "workingDir"),
    ...text("stop-signal", "stopSignal"),
    ...(invocation.given("stop-timeout") ? { stopTimeout: invocation.number("stop-timeout")! } : {}),
    ...(invocation.given("init") ? { init: invocation.flag("init") } : {}),
    ...(invocation.given("publish-all") ? { publishAll: invocation.flag("publish-all") } : {}),
    ...(entrypoint === undefined ? {} : { entrypoint: entrypoint === "" ? [] : [entrypoint] }),
    ...(restart === undefined ? {} : { restart: restartChange(restart) }),
    ...limitChange(invocation),
  };
}

function filled(field: string, parts: Readonly<Record<string, readonly unknown[]>>) {
  const some = Object.entries(parts).filter(([, list]) => list.length > 0);
  return some.length === 0 ? {} : { [field]: Object.fromEntries(some) };
}

function variables(invocation: Invocation): readonly string[] {
  return pairsOrHere(invocation.texts("env-file"), invocation.texts("env"));
}

const unhealthyLabel = "virga.restart-unhealthy";

function labelChange(invocation: Invocation): Pick<WireContainerChange, "labels"> {
  const set: Record<string, string> = Object.fromEntries(invocation.texts("label").map(labelPair));
  const remove = [...invocation.texts("label-rm")];
  if (invocation.given("restart-unhealthy")) {
    if (invocation.flag("restart-unhealthy")) set[unhealthyLabel] = "true";
    else remove.push(unhealthyLabel);
  }
  const labels = {
    ...(Object.keys(set).length > 0 ? { set } : {}),
    ...(remove.length > 0 ? { remove } : {}),
  };
  return Object.keys(labels).length > 0 ? { labels } : {};
}

/** A port that is named is published as it says, and nowhere else. */
function portChange(invocation: Invocation, now: ContainerDetail): Pick<WireContainerChange, "ports"> {
  const bindings = portBindings(invocation.texts("publish"));
  const add = Object.entries(bindings).flatMap(([key, list]) =>
    list.map(({ HostIp, HostPort }): WirePort => {
      const [port = "", protocol] = key.split("/");
      const [first, last] = HostPort.split("-");
      return {
        protocol: protocol as WirePort["protocol"],
        containerPort: Number(port),
        hostIp: HostIp,
        hostPort: Number(first || 0),
        ...(last === undefined ? {} : { hostPortEnd: Number(last) }),
      };
    }),
  );
  const published = Object.keys(now.HostConfig.PortBindings ?? {});
  const replaced = Object.keys(bindings).filter((key) => published.includes(key));
  const removed = invocation.texts("publish-rm").map((text) => (text.includes("/") ? text : `${text}/tcp`));
  const remove = [...new Set([...replaced, ...removed])];
  const ports = { ...(add.length > 0 ? { add } : {}), ...(remove.length > 0 ? { remove } : {}) };
  return Object.keys(ports).length > 0 ? { ports } : {};
}

/** `SOURCE:TARGET[:ro]` as a mount. */
function bindMount(text: string): WireMount {
  const [source = "", target = "", ...options] = text.split(":");
  const words = options.flatMap((one) => one.split(","));
  const unknown = words.find((one) => one !== "ro" && one !== "rw");
  if (target === "" || unknown !== undefined)
    throw wrong("volume", "SOURCE:TARGET[:ro]; --mount says more", text);
  const isPath = source.startsWith("/") || source.startsWith(".");
  const mount: Mount = { Type: isPath ? "bind" : "volume", Source: source, Target: target };
  return toWire(mount, words.includes("ro"), isPath);
}

function wireMount(text: string): WireMount {
  const mount = mountOf(text);
  return toWire(mount, mount.ReadOnly === true, mount.BindOptions?.["CreateMountpoint"] === true);
}

type Propagation = "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave";

function toWire(mount: Mount, readOnly: boolean, createSource: boolean): WireMount {
  const target = mount.Target ?? "";
  const shared = { target, ...(readOnly ? { readOnly } : {}) };
  switch (mount.Type) {
    case "bind": {
      const propagation = mount.BindOptions?.["Propagation"] as Propagation | undefined;
      return {
        type: "bind",
        source: resolve(mount.Source ?? ""),
        ...shared,
        ...(createSource ? { createSource } : {}),
        ...(mount.BindOptions?.["NonRecursive"] === true ? { nonRecursive: true } : {}),
        ...(propagation === undefined ? {} : { propagation }),
      };
    }
    case "volume": {
      const { NoCopy, Subpath } = mount.VolumeOptions ?? {};
      return {
        type: "volume",
        ...(mount.Source === undefined ? {} : { name: mount.Source }),
        ...shared,
        ...(NoCopy === true ? { noCopy: true } : {}),
        ...(Subpath === undefined ? {} : { subpath: Subpath }),
      };
    }
    case "tmpfs": {
      const { SizeBytes, Mode } = mount.TmpfsOptions ?? {};
      return {
        type: "tmpfs",
        target,
        ...(SizeBytes === undefined ? {} : { size: SizeBytes }),
        ...(Mode === undefined ? {} : { mode: Mode }),
      };
    }
    default:
      throw wrong("mount", "type=bind, volume or tmpfs", mount.Type);
  }
}

function restartChange(text: string): NonNullable<WireContainerChange["restart"]> {
  const { Name, MaximumRetryCount } = restartPolicy(text);
  return {
    name: Name as NonNullable<WireContainerChange["restart"]>["name"],
    ...(MaximumRetryCount > 0 ? { maximumRetryCount: MaximumRetryCount } : {}),
  };
}

function limitChange(invocation: Invocation): Pick<WireContainerChange, "resources"> {
  const resources = Object.entries(limits).flatMap(
    ([option, field]): (readonly [string, string | number])[] => {
      if (!invocation.given(option)) return [];
      if (createOptions[option]!.type === "string") return [[field, invocation.text(option)!]];
      const value = invocation.number(option)!;
      return [[field, option === "cpus" ? Math.round(value * 1e9) : value]];
    },
  );
  return resources.length > 0 ? { resources: Object.fromEntries(resources) as WireLimits } : {};
}
