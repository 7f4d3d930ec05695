import { fail } from "../../base/index.ts";
import type { AttachedEndpoint, Endpoint } from "../../networks/index.ts";
import type { Container } from "../container.ts";
import { setContainer, type Entry } from "../registry.ts";
import type { Engine } from "../engine.ts";
import { applyEndpointSettings, checkLinkLocal, endpointSettings } from "./endpoint-options.ts";
import { rewriteEtcFiles } from "./etc-files.ts";
import { parseLink } from "./link.ts";
import { aliasHosts } from "./links.ts";
import { byPriority, endpointNames, endpointSpec, networkMode } from "./network-mode.ts";
import type { EndpointSettings } from "../spec.ts";

/** Puts a container on one more network, at once when it runs; the caller holds its lock. */
export async function connectNetwork(
  engine: Engine,
  entry: Entry,
  networkName: string,
  settings: EndpointSettings,
): Promise<void> {
  const { container } = entry.record;
  const network = engine.networks.resolve(networkName);
  refuseForeignNamespace(entry);
  if (container.endpoints.some((endpoint) => endpoint.networkId === network.id)) {
    throw fail(
      "conflict",
      "network.already-connected",
      `endpoint with name ${container.name} already exists in network ${network.name}`,
    );
  }
  refuseLate(engine, container);
  endpointSettings(settings.driverOptions ?? {});
  checkLinkLocal(settings.linkLocal ?? []);
  await using undo = new AsyncDisposableStack();
  const endpoint = await engine.networks.reserve(endpointSpec(container, network.id, settings));
  undo.defer(() => engine.networks.release(endpoint.id));
  const all = { ...container.spec.network?.endpoints, [network.name]: settings };
  const endpoints = byPriority([...container.endpoints, endpoint], all, engine.networks);
  let attached: readonly AttachedEndpoint[] = [];
  if (container.state.status === "running") {
    const sandbox = { containerId: container.id, pid: container.state.pid };
    attached = await engine.networks.attach(sandbox, [endpoint], { order: endpoints.map(({ id }) => id) });
    undo.defer(() => engine.networks.detach(sandbox, [endpoint]));
    const spec = { ...container.spec, network: { endpoints: { [network.name]: settings } } };
    await applyEndpointSettings(container.state.pid, attached, spec, engine.networks);
  }
  await setEndpoints(
    engine,
    entry,
    endpoints,
    inOrder([...entry.record.attached, ...attached], endpoints),
    all,
  );
  undo.move();
  if (settings.links !== undefined || settings.driverOptions !== undefined) {
    await keepSettings(engine, entry, network.name, settings);
  }
}

function inOrder(
  attached: readonly AttachedEndpoint[],
  endpoints: readonly Endpoint[],
): readonly AttachedEndpoint[] {
  return endpoints.flatMap(({ id }) => attached.find((one) => one.endpoint.id === id) ?? []);
}

/** The other way round. */
export async function disconnectNetwork(engine: Engine, entry: Entry, networkName: string): Promise<void> {
  const { container } = entry.record;
  const network = engine.networks.resolve(networkName);
  refuseForeignNamespace(entry);
  const endpoint = container.endpoints.find((one) => one.networkId === network.id);
  if (!endpoint) {
    throw fail(
      "conflict",
      "network.not-connected",
      `container ${container.id} is not connected to the network ${network.name}`,
    );
  }
  if (container.state.status === "running") {
    await engine.networks.detach({ containerId: container.id, pid: container.state.pid }, [endpoint]);
  }
  const others = (one: { readonly id: string }) => one.id !== endpoint.id;
  await setEndpoints(
    engine,
    entry,
    container.endpoints.filter(others),
    entry.record.attached.filter((one) => others(one.endpoint)),
    Object.fromEntries(
      Object.entries(container.spec.network?.endpoints ?? {}).filter(([name]) => name !== network.name),
    ),
  );
  await engine.networks.release(endpoint.id);
}

