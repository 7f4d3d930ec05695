import type { ApiVersion } from "./versions.ts";

/** A difference between versions of the Docker Engine API. It holds from `since` to `until`, both inclusive. */
export interface Quirk {
  readonly since?: ApiVersion;
  readonly until?: ApiVersion;
  readonly what: string;
  readonly link: string;
}

function changes(version: ApiVersion): string {
  return `https://docs.docker.com/reference/api/engine/version-history/#v1${version}-api-changes`;
}

/** Every place where what is sent or accepted depends on the client's version. */
export const quirks = {
  autoRemoveByClient: {
    until: 24,
    what: "AutoRemove is the client's own work, and ignored here",
    link: changes(25),
  },
  bareSecurityOptions: {
    until: 24,
    what: "info lists security options by their names alone",
    link: changes(25),
  },
  networkListDetails: {
    until: 27,
    what: "the list of networks tells their containers too",
    link: changes(28),
  },
  websocketText: {
    until: 27,
    what: "attaching through a websocket sends text frames; since 1.28 binary ones",
    link: changes(28),
  },
  buildResults: {
    since: 30,
    what: "builds tell the id of the image that they made as aux",
    link: changes(30),
  },
  waitWithoutCondition: {
    until: 29,
    what: "waiting knows no condition, and answers when the wait is over",
    link: changes(30),
  },
  platformParameters: {
    since: 32,
    what: "pulls, imports and builds take a platform",
    link: changes(32),
  },
  pidsLimitOfUpdate: {
    since: 40,
    what: "updating takes PidsLimit",
    link: changes(40),
  },
  nonRecursiveBinds: {
    since: 40,
    what: "BindOptions.NonRecursive counts",
    link: changes(40),
  },
  shareableIpc: {
    until: 39,
    what: "a container's IPC namespace can be shared unless it says otherwise",
    link: changes(40),
  },
  referenceFilter: {
    until: 40,
    what: "the list of images takes the parameter filter, which stands for the filter reference",
    link: changes(41),
  },
  platformOfContainers: {
    since: 41,
    what: "creating a container takes a platform",
    link: changes(41),
  },
  oneShotStats: {
    since: 41,
    what: "statistics take one-shot",
    link: changes(41),
  },
  multiplexedContentType: {
    since: 42,
    what: "streams of containers without a tty are announced as application/vnd.docker.multiplexed-stream",
    link: changes(42),
  },
  volumesPruneAll: {
    until: 41,
    what: "pruning volumes takes named ones too; since 1.42 only with the filter all=true",
    link: changes(42),
  },
  stopSignalParameter: {
    since: 42,
    what: "stop and restart take a signal",
    link: changes(42),
  },
  diskUsageTypes: {
    since: 42,
    what: "disk usage takes types",
    link: changes(42),
  },
  builderSize: {
    until: 41,
    what: "disk usage carries BuilderSize",
    link: changes(42),
  },
  buildCacheParent: {
    until: 41,
    what: "entries of the build cache carry Parent",
    link: changes(42),
  },
  sharedSizeParameter: {
    since: 42,
    what: "the list of images takes shared-size",
    link: changes(42),
  },
  websocketStreams: {
    since: 42,
    what: "attaching through a websocket takes stdin, stdout and stderr; before, it attaches to all",
    link: changes(42),
  },
  mountOptionsChecked: {
    since: 42,
    what: "options of another type of mount are refused; before, they are ignored, as is CreateMountpoint",
    link: changes(42),
  },
  consoleSize: {
    since: 42,
    what: "ConsoleSize is the first size of the terminal of a container or an exec",
    link: changes(42),
  },
  kernelMemory: {
    until: 41,
    what: "KernelMemory is looked at; since 1.42 it is ignored",
    link: changes(42),
  },
  annotations: {
    since: 43,
    what: "annotations count; before, they are ignored",
    link: changes(43),
  },
  imagesNamedNone: {
    until: 42,
    what: "images without a name are listed as <none>:<none>",
    link: changes(43),
  },
  imageVirtualSize: {
    until: 43,
    what: "images carry VirtualSize, the same number as Size",
    link: changes(44),
  },
  containerMacAddress: {
    until: 43,
    what: "Config.MacAddress is the address on the main network, that of endpoints is ignored; NetworkSettings.MacAddress tells it",
    link: changes(44),
  },
  startInterval: {
    since: 44,
    what: "health checks take StartInterval",
    link: changes(44),
  },
  oneNetworkAtCreation: {
    until: 43,
    what: "a container is created with one network at most",
    link: changes(44),
  },
  readOnlyBindsAlone: {
    until: 43,
    what: "mounts below a read-only bind stay writable",
    link: changes(44),
  },
  readOnlyForceRecursive: {
    since: 44,
    what: "BindOptions take ReadOnlyForceRecursive; before, it is an error",
    link: changes(44),
  },
  imageContainerConfig: {
    what: "image inspection carries Container and ContainerConfig; Docker leaves them out since 1.45, and then docker-compose 1.29 recreates no container",
    link: changes(45),
  },
  shortIdAliases: {
    until: 44,
    what: "Aliases of a container on a network of the user's have its short id and its host name in them",
    link: changes(45),
  },
  volumeSubpath: {
    since: 45,
    what: "VolumeOptions take Subpath; before, it is an error",
    link: changes(45),
  },
  imageCreateEvents: {
    since: 46,
    what: "events tell that an image was built",
    link: changes(46),
  },
  listAnnotations: {
    since: 46,
    what: "the list of containers tells their annotations",
    link: changes(46),
  },
  pushPlatform: {
    since: 46,
    what: "pushing an image takes a platform",
    link: changes(46),
  },
  nondistributableArtifacts: {
    until: 46,
    what: "info carries the registry settings of artifacts that are not distributed",
    link: changes(49),
  },
  imageManifests: {
    since: 47,
    what: "the list of images takes manifests",
    link: changes(47),
  },
  imagePlatformParameters: {
    since: 48,
    what: "image history, save and load take a platform",
    link: changes(48),
  },
  imageDescriptors: {
    since: 48,
    what: "images carry Descriptor, and inspection takes manifests",
    link: changes(48),
  },
  volumeDriverWarning: {
    since: 48,
    what: "creating a container warns of VolumeDriver with volumes among Mounts",
    link: changes(48),
  },
  imageMounts: {
    since: 48,
    what: "mounts of type image; before, they are an error",
    link: changes(48),
  },
  networksWithoutIpv4: {
    since: 48,
    what: "EnableIPv4 of a network is looked at; before, every network has IPv4",
    link: changes(48),
  },
  gatewayPriority: {
    since: 48,
    what: "endpoints take GwPriority; before, it is ignored",
    link: changes(48),
  },
  keepStorage: {
    until: 47,
    what: "pruning the build cache takes keep-storage alone",
    link: changes(48),
  },
  inspectPlatform: {
    since: 49,
    what: "image inspection takes a platform",
    link: changes(49),
  },
  firewallBackend: {
    since: 49,
    what: "info tells the firewall's backend",
    link: changes(49),
  },
  expectedCommits: {
    until: 48,
    what: "info repeats the commits of the runtime's programs as Expected",
    link: changes(49),
  },
  bridgeNfInfo: {
    until: 49,
    what: "info carries BridgeNfIptables and BridgeNfIp6tables",
    link: changes(50),
  },
  legacyImageConfig: {
    until: 49,
    what: "the Config of images carries empty fields of containers",
    link: changes(50),
  },
  discoveredDevices: {
    since: 50,
    what: "info tells discovered devices",
    link: changes(50),
  },
  removePlatforms: {
    since: 50,
    what: "removing an image takes platforms",
    link: changes(50),
  },
  imageContainers: {
    since: 51,
    what: "the list of images counts their containers",
    link: changes(51),
  },
  emptyParentAndComment: {
    until: 51,
    what: "image inspection always carries Parent, Comment, Author and DockerVersion, empty or not",
    link: changes(52),
  },
  emptyImageConfig: {
    until: 51,
    what: "the Config of images carries Cmd, Env and the like when they are empty, too",
    link: changes(52),
  },
  emptyOnBuild: {
    until: 51,
    what: "container inspection carries Config.OnBuild, empty or not",
    link: changes(52),
  },
  emptyContainersOfNetworks: {
    until: 51,
    what: "the list of networks carries Containers, empty",
    link: changes(52),
  },
  deprecatedNetworkSettings: {
    until: 51,
    what: "NetworkSettings repeats the address, gateway and endpoint of the default network at its top",
    link: changes(52),
  },
  eventStatusFields: {
    until: 51,
    what: "events of containers and images carry status, id and from",
    link: changes(52),
  },
} satisfies Record<string, Quirk>;

export function holds(quirk: Quirk, version: ApiVersion): boolean {
  return version >= (quirk.since ?? 0) && version <= (quirk.until ?? Infinity);
}
