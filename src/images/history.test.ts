import { expect, test } from "bun:test";
import { historyRows } from "./history.ts";
import { testImages } from "./testing.ts";

test("the newest step first; empty steps have no size; only the first row has id and tags", async () => {
  await using kit = await testImages();
  const history = [
    { created: "2025-01-01T00:00:00Z", created_by: "ADD rootfs", comment: "virga.step:0123" },
    { created: "2025-01-02T00:00:00Z", created_by: "CMD sh", empty_layer: true, comment: "buildkit" },
  ];
  const image = await kit.make("a", "app", { history });
  expect(historyRows(image, () => 42)).toEqual([
    {
      Id: image.id,
      Created: 1735776000,
      CreatedBy: "CMD sh",
      Tags: ["app:latest"],
      Size: 0,
      Comment: "buildkit",
    },
    {
      Id: "<missing>",
      Created: 1735689600,
      CreatedBy: "ADD rootfs",
      Tags: [],
      Size: 42,
      Comment: "buildkit.dockerfile.v0",
    },
  ]);
});

test("a layer that the history does not tell of still counts", async () => {
  await using kit = await testImages();
  const image = await kit.make("a");
  expect(historyRows(image, () => 7)).toEqual([
    { Id: image.id, Created: 0, CreatedBy: "", Tags: [], Size: 7, Comment: "" },
  ]);
});
