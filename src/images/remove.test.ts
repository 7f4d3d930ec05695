import { describe, expect, test } from "bun:test";
import { shortId } from "../base/index.ts";
import { testImages, type TestImages } from "./testing.ts";

const container = "c".repeat(64);
const use = (kit: TestImages, image: { id: string }, running: boolean) =>
  kit.containers.set(image.id, [{ id: container, running }]);
const refusal = (kit: TestImages, name: string, force = false) =>
  kit.images.remove(name, { force }).then(
    () => "removed",
    (error: Error) => error.message,
  );

describe("docker rmi", () => {
  test("one of two names: untagged only", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "app:1");
    kit.images.tag("app:1", "app:2");
    expect(await kit.images.remove("app:1")).toEqual({ untagged: ["app:1"], deleted: [] });
    expect(kit.images.resolve("app:2").id).toBe(image.id);
    expect(kit.stored()).not.toEqual([]);
  });

  test("the last name takes the image, its blobs and its layers", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "app");
    expect(await kit.images.remove("app")).toEqual({ untagged: ["app:latest"], deleted: [image.id] });
    expect(kit.stored()).toEqual([]);
    expect(kit.eventsSoFar()).toEqual([
      `create ${image.id}`,
      "tag app:latest",
      `untag ${image.id}`,
      `delete ${image.id}`,
    ]);
  });

  test("blobs that the registry needs stay, until it needs them no more", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "app");
    const blobs = [image.id, image.manifest.digest, image.layers[0]!.digest];
    for (const blob of blobs) kit.inUse.elsewhere.add(blob);
    await kit.images.remove("app");
    expect(
      kit.content
        .list()
        .map((one) => one.digest)
        .toSorted(),
    ).toEqual([...new Set(blobs)].toSorted());
    await kit.images.prune({ all: true });
    expect(kit.content.list().length).toBe(new Set(blobs).size);
    kit.inUse.elsewhere.clear();
    await kit.images.collectGarbage();
    expect(kit.stored()).toEqual([]);
  });

  test("what another image or somebody else needs stays", async () => {
    await using kit = await testImages();
    const first = await kit.make("a", "one");
    const second = await kit.make("a", "two", { author: "else" });
    const third = await kit.make("b", "three");
    const [layer] = third.config.rootfs.diff_ids;
    kit.inUse.layers.push(layer!);
    await kit.images.remove("one");
    await kit.images.remove("three");
    expect(kit.layers.has(first.config.rootfs.diff_ids[0]!)).toBe(true);
    expect(kit.layers.has(layer!)).toBe(true);
    expect(kit.content.has(second.layers[0]!.digest)).toBe(true);
    expect(kit.content.has(first.id)).toBe(false);
    expect(kit.content.has(third.id)).toBe(false);
  });

  test("a name whose image a container uses", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "app");
    use(kit, image, false);
    expect(await refusal(kit, "app")).toBe(
      'conflict: unable to remove repository reference "app" (must force) - ' +
        `container ${shortId(container)} is using its referenced image ${shortId(image.id)}`,
    );
    expect(await kit.images.remove("app", { force: true })).toEqual({
      untagged: ["app:latest"],
      deleted: [image.id],
    });
  });

  test("the forced name of a running container goes, its image stays", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "app");
    use(kit, image, true);
    expect(await kit.images.remove("app", { force: true })).toEqual({
      untagged: ["app:latest"],
      deleted: [],
    });
    expect(kit.images.resolve(image.id).references).toEqual([]);
  });

  test("by id", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "app:1");
    const short = shortId(image.id);
    kit.images.tag("app:1", "team/app");
    expect(await refusal(kit, short)).toBe(
      `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
    );
    use(kit, image, true);
    for (const force of [false, true]) {
      expect(await refusal(kit, image.id, force)).toBe(
        `conflict: unable to delete ${short} (cannot be forced) - ` +
          `image is being used by running container ${shortId(container)}`,
      );
    }
    use(kit, image, false);
    await kit.images.remove("app:1");
    expect(await refusal(kit, short)).toBe(
      `conflict: unable to delete ${short} (must be forced) - ` +
        `image is being used by stopped container ${shortId(container)}`,
    );
    kit.containers.clear();
    expect(await kit.images.remove(short)).toEqual({ untagged: ["team/app:latest"], deleted: [image.id] });
  });

  test("by digest: all names of the repository", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "app:1");
    kit.images.tag("app:1", "app:2");
    kit.images.tag("app:1", "other");
    const name = `app@${image.manifest.digest}`;
    expect(await kit.images.remove(name)).toEqual({ untagged: ["app:1", "app:2"], deleted: [] });
    expect(await refusal(kit, name)).toBe(`No such image: ${name}`);
    expect(kit.images.resolve("other").id).toBe(image.id);
  });

  test("noPrune leaves the layers", async () => {
    await using kit = await testImages();
    const image = await kit.make("a", "app");
    await kit.images.remove("app", { noPrune: true });
    expect(kit.layers.has(image.config.rootfs.diff_ids[0]!)).toBe(true);
  });
});

describe("prune", () => {
  test("images without a name, then what nothing needs", async () => {
    await using kit = await testImages();
    const named = await kit.make("named", "app");
    const used = await kit.make("used");
    const gone = await kit.make("gone");
    const stray = await kit.recipe("stray");
    use(kit, used, false);
    const result = await kit.images.prune({ all: false });
    expect(result).toMatchObject({ untagged: [], deleted: [gone.id] });
    expect(result.freed).toBeGreaterThan(0);
    expect(
      kit.images
        .list()
        .map((image) => image.id)
        .toSorted(),
    ).toEqual([named.id, used.id].toSorted());
    expect(kit.layers.has(stray.layers[0]!.diffId)).toBe(false);
    expect(kit.layers.has(named.config.rootfs.diff_ids[0]!)).toBe(true);
    expect(kit.content.has(used.layers[0]!.digest)).toBe(true);
  });

  test("all, with a filter and an age", async () => {
    await using kit = await testImages();
    const old = { created: "2020-01-01T00:00:00Z" };
    const labelled = await kit.make("a", "keep", { ...old, config: { Labels: { keep: "yes" } } });
    const early = await kit.make("b", "early", old);
    await kit.clock.advance(60_000);
    const late = await kit.make("c", "late", old);
    const result = await kit.images.prune({
      all: true,
      until: kit.clock.now(),
      keep: (image) => image.config.config?.Labels?.["keep"] === "yes",
    });
    expect(result).toMatchObject({ untagged: ["early:latest"], deleted: [early.id] });
    expect(
      kit.images
        .list()
        .map((image) => image.id)
        .toSorted(),
    ).toEqual([labelled.id, late.id].toSorted());
  });

  test("what is being imported is not taken", async () => {
    await using kit = await testImages();
    const { pieces, tar } = await import("./testing.ts");
    const gate = Promise.withResolvers<void>();
    const unpack = kit.layers.unpack.bind(kit.layers);
    kit.layers.unpack = async (descriptor, options) => {
      const layer = await unpack(descriptor, options);
      gate.resolve();
      await kit.images.prune({ all: true });
      return layer;
    };
    const image = await kit.images.importRootfs(pieces(tar({ a: "x" })), { reference: "app" });
    await gate.promise;
    expect(kit.content.has(image.layers[0]!.digest)).toBe(true);
  });
});

test("a prune of many images does not look up what is in use for each of their blobs", async () => {
  await using kit = await testImages();
  for (let n = 0; n < 100; n++) await kit.make(`text ${n}`, `app:${n}`);
  let asked = 0;
  Object.defineProperty(kit.inUse, "blobs", {
    get() {
      asked++;
      return [];
    },
  });
  const { deleted } = await kit.images.prune({ all: true });
  expect(deleted.length).toBe(100);
  expect(kit.stored()).toEqual([]);
  expect(asked).toBeLessThan(40); // of 400 blobs and layers
});
