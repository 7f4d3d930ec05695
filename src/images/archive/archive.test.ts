import { describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { isVirgaError } from "../../base/index.ts";
import type { Digest } from "../../content/index.ts";
import { sha256 } from "../formats.ts";
import { errorOf, pieces, tar, testImages, type TestFile, type TestImages } from "../testing.ts";

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const hexOf = (bytes: Uint8Array) => sha256(bytes).slice("sha256:".length);
const collect = async (stream: ReadableStream<Uint8Array>) =>
  Buffer.from(await new Response(stream).arrayBuffer());

const layer = tar({ etc: null, "etc/motd": "hello" });
const upper = tar({ "app.js": "1" });
const configFor = (diffIds: readonly string[]) =>
  json({
    architecture: "amd64",
    os: "linux",
    config: { Cmd: ["sh"], Entrypoint: null, Volumes: null },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: [],
  });

/** As `docker save` wrote it before version 25. */
function legacyArchive(change: (files: Record<string, TestFile>) => void = () => {}): Buffer {
  const config = configFor([sha256(layer), sha256(upper), sha256(layer)]);
  const files: Record<string, TestFile> = {
    aaa: null,
    "aaa/VERSION": "1.0",
    "aaa/json": "{}",
    "aaa/layer.tar": layer,
    bbb: null,
    "bbb/layer.tar": upper,
    ccc: null,
    "ccc/layer.tar": { symlink: "../aaa/layer.tar" },
    [`${hexOf(config)}.json`]: config,
    "manifest.json": json([
      {
        Config: `${hexOf(config)}.json`,
        RepoTags: ["demo:1", "registry.example:5000/demo:1"],
        Layers: ["aaa/layer.tar", "bbb/layer.tar", "ccc/layer.tar"],
      },
    ]),
    repositories: "{}",
  };
  change(files);
  return tar(files);
}

interface Layout {
  readonly files: Record<string, TestFile>;
  readonly manifest: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly id: Digest;
}

/** An OCI layout with a compressed layer. */
function ociLayout(annotations?: Record<string, string>, version: 0 | 1 | 2 | "none" = 2): Layout {
  const packed = gzipSync(layer);
  const config = configFor([sha256(layer)]);
  const manifest = json({
    ...(version === "none" ? {} : { schemaVersion: version }),
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: sha256(config),
      size: config.length,
    },
    layers: [
      {
        mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
        digest: sha256(packed),
        size: packed.length,
      },
    ],
  });
  const descriptor = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: sha256(manifest),
    size: manifest.length,
  };
  const files: Record<string, TestFile> = {
    "oci-layout": json({ imageLayoutVersion: "1.0.0" }),
    "index.json": json({
      schemaVersion: 2,
      manifests: [annotations ? { ...descriptor, annotations } : descriptor],
    }),
    [`blobs/sha256/${hexOf(packed)}`]: packed,
    [`blobs/sha256/${hexOf(config)}`]: config,
    [`blobs/sha256/${hexOf(manifest)}`]: manifest,
  };
  return { files, manifest: descriptor, id: sha256(config) };
}

const load = (kit: TestImages, bytes: Uint8Array, size?: number) => kit.images.load(pieces(bytes, size));

describe("load: Docker archive", () => {
  test("with a linked layer, two names, gzip and zstd around it", async () => {
    const archive = legacyArchive();
    const ids = new Set<string>();
    for (const bytes of [archive, gzipSync(archive), zstdCompressSync(archive)]) {
      await using kit = await testImages();
      const [loaded, ...others] = await load(kit, bytes, 333);
      expect(others).toEqual([]);
      expect(loaded!.references).toEqual(["docker.io/library/demo:1", "registry.example:5000/demo:1"]);
      expect(loaded!.image.config.config).toEqual({ Cmd: ["sh"] });
      expect(loaded!.image.config.rootfs.diff_ids).toEqual([sha256(layer), sha256(upper), sha256(layer)]);
      expect(kit.images.resolve("demo:1").id).toBe(loaded!.image.id);
      expect(kit.eventsSoFar()).toEqual([`load ${loaded!.image.id}`]);
      // Configuration, manifest, two layer blobs, two unpacked layers: nothing else of the archive stays.
      expect(kit.stored()).toHaveLength(6);
      ids.add(loaded!.image.id);
    }
    expect(ids.size).toBe(1);
  });

  test("layers may be hard links, or compressed", async () => {
    await using kit = await testImages();
    const archive = legacyArchive((files) => {
      files["ccc/layer.tar"] = { hardlink: "aaa/layer.tar" };
      files["bbb/layer.tar"] = gzipSync(upper);
    });
    const [loaded] = await load(kit, archive);
    expect(loaded!.image.layers.map((one) => one.mediaType)).toEqual([
      "application/vnd.oci.image.layer.v1.tar",
      "application/vnd.oci.image.layer.v1.tar+gzip",
      "application/vnd.oci.image.layer.v1.tar",
    ]);
  });
});

