import { describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { errorOf, pieces, tar, testImages } from "./testing.ts";

describe("create and resolve", () => {
  test("the same recipe gives the same id, whatever the order of its keys; and is one image", async () => {
    await using kit = await testImages();
    const recipe = await kit.recipe("a", { config: { Cmd: ["sh"], Env: ["A=1"] }, author: "me" });
    const turned = {
      ...recipe,
      config: { author: "me", os: "linux", architecture: "amd64", config: { Env: ["A=1"], Cmd: ["sh"] } },
    };
    const first = await kit.images.create(recipe, "app:1");
    const second = await kit.images.create(turned, "app:2");
    expect(second.id).toBe(first.id);
    expect(kit.images.list()).toHaveLength(1);
    expect(second.references).toEqual(["docker.io/library/app:1", "docker.io/library/app:2"]);
    const config = (await kit.content.readJson(first.id)) as { rootfs: { diff_ids: string[] } };
    expect(config.rootfs.diff_ids).toEqual([...first.config.rootfs.diff_ids]);
    expect(await kit.content.readJson(first.manifest.digest)).toMatchObject({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { digest: first.id },
    });
  });

  test("by reference, digest, id and the beginning of an id", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "app");
    await kit.make("b", "other");
    const hex = image.id.slice("sha256:".length);
    for (const name of [
      "app",
      "app:latest",
      "docker.io/library/app",
      `app@${image.manifest.digest}`,
      `app:whatever@${image.manifest.digest}`,
      image.id,
      hex,
      hex.slice(0, 12),
      `sha256:${hex.slice(0, 8)}`,
    ]) {
      expect(kit.images.resolve(name).id).toBe(image.id);
    }
  });

  test("a name goes before the beginning of an id", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "app");
    const prefix = image.id.slice(7, 10);
    const named = await kit.make("b", prefix);
    expect(kit.images.resolve(prefix).id).toBe(named.id);
  });

  test("what is not there, with Docker's text", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "app");
    const message = (name: string) => {
      try {
        return kit.images.resolve(name).id;
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(message("nginx")).toBe("No such image: nginx:latest");
    expect(message("docker.io/team/app:1")).toBe("No such image: team/app:1");
    expect(message(`other@${image.manifest.digest}`)).toBe(`No such image: other@${image.manifest.digest}`);
    expect(message(`sha256:${"0".repeat(64)}`)).toBe(`No such image: sha256:${"0".repeat(64)}`);
    expect(message("0".repeat(64))).toBe(`No such image: ${"0".repeat(64)}`);
    expect(message("sha256:000")).toBe("No such image: sha256:000");
    expect(message("Bad:Name:")).toStartWith("invalid reference format");
    expect(() => kit.images.resolve("nginx")).toThrow(expect.objectContaining({ code: "image.not-found" }));
  });

  test("a beginning that fits two images fits none", async () => {
    await using kit = await testImages();
    const seen = new Set<string>();
    for (let number = 0; ; number++) {
      const first = (await kit.make(`image ${number}`)).id.slice(7, 8);
      if (seen.has(first)) {
        expect(() => kit.images.resolve(`sha256:${first}`)).toThrow("No such image");
        return;
      }
      seen.add(first);
    }
  });

  test("a layer that is not there is refused and leaves no blob", async () => {
    await using kit = await testImages();
    const recipe = await kit.recipe("a");
    await kit.layers.remove(recipe.layers[0]!.diffId);
    const before = kit.stored();
    expect(await errorOf(kit.images.create(recipe, "app"))).toMatchObject({ code: "layer.not-found" });
    expect(kit.images.list()).toEqual([]);
    expect(kit.stored()).toEqual(before);
  });

  test("a bad name is refused before anything is stored", async () => {
    await using kit = await testImages();
    const recipe = await kit.recipe("a");
    const before = kit.stored();
    expect((await errorOf(kit.images.create(recipe, "App"))).message).toContain("must be lowercase");
    const withDigest = kit.images.create(recipe, `app@sha256:${"0".repeat(64)}`);
    expect((await errorOf(withDigest)).message).toBe("refusing to create a tag with a digest reference");
    const algorithm = kit.images.create(recipe, "sha256:tag");
    expect((await errorOf(algorithm)).message).toStartWith("refusing to create an ambiguous tag");
    expect(kit.stored()).toEqual(before);
  });
});

test("tag moves a name from one image to another", async () => {
  await using kit = await testImages();
  const first = await kit.make("a", "app");
  const second = await kit.make("b", "other");
  kit.images.tag("other", "app");
  expect(kit.images.resolve("app").id).toBe(second.id);
  expect(kit.images.resolve(first.id).references).toEqual([]);
  expect(kit.eventsSoFar()).toEqual([
    `create ${first.id}`,
    "tag app:latest",
    `create ${second.id}`,
    "tag other:latest",
    "tag app:latest",
  ]);
});

describe("importRootfs", () => {
  const rootfs = tar({ "etc/hostname": "x" });
  test.each([
    ["plain", rootfs, "application/vnd.oci.image.layer.v1.tar"],
    ["gzip", gzipSync(rootfs), "application/vnd.oci.image.layer.v1.tar+gzip"],
    ["zstd", zstdCompressSync(rootfs), "application/vnd.oci.image.layer.v1.tar+zstd"],
  ])("%s", async (_name, bytes, mediaType) => {
    await using kit = await testImages();
    const image = await kit.images.importRootfs(pieces(bytes, 3), {
      reference: "base",
      message: "by hand",
      process: { Cmd: ["sh"] },
    });
    expect(image.layers[0]!.mediaType).toBe(mediaType);
    expect(image.config.config).toEqual({ Cmd: ["sh"] });
    expect(image.config.history).toEqual([{ created: "2026-01-01T00:00:00.000Z", comment: "by hand" }]);
    expect(image.size).toBe(rootfs.length);
    expect(kit.eventsSoFar()).toEqual(["tag base:latest", `import ${image.id}`]);
  });

  test.each([
    ["nothing", Buffer.alloc(0), "is empty"],
    ["xz", Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0]), "compressed with xz"],
    ["broken gzip", gzipSync(rootfs).subarray(0, 40), ""],
  ])("%s is refused and leaves nothing", async (_name, bytes, message) => {
    await using kit = await testImages();
    expect(await kit.images.importRootfs(pieces(bytes), {}).catch((error: Error) => error.message)).toContain(
      message,
    );
    expect(kit.stored()).toEqual([]);
    expect(kit.images.list()).toEqual([]);
  });

  test("a source that fails, and a signal, leave nothing", async () => {
    await using kit = await testImages();
    const broken = async function* () {
      yield rootfs.subarray(0, 512);
      throw new Error("the client went away");
    };
    const stop = new AbortController();
    const endless = async function* () {
      for (let count = 0; ; count++) {
        if (count === 3) stop.abort(new Error("enough"));
        yield rootfs.subarray(0, 512);
      }
    };
    expect((await errorOf(kit.images.importRootfs(broken(), {}))).message).toContain("went away");
    const cancelled = kit.images.importRootfs(endless(), { signal: stop.signal });
    expect((await errorOf(cancelled)).message).toBe("enough");
    expect(kit.stored()).toEqual([]);
  });
});
