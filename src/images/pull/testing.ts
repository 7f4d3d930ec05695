import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Descriptor, Digest, Platform } from "../../content/index.ts";
import type { FakeRegistry } from "../../distribution/testing.ts";
import { sha256 } from "../formats.ts";
import { tar, type TestFile } from "../testing-tar.ts";

export interface RemoteImage {
  readonly digest: Digest;
  readonly size: number;
  readonly id: Digest;
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly Digest[];
}

const compressions = {
  gzip: {
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    compress: (bytes: Buffer) => gzipSync(bytes),
  },
  zstd: {
    mediaType: "application/vnd.oci.image.layer.v1.tar+zstd",
    compress: (bytes: Buffer) => zstdCompressSync(bytes),
  },
  none: { mediaType: "application/vnd.oci.image.layer.v1.tar", compress: (bytes: Buffer) => bytes },
};

export interface RemoteImageOptions {
  readonly repository?: string;
  readonly tag?: string;
  readonly platform?: Platform;
  readonly compression?: keyof typeof compressions;
  /** Changes the manifest before it is stored. */
  readonly edit?: (manifest: Record<string, unknown> & { layers: Descriptor[] }) => object;
}

/** Puts an image with one layer for each of `layers` into the registry. */
export function addImage(
  fake: FakeRegistry,
  layers: readonly Readonly<Record<string, TestFile>>[],
  options: RemoteImageOptions = {},
): RemoteImage {
  const { repository = "team/app", tag, platform = { os: "linux", architecture: "amd64" } } = options;
  const { mediaType, compress } = compressions[options.compression ?? "gzip"];
  const tars = layers.map((files) => tar(files));
  const descriptors = tars.map((bytes): Descriptor => ({ mediaType, ...fake.addBlob(compress(bytes)) }));
  const diffIds = tars.map((bytes) => sha256(bytes));
  const config = fake.addBlob(
    Buffer.from(
      JSON.stringify({ ...platform, config: { Cmd: ["sh"] }, rootfs: { type: "layers", diff_ids: diffIds } }),
    ),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    layers: descriptors,
  };
  const document = options.edit?.(manifest) ?? manifest;
  const digest = fake.addManifest(repository, tag, document);
  const size = Buffer.byteLength(JSON.stringify(document));
  return { digest, size, id: config.digest, layers: descriptors, diffIds };
}

/** Bytes that do not compress, so that a layer is as long as it should be. */
export function noise(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  let state = 1;
  for (let at = 0; at < bytes; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    buffer.writeUInt32LE(state, Math.min(at, bytes - 4));
  }
  return buffer;
}
