import { afterEach, beforeEach, expect, test } from "bun:test";
import { statSync } from "node:fs";
import type { Digest } from "../content/index.ts";
import {
  digestOf,
  imageIndex,
  piece,
  pushBlob,
  pushImage,
  testRegistry,
  type TestRegistry,
} from "./testing.ts";

let it: TestRegistry;
beforeEach(async () => void (it = await testRegistry()));
afterEach(() => it[Symbol.dispose]());

const hour = 3_600_000;
const stored = () => it.content.list().map((one) => one.digest);
const collect = () => it.registry.collectGarbage();
const remove = (name: string, digest: Digest) => it.registry.manifests.delete(name, { digest });

test("what a manifest refers to stays; a deletion frees it once nobody pushes any more", async () => {
  const digest = await pushImage(it.registry, "app", "v1", ["layer"]);
  await it.clock.advance(48 * hour);
  expect(await collect()).toMatchObject({ links: 0, freed: 0 });
  await remove("app", digest);
  expect(stored()).not.toContain(digest);
  expect(await collect()).toMatchObject({ links: 2 });
  expect(stored()).toEqual([]);
  expect(it.registry.repositories()).toEqual([]);
});

test("a blob that is deleted leaves the disk at once, with its last repository", async () => {
  const digest = await pushBlob(it.registry, "app", "blob");
  await it.registry.blobs.mount("other", digest, "app", () => true);
  await it.registry.blobs.delete("app", digest);
  expect(stored()).toEqual([digest]);
  await it.registry.blobs.delete("other", digest);
  expect(stored()).toEqual([]);
});

test("the blobs of a push under way stay, however long it takes", async () => {
  const early = await pushBlob(it.registry, "app", "early");
  const { id } = await it.registry.uploads.begin("app");
  for (let n = 0; n < 30; n++) {
    await it.clock.advance(hour);
    await it.registry.uploads.append("app", id, { source: piece("x") });
    await collect();
  }
  expect(stored()).toContain(early);
  await it.registry.uploads.commit("app", id, digestOf("x".repeat(30)));
  await collect();
  expect(stored().length).toBe(2);
});

test("a blob that a client was told of stays for a while", async () => {
  const digest = await pushBlob(it.registry, "app", "old");
  await it.clock.advance(2 * hour);
  it.registry.blobs.promise("app", digest);
  await collect();
  expect(stored()).toEqual([digest]);
  await it.clock.advance(2 * hour);
  expect(await collect()).toMatchObject({ links: 1, freed: 3 });
  expect(stored()).toEqual([]);
});

test("in a repository that is always busy it goes after a week", async () => {
  const waste = await pushBlob(it.registry, "app", "waste");
  for (let n = 0; n < 26; n++) {
    await it.clock.advance(6 * hour);
    await pushImage(it.registry, "app", "v1");
    await collect();
  }
  expect(stored()).toContain(waste);
  await it.clock.advance(24 * hour);
  await pushImage(it.registry, "app", "v1");
  await collect();
  expect(stored()).not.toContain(waste);
});

test("what another repository, or the engine, has stays on the disk", async () => {
  const digest = await pushImage(it.registry, "one", "v1", ["shared", "mine", "engine's"]);
  await pushImage(it.registry, "two", "v1", ["shared"]);
  it.engine.add(digestOf("engine's"));
  await it.clock.advance(2 * hour);
  await remove("one", digest);
  await collect();
  expect(stored()).toContain(digestOf("shared"));
  expect(stored()).toContain(digestOf("engine's"));
  expect(stored()).not.toContain(digestOf("mine"));
  expect(it.registry.needs(digestOf("engine's"))).toBe(false);
});

test("uploads that nothing was added to for a day go", async () => {
  const { id } = await it.registry.uploads.begin("app");
  await it.registry.uploads.append("app", id, { source: piece("half") });
  await it.clock.advance(23 * hour);
  expect((await collect()).uploads).toBe(0);
  await it.clock.advance(2 * hour);
  expect((await collect()).uploads).toBe(1);
  expect(() => it.registry.uploads.find("app", id)).toThrow("no such upload");
});

