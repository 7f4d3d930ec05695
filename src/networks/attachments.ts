import { KeyedLock, fail, type Logger } from "../base/index.ts";
import type { Events } from "../events/index.ts";
import type { DaemonIdentity, ThreadNamespaces } from "../host/index.ts";
import type { NameServer } from "./dns.ts";
import { privateZones, type Zone } from "./dns-config.ts";
import { interfaceDigits } from "./endpoints.ts";
import { resolvesNames, type Fabric } from "./fabric.ts";
import type { AttachedEndpoint, Endpoint, Network, PrivateName, Sandbox } from "./network.ts";
import { bridgeOptions } from "./options.ts";
import type { Registry } from "./registry.ts";
import { namespaceIdentity, plug, setGateways, unplug, type Link } from "./wiring.ts";

/** An endpoint in a running container. */
export interface Attachment extends AttachedEndpoint {
  readonly sandbox: Sandbox;
  /** Tells the container's namespace from one whose first process got the same pid later. */
  readonly namespace: number;
}

export interface AttachmentsDependencies {
  readonly identity: DaemonIdentity;
  readonly registry: Registry;
  readonly fabric: Fabric;
  readonly names: NameServer;
  readonly namespaces: ThreadNamespaces;
  readonly events: Events;
  readonly logger: Logger;
  readonly privateNames?: () => readonly PrivateName[];
}

/** Which endpoints are plugged in, and the work of plugging. One change a container at a time. */
export class Attachments {
  readonly #of: AttachmentsDependencies;
  readonly #attached = new Map<string, Attachment>();
  readonly #locks = new KeyedLock();
  /** Work that nobody waits for but `settle`, and the next attach of the same container. */
  readonly #background = new Map<string, Promise<void>>();

  constructor(dependencies: AttachmentsDependencies) {
    this.#of = dependencies;
  }

