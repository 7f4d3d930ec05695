import { describe, expect, test } from "bun:test";
import { fakeRegistry, testRegistries, type FakeRegistry } from "../../distribution/testing.ts";
import { addImage, noise } from "../pull/testing.ts";
import { errorOf, testImages, type TestImages } from "../testing.ts";
import type { PushedTag } from "../image.ts";

async function start() {
  const fake = await fakeRegistry();
  const kit = await testImages(testRegistries());
  const end = async () => {
    await kit[Symbol.asyncDispose]();
    await fake[Symbol.asyncDispose]();
  };
  return { fake, kit, [Symbol.asyncDispose]: end };
}

async function push(kit: TestImages, name: string): Promise<{ lines: string[]; tags: PushedTag[] }> {
  const lines: string[] = [];
  const tags: PushedTag[] = [];
  const report = ({ message }: { message: string }) => void lines.push(message);
  await kit.images.push(name, { report, pushed: (tag) => void tags.push(tag) });
  return { lines, tags };
}

const uploads = (fake: FakeRegistry) => fake.requests.filter((one) => /^(PUT|PATCH) .*\/uploads\//.test(one));

describe("push", () => {
  test("what came from a registry goes out as it came", async () => {
    await using both = await start();
    await using target = await fakeRegistry();
    const { fake, kit } = both;
    const remote = addImage(fake, [{ a: "first" }, { b: noise(5000) }], { tag: "1" });
    await kit.images.pull(`${fake.host}/team/app:1`);
    kit.images.tag(`${fake.host}/team/app:1`, `${target.host}/mine/app:2`);
    const { tags } = await push(kit, `${target.host}/mine/app:2`);
    expect(tags).toEqual([{ tag: "2", digest: remote.digest, size: remote.size }]);
    const [first] = tags;
    expect(target.manifests.get("mine/app:2")!.bytes).toEqual(fake.manifests.get("team/app:1")!.bytes);
    for (const { digest } of remote.layers) expect(target.blobs.get(digest)).toEqual(fake.blobs.get(digest));
    expect(target.requests.at(-1)).toBe("PUT /v2/mine/app/manifests/2");
    expect(kit.images.resolve(remote.id).digests).toContain(`${target.host}/mine/app@${first!.digest}`);
    expect(kit.eventsSoFar().at(-1)).toBe(`push ${target.host}/mine/app`);
  });

  test("so does one with plain layers that came through an index, not compressed and under its digest", async () => {
    await using both = await start();
    await using target = await fakeRegistry();
    const { fake, kit } = both;
    const remote = addImage(fake, [{ a: "plain ".repeat(1000) }], { compression: "none" });
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const platform = { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch };
    const { digest, size } = remote;
    const member = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size, platform };
    const index = { schemaVersion: 2, mediaType, manifests: [member] };
    fake.addManifest("team/app", "1", index, mediaType);
    await kit.images.pull(`${fake.host}/team/app:1`);
    kit.images.tag(`${fake.host}/team/app:1`, `${target.host}/mine/app:1`);
    const { tags } = await push(kit, `${target.host}/mine/app:1`);
    expect(tags).toEqual([{ tag: "1", digest: remote.digest, size: remote.size }]);
    expect(target.blobs.get(remote.layers[0]!.digest)).toEqual(fake.blobs.get(remote.layers[0]!.digest));
  });

  test("a plain layer goes out compressed, the same each time; what the registry has is not sent again", async () => {
    await using both = await start();
    const { fake, kit } = both;
    await kit.make("hello ".repeat(1000), `${fake.host}/mine/app:1`);
    const before = kit.stored();
    const first = await push(kit, `${fake.host}/mine/app:1`);
    const manifest = JSON.parse(fake.manifests.get("mine/app:1")!.bytes.toString()) as {
      layers: { mediaType: string; size: number }[];
    };
    expect(manifest.layers[0]!.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip");
    expect(manifest.layers[0]!.size).toBeLessThan(1000);
    expect(first.lines).toEqual(["Preparing", "Pushing", "Pushing", "Pushed"]);
    expect(kit.stored()).toEqual(before);
    fake.seen.length = 0;
    const second = await push(kit, `${fake.host}/mine/app:1`);
    expect(second.lines).toEqual(["Preparing", "Layer already exists"]);
    expect(second.tags).toEqual(first.tags);
    expect(uploads(fake)).toEqual([]);
  });

  test("from a neighbour by a mount, and sent when the registry does not want that", async () => {
    await using both = await start();
    const { fake, kit } = both;
    const image = await kit.make("content", `${fake.host}/team/one:1`);
    await push(kit, `${fake.host}/team/one:1`);
    const has = (repository: string) => (seen: { method: string; path: string }) =>
      seen.method === "HEAD" && seen.path.startsWith(`/v2/${repository}/blobs/`)
        ? { status: 404 }
        : undefined;
    fake.answer = has("team/two");
    kit.images.tag(image.id, `${fake.host}/team/two:1`);
    const mounted = await push(kit, `${fake.host}/team/two:1`);
    expect(mounted.lines).toContain("Mounted from team/one");
    const refuse = has("team/three");
    fake.answer = (seen) => (seen.path.includes("mount=") ? { status: 403 } : refuse(seen));
    kit.images.tag(image.id, `${fake.host}/team/three:1`);
    expect((await push(kit, `${fake.host}/team/three:1`)).lines).toContain("Pushed");
  });

  test("goes on where the registry is after a lost connection, with the address that it gave", async () => {
    await using both = await start();
    const { fake, kit } = both;
    addImage(fake, [{ a: noise(400_000) }], { tag: "1" });
    await kit.images.pull(`${fake.host}/team/app:1`);
    await using target = await fakeRegistry();
    kit.images.tag(`${fake.host}/team/app:1`, `${target.host}/x:1`);
    let broken = false;
    target.answer = (seen) => {
      if (seen.method !== "PUT" || !seen.path.includes("/uploads/") || broken) return undefined;
      broken = true;
      const session = /uploads\/(\d+)/.exec(seen.path)![1]!;
      target.blobs.set(session, seen.body.subarray(0, 150_000));
      return { lose: true };
    };
    await push(kit, `${target.host}/x:1`);
    const patch = target.seen.find((seen) => seen.method === "PATCH")!;
    expect(patch.headers["content-range"]).toMatch(/^150000-\d+$/);
    expect(patch.path).toContain("?state=a%2Fb");
    expect(target.manifests.get("x:1")).toBeDefined();
  });

  test("in chunks where the registry says so", async () => {
    await using both = await start();
    const { fake, kit } = both;
    addImage(fake, [{ a: noise(100_000) }], { tag: "1" });
    await kit.images.pull(`${fake.host}/team/app:1`);
    for (const how of ["413", "minimum"]) {
      await using target = await fakeRegistry();
      kit.images.tag(`${fake.host}/team/app:1`, `${target.host}/x:1`);
      target.answer = (seen) => {
        if (
          how === "413" &&
          seen.method === "PUT" &&
          seen.path.includes("/uploads/") &&
          seen.body.length > 0
        ) {
          return { status: 413 };
        }
        if (how !== "minimum" || seen.method !== "POST") return undefined;
        target.blobs.set("7", Buffer.alloc(0));
        const headers = {
          location: `http://${target.host}/v2/x/blobs/uploads/7`,
          "oci-chunk-min-length": "1000",
        };
        return { status: 202, headers };
      };
      await push(kit, `${target.host}/x:1`);
      expect(target.requests.some((one) => one.startsWith("PATCH"))).toBe(true);
      expect(target.manifests.get("x:1")).toBeDefined();
    }
  });

  test("all tags of a repository; nothing by a digest, and nothing that is not here", async () => {
    await using both = await start();
    const { fake, kit } = both;
    await kit.make("one", `${fake.host}/app:a`);
    await kit.make("two", `${fake.host}/app:b`);
    expect((await push(kit, `${fake.host}/app`)).tags.map((one) => one.tag)).toEqual(["a", "b"]);
    expect((await errorOf(push(kit, `${fake.host}/app@sha256:${"0".repeat(64)}`))).message).toBe(
      "cannot push a digest reference",
    );
    expect((await errorOf(push(kit, `${fake.host}/app:c`))).message).toBe(
      `An image does not exist locally with the tag: ${fake.host}/app:c`,
    );
  });

  test("a layer that the disk has damaged is told as that", async () => {
    await using both = await start();
    await using target = await fakeRegistry();
    const { fake, kit } = both;
    const remote = addImage(fake, [{ a: "first" }], { tag: "1" });
    await kit.images.pull(`${fake.host}/team/app:1`);
    kit.images.tag(`${fake.host}/team/app:1`, `${target.host}/mine/app:2`);
    await kit.content.remove(remote.layers[0]!.digest);
    expect(await errorOf(kit.images.push(`${target.host}/mine/app:2`))).toMatchObject({
      code: "image.layer-damaged",
      hint: expect.stringContaining("virga pull") as string,
    });
  });

  test("a registry that stores something else is found out", async () => {
    await using both = await start();
    const { fake, kit } = both;
    await kit.make("one", `${fake.host}/app:a`);
    const other = `sha256:${"0".repeat(64)}`;
    fake.answer = (seen) =>
      seen.method === "PUT" && seen.path.includes("/manifests/")
        ? { status: 201, headers: { "docker-content-digest": other } }
        : undefined;
    expect(await errorOf(push(kit, `${fake.host}/app:a`))).toMatchObject({
      code: "registry.digest-mismatch",
    });
  });
});
