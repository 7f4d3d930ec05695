import { isVirgaError } from "../../../base/index.ts";
import { familiar, historyRows, repositoryDigests, shownComment, type Image } from "../../../images/index.ts";
import { filled } from "../http/defined.ts";
import { architecture } from "../platform.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";
import type { ImagesBackend } from "./backend.ts";
import { platformOf } from "./platforms.ts";

type LayerId = Image["config"]["rootfs"]["diff_ids"][number];

export function repoTags(image: Image): string[] {
  return image.references.map(familiar).toSorted();
}

/** When it was made; when it came here, if the image does not say. */
export function createdAt(image: Image): Date {
  const created = image.config.created === undefined ? NaN : Date.parse(image.config.created);
  return Number.isNaN(created) ? image.storedAt : new Date(created);
}

/** An entry of GET /images/json. -1 means "not counted", as Docker has it. */
export function encodeSummary(
  image: Image,
  counts: { readonly containers?: number; readonly sharedSize?: number },
  version: ApiVersion,
) {
  const nameless = image.references.length === 0 && holds(quirks.imagesNamedNone, version);
  return {
    Id: image.id,
    ParentId: "",
    RepoTags: nameless ? ["<none>:<none>"] : repoTags(image),
    RepoDigests: nameless ? ["<none>@<none>"] : repositoryDigests(image),
    Created: Math.floor(createdAt(image).getTime() / 1000),
    Size: image.size,
    ...(holds(quirks.imageVirtualSize, version) ? { VirtualSize: image.size } : {}),
    SharedSize: counts.sharedSize ?? -1,
    Labels: filled(image.config.config?.Labels) ?? null,
    Containers: counts.containers ?? -1,
    ...(holds(quirks.imageDescriptors, version) ? { Descriptor: encodeDescriptor(image) } : {}),
  };
}

/** OCI's descriptor of its manifest. */
export function encodeDescriptor({ manifest }: Image) {
  const { mediaType, digest, size } = manifest;
  return { mediaType, digest, size };
}

/** An image here is one manifest; `containers` are the ids of those made from it. */
export function encodeManifest(image: Image, containers: readonly string[]) {
  const content = image.manifest.size + image.layers.reduce((sum, one) => sum + one.size, 0);
  return {
    ID: image.manifest.digest,
    Descriptor: { ...encodeDescriptor(image), platform: platformOf(image) },
    Available: true,
    Kind: "image",
    Size: { Content: content, Total: content + image.size },
    ImageData: { Platform: platformOf(image), Containers: containers, Size: { Unpacked: image.size } },
  };
}

/** GET /images/{name}/json. */
export function encodeImage(
  backend: ImagesBackend,
  image: Image,
  options: { readonly manifests: boolean },
  version: ApiVersion,
) {
  const { config } = image;
  const comment = shownComment(config.history?.findLast((entry) => entry.comment)?.comment);
  const always = holds(quirks.emptyParentAndComment, version);
  return {
    Id: image.id,
    RepoTags: repoTags(image),
    RepoDigests: repositoryDigests(image),
    ...(always ? { Parent: "", DockerVersion: "" } : {}),
    ...(always || comment !== "" ? { Comment: comment } : {}),
    Created: createdAt(image).toISOString(),
    ...(holds(quirks.imageContainerConfig, version) ? { Container: "", ContainerConfig: noConfig } : {}),
    ...(always || config.author ? { Author: config.author ?? "" } : {}),
    Config: encodeImageProcess(image, version),
    Architecture: config.architecture || architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os || "linux",
    Size: image.size,
    ...(holds(quirks.imageVirtualSize, version) ? { VirtualSize: image.size } : {}),
    GraphDriver: encodeGraphDriver(backend, config.rootfs.diff_ids),
    RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: image.storedAt.toISOString() },
    ...(holds(quirks.imageDescriptors, version) ? { Descriptor: encodeDescriptor(image) } : {}),
    ...(options.manifests ? { Manifests: [encodeManifest(image, containersOf(backend, image))] } : {}),
  };
}

function containersOf(backend: ImagesBackend, image: Image): string[] {
  return backend.containers.list().flatMap((one) => (one.imageId === image.id ? [one.id] : []));
}

function encodeImageProcess(image: Image, version: ApiVersion) {
  const process = image.config.config ?? {};
  return {
    ...(holds(quirks.legacyImageConfig, version) ? legacyConfig : {}),
    ...(holds(quirks.emptyImageConfig, version) ? emptyConfig : {}),
    ...process,
  };
}

const emptyConfig = {
  User: "",
  Env: null,
  Cmd: null,
  Volumes: null,
  WorkingDir: "",
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

/** What the Config of images had of containers, always empty. */
const legacyConfig = {
  Hostname: "",
  Domainname: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Image: "",
};

const noConfig = { ...legacyConfig, ...emptyConfig };

function encodeGraphDriver(backend: ImagesBackend, layers: readonly LayerId[]) {
  const paths = layers.toReversed().flatMap((diffId) => existing(() => backend.layers.path(diffId)) ?? []);
  const [top, ...lower] = paths;
  return {
    Name: "overlay2",
    Data: {
      ...(lower.length > 0 ? { LowerDir: lower.join(":") } : {}),
      ...(top === undefined ? {} : { UpperDir: top }),
    },
  };
}

/** GET /images/{name}/history. */
export function encodeHistory(backend: ImagesBackend, image: Image) {
  const rows = historyRows(image, (diffId) => existing(() => backend.layers.stat(diffId).size) ?? 0);
  return rows.map((row) => ({ ...row, Tags: filled(row.Tags) ?? null }));
}

/** How many images use each layer. */
export function layerUse(images: readonly Image[]): ReadonlyMap<LayerId, number> {
  const uses = new Map<LayerId, number>();
  for (const image of images) {
    for (const diffId of new Set(image.config.rootfs.diff_ids)) uses.set(diffId, (uses.get(diffId) ?? 0) + 1);
  }
  return uses;
}

/** Bytes of the layers that other images have too. */
export function sharedSize(backend: ImagesBackend, image: Image, uses: ReadonlyMap<LayerId, number>): number {
  return [...new Set(image.config.rootfs.diff_ids)]
    .filter((diffId) => (uses.get(diffId) ?? 0) > 1)
    .reduce((sum, diffId) => sum + (existing(() => backend.layers.stat(diffId).size) ?? 0), 0);
}

function existing<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch (error) {
    if (isVirgaError(error, "not-found")) return undefined;
    throw error;
  }
}
