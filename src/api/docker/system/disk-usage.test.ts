import { expect, test } from "bun:test";
import { testImages } from "../../../images/testing.ts";
import type { ApiVersion } from "../versions.ts";
import type { SystemBackend } from "./backend.ts";
import { encodeDiskUsage } from "./disk-usage.ts";

test("layers that several unused images share can be reclaimed, once; those of an image in use can't", async () => {
  await using kit = await testImages();
  const shared = await kit.recipe("shared ".repeat(1000));
  const own = await kit.recipe("own ".repeat(500));
  const layers = [...shared.layers, ...own.layers, ...shared.layers];
  await kit.images.create(shared, "first:1");
  await kit.images.create({ ...shared, config: { ...shared.config, author: "else" } }, "second:1");
  const third = await kit.images.create({ ...own, layers }, "third:1");
  const sizeOf = (at: number) => kit.layers.stat(layers[at]!.diffId).size;
  const both = sizeOf(0) + sizeOf(1);
  expect(third.size).toBe(both);
  const containers: { readonly imageId: string }[] = [];
  const imageBackend = { images: kit.images, layers: kit.layers, containers: { list: () => containers } };
  const backend = {
    containers: { list: () => containers },
    volumes: { list: () => [] },
    builds: { cacheRecords: () => [] },
    layers: kit.layers,
    imageBackend,
  } as unknown as SystemBackend;
  const usage = async () => {
    const options = { types: ["image"], verbose: false };
    const found = await encodeDiskUsage(backend, options, 51 satisfies ApiVersion);
    return (found as { ImageUsage: { TotalSize: number; Reclaimable: number; ActiveCount: number } })
      .ImageUsage;
  };
  expect(await usage()).toMatchObject({ TotalSize: both, Reclaimable: both, ActiveCount: 0 });
  await kit.images.remove("third:1", { noPrune: true });
  expect(await usage()).toMatchObject({ TotalSize: both, Reclaimable: both });
  await kit.images.collectGarbage();
  expect(await usage()).toMatchObject({ TotalSize: sizeOf(0), Reclaimable: sizeOf(0) });
});
