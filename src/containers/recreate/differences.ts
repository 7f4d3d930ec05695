import type { ImageProcess } from "../../images/index.ts";
import type { MountSpec, ContainerSpec } from "../spec.ts";
import type { Difference } from "./request.ts";

/** Both sides of a change, as far as a plan compares them. */
export interface Side {
  readonly spec: ContainerSpec;
  readonly process: ImageProcess;
  readonly imageId: string;
}

/** Limits that cannot be changed while it runs. */
const fixedLimits = new Set([
  "cgroupParent", "devices", "deviceCgroupRules", "deviceRequests", "ulimits", "oomScoreAdj", "oomKillDisable",
]); // prettier-ignore
const livePrefix = "limit ";

export function differences(before: Side, after: Side): Difference[] {
  const [one, two] = [describe(before), describe(after)];
  return [...new Set([...one.keys(), ...two.keys()])]
    .filter((what) => one.get(what) !== two.get(what))
    .map((what) => {
      const [old, now] = [one.get(what), two.get(what)];
      return {
        what: what.replace(livePrefix, ""),
        ...(old === undefined ? {} : { before: old }),
        ...(now === undefined ? {} : { after: now }),
      };
    });
}

/** Whether all of it can be done without ending the container. */
export function isLive(before: Side, after: Side): boolean {
  const fixed = (side: Side) =>
    Object.fromEntries([...describe(side)].filter(([what]) => !what.startsWith(livePrefix)));
  return Bun.deepEquals(fixed(before), fixed(after));
}

function describe({ spec, process, imageId }: Side): Map<string, string> {
  const result = new Map<string, string>();
  const put = (what: string, value: unknown) => {
    if (value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return;
    result.set(what, typeof value === "string" ? value : JSON.stringify(value));
  };
  put("image", `${spec.image} (${imageId.replace("sha256:", "").slice(0, 12)})`);
  put("entrypoint", process.Entrypoint);
  put("command", process.Cmd);
  put("user", process.User);
  put("working directory", process.WorkingDir);
  put("stop signal", process.StopSignal);
  put("stop timeout", process.StopTimeout);
  put("health check", process.Healthcheck);
  if (spec.init) put("init", "yes");
  for (const entry of (process.Env ?? []).filter((one) => one.includes("="))) {
    const at = entry.indexOf("=");
    result.set(`environment ${entry.slice(0, at)}`, entry.slice(at + 1));
  }
  for (const [key, value] of Object.entries(process.Labels ?? {})) result.set(`label ${key}`, value);
  for (const mount of spec.mounts ?? []) put(`mount ${mount.target}`, describeMount(mount));
  for (const [what, hosts] of publishedOn(spec)) put(what, hosts.toSorted().join(", "));
  if (spec.network?.publishAll) put("publish all ports", "yes");
  for (const [name, value] of Object.entries(spec.resources ?? {})) {
    put(fixedLimits.has(name) ? name : `${livePrefix}${name}`, value === 0 ? undefined : value);
  }
  put(`${livePrefix}restart policy`, describeRestart(spec));
  return result;
}

function publishedOn({ network }: ContainerSpec): Map<string, string[]> {
  const ports = new Map<string, string[]>();
  for (const { protocol, containerPort, hostIp, hostPort, hostPortEnd } of network?.ports ?? []) {
    const what = `port ${containerPort}/${protocol}`;
    const range = hostPortEnd === undefined ? "" : `-${hostPortEnd}`;
    const host = `${hostIp === "" ? "0.0.0.0" : hostIp}:${hostPort === 0 ? "any" : `${hostPort}${range}`}`;
    ports.set(what, [...(ports.get(what) ?? []), host]);
  }
  return ports;
}

function describeRestart({ restart }: ContainerSpec): string | undefined {
  if (restart === undefined || restart.name === "no") return undefined;
  return restart.maximumRetryCount ? `${restart.name}:${restart.maximumRetryCount}` : restart.name;
}

function describeMount({ type, target: _target, ...rest }: MountSpec): string {
  const given = Object.entries(rest).filter(([, value]) => value !== undefined && value !== false);
  const words = given.map(([name, value]) =>
    value === true
      ? name
      : typeof value === "string"
        ? `${name}=${value}`
        : `${name}=${JSON.stringify(value)}`,
  );
  return [type, ...words].join(" ");
}