describe("load: OCI layout", () => {
  test("keeps the manifest as it is; without a full name the image has none", async () => {
    await using kit = await testImages();
    const { files, manifest, id } = ociLayout({ "org.opencontainers.image.ref.name": "1.0" });
    const [loaded] = await load(kit, tar(files));
    expect(loaded!.image.manifest).toMatchObject(manifest);
    expect(loaded!.image.id).toBe(id);
    expect(loaded!.references).toEqual([]);
  });

  test("an image that is here keeps its first manifest; what the second brought goes", async () => {
    await using kit = await testImages();
    const config = configFor([sha256(layer)]);
    const docker = tar({
      "config.json": config,
      "layer.tar": layer,
      "manifest.json": json([{ Config: "config.json", RepoTags: ["demo:1"], Layers: ["layer.tar"] }]),
    });
    const [first] = await load(kit, docker);
    const before = kit.stored();
    const [second] = await load(kit, tar(ociLayout({ "io.containerd.image.name": "demo:2" }).files));
    expect(second!.image.manifest).toEqual(first!.image.manifest);
    expect(second!.image.references).toEqual(["docker.io/library/demo:1", "docker.io/library/demo:2"]);
    expect(kit.stored()).toEqual(before);
  });

  test("names of containerd and skopeo", async () => {
    for (const key of ["io.containerd.image.name", "org.opencontainers.image.ref.name"]) {
      await using kit = await testImages();
      const [loaded] = await load(kit, tar(ociLayout({ [key]: "registry.example/a:2" }).files));
      expect(loaded!.references).toEqual(["registry.example/a:2"]);
    }
  });

  test("without a schema version, as some programs write it, and not as version 1", async () => {
    await using kit = await testImages();
    for (const version of ["none", 0] as const) {
      const { files, id } = ociLayout({}, version);
      expect((await load(kit, tar(files)))[0]!.image.id).toBe(id);
    }
    expect(load(kit, tar(ociLayout({}, 1).files))).rejects.toThrow("malformed at schemaVersion");
  });

  test("an index of several platforms: this machine's; attestations are passed over", async () => {
    await using kit = await testImages();
    const { files, manifest, id } = ociLayout();
    const elsewhere = { ...manifest, digest: `sha256:${"0".repeat(64)}` };
    const inner = json({
      schemaVersion: 2,
      manifests: [
        { ...elsewhere, platform: { os: "linux", architecture: "s390x" } },
        { ...elsewhere, platform: { os: "unknown", architecture: "unknown" } },
        {
          ...manifest,
          platform: { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch },
        },
      ],
    });
    files[`blobs/sha256/${hexOf(inner)}`] = inner;
    files["index.json"] = json({
      schemaVersion: 2,
      manifests: [
        { mediaType: "application/vnd.oci.image.index.v1+json", digest: sha256(inner), size: inner.length },
      ],
    });
    const [loaded] = await load(kit, tar(files));
    expect(loaded!.image.id).toBe(id);
  });
});

