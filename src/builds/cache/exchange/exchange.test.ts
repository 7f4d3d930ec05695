import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VirgaError } from "../../../base/index.ts";
import { fakeRegistry, type FakeRegistry } from "../../../distribution/testing.ts";
import type { BuildEvent } from "../../build-event.ts";
import { testBuilds, type TestBuilds } from "../../testing.ts";
import { artifactType, configType } from "./document.ts";
import { parseCacheSource, parseCacheTarget } from "./places.ts";

let one: TestBuilds;
let two: TestBuilds;
let registry: FakeRegistry;
beforeAll(async () => {
  [one, two, registry] = await Promise.all([testBuilds(), testBuilds(), fakeRegistry()]);
});
afterAll(async () => {
  await Promise.all([one, two, registry].map((each) => each[Symbol.asyncDispose]()));
});

/** A file with two stages, the first of which leaves more than what is copied from it. */
const lines = (name: string) => [
  "FROM busybox AS tools",
  `RUN echo ${name} > /tool && echo more > /more`,
  "FROM busybox",
  "ENV A=1",
  "COPY --from=tools /tool /tool",
  `RUN cat /tool > /copy`,
  "COPY f /f",
];
const text = (name: string) => ({ dockerfileText: lines(name).join("\n") });
const cachedSteps = (events: readonly BuildEvent[]) =>
  events.flatMap((event) =>
    event.kind === "finished" && event.step.kind === "instruction" ? [event.cached] : [],
  );
const pulled = (events: readonly BuildEvent[]) =>
  events.filter((event) => event.kind === "progress" && event.progress.message === "Pull complete").length;

/** Forgets all that the second daemon has, but its base image. */
async function empty(t: TestBuilds) {
  for (const image of t.images.list()) {
    if (!image.references.includes("docker.io/library/busybox:latest"))
      await t.images.remove(image.id, { force: true });
  }
  await t.builds.pruneCache({ all: true });
  t.steps.ran.length = 0;
}

describe.each([
  ["a folder", (at: string) => [`type=local,src=${at}`, `type=local,dest=${at}`]],
  ["a registry", (at: string) => [0, 1].map(() => `type=registry,ref=${registry.host}${at.toLowerCase()}:1`)],
])("by way of %s", (kind, place) => {
  test("a second daemon does no step again and comes to the same image; what is missing later is made", async () => {
    const path = await one.context({ f: "1" });
    const [from, to] = place(join(one.root, "max")) as [string, string];
    const first = await one.build(path, {
      ...text(`max ${kind}`),
      cacheTo: [parseCacheTarget(`${to},mode=max`)],
    });
    const request = { ...text(`max ${kind}`), cacheFrom: [parseCacheSource(from)] };
    await empty(two);
    const second = await two.build(path, request);
    expect(second.warnings).toEqual([]);
    expect(cachedSteps(second.events)).toEqual([true, true, true, true, true]);
    expect(two.steps.ran).toEqual([]);
    expect(second.image).toMatchObject({ id: first.image.id, layers: first.image.layers });
    // The layer of the stage that is only copied from was not needed.
    expect(pulled(second.events)).toBe(3);
    await two.inside(second.image, (root) => {
      expect(readFileSync(`${root}/copy`, "utf8")).toBe(`max ${kind}\n`);
      expect(existsSync(`${root}/more`)).toBe(false);
    });

    // What stands on an imported layer gets it when it has to be done.
    await empty(two);
    const other = [...lines(`max ${kind}`).slice(0, 4), "COPY --from=tools /more /more"];
    const third = await two.build(path, { ...request, dockerfileText: other.join("\n") });
    expect(cachedSteps(third.events).filter(Boolean)).toHaveLength(2);
    expect(two.steps.ran).toEqual([]);
    await two.inside(third.image, (root) => expect(readFileSync(`${root}/more`, "utf8")).toBe("more\n"));
  });

  test("mode=min has the layers of the result; a stage that is missing is built when something has changed", async () => {
    const path = await one.context({ f: "1" });
    const [from, to] = place(join(one.root, "min")) as [string, string];
    const first = await one.build(path, { ...text(`min ${kind}`), cacheTo: [parseCacheTarget(to)] });
    await empty(two);
    const request = { ...text(`min ${kind}`), cacheFrom: [parseCacheSource(from)] };
    const second = await two.build(path, request);
    expect([second.image.id, two.steps.ran]).toEqual([first.image.id, []]);
    expect(cachedSteps(second.events)).toEqual([true, true, true, true, true]);

    await empty(two);
    const changed = await two.context({ f: "2" });
    const third = await two.build(changed, request);
    expect(two.steps.ran.map((command) => command.at(-1))).toEqual([
      `echo min ${kind} > /tool && echo more > /more`,
    ]);
    await two.inside(third.image, (root) => {
      expect(readFileSync(`${root}/copy`, "utf8")).toBe(`min ${kind}\n`);
      expect(readFileSync(`${root}/f`, "utf8")).toBe("2");
    });
  });
});

