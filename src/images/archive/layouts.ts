import type { BlobInfo, ContentStore, Descriptor, Digest } from "../../content/index.ts";
import {
  hostPlatform,
  layerMediaType,
  malformed,
  mediaTypes,
  parseArchiveManifest,
  parseConfig,
  parseIndex,
  parseManifest,
  type ArchiveImage,
} from "../formats.ts";
import type { ImageConfig } from "../image.ts";
import { compressionRefused } from "../import.ts";
import { normalise } from "../reference.ts";
import type { ArchiveFiles } from "./spool.ts";

/** An image as an archive describes it; its layers are not unpacked yet. */
export interface ArchivedImage {
  readonly configBlob: BlobInfo;
  readonly config: ImageConfig;
  readonly layers: readonly Descriptor[];
  /** The archive's own manifest; a Docker archive has none. */
  readonly manifest?: Descriptor;
  /** Normalised. */
  readonly references: readonly string[];
  readonly origin: "docker-archive" | "oci-archive";
}

const maxDocument = 16 << 20;
const configTypes: readonly string[] = [mediaTypes.config, "application/vnd.docker.container.image.v1+json"];
const indexTypes: readonly string[] = [mediaTypes.index, mediaTypes.dockerIndex];
const manifestTypes: readonly string[] = [mediaTypes.manifest, mediaTypes.dockerManifest];

/**
 * What images an archive holds, by its OCI layout (`index.json`) and its Docker manifest (`manifest.json`); an image in
 * both has the names of both. Throws `invalid` / `image.malformed`, `unimplemented` / `image.compression`.
 */
export async function readLayouts(files: ArchiveFiles, content: ContentStore): Promise<ArchivedImage[]> {
  const reader = documentReader(files, content);
  const isLayout = files.find("oci-layout") !== undefined && files.find("index.json") !== undefined;
  const found = isLayout ? await readOciLayout(reader, files) : [];
  if (files.find("manifest.json") !== undefined) {
    for (const one of parseArchiveManifest(await reader.at("manifest.json"), "manifest.json")) {
      found.push(await readDockerImage(reader, files, content, one));
    }
  } else if (!isLayout) {
    throw malformed("the archive has neither manifest.json (docker save) nor index.json (an OCI layout)");
  }
  if (found.length === 0) throw malformed("the archive holds no image");
  return merge(found);
}

interface Documents {
  at(path: string): Promise<unknown>;
  of(descriptor: Descriptor, what: string): Promise<unknown>;
}

function documentReader(files: ArchiveFiles, content: ContentStore): Documents {
  const read = async (blob: BlobInfo | undefined, what: string) => {
    if (!blob) throw malformed(`the archive lacks ${what}`);
    if (blob.size > maxDocument) throw malformed(`${what} is larger than ${maxDocument} bytes`);
    return await content.readJson(blob.digest);
  };
  return {
    at: (path) => read(files.find(path), path),
    of: (descriptor, what) => read(sizedBlob(files, descriptor), `${what} ${descriptor.digest}`),
  };
}

function sizedBlob(files: ArchiveFiles, { digest, size }: Descriptor): BlobInfo | undefined {
  const blob = files.blob(digest);
  if (blob && blob.size !== size) throw malformed(`${digest} has ${blob.size} bytes, not ${size}`);
  return blob;
}

async function readOciLayout(reader: Documents, files: ArchiveFiles): Promise<ArchivedImage[]> {
  const index = parseIndex(await reader.at("index.json"), "index.json");
  const images: ArchivedImage[] = [];
  for (const descriptor of index.manifests) {
    if (isAttestation(descriptor)) continue;
    const manifest = await pickManifest(reader, descriptor, 0);
    const image = await readOciImage(reader, files, manifest);
    images.push({ ...image, references: namesOf(descriptor), origin: "oci-archive" });
  }
  return images;
}

