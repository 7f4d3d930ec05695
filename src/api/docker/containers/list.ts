import type { Container } from "../../../containers/index.ts";
import { fail, isVirgaError } from "../../../base/index.ts";
import type { Filters } from "../http/filters.ts";
import { familiar } from "../../../images/index.ts";
import type { ContainersBackend } from "./backend.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";
import { commandLine, encodeImageDescriptor, encodeMountPoints, imageOf } from "./inspect.ts";
import { encodeNetworks, hostAddresses, portKeys } from "./network-settings.ts";
import { stateWord, statusText } from "./status.ts";

export const listFilters = [
  "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network",
  "publish", "since", "status", "volume",
]; // prettier-ignore

export interface ListOptions {
  readonly all: boolean;
  readonly limit: number | undefined;
  readonly size: boolean;
}

/** GET /containers/json: the containers that match, newest first. */
export async function listContainers(
  backend: ContainersBackend,
  filters: Filters,
  options: ListOptions,
  version: ApiVersion,
) {
  const newestFirst = backend.containers
    .list()
    .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  const accepts = selector(backend, newestFirst, filters);
  // Asking for a state, or for so many, looks at stopped containers too.
  const all = options.all || filters.has("status") || filters.has("exited") || options.limit !== undefined;
  const chosen = newestFirst.filter(
    (one) => (all || one.state.status === "running" || one.state.status === "restarting") && accepts(one),
  );
  const limited = options.limit === undefined ? chosen : chosen.slice(0, options.limit);
  return Promise.all(limited.map((one) => encodeSummary(backend, one, options.size, version)));
}

export async function encodeSummary(
  backend: ContainersBackend,
  container: Container,
  withSize: boolean,
  version: ApiVersion,
) {
  const size = withSize ? await backend.containers.size(container.id) : undefined;
  return {
    Id: container.id,
    Names: [`/${container.name}`, ...linkNames(backend, container)],
    Image: imageName(backend, container),
    ImageID: container.imageId,
    Command: commandLine(container).map(quoted).join(" "),
    Created: Math.floor(container.createdAt.getTime() / 1000),
    Ports: container.state.status === "running" ? encodePorts(container) : [],
    ...(size === undefined ? {} : { SizeRw: size.written, SizeRootFs: size.total }),
    Labels: container.process.Labels ?? {},
    ...encodeImageDescriptor(backend, container, version),
    State: stateWord(container),
    Status: statusText(container, backend.clock.now()),
    HostConfig: {
      NetworkMode: container.spec.network?.mode ?? "bridge",
      ...(container.spec.annotations && holds(quirks.listAnnotations, version)
        ? { Annotations: container.spec.annotations }
        : {}),
    },
    NetworkSettings: { Networks: encodeNetworks(container, backend.networks) },
    Mounts: encodeMountPoints(container),
    ...(container.health === undefined
      ? {}
      : { Health: { Status: container.health.status, FailingStreak: container.health.failingStreak } }),
  };
}

/** What others that are linked to it call it: `/web/db`. */
function linkNames(backend: ContainersBackend, { id }: Container): string[] {
  return backend.containers.list().flatMap(({ name, spec }) =>
    (spec.network?.links ?? []).flatMap((text) => {
      const [target, alias] = text.split(":");
      return target === id && alias !== undefined ? [`/${name}/${alias}`] : [];
    }),
  );
}

/** The name that was used, as long as it still means the same image; otherwise the image's id. */
function imageName(backend: ContainersBackend, container: Container): string {
  try {
    if (backend.images.resolve(container.spec.image).id === container.imageId) return container.spec.image;
  } catch (error) {
    if (!isVirgaError(error)) throw error;
  }
  const name = imageOf(backend, container)?.references[0];
  return name === undefined ? container.imageId : familiar(name);
}

function quoted(word: string): string {
  return /[\s'"\\]/.test(word) ? `'${word.replaceAll("'", `'\\''`)}'` : word;
}

function encodePorts(container: Container) {
  const published = container.publishedPorts.flatMap((port) =>
    hostAddresses(port).map((ip) => ({
      IP: ip,
      PrivatePort: port.containerPort,
      PublicPort: port.hostPort,
      Type: port.protocol,
    })),
  );
  const known = new Set(container.publishedPorts.map((port) => `${port.containerPort}/${port.protocol}`));
  const exposed = portKeys(container)
    .filter((key) => !known.has(key))
    .map((key) => ({ PrivatePort: parseInt(key, 10), Type: key.split("/")[1] ?? "tcp" }));
  return [...exposed, ...published];
}

const states = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];
const healths = ["starting", "healthy", "unhealthy", "none"];

