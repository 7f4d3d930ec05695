import { afterEach, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BuildEvent } from "../build-event.ts";
import { testBuilds, type TestBuilds } from "../testing.ts";

let t: TestBuilds;
afterEach(async () => await t[Symbol.asyncDispose]());

const file = (...lines: string[]) => ({ dockerfileText: ["FROM busybox", ...lines].join("\n") });
const output = (events: readonly BuildEvent[]) =>
  events.map((event) => (event.kind === "output" ? event.text : "")).join("");
const mountFolders = () => readdirSync(join(t.root, "builds/mounts"));

test("cache mounts are kept, told with their size and use, and pruned by filters or with all", async () => {
  t = await testBuilds();
  const path = await t.context({});
  const run = (id: string, number: number) =>
    file(
      `RUN --mount=type=cache,id=${id},target=/c echo ${number} >> /c/f && cat /c/f && yes | head -c 50000 > /c/big`,
    );
  await t.build(path, run("one", 1));
  await t.clock.advance(1000);
  const { events } = await t.build(path, run("one", 2));
  expect(output(events)).toStartWith("1\n2\n");
  await t.build(path, run("two", 1));
  await t.builds.cacheUsage();
  const mounts = () => t.builds.cacheRecords().filter((one) => one.type === "exec.cachemount");
  expect(mounts()).toMatchObject([
    { description: "cache mount one", usageCount: 2, shared: false, inUse: false },
    { description: "cache mount two", usageCount: 1 },
  ]);
  expect(mounts()[0]!.size).toBeGreaterThan(49_999);
  expect(mounts()[0]!.lastUsedAt.getTime() - mounts()[0]!.createdAt.getTime()).toBe(1000);

  expect((await t.builds.pruneCache({ all: false })).removed).toEqual([]);
  const [one] = mounts();
  const byId = {
    all: false,
    mounts: true,
    select: ({ description }: { description: string }) => description.endsWith(" one"),
  };
  const pruned = await t.builds.pruneCache(byId);
  expect(pruned.removed).toEqual([one!.id]);
  expect(pruned.freed).toBeGreaterThan(49_999);
  expect([mounts().length, mountFolders().length]).toEqual([1, 1]);
  await t.builds.pruneCache({ all: true });
  expect([t.builds.cacheRecords(), mountFolders()]).toEqual([[], []]);
});

test("over its limit what was not used for the longest time goes, and nothing that an image has", async () => {
  t = await testBuilds("/var/tmp", { cacheLimit: { kind: "bytes", bytes: 5_000_000 } });
  const path = await t.context({});
  // Of each: a megabyte of files and one of the archive. The image that would keep it goes.
  const build = async (name: string, keep = false) => {
    await t.clock.advance(1000);
    const { image, events } = await t.build(path, file(`RUN yes ${name} | head -c 1000000 > /${name}`));
    if (!keep) await t.images.remove(image.id);
    // The next build may find what is left.
    await t.builds.cacheUsage();
    return events.some((event) => event.kind === "layer" && event.cached);
  };
  expect(await build("kept", true)).toBe(false);
  expect([await build("a"), await build("b")]).toEqual([false, false]);
  expect(await build("a")).toBe(true);
  // The third one is too much: b was unused for longer than a. What the image has counts for nothing.
  expect(await build("c")).toBe(false);
  expect(await build("a")).toBe(true);
  expect(await build("kept", true)).toBe(true);
  expect(await build("b")).toBe(false);
});

test("what a running build stands on is not pruned", async () => {
  t = await testBuilds();
  const path = await t.context({});
  const lines = [
    "RUN echo below > /below",
    "RUN --mount=type=cache,target=/c echo up && until [ -e /c/go ]; do sleep 0.05; done; cat /below",
  ];
  const pruned = Promise.withResolvers<readonly string[]>();
  let inUse: boolean[] = [];
  const onEvent = (event: BuildEvent) => {
    if (event.kind !== "output" || !event.text.includes("up")) return;
    inUse = t.builds.cacheRecords().map((one) => one.inUse);
    void t.builds.pruneCache({ all: true }).then(({ removed }) => {
      pruned.resolve(removed);
      writeFileSync(join(t.root, "builds/mounts", mountFolders()[0]!, "go"), "");
    }, pruned.reject);
  };
  const { imageId } = await t.builds.build(
    { context: { kind: "directory", path }, ...file(...lines) },
    { onEvent },
  );
  expect(inUse).toEqual([true, true]);
  expect(await pruned.promise).toEqual([]);
  await t.inside(t.images.resolve(imageId), (root) => expect(existsSync(`${root}/below`)).toBe(true));
});

test("locked mounts in any order, and one twice in a step, wait for nobody in vain", async () => {
  t = await testBuilds();
  const path = await t.context({});
  const mount = (id: string, target: string) => `--mount=type=cache,sharing=locked,id=${id},target=${target}`;
  const text = [
    "FROM busybox AS one",
    `RUN ${mount("a", "/a")} ${mount("b", "/b")} ${mount("a", "/again")} echo 1 > /one`,
    "FROM busybox AS two",
    `RUN ${mount("b", "/b")} ${mount("a", "/a")} echo 2 > /two`,
    "FROM busybox",
    "COPY --from=one /one /",
    "COPY --from=two /two /",
  ];
  const { image } = await t.build(path, { dockerfileText: text.join("\n") });
  await t.inside(image, (root) => expect(existsSync(`${root}/one`) && existsSync(`${root}/two`)).toBe(true));
});
