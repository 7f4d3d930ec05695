import type { DiffId } from "../layers/index.ts";
import type { AttachedEndpoint } from "../networks/index.ts";
import type { Container, ContainerState } from "./container.ts";

/** All that is stored of a container: what the world sees, and what only the engine needs. */
export interface ContainerRecord {
  readonly container: Container;
  /** Layers of its image, bottom first: they outlive the image's name. */
  readonly layers: readonly DiffId[];
  /** Endpoints that are plugged in now, with their interfaces; empty while not running. */
  readonly attached: readonly AttachedEndpoint[];
  /** While it is being removed: its anonymous volumes go with it. */
  readonly takesVolumes?: boolean;
  /** It is being ended because it is unhealthy: its end, whoever sees it, is followed by a start. */
  readonly unhealthy?: boolean;
}

/** The half of a record that changes while the container lives. */
type Status = Pick<
  Container,
  "state" | "health" | "restartCount" | "stoppedByUser" | "endpoints" | "publishedPorts"
> &
  Pick<ContainerRecord, "attached" | "takesVolumes" | "unhealthy">;

type Definition = Pick<Container, "imageId" | "spec" | "process" | "mounts" | "missingNetworks"> &
  Pick<ContainerRecord, "layers">;

export interface ContainerRow {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
  readonly definition: string;
  readonly status: string;
}

export function encodeRecord(record: ContainerRecord): ContainerRow {
  const { id, name, createdAt, imageId, spec, process, mounts, missingNetworks } = record.container;
  const definition: Definition = {
    imageId,
    spec,
    process,
    mounts,
    ...(missingNetworks === undefined ? {} : { missingNetworks }),
    layers: record.layers,
  };
  return {
    id,
    name,
    created_at: createdAt.toISOString(),
    definition: JSON.stringify(definition),
    status: encodeStatus(record),
  };
}

export function encodeStatus(record: ContainerRecord): string {
  const { state, health, restartCount, stoppedByUser, endpoints, publishedPorts } = record.container;
  const status: Status = {
    state,
    ...(health === undefined ? {} : { health }),
    restartCount,
    stoppedByUser,
    endpoints,
    publishedPorts,
    attached: record.attached,
    ...(record.takesVolumes ? { takesVolumes: true } : {}),
    ...(record.unhealthy ? { unhealthy: true } : {}),
  };
  return JSON.stringify(status);
}

/** `folderOf` tells where a container lives on disk; that follows from the daemon's root and is not stored. */
export function decodeRecord(row: ContainerRow, folderOf: (id: string) => string): ContainerRecord {
  const { layers, ...definition } = JSON.parse(row.definition) as Definition;
  const { attached, takesVolumes, unhealthy, state, ...status } = JSON.parse(
    row.status,
    reviveDate,
  ) as Status;
  const folder = folderOf(row.id);
  return {
    container: {
      id: row.id,
      name: row.name,
      createdAt: new Date(row.created_at),
      ...definition,
      ...status,
      state: state satisfies ContainerState,
      folder,
      logPath: logPathOf(folder, definition.spec),
    },
    layers,
    attached,
    ...(takesVolumes ? { takesVolumes } : {}),
    ...(unhealthy ? { unhealthy } : {}),
  };
}

/** The record with an earlier definition in it. */
export function withDefinition(record: ContainerRecord, encoded: string): ContainerRecord {
  const { layers, ...definition } = JSON.parse(encoded) as Definition;
  return { ...record, layers, container: { ...record.container, ...definition } };
}

export function logPathOf(folder: string, spec: Container["spec"]): string | undefined {
  return spec.log?.driver === "none" ? undefined : `${folder}/log`;
}

/** Of the state, and of the probes of its health. */
const dates: ReadonlySet<string> = new Set(["startedAt", "finishedAt", "start", "end"]);

function reviveDate(key: string, value: unknown): unknown {
  return dates.has(key) && typeof value === "string" ? new Date(value) : value;
}
