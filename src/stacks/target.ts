import { createHash } from "node:crypto";
import { fail, version } from "../base/index.ts";
import type { ContainerSpec } from "../containers/index.ts";
import type { NetworkSpec } from "../networks/index.ts";
import type { VolumeSpec } from "../volumes/index.ts";
import { sharedServices } from "./compose/check.ts";
import { actualName, isExternal, replicasOf, type Service, type StackModel } from "./compose/model.ts";
import { hostPortCount } from "./compose/ports.ts";
import { Problems } from "./compose/problems.ts";
import type { Dependency } from "./compose/service-values.ts";
import { containerSpec, networkKeys } from "./container-spec.ts";
import { readBuildSecrets, readContents } from "./contents.ts";
import { defined } from "./defined.ts";
import { imageSource, type ImageSource } from "./image-source.ts";
import { stackLabels } from "./labels.ts";
import { noService, selectServices } from "./select.ts";
import type { StackFile, StackFiles } from "./stack-files.ts";
import type { UpOptions } from "./stack.ts";

/** What `up` wants to be there, with every name and label as it will be on the machine. */
export interface Target {
  readonly project: string;
  /** Those selected, each after what it depends on. */
  readonly services: readonly TargetService[];
  readonly networks: readonly TargetNetwork[];
  readonly volumes: readonly TargetVolume[];
  /** Every service of the files, selected or not: a container of any other is an orphan. */
  readonly knownServices: readonly string[];
  readonly warnings: readonly string[];
}

export interface TargetService {
  readonly name: string;
  readonly image: string;
  readonly source: ImageSource;
  readonly replicas: number;
  readonly containerName?: string;
  /** Without name and the stack's labels; `service:NAME` where another service's container is meant. */
  readonly spec: ContainerSpec;
  /** Labels common to all its containers. */
  readonly labels: Readonly<Record<string, string>>;
  readonly hash: string;
  readonly dependsOn: Readonly<Record<string, Dependency>>;
  /** Services whose namespaces or volumes its containers use. */
  readonly shares: readonly string[];
  /** Names on this machine. */
  readonly networks: readonly string[];
  /** Asks for an address that only one container can have. */
  readonly fixedAddress: boolean;
  readonly files: readonly StackFile[];
}

export interface TargetNetwork {
  readonly name: string;
  readonly external: boolean;
  readonly hash: string;
  readonly spec: NetworkSpec;
}

export interface TargetVolume {
  readonly name: string;
  readonly external: boolean;
  readonly hash: string;
  readonly spec: VolumeSpec;
}

/** Throws `invalid` for what shows only now: missing env files, unset secrets, services that cannot be scaled. */
export async function makeTarget(
  model: StackModel,
  options: Pick<UpOptions, "services" | "scale">,
  files: Pick<StackFiles, "plan">,
): Promise<Target> {
  const selected = selectServices(model, options.services);
  for (const name of Object.keys(options.scale ?? {})) {
    if (!Object.hasOwn(model.services, name)) throw noService(name, Object.keys(model.services));
  }
  const problems = new Problems();
  const services: TargetService[] = [];
  for (const [name, service] of inDependencyOrder(selected)) {
    services.push(await targetService(model, name, service, options.scale?.[name], files, problems));
  }
  problems.throwIfAny();
  const used = new Set([...selected.values()].flatMap((service) => networkKeys(model, service)));
  const mounted = new Set([...selected.values()].flatMap(volumeKeys));
  return {
    project: model.name,
    services,
    networks: [...used].map((key) => targetNetwork(model, key)),
    volumes: [...mounted].map((key) => targetVolume(model, key)),
    knownServices: Object.keys(model.services),
    warnings: [...model.warnings, ...problems.warnings],
  };
}

function inDependencyOrder(selected: ReadonlyMap<string, Service>): [string, Service][] {
  const ordered = new Map<string, Service>();
  const visit = (name: string) => {
    const service = selected.get(name);
    if (!service || ordered.has(name)) return;
    for (const wanted of [...Object.keys(service.depends_on ?? {}), ...sharedServices(service)])
      visit(wanted);
    ordered.set(name, service);
  };
  for (const name of selected.keys()) visit(name);
  return [...ordered];
}

