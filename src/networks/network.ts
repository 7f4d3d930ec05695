/**
 * Networks and the endpoints on them.
 *
 * The life of a network: `create` allocates a subnet, makes the bridge and its nftables elements → `reserve` keeps an
 * address for a container from its creation on → `attach` plugs a running container's network namespace in, adds its
 * names to the DNS server and publishes its ports → `detach` undoes that → `release` frees the address → `remove`.
 * `reconcile`, at the daemon's start, makes the host agree with the state: what a crash left over goes, what is
 * missing comes back.
 */
export interface Network {
  readonly id: string;
  readonly name: string;
  readonly driver: "bridge" | "host" | "none";
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly enableIpv6: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly subnets: readonly Subnet[];
  /** The bridge's interface name; absent for host and none. */
  readonly bridge?: string;
  readonly createdAt: Date;
  /** `bridge`, `host` and `none`, which always exist and cannot be removed. */
  readonly builtin: boolean;
}

export interface Subnet {
  /** CIDR notation. */
  readonly subnet: string;
  readonly gateway: string;
  readonly ipRange?: string;
  readonly auxiliary?: Readonly<Record<string, string>>;
}

export interface NetworkSpec {
  readonly name: string;
  readonly driver?: string;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly enableIpv6?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly subnets?: readonly {
    readonly subnet?: string;
    readonly gateway?: string;
    readonly ipRange?: string;
    readonly auxiliary?: Readonly<Record<string, string>>;
  }[];
}

/** A container's place on a network, kept from its creation to its removal. */
export interface Endpoint {
  readonly id: string;
  readonly networkId: string;
  readonly containerId: string;
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv4PrefixLength: number;
  readonly ipv6?: string;
  readonly ipv6PrefixLength?: number;
  /** Names that resolve to it on this network: container name, aliases, short id. */
  readonly names: readonly string[];
  /** Asked for by the user, so kept over restarts; the others may change. */
  readonly fixedIpv4?: string;
  /** DNS servers for what is not a container's name (`--dns`); the host's when absent. */
  readonly servers?: readonly string[];
}

export interface EndpointSpec {
  readonly networkId: string;
  readonly containerId: string;
  readonly names: readonly string[];
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly mac?: string;
  readonly servers?: readonly string[];
}

export interface PortMapping {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly containerPort: number;
  /** `0.0.0.0`, `::`, or one address. Empty means all. */
  readonly hostIp: string;
  /** 0 lets the daemon choose one from the host's ephemeral range. */
  readonly hostPort: number;
  /** The last of a range: then the first port from `hostPort` on that is free is taken. */
  readonly hostPortEnd?: number;
}

/** What a running container offers to be attached: its network namespace, by the pid of its first process. */
export interface Sandbox {
  readonly containerId: string;
  readonly pid: number;
}

export interface AttachedEndpoint {
  readonly endpoint: Endpoint;
  /** Interface name in the container: `eth0`, `eth1`, … */
  readonly interfaceName: string;
}

/** A name that one container alone has for another on a network that both are on. */
export interface PrivateName {
  readonly containerId: string;
  readonly networkId: string;
  readonly name: string;
  /** The container that is called so. */
  readonly targetId: string;
}

/** Tells which containers run and what they publish, for `reconcile`; given by the composition root. */
export interface RunningSandboxes {
  running(): readonly {
    readonly sandbox: Sandbox;
    readonly endpoints: readonly AttachedEndpoint[];
    readonly ports: readonly PortMapping[];
  }[];
}

export interface Networks {
  /** `conflict` when the name is taken ("network with name X already exists"). */
  create(spec: NetworkSpec): Promise<Network>;
  /** By name, id or unambiguous prefix of an id. Throws `not-found` / `network.not-found` ("network X not found"). */
  resolve(nameOrId: string): Network;
  list(): Network[];
  endpointsOf(networkId: string): Endpoint[];
  /** `conflict` / `network.in-use` while it has endpoints of running containers. */
  remove(nameOrId: string): Promise<void>;
  prune(keep?: (network: Network) => boolean): Promise<readonly string[]>;
  /** The networks that `prune` would remove. `without`: containers, by id, that count as gone. */
  prunable(keep?: (network: Network) => boolean, without?: ReadonlySet<string>): Network[];

  reserve(spec: EndpointSpec): Promise<Endpoint>;
  release(endpointId: string): Promise<void>;
  /** Gives an endpoint other names (its container was renamed), at once also when it is attached. */
  rename(endpointId: string, names: readonly string[]): Promise<Endpoint>;
  /** Plugs endpoints into the sandbox in one go; the first gives the default route. Undone as a whole on failure. */
  attach(
    sandbox: Sandbox,
    endpoints: readonly Endpoint[],
    options?: {
      /** Ids of all that the container has then, the one with the default route first; without it new ones come last. */
      readonly order?: readonly string[];
    },
  ): Promise<readonly AttachedEndpoint[]>;
  /** Also after the container has ended (its namespace, and with it the interfaces, is gone then). */
  detach(sandbox: Sandbox, endpoints: readonly Endpoint[]): Promise<void>;
  /**
   * Publishes ports to the address of `endpoint`; returns them with the host ports chosen. Throws `conflict` /
   * `port.in-use` ("driver failed programming external connectivity … port is already allocated" is the Docker text
   * that the API makes of it) when another container or process has one. On an internal network nothing is published,
   * as with Docker, and the answer is empty.
   */
  publish(
    containerId: string,
    endpoint: Endpoint,
    ports: readonly PortMapping[],
  ): Promise<readonly PortMapping[]>;
  /** The ports are free for others at once. */
  unpublish(containerId: string): Promise<void>;
  /** The lines of the container's /etc/resolv.conf: the DNS server of user networks, or the host's servers. */
  resolvConf(
    endpoints: readonly Endpoint[],
    overrides: {
      readonly servers?: readonly string[];
      readonly search?: readonly string[];
      readonly options?: readonly string[];
    },
  ): string;
  reconcile(sandboxes: RunningSandboxes): Promise<void>;
  /** At the daemon's stop: takes everything off the host when no container runs, otherwise leaves it as it is. */
  close(options: { readonly keep: boolean }): Promise<void>;
}