  all(): Attachment[] {
    return [...this.#attached.values()];
  }

  onNetwork(networkId: string): Attachment[] {
    return this.all().filter(({ endpoint }) => endpoint.networkId === networkId);
  }

  has(endpointId: string): boolean {
    return this.#attached.has(endpointId);
  }

  /** Notes what is plugged in already; those whose process has ended are left out. */
  adopt(sandbox: Sandbox, endpoints: readonly AttachedEndpoint[]): void {
    const namespace = namespaceIdentity(sandbox);
    if (namespace === undefined) return;
    for (const one of endpoints) this.#attached.set(one.endpoint.id, { ...one, sandbox, namespace });
  }

  async attach(
    sandbox: Sandbox,
    endpoints: readonly Endpoint[],
    order?: readonly string[],
  ): Promise<readonly AttachedEndpoint[]> {
    if (endpoints.length === 0) return [];
    using _lock = await this.#locks.acquire(sandbox.containerId);
    await this.#background.get(sandbox.containerId);
    const added = this.#register(sandbox, endpoints);
    try {
      const networks = new Set(endpoints.map((endpoint) => this.#of.registry.get(endpoint.networkId)));
      await Promise.all([...networks].map((network) => this.#of.fabric.raise(network)));
      const work = [this.#plug(sandbox, added), this.#serveNames(added, [...networks])];
      const failed = (await Promise.allSettled(work)).find((one) => one.status === "rejected");
      if (failed) throw failed.reason as Error;
      if (order !== undefined) {
        this.#arrange(order);
        await this.#moveGateway(sandbox);
      }
    } catch (error) {
      await this.#unregister(added);
      throw error;
    }
    for (const one of added) this.#emit("connect", one.endpoint);
    return added.map(({ endpoint, interfaceName }) => ({ endpoint, interfaceName }));
  }

  async detach(sandbox: Sandbox, endpoints: readonly Endpoint[]): Promise<void> {
    using _lock = await this.#locks.acquire(sandbox.containerId);
    const hostNames = endpoints.map((endpoint) => this.hostName(endpoint));
    const gone = endpoints.flatMap(({ id }) => this.#attached.get(id) ?? []);
    for (const { endpoint } of gone) this.#attached.delete(endpoint.id);
    const alive = gone.some(({ namespace }) => namespace === namespaceIdentity(sandbox));
    if (alive) {
      await unplug(hostNames);
      await this.#moveGateway(sandbox);
    }
    // The kernel takes the links of an ended container away by itself, in its own time; nobody need wait for it.
    this.#later(sandbox.containerId, () => unplug(hostNames));
    this.#of.names.serveSoon(() => this.zones());
    for (const { endpoint } of gone) this.#emit("disconnect", endpoint);
  }

  /** Gives an attached endpoint other names. */
  async rename(endpoint: Endpoint): Promise<void> {
    const attachment = this.#attached.get(endpoint.id);
    if (!attachment) return;
    this.#attached.set(endpoint.id, { ...attachment, endpoint });
    await this.#of.names.serve(this.zones());
  }

  /** Plugs in endpoints that are noted as attached but whose links are missing. */
  async restore(containerId: string, endpointIds: readonly string[]): Promise<void> {
    const missing = endpointIds.flatMap((id) => this.#attached.get(id) ?? []);
    const first = missing[0];
    if (!first) return;
    using _lock = await this.#locks.acquire(containerId);
    await this.#plug(first.sandbox, missing);
    await this.#moveGateway(first.sandbox);
  }

  /** What the DNS server must know. It can listen only where a bridge is. */
  zones(): Zone[] {
    const byNetwork = Map.groupBy(this.all(), ({ endpoint }) => endpoint.networkId);
    const zones = this.#of.registry
      .list()
      .filter(
        (network) => byNetwork.has(network.id) && resolvesNames(network) && this.#of.fabric.isUp(network),
      )
      .map((network) => ({
        networkId: network.id,
        internal: network.internal,
        listen: network.subnets.map((one) => one.gateway).filter((gateway) => !gateway.includes(":")),
        entries: byNetwork.get(network.id)!.map(({ endpoint }) => ({
          containerId: endpoint.containerId,
          addresses: [endpoint.ipv4, ...(endpoint.ipv6 === undefined ? [] : [endpoint.ipv6])],
          names: endpoint.names,
          servers: endpoint.servers ?? [],
        })),
      }));
    return [...zones, ...privateZones(this.#of.privateNames?.() ?? [], zones)];
  }

  /** The name of the endpoint's link on the host. */
  hostName(endpoint: Endpoint): string {
    return `${this.#of.identity.interfacePrefix}${endpoint.id.slice(0, interfaceDigits)}`;
  }

  /** Waits for the work that goes on in the background. */
  async settle(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background.values());
  }

  /** Synchronous, so that a network is in use from the moment that it is looked up. */
  #register(sandbox: Sandbox, endpoints: readonly Endpoint[]): Attachment[] {
    const namespace = namespaceIdentity(sandbox);
    if (namespace === undefined) {
      throw fail("conflict", "network.sandbox-gone", `container ${sandbox.containerId} is not running`);
    }
    const present = endpoints.find(({ id }) => this.#attached.has(id));
    if (present) {
      const { name } = this.#of.registry.get(present.networkId);
      throw fail(
        "conflict",
        "network.endpoint-exists",
        `the container is already attached to network ${name}`,
      );
    }
    for (const { networkId } of endpoints) this.#of.registry.get(networkId);
    const taken = new Set(this.#ofContainer(sandbox.containerId).map(({ interfaceName }) => interfaceName));
    let index = 0;
    return endpoints.map((endpoint) => {
      while (taken.has(`eth${index}`)) index++;
      const attachment = { endpoint, sandbox, namespace, interfaceName: `eth${index++}` };
      this.#attached.set(endpoint.id, attachment);
      return attachment;
    });
  }

  /**
   * The DNS server answers a container that it does not know yet with the names of the network that the query came
   * from, so a container need not wait for a server that knows it, unless it must see more than one network.
   */
  async #serveNames(added: readonly Attachment[], networks: readonly Network[]): Promise<void> {
    const named = networks.filter(resolvesNames);
    if (named.length === 0) return;
    const { containerId } = added[0]!.sandbox;
    const served = this.#of.names.serve(this.zones());
    const simple =
      !this.#of.privateNames?.().some((one) => one.containerId === containerId) &&
      this.#ofContainer(containerId).length === 1 &&
      added.every(({ endpoint }) => !endpoint.servers && this.#of.names.answers(endpoint.networkId));
    if (!simple) return await served;
    this.#later(containerId, () => served);
  }

  async #unregister(added: readonly Attachment[]): Promise<void> {
    for (const { endpoint } of added) this.#attached.delete(endpoint.id);
    const endpoints = added.map(({ endpoint }) => endpoint);
    await unplug(endpoints.map((endpoint) => this.hostName(endpoint)));
    this.#of.names.serveSoon(() => this.zones());
  }

  #plug(sandbox: Sandbox, added: readonly Attachment[]): Promise<void> {
    const links = added.map((attachment) => this.#link(attachment));
    const before = this.#ofContainer(sandbox.containerId).filter((one) => !added.includes(one));
    const had = this.#gateways(before).map((gateway) => gateway.includes(":"));
    const gateways = this.#gateways(added).filter((gateway) => !had.includes(gateway.includes(":")));
    return plug(this.#of.namespaces, sandbox, links, gateways);
  }

  /** The first of a container's attachments has its default route. */
  #arrange(order: readonly string[]): void {
    for (const id of order) {
      const attachment = this.#attached.get(id);
      if (!attachment) continue;
      this.#attached.delete(id);
      this.#attached.set(id, attachment);
    }
  }

  async #moveGateway(sandbox: Sandbox): Promise<void> {
    const gateways = this.#gateways(this.#ofContainer(sandbox.containerId));
    if (gateways.length > 0) await setGateways(this.#of.namespaces, sandbox, gateways);
  }

  #link({ endpoint, interfaceName }: Attachment): Link {
    const network = this.#of.registry.get(endpoint.networkId);
    const options = bridgeOptions(network.options);
    return {
      hostName: this.hostName(endpoint),
      interfaceName,
      bridge: network.bridge!,
      mtu: options.mtu,
      mac: endpoint.mac,
      isolated: !options.interContainer,
      addresses: [
        `${endpoint.ipv4}/${endpoint.ipv4PrefixLength}`,
        ...(endpoint.ipv6 === undefined ? [] : [`${endpoint.ipv6}/${endpoint.ipv6PrefixLength}`]),
      ],
    };
  }

  /** The default gateways among attachments: the first of each family, of a network with a way out. */
  #gateways(attachments: readonly Attachment[]): string[] {
    const open = attachments
      .map(({ endpoint }) => this.#of.registry.get(endpoint.networkId))
      .filter((network: Network) => !network.internal)
      .flatMap((network) => network.subnets.map(({ gateway }) => gateway));
    return [open.find((one) => !one.includes(":")), open.find((one) => one.includes(":"))].filter(
      (gateway) => gateway !== undefined,
    );
  }

  #ofContainer(containerId: string): Attachment[] {
    return this.all().filter(({ sandbox }) => sandbox.containerId === containerId);
  }

  #later(containerId: string, work: () => Promise<void>): void {
    const before = this.#background.get(containerId) ?? Promise.resolve();
    const mine = before.then(work).catch((error: unknown) => {
      this.#of.logger.warn("clean-up of a container's network failed", { containerId, error });
    });
    const entry = mine.finally(() => {
      if (this.#background.get(containerId) === entry) this.#background.delete(containerId);
    });
    this.#background.set(containerId, entry);
  }

  #emit(action: "connect" | "disconnect", endpoint: Endpoint): void {
    const network = this.#of.registry.list().find(({ id }) => id === endpoint.networkId);
    if (!network) return;
    const attributes = { container: endpoint.containerId, name: network.name, type: network.driver };
    this.#of.events.emit("network", action, network.id, attributes);
  }
}