/** The test that `filters` stand for. Throws `invalid`, and `not-found` for a `before` or `since` without a container. */
function selector(
  backend: ContainersBackend,
  newestFirst: readonly Container[],
  filters: Filters,
): (container: Container) => boolean {
  requireKnown(filters, "status", states);
  requireKnown(filters, "health", healths);
  requireNumbers(filters, "exited");
  const older = position(backend, newestFirst, filters, "before");
  const newer = position(backend, newestFirst, filters, "since");
  const ancestors = filters.all("ancestor").flatMap((name) => ancestorLayers(backend, name));
  const checks: ((one: Container) => boolean)[] = [
    (one) => filters.any("id", (value) => one.id.startsWith(value)),
    (one) => filters.matches("name", one.name, `/${one.name}`),
    (one) => filters.labels(one.process.Labels ?? {}),
    (one) => filters.exact("status", stateWord(one)),
    (one) => filters.exact("health", one.health?.status ?? "none"),
    (one) => filters.any("exited", (value) => hasExited(one, value)),
    (one) => filters.any("network", (value) => isOnNetwork(backend, one, value)),
    (one) => filters.any("volume", (value) => usesVolume(one, value)),
    (one) => filters.any("publish", (value) => hasPort(publishedKeys(one), value)),
    (one) => filters.any("expose", (value) => hasPort(portKeys(one), value)),
    () => filters.any("is-task", (value) => value === "false"),
    () => filters.exact("isolation", "default", ""),
    (one) => !filters.has("ancestor") || ancestors.some((layers) => descends(backend, one, layers)),
    (one) => older === undefined || newestFirst.indexOf(one) > older,
    (one) => newer === undefined || newestFirst.indexOf(one) < newer,
  ];
  return (one) => checks.every((check) => check(one));
}

function requireKnown(filters: Filters, name: string, known: readonly string[]): void {
  const wrong = filters.all(name).find((value) => !known.includes(value));
  if (wrong === undefined) return;
  throw fail(
    "invalid",
    "api.invalid-filter",
    `invalid filter '${name}=${wrong}'; use one of ${known.join(", ")}`,
  );
}

function position(
  backend: ContainersBackend,
  newestFirst: readonly Container[],
  filters: Filters,
  name: string,
): number | undefined {
  const value = filters.all(name)[0];
  if (value === undefined) return undefined;
  const { id } = backend.containers.get(value);
  return newestFirst.findIndex((one) => one.id === id);
}

function requireNumbers(filters: Filters, name: string): void {
  const wrong = filters.all(name).find((value) => !/^-?\d+$/.test(value));
  if (wrong !== undefined) throw fail("invalid", "api.invalid-filter", `invalid filter '${name}=${wrong}'`);
}

function hasExited(container: Container, code: string): boolean {
  return container.state.status === "exited" && container.state.exitCode === Number(code);
}

function isOnNetwork(backend: ContainersBackend, container: Container, value: string): boolean {
  return Object.entries(encodeNetworks(container, backend.networks)).some(
    ([name, endpoint]) => name === value || endpoint.NetworkID.startsWith(value),
  );
}

function usesVolume(container: Container, value: string): boolean {
  return container.mounts.some(
    (mount) =>
      mount.target === value ||
      (mount.type === "volume" && mount.name === value) ||
      (mount.type === "bind" && mount.source === value),
  );
}

function publishedKeys(container: Container): string[] {
  return container.publishedPorts.map((port) => `${port.containerPort}/${port.protocol}`);
}

/** `value` is `80`, `80/tcp` or `8000-8080/tcp`. */
function hasPort(keys: readonly string[], value: string): boolean {
  const match = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(value);
  if (!match) throw fail("invalid", "api.invalid-filter", `invalid port specification: "${value}"`);
  const [first, last, protocol] = [Number(match[1]), Number(match[2] ?? match[1]), match[3] ?? "tcp"];
  return keys.some((key) => {
    const port = parseInt(key, 10);
    return port >= first && port <= last && key.endsWith(`/${protocol}`);
  });
}

/** The layers of the image, none when there is no such image: then nothing matches. */
function ancestorLayers(backend: ContainersBackend, name: string): (readonly string[])[] {
  try {
    return [backend.images.resolve(name).config.rootfs.diff_ids];
  } catch (error) {
    if (isVirgaError(error, "not-found")) return [];
    throw error;
  }
}

/** An image descends from another when the other's layers are its lowest. */
function descends(backend: ContainersBackend, container: Container, layers: readonly string[]): boolean {
  const own = imageOf(backend, container)?.config.rootfs.diff_ids ?? [];
  return layers.length > 0 && layers.every((layer, index) => own[index] === layer);
}
