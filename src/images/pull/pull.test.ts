import { statSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { fakeRegistry, testRegistries, type FakeRegistry } from "../../distribution/testing.ts";
import { errorOf, testImages } from "../testing.ts";
import { addImage, noise } from "./testing.ts";

const name = (fake: FakeRegistry, rest = ":1") => `${fake.host}/team/app${rest}`;
const two = [{ a: "first" }, { b: noise(600_000) }];
const blobReads = (fake: FakeRegistry) =>
  fake.requests.filter((one) => one.startsWith("GET") && one.includes("/blobs/"));

async function start() {
  const fake = await fakeRegistry();
  const kit = await testImages(testRegistries());
  return {
    fake,
    kit,
    async [Symbol.asyncDispose]() {
      await kit[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

describe("pull", () => {
  test.each(["gzip", "zstd", "none"] as const)(
    "layers with %s, and the names of the image",
    async (compression) => {
      await using both = await start();
      const { fake, kit } = both;
      const remote = addImage(fake, two, { tag: "1", compression });
      const told: string[] = [];
      const report = ({ task, message }: { task: string; message: string }) =>
        void told.push(`${task} ${message}`);
      const { image, digest, isNew } = await kit.images.pull(name(fake), { report });
      expect([image.id, digest, isNew]).toEqual([remote.id, remote.digest, true]);
      expect(image.references).toEqual([name(fake)]);
      expect(image.digests).toEqual([name(fake, `@${remote.digest}`)]);
      expect(image.manifest.digest).toBe(remote.digest);
      expect([...new Set(kit.stored())]).toEqual(
        [
          ...new Set([
            remote.id,
            remote.digest,
            ...remote.layers.map((one) => one.digest),
            ...remote.diffIds,
          ]),
        ].toSorted(),
      );
      const first = remote.layers[0]!.digest.slice(7, 19);
      const lines = told.filter((one) => one.startsWith(first)).map((one) => one.slice(13));
      expect(lines).toEqual([
        "Pulling fs layer",
        "Downloading",
        "Downloading",
        "Verifying Checksum",
        "Download complete",
        "Extracting",
        "Pull complete",
      ]);
      expect(kit.layers.heard).toContain(remote.layers[1]!.size);
      expect(kit.eventsSoFar()).toEqual([`pull ${fake.host}/team/app`]);
      for (const by of [`@${remote.digest}`, `:1@${remote.digest}`]) {
        expect(kit.images.resolve(name(fake, by)).id).toBe(remote.id);
      }
    },
  );

  test("again: one HEAD when nothing changed, and only what is missing when something did", async () => {
    await using both = await start();
    const { fake, kit } = both;
    addImage(fake, two, { tag: "1" });
    await kit.images.pull(name(fake));
    fake.seen.length = 0;
    expect((await kit.images.pull(name(fake))).isNew).toBe(false);
    expect(fake.requests).toEqual(["HEAD /v2/team/app/manifests/1"]);
    const next = addImage(fake, [...two, { c: "third" }], { tag: "1" });
    fake.seen.length = 0;
    const { image, isNew } = await kit.images.pull(name(fake));
    expect([image.id, isNew]).toEqual([next.id, true]);
    expect(blobReads(fake)).toEqual([
      `GET /v2/team/app/blobs/${next.id}`,
      `GET /v2/team/app/blobs/${next.layers[2]!.digest}`,
    ]);
  });

  test("by digest, without a tag; removed by its digest", async () => {
    await using both = await start();
    const { fake, kit } = both;
    const remote = addImage(fake, two);
    const { image } = await kit.images.pull(name(fake, `@${remote.digest}`));
    expect(image.references).toEqual([]);
    const removed = await kit.images.remove(name(fake, `@${remote.digest}`));
    expect(removed).toEqual({ untagged: [name(fake, `@${remote.digest}`)], deleted: [remote.id] });
    expect(kit.stored()).toEqual([]);
  });

  test("the last tag of a repository takes its digests along", async () => {
    await using both = await start();
    const { fake, kit } = both;
    addImage(fake, two, { tag: "1" });
    await kit.images.pull(name(fake));
    kit.images.tag(name(fake), "mine:1");
    await kit.images.remove(name(fake));
    expect(kit.images.resolve("mine:1").digests).toEqual([]);
  });

  test("many at once share the work, also of layers that different images have", async () => {
    await using both = await start();
    const { fake, kit } = both;
    const one = addImage(fake, two, { tag: "1" });
    const other = addImage(fake, [...two, { c: "third" }], { tag: "2" });
    await Promise.all([":1", ":1", ":2", ":2"].map((tag) => kit.images.pull(name(fake, tag))));
    const reads = blobReads(fake);
    expect(reads.length).toBe(new Set(reads).size);
    expect(reads).toHaveLength(2 + one.layers.length + other.layers.length - 2);
  });

  test("of an index: the platform's image, by variant, and no other", async () => {
    await using both = await start();
    const { fake, kit } = both;
    const arm = { os: "linux", architecture: "arm" };
    const variants = ["v5", "v7"].map((variant) => ({ ...arm, variant }));
    const platforms = [
      ...variants,
      { os: "linux", architecture: "arm64", variant: "v8" },
      { os: "windows", architecture: "amd64" },
      { os: "linux", architecture: "amd64" },
    ];
    const images = platforms.map((platform, at) => addImage(fake, [{ a: String(at) }], { platform }));
    const attestation = {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: images[0]!.digest,
      size: 1,
      platform: { os: "unknown", architecture: "unknown" },
    };
    const manifests = images.map(({ digest, size }, at) => ({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest,
      size,
      platform: platforms[at],
    }));
    const index = { schemaVersion: 2, manifests: [attestation, ...manifests] };
    const digest = fake.addManifest("team/app", "1", index, "application/vnd.oci.image.index.v1+json");
    const pulled = await kit.images.pull(name(fake), { platform: "linux/amd64" });
    expect([pulled.image.id, pulled.digest]).toEqual([images[4]!.id, digest]);
    expect(pulled.image.digests).toEqual([name(fake, `@${digest}`)]);
    const wanted = [
      ["linux/arm/v6", 0],
      ["linux/arm", 1],
      ["arm64", 2],
    ] as const;
    for (const [platform, at] of wanted) {
      expect((await kit.images.pull(name(fake), { platform })).image.id).toBe(images[at]!.id);
    }
    const error = await errorOf(kit.images.pull(name(fake), { platform: "linux/s390x" }));
    expect(error.message).toBe(
      `no matching manifest for linux/s390x in the manifest list entries of index ${digest}`,
    );
  });

  test("a lone manifest for another platform: refused only when the platform was asked for", async () => {
    await using both = await start();
    const { fake, kit } = both;
    const other = addImage(fake, two, { tag: "1", platform: { os: "linux", architecture: "s390x" } });
    const error = await errorOf(kit.images.pull(name(fake), { platform: "linux/amd64" }));
    expect(error.message).toBe("the image is for linux/s390x only, not for linux/amd64");
    expect((await kit.images.pull(name(fake))).image.id).toBe(other.id);
  });
});

describe("what is refused", () => {
  const layerOf = (change: object) => ({
    edit: (manifest: { layers: object[] }) => ({
      ...manifest,
      layers: manifest.layers.map((layer) => ({ ...layer, ...change })),
    }),
  });
  test.each([
    [
      "foreign layers",
      layerOf({ mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" }),
      "foreign layers are not supported",
    ],
    ["layers elsewhere", layerOf({ urls: ["https://x.example/layer"] }), "foreign layers are not supported"],
    [
      "layers of an unknown kind",
      layerOf({ mediaType: "application/x-squashfs" }),
      "of the type 'application/x-squashfs'",
    ],
    [
      "artifacts",
      {
        edit: (manifest: object) => ({
          ...manifest,
          config: {
            mediaType: "application/vnd.cncf.helm.config.v1+json",
            digest: `sha256:${"0".repeat(64)}`,
            size: 2,
          },
        }),
      },
      "is no container image but 'application/vnd.cncf.helm",
    ],
    [
      "fewer layers than the configuration says",
      { edit: (manifest: { layers: object[] }) => ({ ...manifest, layers: manifest.layers.slice(1) }) },
      "has 1 layers, its configuration names 2",
    ],
  ])("%s", async (_what, options, message) => {
    await using both = await start();
    const { fake, kit } = both;
    addImage(fake, two, { tag: "1", ...options });
    const error = await errorOf(kit.images.pull(name(fake)));
    expect(error.message).toContain(message);
    expect(kit.stored()).toEqual([]);
  });

  test("a layer whose bytes are others, fewer, or more than its digest and size say", async () => {
    for (const [body, code] of [
      ["others", "content.digest-mismatch"],
      ["fewer", "registry.size-mismatch"],
      ["more", "registry.size-mismatch"],
    ] as const) {
      await using both = await start();
      const { fake, kit } = both;
      const remote = addImage(fake, two, { tag: "1" });
      const { digest } = remote.layers[1]!;
      const real = fake.blobs.get(digest)!;
      const lies = {
        others: Buffer.from(real).fill(7, 100, 200),
        fewer: real.subarray(0, 1000),
        more: Buffer.concat([real, real]),
      };
      fake.answer = (seen) => (seen.path.endsWith(digest) ? { body: lies[body] } : undefined);
      expect(await errorOf(kit.images.pull(name(fake)))).toMatchObject({ code });
      expect(kit.stored()).toEqual([]);
      expect(kit.content.partials()).toEqual([]);
    }
  });

  test("access that is denied sounds as Docker has it", async () => {
    await using both = await start();
    const { fake, kit } = both;
    fake.answer = (seen) =>
      seen.path === "/v2/"
        ? undefined
        : { status: 403, body: '{"errors":[{"code":"DENIED","message":"no"}]}' };
    const error = await errorOf(kit.images.pull(name(fake)));
    expect(error.message).toStartWith(
      `pull access denied for ${fake.host}/team/app, repository does not exist or may require 'docker login': `,
    );
  });
});

describe("cuts", () => {
  test("a connection that breaks is taken up where it broke", async () => {
    await using both = await start();
    const { fake, kit } = both;
    const remote = addImage(fake, two, { tag: "1" });
    const { digest } = remote.layers[1]!;
    fake.answer = (seen, before) =>
      seen.path.endsWith(digest) && before === 0
        ? { body: fake.blobs.get(digest)!, cutAfter: 300_000 }
        : undefined;
    await kit.images.pull(name(fake));
    const ranges = fake.seen
      .filter((seen) => seen.path.endsWith(digest))
      .map((seen) => seen.headers["range"]);
    expect(ranges).toEqual([undefined, "bytes=300000-"]);
  });

  test("also from a registry that knows no ranges", async () => {
    await using both = await start();
    const { fake, kit } = both;
    const remote = addImage(fake, two, { tag: "1" });
    const { digest } = remote.layers[1]!;
    fake.answer = (seen, before) => {
      if (!seen.path.endsWith(digest)) return undefined;
      return { body: fake.blobs.get(digest)!, ...(before === 0 ? { cutAfter: 300_000 } : {}) };
    };
    expect((await kit.images.pull(name(fake))).image.id).toBe(remote.id);
  });

  test("what an ended pull has stored stays, is gone on with, and goes with a prune or after a day", async () => {
    await using both = await start();
    const { fake, kit } = both;
    const remote = addImage(fake, two, { tag: "1" });
    const [small, large] = remote.layers;
    const whole = fake.blobs.get(large!.digest)!;
    let broken = true;
    fake.answer = (seen) => {
      if (!seen.path.endsWith(large!.digest) || !broken) return undefined;
      if (seen.headers["range"] !== undefined) return { status: 503 };
      return { body: whole, cutAfter: 300_000 };
    };
    const fail = async () =>
      expect(await errorOf(kit.images.pull(name(fake)))).toMatchObject({ code: "registry.server-error" });
    await fail();
    expect(kit.images.list()).toEqual([]);
    expect(kit.content.partials()).toMatchObject([{ digest: large!.digest, size: 300_000 }]);
    expect(await kit.images.collectGarbage()).toBe(0);
    broken = false;
    fake.seen.length = 0;
    await kit.images.pull(name(fake));
    expect(blobReads(fake)).not.toContain(`GET /v2/team/app/blobs/${small!.digest}`);
    expect(fake.seen.find((seen) => seen.path.endsWith(large!.digest))!.headers["range"]).toBe(
      "bytes=300000-",
    );

    await kit.images.remove(name(fake));
    broken = true;
    for (const end of [() => kit.images.prune({ all: false }), () => kit.clock.advance(25 * 3_600_000)]) {
      await fail();
      expect(kit.content.partials()).toHaveLength(1);
      await end();
      await kit.images.collectGarbage();
      expect(kit.content.partials()).toEqual([]);
      expect(kit.stored()).toEqual([]);
    }
  });

  test("of a download that stalls it is told how far it came", async () => {
    await using both = await start();
    const { fake, kit } = both;
    const remote = addImage(fake, two, { tag: "1" });
    const { digest, size } = remote.layers[1]!;
    const go = Promise.withResolvers<void>();
    fake.answer = (seen) =>
      seen.path.endsWith(digest) ? { body: fake.blobs.get(digest)!, rest: go.promise } : undefined;
    const heard: number[] = [];
    const pulling = kit.images.pull(name(fake), {
      report: ({ message, current = 0, total }) => {
        if (message === "Downloading" && total === size) heard.push(current);
      },
    });
    while (heard.at(-1) !== Math.floor(size / 2)) {
      await Bun.sleep(1);
      await kit.clock.advance(100);
    }
    go.resolve();
    await pulling;
    expect(heard.at(-1)).toBe(size);
  });

  test("a pull that is cancelled stops all of its transfers", async () => {
    await using both = await start();
    const { fake, kit } = both;
    const remote = addImage(fake, two, { tag: "1" });
    fake.answer = (seen) =>
      seen.path.endsWith(remote.layers[1]!.digest)
        ? { body: noise(1000), hang: true, headers: { "content-length": String(remote.layers[1]!.size) } }
        : undefined;
    const stop = new AbortController();
    const pulling = errorOf(kit.images.pull(name(fake), { signal: stop.signal }));
    while (!fake.requests.some((one) => one.endsWith(remote.layers[1]!.digest))) await Bun.sleep(1);
    const reason = new DOMException("enough", "AbortError");
    stop.abort(reason);
    expect(await pulling).toBe(reason);
    expect(kit.images.list()).toEqual([]);
  });
});

test("a registry out of reach: the next source is asked, and told why", async () => {
  await using kit = await testImages(testRegistries());
  const whys: (string | undefined)[] = [];
  kit.sources.push({
    name: "other",
    canProvide: (reference) => reference.path === "one",
    fetch: (_reference, { instead }) => {
      whys.push(instead);
      return Promise.reject(new Error("seen"));
    },
  });
  expect((await errorOf(kit.images.ensure("127.0.0.1:1/one"))).message).toBe("seen");
  expect(whys).toEqual(["127.0.0.1:1 can't be reached: it refuses connections"]);
  const error = await errorOf(kit.images.ensure("127.0.0.1:1/two:3"));
  expect(error.message).toBe(
    "No such image: 127.0.0.1:1/two:3, and 127.0.0.1:1 can't be reached: it refuses connections",
  );
});

test("what was set aside as damaged comes with the next pull, without anything else", async () => {
  await using both = await start();
  const { fake, kit } = both;
  const remote = addImage(fake, two, { tag: "1" });
  await kit.images.pull(name(fake));
  const damaged = [remote.layers[0]!.digest, remote.id, remote.digest];
  for (const one of damaged) kit.content.setAside(one, statSync(kit.content.path(one)).ino);
  fake.seen.length = 0;
  await kit.images.pull(name(fake));
  for (const one of damaged) expect(kit.content.has(one)).toBe(true);
  expect(blobReads(fake).filter((one) => one.includes(remote.layers[1]!.digest))).toEqual([]);
});
