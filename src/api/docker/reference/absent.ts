type Reasons = Readonly<Record<string, string>>;

const descriptorReason = "descriptors are told without what no image here has";

/** Of a content descriptor with a platform. */
const descriptor = (at: string): Reasons => ({
  [`${at}.annotations`]: descriptorReason,
  [`${at}.artifactType`]: descriptorReason,
  [`${at}.data`]: descriptorReason,
  [`${at}.platform.os.features`]: "Windows only",
  [`${at}.platform.os.version`]: "Windows only",
  [`${at}.urls`]: descriptorReason,
});

/** Of an image, in the list and by itself. */
const imageFields: Reasons = {
  "Descriptor.annotations": descriptorReason,
  "Descriptor.artifactType": descriptorReason,
  "Descriptor.data": descriptorReason,
  "Descriptor.platform": "the image itself tells its platform, as does Manifests",
  "Descriptor.urls": descriptorReason,
  "Manifests.AttestationData": "an image here is one manifest, without attestations",
  ...descriptor("Manifests.Descriptor"),
  "Manifests.ImageData.Identity": "nobody has vouched for an image here",
  "Manifests.ImageData.Platform.os.features": "Windows only",
  "Manifests.ImageData.Platform.os.version": "Windows only",
};

/**
 * Fields of answers that Docker's description names and this daemon does not send, each with the reason; one stands
 * for all that is in it. A test compares them with what is sent.
 */
export const absentFields: Readonly<Record<string, Reasons>> = {
  "GET /containers/json": {
    ...descriptor("ImageManifestDescriptor"),
  },
  "GET /containers/{id}/json": {
    "Config.ArgsEscaped": "Windows only",
    "Config.NetworkDisabled": "told by NetworkMode: none",
    "HostConfig.Mounts.Consistency": "it has no effect",
    ...descriptor("ImageManifestDescriptor"),
    Storage: "of Docker's containerd image store; GraphDriver tells the same",
  },
  "GET /containers/{id}/stats": {
    "memory_stats.commitbytes": "Windows only",
    "memory_stats.commitpeakbytes": "Windows only",
    "memory_stats.privateworkingset": "Windows only",
    "networks.endpoint_id": "Windows only",
    "networks.instance_id": "Windows only",
  },
  "GET /images/json": {
    ...imageFields,
  },
  "GET /images/{name}/json": {
    ...imageFields,
    Identity: "nobody has vouched for an image here",
    OsVersion: "Windows only",
  },
  "GET /info": {
    Containerd: "there is no containerd",
    "FirewallBackend.Info": "there is nothing to add",
    NRI: "there is no Node Resource Interface",
    "Runtimes.runtimeArgs": "runtimes are called without arguments of their own",
    "Runtimes.status": "of Docker's containerd shims",
    "Swarm.Cluster": "Docker in no swarm leaves it out, too",
    "Swarm.Managers": "Docker in no swarm leaves it out, too",
    "Swarm.Nodes": "Docker in no swarm leaves it out, too",
  },
  "GET /networks": {
    Peers: "of swarm networks",
  },
  "GET /networks/{id}": {
    Peers: "of swarm networks",
    Services: "of swarm networks",
    Status: "the addresses in use are those of Containers",
  },
  "GET /version": {
    Experimental: "Docker without experimental features leaves it out, too",
  },
  "GET /volumes": {
    "Volumes.ClusterVolume": "only a swarm manager has cluster volumes",
    "Volumes.Status": "Docker's local driver tells none, either",
    "Volumes.UsageData": "told by GET /system/df, as with Docker",
  },
  "GET /volumes/{name}": {
    ClusterVolume: "only a swarm manager has cluster volumes",
    Status: "Docker's local driver tells none, either",
    UsageData: "told by GET /system/df, as with Docker",
  },
};
