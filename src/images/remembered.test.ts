import { expect, test } from "bun:test";
import { openState } from "../state/index.ts";
import type { Digest } from "../content/index.ts";
import type { ImageConfig } from "./image.ts";
import { remembered } from "./remembered.ts";
import { createImageStore, imageMigrations } from "./store.ts";

const id = `sha256:${"a".repeat(64)}` as Digest;
const digest = `docker.io/library/x@sha256:${"b".repeat(64)}`;
const config = {
  architecture: "amd64",
  os: "linux",
  rootfs: { type: "layers", diff_ids: [] },
} as ImageConfig;
const manifest = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: id, size: 1 };

function testStore() {
  const state = openState(":memory:", imageMigrations);
  const store = remembered(createImageStore(state), state);
  store.insert({ id, manifest, config, layers: [], size: 1, storedAt: new Date(0) });
  return { state, store };
}

test("an image is read once, and again after each change of it", () => {
  const { store } = testStore();
  const first = store.get(id);
  expect(store.get(id)).toBe(first);
  store.tag("docker.io/library/x:1", id);
  expect(store.get(id)?.references).toEqual(["docker.io/library/x:1"]);
  store.addDigest(digest, id);
  expect(store.get(id)?.digests).toEqual([digest]);
  store.removeDigest(digest);
  expect(store.get(id)?.digests).toEqual([]);
  store.untag("docker.io/library/x:1");
  expect(store.get(id)?.references).toEqual([]);
  store.replaceManifest({ id, manifest: { ...manifest, size: 2 }, layers: [] });
  expect(store.get(id)?.manifest.size).toBe(2);
  store.delete(id);
  expect(store.get(id)).toBeUndefined();
});

test("what was undone with its transaction is not remembered", () => {
  const { state, store } = testStore();
  expect(() =>
    state.transaction(() => {
      store.tag("docker.io/library/x:2", id);
      expect(store.get(id)?.references).toEqual(["docker.io/library/x:2"]);
      throw new Error("undo");
    }),
  ).toThrow("undo");
  expect(store.get(id)?.references).toEqual([]);
});
