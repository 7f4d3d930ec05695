import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import { hasSchemas, schemaOf } from "../content/testing.ts";
import { fakeRegistry, testRegistries } from "../distribution/testing.ts";
import { pieces, tar, testImages, type TestImages } from "./testing.ts";

/**
 * The documents of images that are written here, held to the OCI image specification: by what its text says, and, where its
 * own schemas are at hand, by these.
 */
const digest = z.string().regex(/^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/);
const mediaType = z.string().regex(/^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/);
const annotations = z.record(z.string().min(1), z.string());
const descriptor = z.strictObject({
  mediaType,
  digest,
  size: z.int().nonnegative(),
  annotations: annotations.optional(),
  platform: z
    .strictObject({ architecture: z.string(), os: z.string(), variant: z.string().optional() })
    .optional(),
});
const forms = {
  "image-manifest-schema": z.strictObject({
    schemaVersion: z.literal(2),
    mediaType: z.literal("application/vnd.oci.image.manifest.v1+json"),
    config: descriptor,
    layers: z.array(descriptor).min(1),
    annotations: annotations.optional(),
  }),
  "image-index-schema": z.strictObject({
    schemaVersion: z.literal(2),
    mediaType: z.literal("application/vnd.oci.image.index.v1+json").optional(),
    manifests: z.array(descriptor),
    annotations: annotations.optional(),
  }),
  "config-schema": z.looseObject({
    created: z.iso.datetime({ offset: true }).optional(),
    architecture: z.string(),
    os: z.string(),
    rootfs: z.strictObject({ type: z.literal("layers"), diff_ids: z.array(digest).min(1) }),
  }),
  "image-layout-schema": z.strictObject({ imageLayoutVersion: z.literal("1.0.0") }),
} as const;

function check(name: keyof typeof forms, document: unknown): void {
  expect(forms[name].safeParse(document).error?.message).toBeUndefined();
  if (hasSchemas) expect(schemaOf("oci-image", name)(document)).toBeUndefined();
}

const config = {
  created: "2026-01-01T00:00:00Z",
  author: "somebody",
  config: {
    User: "1000:1000",
    ExposedPorts: { "80/tcp": {} },
    Env: ["A=1"],
    Entrypoint: ["/bin/sh"],
    Cmd: ["-c", "true"],
    Volumes: { "/data": {} },
    WorkingDir: "/data",
    Labels: { a: "b" },
    StopSignal: "SIGTERM",
  },
  history: [{ created: "2026-01-01T00:00:00Z", created_by: "RUN true", empty_layer: false }],
};

async function checkImage(kit: TestImages, name: string): Promise<void> {
  const image = kit.images.resolve(name);
  check("config-schema", await kit.content.readJson(image.id));
  check("image-manifest-schema", await kit.content.readJson(image.manifest.digest));
}

describe("documents of images", () => {
  test("made by a build or a commit, imported, and loaded from Docker's archive", async () => {
    await using kit = await testImages();
    await kit.make("text", "made:1", config);
    await checkImage(kit, "made:1");
    await kit.images.importRootfs(pieces(gzipSync(tar({ file: "x" }))), {
      reference: "imported:1",
      process: config.config,
    });
    await checkImage(kit, "imported:1");
    const archive = kit.images.save(["made:1"]);
    await using other = await testImages();
    for (const { image } of await other.images.load(archive)) await checkImage(other, image.id);
  });

  test("saved: the layout, its index, and everything in it", async () => {
    await using kit = await testImages();
    await kit.make("text", "one:1", config);
    await kit.make("other", "two:1");
    kit.images.tag("two:1", "two:2");
    const archive = await new Response(kit.images.save(["one", "two"])).bytes();
    const read = (path: string) =>
      JSON.parse(Bun.spawnSync(["tar", "-xO", path], { stdin: archive }).stdout.toString()) as unknown;
    check("image-layout-schema", read("oci-layout"));
    const index = read("index.json");
    check("image-index-schema", index);
    for (const one of (index as { manifests: { digest: string }[] }).manifests) {
      const manifest = read(`blobs/sha256/${one.digest.slice(7)}`);
      check("image-manifest-schema", manifest);
      const { digest: id } = (manifest as { config: { digest: string } }).config;
      check("config-schema", read(`blobs/sha256/${id.slice(7)}`));
    }
  });

  test("pushed, with layers compressed on the way", async () => {
    await using fake = await fakeRegistry();
    await using kit = await testImages(testRegistries());
    await kit.make("text ".repeat(1000), `${fake.host}/app:1`, config);
    await kit.images.push(`${fake.host}/app:1`);
    const manifest = JSON.parse(fake.manifests.get("app:1")!.bytes.toString()) as {
      config: { digest: string };
    };
    check("image-manifest-schema", manifest);
    check("config-schema", JSON.parse(fake.blobs.get(manifest.config.digest)!.toString()));
  });
});
