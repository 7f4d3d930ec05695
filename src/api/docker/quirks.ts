import type { ApiVersion } from "./versions.ts";

/** A difference between versions of the Docker Engine API. It holds from `since` to `until`, both inclusive. */
export interface Quirk {
  readonly since?: ApiVersion;
  readonly until?: ApiVersion;
  readonly what: string;
  readonly link: string;
}

const history = "https://docs.docker.com/reference/api/engine/version-history/";

/** Every place where what is sent or accepted depends on the client's version. */
export const quirks = {
  multiplexedContentType: {
    since: 42,
    what: "streams of containers without a tty are announced as application/vnd.docker.multiplexed-stream",
    link: `${history}#v142-api-changes`,
  },
  imageVirtualSize: {
    until: 43,
    what: "images carry VirtualSize, the same number as Size",
    link: `${history}#v144-api-changes`,
  },
  imageContainerConfig: {
    until: 44,
    what: "image inspection carries Container and ContainerConfig",
    link: `${history}#v145-api-changes`,
  },
  emptyParentAndComment: {
    until: 49,
    what: "image inspection always carries Parent, Comment, Author and DockerVersion, empty or not",
    link: `${history}#v150-api-changes`,
  },
  containerMacAddress: {
    until: 43,
    what: "Config.MacAddress and NetworkSettings.MacAddress name the address of the default network",
    link: `${history}#v144-api-changes`,
  },
  deprecatedNetworkSettings: {
    until: 51,
    what: "NetworkSettings repeats the address, gateway and endpoint of the default network at its top",
    link: `${history}#v152-api-changes`,
  },
  eventStatusFields: {
    until: 51,
    what: "events of containers and images carry status, id and from",
    link: `${history}#v152-api-changes`,
  },
  volumesPruneAll: {
    until: 41,
    what: "pruning volumes takes named ones too; since 1.42 only with the filter all=true",
    link: `${history}#v142-api-changes`,
  },
  bridgeNfInfo: {
    until: 49,
    what: "info carries BridgeNfIptables and BridgeNfIp6tables",
    link: `${history}#v150-api-changes`,
  },
} satisfies Record<string, Quirk>;

export function holds(quirk: Quirk, version: ApiVersion): boolean {
  return version >= (quirk.since ?? 0) && version <= (quirk.until ?? Infinity);
}