test("a cache is an OCI image of a type of its own; written again it sends nothing twice", async () => {
  const path = await one.context({ f: "1" });
  const cacheTo = [
    parseCacheTarget(`type=registry,ref=${registry.host}/team/cache:1,mode=max,compression=gzip`),
  ];
  await one.build(path, { ...text("documents"), cacheTo });
  const manifest = JSON.parse(registry.manifests.get("team/cache:1")!.bytes.toString()) as {
    artifactType: string;
    config: { mediaType: string };
    layers: { mediaType: string; digest: string }[];
  };
  expect(manifest).toMatchObject({ schemaVersion: 2, artifactType, config: { mediaType: configType } });
  expect(manifest.layers.map((layer) => layer.mediaType)).toEqual(
    Array(4).fill("application/vnd.oci.image.layer.v1.tar+gzip"),
  );
  const before = registry.requests.length;
  await one.build(path, { ...text("documents"), cacheTo });
  const again = registry.requests.slice(before).filter((request) => /^(POST|PATCH|PUT)/.test(request));
  expect(again).toEqual(["PUT /v2/team/cache/manifests/1"]);
});

test("an image in a registry is a cache of its own steps (type=inline)", async () => {
  const path = await one.context({ f: "inline" });
  const { image } = await one.build(path, { ...text("inline"), cacheTo: [{ kind: "inline" }] });
  // As a registry has it: the manifest names the layers.
  const document = { schemaVersion: 2, config: await blobOf(one, image.id), layers: [] as unknown[] };
  for (const layer of image.layers) document.layers.push(await blobOf(one, layer.digest, layer.mediaType));
  registry.addManifest("team/app", "1", document);
  await empty(two);
  const source = parseCacheSource(`${registry.host}/team/app:1`);
  const second = await two.build(path, { ...text("inline"), cacheFrom: [source] });
  expect(second.image.id).toBe(image.id);
  // Steps of the other stage are not in the image, and what it makes is the same.
  expect(cachedSteps(second.events).filter((cached) => !cached)).toHaveLength(1);
  expect(two.steps.ran).toHaveLength(1);
});

async function blobOf(t: TestBuilds, digest: string, mediaType = "application/vnd.oci.image.config.v1+json") {
  const path = join(t.root, "content/blobs", ...digest.split(":"));
  return { mediaType, ...registry.addBlob(readFileSync(path)) };
}

test("a source that is not there, or damaged, is a warning; a target that can't be written ends the build", async () => {
  const path = await one.context({ f: "1" });
  const folder = join(one.root, "damaged");
  await one.build(path, { ...text("damaged"), cacheTo: [parseCacheTarget(`type=local,dest=${folder}`)] });
  const blobs = join(folder, "blobs/sha256");
  for (const name of readdirSync(blobs)) writeFileSync(join(blobs, name), "no cache");
  const sources = [`type=local,src=${folder}`, `type=registry,ref=${registry.host}/nobody/here`];
  const { warnings } = await one.build(path, {
    ...text("damaged"),
    cacheFrom: sources.map((source) => parseCacheSource(source)),
  });
  expect(warnings).toEqual([
    `nothing is taken as cache from ${folder}: ${folder} is no build cache: it is not JSON`,
    `nothing is taken as cache from ${registry.host}/nobody/here: there is none`,
  ]);
  writeFileSync(join(one.root, "file"), "");
  const to = `type=local,dest=${join(one.root, "file")}`;
  expect(one.build(path, { ...text("x"), cacheTo: [parseCacheTarget(to)] })).rejects.toThrow(
    "the cache can't be written to",
  );
  const ignored = await one.build(path, {
    ...text("x"),
    cacheTo: [parseCacheTarget(`${to},ignore-error=true`)],
  });
  expect(ignored.warnings[0]).toContain("the cache was not written to");
  rmSync(folder, { recursive: true });
});

describe("options", () => {
  test.each([
    ["type=registry", "ref=… is missing"],
    ["type=local,dest=relative", "is not an absolute path"],
    ["type=s3,bucket=x", "type=s3 is not supported"],
    ["type=registry,ref=x,mod=max", "unknown attribute 'mod' – did you mean 'mode'?"],
    ["type=registry,ref=x,mode=most", "mode takes min or max, not 'most'"],
    ["type=registry,ref=x,oci-mediatypes=false", "oci-mediatypes=false is not supported"],
    ["type=inline,ref=x", "unknown attribute 'ref'"],
    ["type=registry,ref", "'ref' is not NAME=VALUE"],
  ])("%s is refused", (option, message) => {
    expect(() => parseCacheTarget(option)).toThrow(VirgaError);
    expect(() => parseCacheTarget(option)).toThrow(message);
  });

  test("a bare name; paths from a folder", () => {
    expect(parseCacheSource("app:1")).toEqual({ kind: "image", name: "app:1", orRegistry: true });
    expect(parseCacheTarget("host/app:cache")).toMatchObject({ kind: "registry", mode: "min" });
    expect(parseCacheSource("type=local,src=a", "/b")).toMatchObject({ path: "/b/a", tag: "latest" });
  });
});