test("pushes beside collections: every image that was acknowledged is whole", async () => {
  const images: { name: string; digest: Digest; layers: string[] }[] = [];
  const collections: ReturnType<typeof collect>[] = [];
  const pusher = async (user: string) => {
    for (let n = 0; n < 15; n++) {
      const name = `${user}/${n}`;
      const layers = [`${user} ${n}`, `common ${n % 3}`];
      images.push({ name, layers, digest: await pushImage(it.registry, name, "v1", layers) });
      await it.clock.advance(hour / 5);
      const old = images.findIndex((one) => one.name === `${user}/${n - 3}`);
      if (old >= 0) await remove(images[old]!.name, images.splice(old, 1)[0]!.digest);
      collections.push(collect());
    }
  };
  await Promise.all(["a", "b", "c"].map(pusher));
  const freed = (await Promise.all(collections)).map((one) => one.freed);
  expect(Math.max(...freed)).toBeGreaterThan(0);
  for (const { name, digest, layers } of images) {
    await it.registry.manifests.read(it.registry.manifests.find(name, { digest }));
    for (const layer of layers) {
      const blob = it.registry.blobs.find(name, digestOf(layer));
      expect(await Bun.file(it.registry.blobs.path(blob)).text()).toBe(layer);
    }
  }
});

test("what was set aside is not served, and a push mends it", async () => {
  const digest = await pushImage(it.registry, "app", "v1", ["rots", "stays"]);
  await pushBlob(it.registry, "other", "rots");
  const rotten = digestOf("rots");
  expect(it.registry.holders(rotten)).toEqual(["app", "other"]);
  expect(it.registry.holders(digest)).toEqual(["app"]);
  it.content.setAside(rotten, statSync(it.content.path(rotten)).ino);
  expect(() => it.registry.blobs.find("app", rotten)).toThrow("is gone");
  expect(() => it.registry.blobs.promise("app", rotten)).toThrow("is gone");
  await pushBlob(it.registry, "app", "rots");
  expect(it.registry.blobs.find("other", rotten).size).toBe(4);
  expect(it.registry.manifests.find("app", { digest }).digest).toBe(digest);
});

test("a collection that is killed anywhere loses nothing that is needed, and what it left goes after the start", async () => {
  let ended = false;
  let kills = 0;
  for (; !ended; kills++) {
    using kit = await testRegistry();
    const { content } = kit;
    const kept = ["shared", "own", "layer of other"];
    await pushImage(kit.registry, "app", "keep", ["shared", "own"]);
    await pushImage(kit.registry, "app", "go", ["shared", "gone 1", "gone 2", "layer of other"]);
    await pushImage(kit.registry, "other", "keep", ["layer of other"]);
    kit.registry.retention.add({ repositories: "app", tags: "go", keepTags: 0, untaggedMs: 0 });
    await kit.clock.advance(2 * hour);
    let removals = 0;
    const remove = content.remove.bind(content);
    content.remove = async (digest) => {
      if (removals++ === kills) throw new Error("killed");
      await remove(digest);
    };
    ended = await kit.registry.collectGarbage().then(
      () => true,
      () => false,
    );
    content.remove = remove;
    kit.reopen();
    const { manifests } = kit.registry;
    for (const [name, layers] of [
      ["app", ["shared", "own"]],
      ["other", ["layer of other"]],
    ] as const) {
      await manifests.read(manifests.find(name, { tag: "keep" }));
      for (const layer of layers) {
        const blob = kit.registry.blobs.find(name, digestOf(layer));
        expect(await Bun.file(kit.registry.blobs.path(blob)).text()).toBe(layer);
      }
    }
    // As the daemon does when it starts.
    for (const { digest } of content.list()) if (!kit.registry.needs(digest)) await content.remove(digest);
    await kit.registry.collectGarbage();
    const left = content.list().map((one) => one.digest);
    expect(left.length).toBe(kept.length + 4); // and two configurations with their manifests
    for (const layer of kept) expect(left).toContain(digestOf(layer));
  }
  expect(kills).toBeGreaterThan(3);
});

test("members of an index stay with it", async () => {
  const member = await pushImage(it.registry, "app", "member");
  const { manifests } = it.registry;
  const size = manifests.find("app", { digest: member }).size;
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const bytes = Buffer.from(imageIndex([{ mediaType, digest: member, size }]));
  const { digest } = await manifests.put("app", { reference: { tag: "index" }, bytes });
  await manifests.delete("app", { tag: "member" });
  it.registry.retention.add({ repositories: "*", tags: "*", untaggedMs: hour });
  await it.clock.advance(2 * hour);
  await collect();
  expect(manifests.find("app", { digest: member }).digest).toBe(member);
  await remove("app", digest);
  await collect();
  expect(() => manifests.find("app", { digest: member })).toThrow("has no manifest");
  expect(stored()).toEqual([]);
});