describe("refused, and nothing stays", () => {
  const missing = `sha256:${"0".repeat(64)}`;
  const oci = (change: (layout: Layout) => void) => {
    const layout = ociLayout();
    change(layout);
    return tar(layout.files);
  };
  const legacy = legacyArchive;
  test.each<[string, Uint8Array, string]>([
    ["nothing at all", Buffer.alloc(0), "neither manifest.json"],
    ["some other tar", tar({ readme: "x" }), "neither manifest.json"],
    ["text", Buffer.from("hello ".repeat(200)), "damaged"],
    ["a cut archive", legacy().subarray(0, 3000), "damaged"],
    ["a cut gzip", gzipSync(legacy()).subarray(0, 300), "damaged"],
    ["xz", Buffer.from("fd377a585a0000", "hex"), "compressed with xz"],
    ["a layer that is not there", legacy((files) => delete files["bbb/layer.tar"]), "lacks bbb/layer.tar"],
    ["a layer with another content", legacy((files) => (files["bbb/layer.tar"] = layer)), "is not"],
    [
      "a link out",
      legacy((files) => (files["ccc/layer.tar"] = { symlink: "../../etc/shadow" })),
      "leads out",
    ],
    [
      "an absolute link",
      legacy((files) => (files["ccc/layer.tar"] = { symlink: "/etc/shadow" })),
      "lacks ccc",
    ],
    ["a circle", legacy((files) => (files["ccc/layer.tar"] = { symlink: "layer.tar" })), "in a circle"],
    ["a path out", legacy((files) => (files["../x"] = "x")), "leads out"],
    ["a device", legacy((files) => (files["x"] = { device: true })), "device"],
    ["no JSON", legacy((files) => (files["manifest.json"] = "[{")), ""],
    ["another shape", legacy((files) => (files["manifest.json"] = "{}")), "manifest.json is malformed"],
    [
      "a bad name",
      legacy((files) => {
        const text = (files["manifest.json"] as Buffer).toString();
        files["manifest.json"] = text.replace("demo:1", "Demo:1");
      }),
      "must be lowercase",
    ],
    [
      "too few layers",
      legacy((files) => {
        const text = (files["manifest.json"] as Buffer).toString();
        files["manifest.json"] = text.replace(',"ccc/layer.tar"', "");
      }),
      "has 2 layers, its configuration names 3",
    ],
    [
      "a configuration that its name belies",
      legacy((files) => {
        files["0".repeat(64) + ".json"] = configFor([]);
        files["manifest.json"] = json([{ Config: "0".repeat(64) + ".json", Layers: [] }]);
      }),
      "has the digest",
    ],
    [
      "a blob that its name belies",
      oci(({ files }) => (files[`blobs/sha256/${missing.slice(7)}`] = "x")),
      "",
    ],
    [
      "no manifest",
      oci(({ files, manifest }) => delete files[`blobs/sha256/${manifest.digest.slice(7)}`]),
      "lacks",
    ],
    [
      "a wrong size",
      oci(({ files, manifest }) => {
        files["index.json"] = json({ schemaVersion: 2, manifests: [{ ...manifest, size: 1 }] });
      }),
      "not 1",
    ],
    [
      "an empty index",
      oci(({ files }) => (files["index.json"] = json({ schemaVersion: 2, manifests: [] }))),
      "no image",
    ],
    [
      "an artifact that is no image",
      oci(({ files, manifest }) => {
        files["index.json"] = json({
          schemaVersion: 2,
          manifests: [{ ...manifest, mediaType: "text/plain" }],
        });
      }),
      "no image",
    ],
  ])("%s", async (_name, bytes, message) => {
    await using kit = await testImages();
    const error = await errorOf(load(kit, bytes));
    expect(error.message).toContain(message);
    expect(isVirgaError(error) && error.kind).not.toBe("internal");
    expect(kit.stored()).toEqual([]);
    expect(kit.images.list()).toEqual([]);
  });

  test("a bad second image keeps the first one out", async () => {
    await using kit = await testImages();
    const archive = legacyArchive((files) => {
      const [first] = JSON.parse((files["manifest.json"] as Buffer).toString()) as object[];
      files["manifest.json"] = json([first, { ...first, Config: "nowhere.json" }]);
    });
    expect((await errorOf(load(kit, archive))).message).toContain("lacks nowhere.json");
    expect(kit.stored()).toEqual([]);
  });

  test("a failed load takes nothing that was there before", async () => {
    await using kit = await testImages();
    await load(kit, legacyArchive());
    const before = kit.stored();
    await errorOf(
      load(
        kit,
        legacyArchive((files) => delete files["bbb/layer.tar"]),
      ),
    );
    expect(kit.stored()).toEqual(before);
  });

  test("cancelled", async () => {
    await using kit = await testImages();
    const stop = new AbortController();
    const source = async function* () {
      for await (const piece of pieces(legacyArchive(), 600)) {
        yield piece;
        if (kit.content.list().length > 0) stop.abort(new Error("enough"));
      }
    };
    const loading = kit.images.load(source(), { signal: stop.signal });
    expect((await errorOf(loading)).message).toBe("enough");
    expect(kit.stored()).toEqual([]);
  });
});

