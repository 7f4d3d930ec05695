import { statSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { BlobInfo } from "../../content/index.ts";
import type { Upstream } from "../../registry/index.ts";
import {
  digestOf,
  fakeRegistry,
  imageManifest,
  testRegistries,
  type FakeRegistry,
  type Seen,
} from "../../registry/testing.ts";
import type { AccessDependencies } from "./access.ts";
import { testServer, type TestServer } from "./testing.ts";

/** The registry as a cache of another one, which a fake stands for. */
// Half of it is more than what is collected before it goes to the disk.
const layer = "layer ".repeat(700_000);
const config = "{}";
const image = imageManifest(config, [layer]);
let fake: FakeRegistry;
let server: TestServer;
let blob: BlobInfo;

beforeEach(async () => {
  fake = await fakeRegistry();
  server = await start();
  fill();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await fake[Symbol.asyncDispose]();
});

async function start(
  upstream: Partial<Upstream> = {},
  { bytes = 1e9, ...access }: Partial<AccessDependencies> & { readonly bytes?: number } = {},
): Promise<TestServer> {
  const upstreams = [{ domain: fake.host, prefix: "cache/up", freshMs: 60_000, ...upstream }];
  const registries = testRegistries();
  const settings = { upstreams, bytes };
  return await testServer(
    { ...access, ...(access.mirrorOf === "" ? { mirrorOf: fake.host } : {}) },
    { settings, registries },
  );
}
function fill(): void {
  blob = fake.addBlob(Buffer.from(layer));
  fake.addBlob(Buffer.from(config));
  fake.addManifest("team/app", "1", image);
}
const get = (path: string, headers: Record<string, string> = {}) => server.send("GET", path, { headers });
const manifest = (reference = "1") => get(`/v2/cache/up/team/app/manifests/${reference}`);
const blobPath = () => `/v2/cache/up/team/app/blobs/${blob.digest}`;
/** What the upstream was asked since the last look. */
function asked(): string[] {
  const { requests } = fake;
  fake.seen.length = 0;
  return requests;
}
const seenOf = (digest: string) =>
  fake.seen.filter((one) => one.method === "GET" && one.path.endsWith(digest));
const isLayer = (seen: Seen) => seen.method === "GET" && seen.path.endsWith(blob.digest);
const totals = () => server.test.registry.caches.totals()[0]!;

describe("manifests", () => {
  test("come once, are asked for again after a while, and move with their tag", async () => {
    const first = await manifest();
    expect([first.status, first.headers.get("docker-content-digest")]).toEqual([200, digestOf(image)]);
    expect(await first.text()).toBe(image);
    expect(asked()).toEqual(["GET /v2/team/app/manifests/1"]);
    expect(await (await manifest()).text()).toBe(image);
    expect(await (await manifest(digestOf(image))).text()).toBe(image);
    expect(asked()).toEqual([]);
    await server.test.clock.advance(61_000);
    await (await manifest()).text();
    expect(asked()).toEqual(["HEAD /v2/team/app/manifests/1"]);
    await server.test.clock.advance(61_000);
    const other = imageManifest(config, [layer], { annotations: { new: "yes" } });
    fake.addManifest("team/app", "1", other);
    expect(await (await manifest()).text()).toBe(other);
    expect(await (await manifest(digestOf(image))).text()).toBe(image);
    expect(totals().outcomes).toEqual({ hit: 4, miss: 2, stale: 0, failed: 0 });
  });
  test("of an upstream that is away are served as they were, and so are blobs; what is not here is not", async () => {
    await (await manifest()).text();
    await (await get(blobPath())).text();
    await server.test.clock.advance(61_000);
    fake.answer = () => ({ status: 503 });
    expect(await (await manifest()).text()).toBe(image);
    expect(await (await get(blobPath())).text()).toBe(layer);
    const missing = await manifest("2");
    expect([missing.status, await missing.text()]).toEqual([
      503,
      expect.stringContaining(fake.host) as string,
    ]);
    expect(totals()).toMatchObject({ outcomes: { stale: 1 }, failure: expect.any(String) as string });
    fake.answer = () => undefined;
    fake.addManifest("team/app", "2", image);
    expect((await manifest("2")).status).toBe(200);
    expect(totals().failure).toBeUndefined();
  });
  test.each([404, 401, 403])(
    "that the upstream refuses with %d are not there, also when they were",
    async (status) => {
      await (await manifest()).text();
      await server.test.clock.advance(61_000);
      fake.answer = (seen) => (seen.path === "/v2/" ? undefined : { status });
      expect((await manifest()).status).toBe(404);
      expect(totals().failure).toBeUndefined();
    },
  );
  test("that are damaged here come anew", async () => {
    await (await manifest()).text();
    const { test: kit } = server;
    await Bun.write(kit.content.path(digestOf(image)), image.replace("config", "gifnoc"));
    kit.reopen(); // what was read is forgotten
    const { registry } = kit;
    await registry.caches.manifest("cache/up/team/app", { tag: "1" }, new AbortController().signal);
    const stored = await registry.manifests.read(registry.manifests.find("cache/up/team/app", { tag: "1" }));
    expect(Buffer.from(stored).toString()).toBe(image);
    expect(asked()).toEqual(["GET /v2/team/app/manifests/1", "GET /v2/team/app/manifests/1"]);
  });
  test("of which the upstream lies are not stored", async () => {
    fake.answer = (seen) =>
      seen.path.includes("manifests")
        ? { headers: { "docker-content-digest": digestOf("x") }, body: image }
        : undefined;
    expect((await manifest()).status).toBe(503);
    expect(server.test.content.list()).toEqual([]);
  });
  test("an index, one of its members for a client that knows no indexes", async () => {
    const member = {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: digestOf(image),
      size: image.length,
    };
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const platform = { os: "linux", architecture: "amd64" };
    const index = JSON.stringify({ schemaVersion: 2, mediaType, manifests: [{ ...member, platform }] });
    fake.addManifest("team/app", "all", index, mediaType);
    expect(await (await manifest("all")).text()).toBe(index);
    const one = await get("/v2/cache/up/team/app/manifests/all", { accept: member.mediaType });
    expect(await one.text()).toBe(image);
  });
});

describe("blobs", () => {
  test("go on to every client while they come, by one transfer", async () => {
    const rest = Promise.withResolvers<void>();
    fake.answer = (seen) => (isLayer(seen) ? { body: layer, rest: rest.promise } : undefined);
    const clients = await Promise.all([get(blobPath()), get(blobPath()), get(blobPath())]);
    const readers = clients.map((one) => one.body!.getReader());
    const heads = await Promise.all(readers.map((one) => one.read()));
    for (const { value = new Uint8Array() } of heads)
      expect(Buffer.from(value).toString()).toBe(layer.slice(0, value.length));
    expect(server.test.content.has(blob.digest)).toBe(false);
    rest.resolve();
    for (const [at, reader] of readers.entries()) {
      const pieces = [heads[at]!.value!];
      for (let next = await reader.read(); !next.done; next = await reader.read()) pieces.push(next.value);
      expect(digestOf(Buffer.concat(pieces))).toBe(blob.digest);
    }
    expect(seenOf(blob.digest).length).toBe(1);
    expect((await get(blobPath())).headers.get("content-length")).toBe(String(layer.length));
    expect(seenOf(blob.digest).length).toBe(1);
    expect(totals().fetchedBytes).toBe(layer.length);
  });
  test("that turn out wrong never end, and are not stored; the next transfer mends it", async () => {
    const wrong = `${layer.slice(0, -1)}!`;
    fake.answer = (seen, before) => (isLayer(seen) && before === 0 ? { body: wrong } : undefined);
    const got = await get(blobPath())
      .then((response) => response.bytes())
      .catch((error: Error) => error);
    expect(got).toBeInstanceOf(Error);
    expect(server.test.content.has(blob.digest)).toBe(false);
    expect(server.test.content.partials("cache")).toEqual([]);
    expect(await (await get(blobPath())).text()).toBe(layer);
  });
  test("of another length than was said break off", async () => {
    fake.answer = (seen, before) => (isLayer(seen) && before === 0 ? { body: `${layer}more` } : undefined);
    const got = await get(blobPath())
      .then((response) => response.bytes())
      .catch((error: Error) => error);
    expect(got).toBeInstanceOf(Error);
    expect(await (await get(blobPath())).text()).toBe(layer);
  });
  test("go on where the upstream has cut them off", async () => {
    fake.answer = (seen, before) =>
      isLayer(seen) && before === 0 ? { body: layer, cutAfter: 400_000 } : undefined;
    expect(await (await get(blobPath())).text()).toBe(layer);
    expect(seenOf(blob.digest).map((one) => one.headers["range"] === undefined)).toEqual([true, false]);
  });
  test("that nobody waits for any more stop, and go on where they were", async () => {
    const never = Promise.withResolvers<void>();
    fake.answer = (seen, before) =>
      isLayer(seen) && before === 0 ? { body: layer, rest: never.promise } : undefined;
    const client = new AbortController();
    const response = await fetch(new URL(blobPath(), server.url), { signal: client.signal });
    await response.body!.getReader().read();
    client.abort();
    while (server.test.content.partials("cache").length === 0 || !(await isQuiet())) await Bun.sleep(5);
    never.resolve();
    expect(await (await get(blobPath())).text()).toBe(layer);
    expect(seenOf(blob.digest)[1]!.headers["range"]).toMatch(/^bytes=[1-9]/);
  });
  test("a part is sent when the whole is known to be right", async () => {
    const part = await get(blobPath(), { range: "bytes=6-11" });
    expect([part.status, await part.text()]).toEqual([206, "layer "]);
  });
  test("that are here for others are not fetched, but the upstream is asked whether it has them", async () => {
    await server.pushBlob("mine", layer);
    const secret = "nobody's business";
    await server.pushBlob("mine", secret);
    expect(await (await get(blobPath())).text()).toBe(layer);
    expect(seenOf(blob.digest)).toEqual([]);
    expect((await get(`/v2/cache/up/team/app/blobs/${digestOf(secret)}`)).status).toBe(404);
  });
  test("that were set aside as damaged come anew", async () => {
    await (await get(blobPath())).bytes();
    const { content } = server.test;
    content.setAside(blob.digest, statSync(content.path(blob.digest)).ino);
    expect(await (await get(blobPath())).text()).toBe(layer);
    expect(seenOf(blob.digest).length).toBe(2);
  });
  test("HEAD tells the size and fetches nothing", async () => {
    const head = await server.send("HEAD", blobPath());
    expect([head.status, head.headers.get("content-length")]).toEqual([200, String(layer.length)]);
    expect(seenOf(blob.digest)).toEqual([]);
  });

  async function isQuiet(): Promise<boolean> {
    return await server.test.content.resume(blob.digest, "cache").then(
      async (partial) => {
        await partial.keep();
        return true;
      },
      () => false,
    );
  }
});

describe("room", () => {
  test("what was not asked for the longest goes first, and comes again when it is asked for", async () => {
    await server[Symbol.asyncDispose]();
    server = await start({}, { bytes: 1_500_000 });
    const blobs = ["a", "b", "c"].map((letter) => fake.addBlob(Buffer.alloc(600_000, letter)));
    const read = async (at: number) =>
      (await get(`/v2/cache/up/team/app/blobs/${blobs[at]!.digest}`)).bytes();
    for (const at of [0, 1]) {
      await read(at);
      await server.test.clock.advance(120_000);
    }
    await read(0);
    await server.test.clock.advance(120_000);
    await read(2);
    const kept = () => blobs.map(({ digest }) => server.test.content.has(digest));
    expect(kept()).toEqual([true, false, true]);
    expect(totals().bytes).toBe(1_200_000);
    expect((await read(1)).length).toBe(600_000);
    expect(kept()[1]).toBe(true);
  });
  test("what an own repository has too stays on the disk", async () => {
    await server[Symbol.asyncDispose]();
    server = await start({}, { bytes: 0 });
    await (await manifest()).text();
    await (await get(blobPath())).text();
    await server.pushBlob("mine", layer);
    await server.test.registry.collectGarbage();
    expect(totals().bytes).toBe(0);
    expect(await (await get(`/v2/mine/blobs/${blob.digest}`)).text()).toBe(layer);
    expect(server.test.content.has(digestOf(image))).toBe(false);
  });
});

describe("names and rights", () => {
  const send = (method: string, path: string) => server.send(method, path, { body: "x" });
  test("nothing is pushed to a cache", async () => {
    for (const [method, path] of [
      ["POST", "blobs/uploads/"],
      ["PUT", "manifests/1"],
    ] as const) {
      const refused = await send(method, `/v2/cache/up/team/app/${path}`);
      expect([refused.status, await refused.text()]).toEqual([
        403,
        expect.stringContaining("is a cache of") as string,
      ]);
    }
  });
  test("containerd says by ns which registry it means", async () => {
    expect(await (await get(`/v2/team/app/manifests/1?ns=${fake.host}`)).text()).toBe(image);
    expect((await get("/v2/team/app/manifests/1?ns=elsewhere.example")).status).toBe(404);
    expect((await get("/v2/team/app/manifests/1")).status).toBe(404);
  });
  test("at the address of a mirror the names are the upstream's, and rights hold there too", async () => {
    await server[Symbol.asyncDispose]();
    server = await start({}, { mirrorOf: "", loopback: false });
    const refused = await get("/v2/team/app/manifests/1");
    expect(refused.headers.get("www-authenticate")).toContain('scope="repository:team/app:pull"');
    const { users } = server.test.registry;
    await users.set("ann", "correct horse");
    users.grant({ user: "ann", repositories: "cache/up/*", actions: ["pull"] });
    const authorization = `Basic ${btoa("ann:correct horse")}`;
    const { token } = (await (
      await get("/token?service=x&scope=repository:team/app:pull", { authorization })
    ).json()) as { token: string };
    const bearer = { authorization: `Bearer ${token}` };
    expect(await (await get("/v2/team/app/manifests/1", bearer)).text()).toBe(image);
    expect(await (await get("/v2/team/app/tags/list", bearer)).json()).toEqual({
      name: "team/app",
      tags: ["1"],
    });
  });
  test("tags are the upstream's, in pages", async () => {
    for (const tag of ["3", "2"]) fake.addManifest("team/app", tag, image);
    const page = await get("/v2/cache/up/team/app/tags/list?n=2");
    expect(await page.json()).toEqual({ name: "cache/up/team/app", tags: ["1", "2"] });
    const next = /<(.*)>/.exec(page.headers.get("link")!)![1]!;
    expect(await (await get(next)).json()).toMatchObject({ tags: ["3"] });
  });
  test("the upstream's password is shown to the upstream", async () => {
    await server[Symbol.asyncDispose]();
    server = await start({ credentials: { kind: "password", username: "me", password: "pw" } });
    const right = `Basic ${btoa("me:pw")}`;
    fake.answer = (seen) =>
      seen.headers["authorization"] === right
        ? undefined
        : { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } };
    expect(await (await manifest()).text()).toBe(image);
    expect(await (await get(blobPath())).text()).toBe(layer);
  });
  test("metrics tell of each cache", async () => {
    await (await manifest()).text();
    await (await manifest()).text();
    const text = await (await get("/metrics")).text();
    for (const line of [
      `virga_registry_cache_requests_total{upstream="${fake.host}",result="hit"} 1`,
      `virga_registry_cache_requests_total{upstream="${fake.host}",result="miss"} 1`,
      `virga_registry_cache_upstream_up{upstream="${fake.host}"} 1`,
    ]) {
      expect(text.split("\n")).toContain(line);
    }
  });
});
