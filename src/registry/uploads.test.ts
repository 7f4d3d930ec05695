import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mount, unmount } from "../host/index.ts";
import { digestOf, piece, pushBlob, pushImage, testRegistry, type TestRegistry } from "./testing.ts";

let it: TestRegistry;
beforeEach(async () => void (it = await testRegistry()));
afterEach(() => it[Symbol.dispose]());

const files = () => readdirSync(join(it.directory, "registry/uploads"));
const failure = (work: Promise<unknown>) => work.catch((error: unknown) => error);
const ingest = () => readdirSync(join(it.directory, "content/ingest"));

test("an upload goes on after a restart, from the bytes that are there", async () => {
  const { id } = await it.registry.uploads.begin("app");
  await it.registry.uploads.append("app", id, { source: piece("before ") });
  it.reopen();
  expect(it.registry.uploads.find("app", id).offset).toBe(7);
  await it.registry.uploads.append("app", id, { source: piece("after"), start: 7 });
  const { digest } = await it.registry.uploads.commit("app", id, digestOf("before after"));
  expect(await Bun.file(it.content.path(digest)).text()).toBe("before after");
  expect([files(), ingest()]).toEqual([[], []]);
  it.reopen();
  expect(it.registry.blobs.find("app", digest).size).toBe(12);
});

test("a file that belongs to no upload is swept", () => {
  writeFileSync(join(it.directory, "registry/uploads/stray"), "x");
  it.reopen();
  expect(files()).toEqual([]);
});

test("chunks of all sizes come together in order", async () => {
  const parts = [1, 70_000, 1 << 20, 3, (1 << 20) - 1, 2_500_000, 5].map((size, n) =>
    Buffer.alloc(size, n + 1),
  );
  async function* source() {
    for (const part of parts) yield await Promise.resolve(part);
  }
  const whole = Buffer.concat(parts);
  const { id } = await it.registry.uploads.begin("app", "sha512");
  await it.registry.uploads.append("app", id, { source: source(), length: whole.length });
  const { digest } = await it.registry.uploads.commit("app", id, digestOf(whole));
  expect(Buffer.from(await Bun.file(it.content.path(digest)).bytes()).equals(whole)).toBe(true);
});

test("more or fewer bytes than were announced are taken back", async () => {
  const { uploads } = it.registry;
  const { id } = await uploads.begin("app");
  await uploads.append("app", id, { source: piece("kept") });
  for (const length of [2, 9]) {
    const error = await failure(uploads.append("app", id, { source: piece("wrong"), length }));
    expect(error).toMatchObject({ code: "registry.size-invalid" });
    expect(uploads.find("app", id).offset).toBe(4);
  }
  await uploads.commit("app", id, digestOf("kept well"), { source: piece(" well") });
});

test("two requests for one upload take turns", async () => {
  const { uploads } = it.registry;
  const { id } = await uploads.begin("app");
  const go = Promise.withResolvers<void>();
  async function* slow() {
    yield Buffer.from("first");
    await go.promise;
    yield Buffer.from(" still first");
  }
  const first = uploads.append("app", id, { source: slow() });
  const second = uploads.append("app", id, { source: piece(" second"), start: 17 });
  go.resolve();
  await Promise.all([first, second]);
  await uploads.commit("app", id, digestOf("first still first second"));
});

test("a full disk is told as such, drops the upload and leaves its space free", async () => {
  const small = mkdtempSync(join(tmpdir(), "virga-registry-"));
  mount("tmpfs", small, "tmpfs", 0, "size=12m");
  try {
    mkdirSync(join(small, "in"));
    const tight = await testRegistry(join(small, "in"));
    const { uploads } = tight.registry;
    const { id } = await uploads.begin("app");
    async function* large() {
      for (let n = 0; n < 16; n++) yield await Promise.resolve(Buffer.alloc(1 << 20, n));
    }
    const error = await failure(uploads.append("app", id, { source: large() }));
    expect(error).toMatchObject({ kind: "exhausted", code: "registry.disk-full" });
    expect(await failure(Promise.try(() => uploads.find("app", id)))).toMatchObject({
      code: "registry.upload-unknown",
    });
    expect(readdirSync(join(small, "in/registry/uploads"))).toEqual([]);
    await pushImage(tight.registry, "app", "fits");
    tight[Symbol.dispose]();
  } finally {
    unmount(small, true);
    rmSync(small, { recursive: true, force: true });
  }
});

test("a blob on its way is needed before its link is written, and afterwards", async () => {
  const digest = digestOf("on its way");
  expect(it.registry.needs(digest)).toBe(false);
  const seen: boolean[] = [];
  const adopt = it.content.adopt.bind(it.content);
  it.content.adopt = async (write) => {
    const info = await adopt(write);
    seen.push(it.registry.needs(digest));
    return info;
  };
  await pushBlob(it.registry, "app", "on its way");
  expect(seen).toEqual([true]);
  expect(it.registry.needs(digest)).toBe(true);
  await it.registry.blobs.delete("app", digest);
  expect(it.registry.needs(digest)).toBe(false);
});