describe("save", () => {
  test("then load: equal ids, manifests and names; equal images give equal bytes", async () => {
    await using kit = await testImages();
    const first = await kit.make("a", "one:1");
    kit.images.tag("one:1", "registry.example/one:1");
    const second = await kit.make("a", "two", { author: "else" });
    const names = ["one:1", "registry.example/one:1", "two"];
    const archive = await collect(kit.images.save(names));
    expect(await collect(kit.images.save(names))).toEqual(archive);

    await using other = await testImages();
    const loaded = await load(other, archive);
    expect(loaded.map(({ image, references }) => [image.id, image.manifest.digest, references])).toEqual([
      [first.id, first.manifest.digest, ["docker.io/library/one:1", "registry.example/one:1"]],
      [second.id, second.manifest.digest, ["docker.io/library/two:latest"]],
    ]);
    expect(await collect(other.images.save(names))).toEqual(archive);
    expect(kit.eventsSoFar().filter((event) => event.startsWith("save"))).toHaveLength(4);
  });

  test("the layout: both manifests, each blob once", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "one");
    await kit.make("a", "two", { author: "else" });
    const archive = await collect(kit.images.save(["one", "two"]));
    const listing = Bun.spawnSync(["tar", "-t"], { stdin: archive }).stdout.toString().trim().split("\n");
    expect(listing.slice(0, 2)).toEqual(["blobs/", "blobs/sha256/"]);
    expect(listing.filter((path) => /^blobs\/sha256\/./.test(path))).toHaveLength(5);
    expect(listing.slice(-3)).toEqual(["index.json", "manifest.json", "oci-layout"]);
    const read = (path: string) =>
      JSON.parse(Bun.spawnSync(["tar", "-xO", path], { stdin: archive }).stdout.toString()) as unknown;
    expect(read("index.json")).toMatchObject({
      manifests: [
        {
          digest: image.manifest.digest,
          annotations: {
            "io.containerd.image.name": "docker.io/library/one:latest",
            "org.opencontainers.image.ref.name": "latest",
          },
        },
        {},
      ],
    });
    expect(read("manifest.json")).toMatchObject([
      {
        Config: `blobs/sha256/${image.id.slice(7)}`,
        RepoTags: ["one:latest"],
        Layers: [`blobs/sha256/${image.layers[0]!.digest.slice(7)}`],
      },
      {},
    ]);
  });

  test("a repository means all its tags, an id no name", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "app:1");
    kit.images.tag("app:1", "app:2");
    kit.images.tag("app:1", "other");
    await using there = await testImages();
    const [byName] = await load(there, await collect(kit.images.save(["app"])));
    expect(byName!.references).toEqual(["docker.io/library/app:1", "docker.io/library/app:2"]);
    await using elsewhere = await testImages();
    const [byId] = await load(elsewhere, await collect(kit.images.save([image.id.slice(7, 19)])));
    expect(byId!.references).toEqual([]);
    expect(byId!.image.id).toBe(image.id);
  });

  test("a name that is not there fails before the stream begins", async () => {
    await using kit = await testImages();
    expect(() => kit.images.save(["nothing"])).toThrow("No such image: nothing:latest");
  });

  test("an image removed while it is saved is saved whole, and gone afterwards", async () => {
    await using kit = await testImages();
    const image = await kit.make("a".repeat(1 << 20), "app");
    const reader = kit.images.save(["app"]).getReader();
    const chunks = [(await reader.read()).value!];
    await kit.images.remove("app");
    for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
    await using there = await testImages();
    const [loaded] = await load(there, Buffer.concat(chunks), 100_000);
    expect(loaded!.image.id).toBe(image.id);
    expect(kit.content.list()).toEqual([]);
  });

  test("a reader that goes away lets go of the blobs", async () => {
    await using kit = await testImages();
    await kit.make("a", "app");
    const reader = kit.images.save(["app"]).getReader();
    await reader.read();
    await reader.cancel();
    await kit.images.remove("app");
    expect(kit.stored()).toEqual([]);
  });
});