/** Follows indexes down to the manifest for this machine; a lone one is taken whatever it is for. */
async function pickManifest(reader: Documents, descriptor: Descriptor, depth: number): Promise<Descriptor> {
  if (manifestTypes.includes(descriptor.mediaType)) return descriptor;
  if (!indexTypes.includes(descriptor.mediaType) || depth > 3) {
    throw malformed(`${descriptor.digest} is a ${descriptor.mediaType}, no image`);
  }
  const index = parseIndex(await reader.of(descriptor, "index"), `index ${descriptor.digest}`);
  const images = index.manifests.filter((one) => !isAttestation(one));
  const host = hostPlatform();
  const mine =
    images.find((one) => one.platform?.os === host.os && one.platform.architecture === host.architecture) ??
    (images.length === 1 ? images[0] : undefined);
  if (mine) return await pickManifest(reader, mine, depth + 1);
  throw malformed(`index ${descriptor.digest} has no image for ${host.os}/${host.architecture}`);
}

async function readOciImage(
  reader: Documents,
  files: ArchiveFiles,
  descriptor: Descriptor,
): Promise<Omit<ArchivedImage, "references" | "origin">> {
  const what = `manifest ${descriptor.digest}`;
  const manifest = parseManifest(await reader.of(descriptor, "manifest"), what);
  if (!configTypes.includes(manifest.config.mediaType)) {
    throw malformed(`${what} is not a container image but ${manifest.config.mediaType}`);
  }
  const config = parseConfig(await reader.of(manifest.config, "configuration"), `configuration of ${what}`);
  for (const layer of manifest.layers) {
    if (!sizedBlob(files, layer)) throw malformed(`the archive lacks layer ${layer.digest}`);
  }
  return {
    configBlob: { digest: manifest.config.digest, size: manifest.config.size },
    config,
    layers: manifest.layers,
    manifest: { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size },
  };
}

async function readDockerImage(
  reader: Documents,
  files: ArchiveFiles,
  content: ContentStore,
  described: ArchiveImage,
): Promise<ArchivedImage> {
  const config = parseConfig(await reader.at(described.Config), described.Config);
  const configBlob = files.find(described.Config)!;
  const promised = /^([a-f0-9]{64})\.json$/.exec(described.Config)?.[1];
  if (promised !== undefined && configBlob.digest !== `sha256:${promised}`) {
    throw malformed(`${described.Config} has the digest ${configBlob.digest}`);
  }
  const layers: Descriptor[] = [];
  for (const path of described.Layers) {
    const blob = files.find(path);
    if (!blob) throw malformed(`the archive lacks ${path}`);
    const mediaType = layerMediaType(await head(content, blob.digest));
    if (mediaType === undefined) throw compressionRefused(path);
    layers.push({ mediaType, ...blob });
  }
  const references = (described.RepoTags ?? []).map(normalise);
  return { configBlob, config, layers, references, origin: "docker-archive" };
}

async function head(content: ContentStore, digest: Digest): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.open(digest, { start: 0, end: 8 })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** One image for each configuration; an OCI manifest is kept rather than made anew. What is both is Docker's. */
function merge(found: readonly ArchivedImage[]): ArchivedImage[] {
  const byConfig = new Map<Digest, ArchivedImage>();
  for (const image of found) {
    const known = byConfig.get(image.configBlob.digest);
    const references = new Set([...(known?.references ?? []), ...image.references]);
    byConfig.set(image.configBlob.digest, {
      ...(known ?? image),
      references: [...references],
      origin: image.origin,
    });
  }
  return [...byConfig.values()];
}

/** The full name that containerd and Docker write; the tag alone, which the OCI key often has, names nothing. */
function namesOf({ annotations = {} }: Descriptor): string[] {
  const full = annotations["io.containerd.image.name"];
  if (full !== undefined) return [normalise(full)];
  const name = annotations["org.opencontainers.image.ref.name"] ?? "";
  return /[/:]/.test(name) ? [normalise(name)] : [];
}

/** Provenance and the like, which BuildKit puts beside images. */
function isAttestation(descriptor: Descriptor): boolean {
  const { os, architecture } = descriptor.platform ?? { os: "", architecture: "" };
  const marked = descriptor.annotations?.["vnd.docker.reference.type"] !== undefined;
  return marked || (os === "unknown" && architecture === "unknown");
}