/** The names under which the networks know it follow its own. The caller holds the lock and has changed the name. */
export async function renameEndpoints(engine: Engine, entry: Entry, before: string): Promise<void> {
  const { container } = entry.record;
  const endpoints = await Promise.all(
    container.endpoints.map((endpoint) => {
      const others = endpoint.names.filter((name) => name !== before);
      return engine.networks.rename(endpoint.id, [...new Set([...endpointNames(container), ...others])]);
    }),
  );
  const byId = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
  setContainer(entry, { endpoints });
  entry.record = {
    ...entry.record,
    attached: entry.record.attached.map((one) => ({
      ...one,
      endpoint: byId.get(one.endpoint.id) ?? one.endpoint,
    })),
  };
}

/** They are looked up again at each start, its own and the others'. */
async function keepSettings(
  engine: Engine,
  entry: Entry,
  name: string,
  settings: EndpointSettings,
): Promise<void> {
  settings.links?.forEach(parseLink);
  const { container } = entry.record;
  const { network } = container.spec;
  const endpoints = { ...network?.endpoints, [name]: settings };
  const spec = { ...container.spec, network: { ...network, endpoints } };
  engine.store.save({ ...entry.record, container: { ...container, spec } });
  setContainer(entry, { spec });
  if (container.state.status !== "running") return;
  await rewriteEtcFiles(container, engine.networks, aliasHosts(entry.record.container, engine));
  // The DNS server is told again, now that the links are known.
  const [endpoint] = settings.links === undefined ? [] : container.endpoints.slice(-1);
  if (endpoint) await engine.networks.rename(endpoint.id, endpoint.names);
}

async function setEndpoints(
  engine: Engine,
  entry: Entry,
  endpoints: readonly Endpoint[],
  attached: readonly AttachedEndpoint[],
  settings: Readonly<Record<string, EndpointSettings>>,
): Promise<void> {
  const { container } = entry.record;
  const spec = { ...container.spec, network: { ...container.spec.network, endpoints: settings } };
  const { missingNetworks, ...rest } = container;
  const missing = missingNetworks?.filter(
    (name) => settings[name] === undefined || !isOn(engine, endpoints, name),
  );
  const record = {
    ...entry.record,
    attached,
    container: { ...rest, ...(missing?.length ? { missingNetworks: missing } : {}), spec, endpoints },
  };
  if (record.container.state.status === "running") {
    const hosts = aliasHosts(record.container, engine);
    await rewriteEtcFiles(record.container, engine.networks, hosts);
  }
  engine.store.save(record);
  entry.record = record;
}

function isOn(engine: Engine, endpoints: readonly Endpoint[], name: string): boolean {
  const network = engine.networks.list().find((one) => one.name === name);
  return endpoints.some(({ networkId }) => networkId === network?.id);
}

/** A network stack inside the runtime knows only the interfaces that were there at the start. */
function refuseLate(engine: Engine, { spec, state, name }: Container): void {
  const runtime = spec.runtime ?? engine.defaultRuntime;
  if (state.status !== "running" || !engine.runtime.abilities(runtime).ownKernel) return;
  throw fail(
    "unimplemented",
    "runtime.cannot",
    `a container of the runtime ${runtime} cannot join a network while it runs`,
    { hint: `docker stop ${name}` },
  );
}

function refuseForeignNamespace(entry: Entry): void {
  const { container } = entry.record;
  const { kind } = networkMode(container.spec.network);
  if (kind === "own") return;
  if (kind === "host") {
    throw fail(
      "invalid",
      "network.host-mode",
      "container cannot be disconnected from host network or connected to host network",
    );
  }
  if (kind === "container") {
    throw fail(
      "invalid",
      "network.container-mode",
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  }
  throw fail(
    "invalid",
    "network.none-mode",
    "container cannot be connected to multiple networks with one of the networks in private (none) mode",
  );
}