async function targetService(
  model: StackModel,
  name: string,
  service: Service,
  scale: number | undefined,
  files: Pick<StackFiles, "plan">,
  problems: Problems,
): Promise<TargetService> {
  const image = service.image ?? `${model.name}-${name}`;
  const contents = await readContents(model, name, service, files, problems);
  const secrets = await readBuildSecrets(model, name, service, problems);
  const spec = containerSpec(model, name, service, image, contents);
  const replicas = scale ?? replicasOf(service);
  const fixedAddress = Object.values(service.networks ?? {}).some(
    (one) => one.ipv4_address ?? one.ipv6_address,
  );
  refuseReplicas(name, service, replicas, fixedAddress);
  return defined({
    name,
    image,
    source: imageSource(model, name, service, image, secrets),
    replicas,
    containerName: service.container_name,
    spec,
    labels: serviceLabels(model, name, service),
    hash: hashOf({ spec, name: service.container_name }),
    dependsOn: service.depends_on ?? {},
    shares: sharedServices(service),
    networks: networkKeys(model, service).map((key) =>
      actualName(model.name, key, model.networks[key] ?? {}),
    ),
    fixedAddress,
    files: contents.mounts.map(({ file }) => file),
  });
}

/** The file itself was checked; `--scale` can ask for what it cannot give. */
function refuseReplicas(name: string, service: Service, replicas: number, fixedAddress: boolean): void {
  if (replicas <= 1) return;
  const published = service.ports?.find((port) => hostPortCount(port) < replicas)?.published;
  const single =
    service.container_name === undefined
      ? published === undefined
        ? fixedAddress && "its fixed address"
        : `host port ${published}`
      : `the name '${service.container_name}'`;
  if (!single) return;
  throw fail(
    "invalid",
    "stack.scale",
    `${replicas} containers of service '${name}' cannot all have ${single}`,
    {
      hint: "take it out of the file, or run one container",
    },
  );
}

function serviceLabels(model: StackModel, name: string, service: Service): Record<string, string> {
  const dependsOn = Object.entries(service.depends_on ?? {}).map(
    ([wanted, { condition, restart = false }]) => `${wanted}:${condition}:${restart}`,
  );
  const web = (service.ports ?? [])
    .filter((port) => port.app_protocol === "http" || port.app_protocol === "https")
    .map((port) => `${port.target}=${port.app_protocol}`);
  return {
    [stackLabels.project]: model.name,
    [stackLabels.service]: name,
    [stackLabels.oneoff]: "False",
    [stackLabels.workingDir]: model.directory,
    [stackLabels.configFiles]: model.files.join(","),
    [stackLabels.dependsOn]: dependsOn.join(","),
    [stackLabels.version]: version,
    ...(web.length === 0 ? {} : { [stackLabels.webPorts]: web.join(",") }),
  };
}

function targetNetwork(model: StackModel, key: string): TargetNetwork {
  const definition = model.networks[key] ?? {};
  const name = actualName(model.name, key, definition);
  const bare = defined({
    name,
    driver: "bridge",
    internal: definition.internal,
    attachable: definition.attachable,
    enableIpv6: definition.enable_ipv6,
    options: definition.driver_opts,
    subnets: definition.ipam?.config?.map(({ subnet, gateway, ip_range, aux_addresses }) =>
      defined({ subnet, gateway, ipRange: ip_range, auxiliary: aux_addresses }),
    ),
  });
  const hash = hashOf({ bare, labels: definition.labels });
  const labels = {
    ...definition.labels,
    [stackLabels.project]: model.name,
    [stackLabels.network]: key,
    [stackLabels.configHash]: hash,
    [stackLabels.version]: version,
  };
  return { name, external: isExternal(definition), hash, spec: { ...bare, labels } };
}

function volumeKeys(service: Service): string[] {
  return (service.volumes ?? []).flatMap((mount) =>
    mount.type === "volume" && mount.source !== undefined ? [mount.source] : [],
  );
}

function targetVolume(model: StackModel, key: string): TargetVolume {
  const definition = model.volumes[key] ?? {};
  const name = actualName(model.name, key, definition);
  const bare = defined({ name, driver: definition.driver ?? "local", options: definition.driver_opts });
  const hash = hashOf({ bare });
  const labels = {
    ...definition.labels,
    [stackLabels.project]: model.name,
    [stackLabels.volume]: key,
    [stackLabels.configHash]: hash,
    [stackLabels.version]: version,
  };
  return { name, external: isExternal(definition), hash, spec: { ...bare, labels } };
}

/** The same for the same value, whatever the order of its keys. */
export function hashOf(value: unknown): string {
  const text = JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
  return createHash("sha256").update(text).digest("hex");
}
