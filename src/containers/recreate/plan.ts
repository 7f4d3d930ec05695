import { fail, formatBytes } from "../../base/index.ts";
import type { Digest } from "../../content/index.ts";
import type { ImageProcess } from "../../images/index.ts";
import type { DiffId } from "../../layers/index.ts";
import type { PortMapping } from "../../networks/index.ts";
import { checkSpec } from "../checks/spec.ts";
import type { Container } from "../container.ts";
import { checkHere, mountOrigins } from "../lifecycle/create.ts";
import type { Engine } from "../engine.ts";
import { planMounts, type MountPlan } from "../files/mounts.ts";
import type { Entry } from "../registry.ts";
import { sizeOf } from "../files/size.ts";
import type { ContainerSpec } from "../spec.ts";
import { isActive, refuseGoing } from "../state.ts";
import { stopSeconds } from "../lifecycle/stop.ts";
import { changedProcess, changedSpec } from "./apply.ts";
import { differences, isLive } from "./differences.ts";
import type { ChangePlan, ContainerChange } from "./request.ts";

/** What a container is to become; nothing of it exists yet. */
export interface Target {
  readonly spec: ContainerSpec;
  readonly process: ImageProcess;
  readonly imageId: Digest;
  readonly layers: readonly DiffId[];
  /** What is mounted now and stays. */
  readonly kept: Container["mounts"];
  readonly mounts: MountPlan;
  readonly warnings: readonly string[];
}

/** Throws, as `create` does, for what cannot work; and `conflict` / `port.in-use` for a port of another container. */
export function targetOf(engine: Engine, entry: Entry, change: ContainerChange): Target {
  const { container, layers } = entry.record;
  refuseGoing(container.state);
  const spec = changedSpec(container, change);
  checkSpec(spec);
  const process = changedProcess(engine.images, container, change, spec);
  const image = change.image === undefined ? undefined : engine.images.admitted(change.image);
  const warnings = checkHere(engine, spec);
  refuseTakenPorts(engine, container.id, spec.network?.ports ?? []);
  const added = change.mounts?.add ?? [];
  const gone = new Set([...(change.mounts?.remove ?? []), ...added.map((mount) => mount.target)]);
  const kept = container.mounts.filter((mount) => !gone.has(mount.target));
  const volumes = Object.entries(process.Volumes ?? {}).filter(
    ([target]) => !kept.some((mount) => mount.target === target),
  );
  const mounts = planMounts(
    { image: spec.image, mounts: added },
    { Volumes: Object.fromEntries(volumes) },
    mountOrigins(engine),
  );
  const [imageId, newLayers] = image ? [image.id, image.config.rootfs.diff_ids] : [container.imageId, layers];
  return { spec, process, imageId, layers: newLayers, kept, mounts, warnings };
}

function refuseTakenPorts(engine: Engine, id: string, wanted: readonly PortMapping[]): void {
  const any = (address: string) => address === "" || address === "0.0.0.0" || address === "::";
  for (const [other, { record }] of engine.registry.entries) {
    if (other === id) continue;
    for (const taken of record.container.publishedPorts) {
      const clash = wanted.find(
        (one) =>
          one.hostPortEnd === undefined &&
          one.hostPort === taken.hostPort &&
          one.protocol === taken.protocol &&
          (one.hostIp === taken.hostIp || any(one.hostIp) || any(taken.hostIp)),
      );
      if (!clash) continue;
      throw fail(
        "conflict",
        "port.in-use",
        `port ${clash.hostPort}/${clash.protocol} is published by container ${record.container.name}`,
        { hint: "choose another port, or take it from that container first" },
      );
    }
  }
}

export async function describePlan(
  engine: Engine,
  entry: Entry,
  target: Target,
  timeout: number | undefined,
): Promise<ChangePlan> {
  const { record } = entry;
  const { container } = record;
  const changes = differences(container, target);
  const runs = isActive(container.state);
  const keepsFiles = Bun.deepEquals(target.layers, record.layers);
  const how =
    changes.length === 0 ? "nothing" : !runs ? "stored" : isLive(container, target) ? "live" : "restart";
  const seconds = how === "restart" ? stopSeconds(container, timeout) : 0;
  const notes = how === "restart" || how === "stored" ? await notesOf(engine, entry, target, keepsFiles) : [];
  return { changes, how, stopSeconds: seconds, keepsFiles, notes };
}

async function notesOf(
  engine: Engine,
  entry: Entry,
  target: Target,
  keepsFiles: boolean,
): Promise<readonly string[]> {
  const { container } = entry.record;
  const { written } = await sizeOf(engine, entry.record);
  const size = formatBytes(written);
  const still = new Set([...target.kept, ...target.mounts.wanted].flatMap(volumeOf));
  const left = [...new Set(container.mounts.flatMap(volumeOf))].filter((name) => !still.has(name));
  const project = container.spec.labels?.["com.docker.compose.project"];
  return [
    "its id, name, networks, addresses and volumes stay",
    keepsFiles
      ? `the files that it has written outside of volumes (${size}) stay`
      : `the files that it has written outside of volumes (${size}) are lost: they belong to its old image`,
    ...left.map((name) => `volume ${name} is not mounted any more; its data stays`),
    ...(project === undefined
      ? []
      : [
          `it belongs to the stack ${project}: change the Compose file too, or its next change undoes this one`,
        ]),
  ];
}

function volumeOf(mount: { readonly type: string; readonly name?: string }): string[] {
  return mount.type === "volume" && mount.name !== undefined ? [mount.name] : [];
}
