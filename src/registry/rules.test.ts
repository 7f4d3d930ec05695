import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ManualClock, silentLogger } from "../base/index.ts";
import { openState } from "../state/index.ts";
import { fits } from "./patterns.ts";
import { registryMigrations } from "./store.ts";
import {
  describe as descriptor,
  digestOf,
  piece,
  pushBlob,
  pushImage,
  testRegistry,
  type TestRegistry,
} from "./testing.ts";
import { createWebhooks } from "./webhooks.ts";

let it: TestRegistry;
beforeEach(async () => void (it = await testRegistry()));
afterEach(() => it[Symbol.dispose]());

const failure = (work: Promise<unknown>) => work.catch((error: unknown) => error);

test.each([
  ["*", "a/b", true],
  ["team/*", "team/app", true],
  ["team/*", "team/a/b", true],
  ["team/*", "team", false],
  ["team/*", "teams/app", false],
  ["a", "a", true],
  ["a", "ab", false],
  ["*-ci", "app-ci", true],
  ["*-ci", "app-ci2", false],
  ["a*a", "a", false],
  ["a*b*c", "a.b.b.c", true],
  ["a*b*c", "a.c.b", false],
])("the pattern %s and %s", (pattern, name, fit) => {
  expect(fits(pattern, name)).toBe(fit);
});

describe("retention", () => {
  const tags = (name = "app") => it.registry.manifests.tags(name);
  test("of the tags that fit, the last ones stay", async () => {
    for (const tag of ["v1", "v2", "v3", "latest", "v4"]) {
      await it.clock.advance(1000);
      await pushImage(it.registry, "app", tag);
      await pushImage(it.registry, "other", tag);
    }
    it.registry.retention.add({ repositories: "app", tags: "v*", keepTags: 2 });
    const dry = it.registry.retention.apply({ dryRun: true });
    expect(dry.tags.map((one) => one.tag)).toEqual(["v2", "v1"]);
    expect(tags().length).toBe(5);
    await it.registry.collectGarbage();
    expect(tags()).toEqual(["latest", "v3", "v4"]);
    expect(tags("other").length).toBe(5);
  });
  test("manifests without a tag go after a time, but no referrers of what is there", async () => {
    const image = await pushImage(it.registry, "app", "v1");
    const moved = await pushImage(it.registry, "app", "moves", ["first"]);
    await pushImage(it.registry, "app", "moves", ["second"]);
    const subject = { ...descriptor("", "a/b"), digest: image };
    const referrer = await pushImage(it.registry, "app", "sbom", ["sbom"], { subject });
    await it.registry.manifests.delete("app", { tag: "sbom" });
    it.registry.retention.add({ repositories: "*", tags: "*", untaggedMs: 60_000 });
    expect(it.registry.retention.apply().manifests).toEqual([]);
    await it.clock.advance(120_000);
    expect(it.registry.retention.apply().manifests).toEqual([{ repository: "app", digest: moved }]);
    await it.registry.manifests.delete("app", { digest: image });
    expect(it.registry.retention.apply().manifests).toEqual([{ repository: "app", digest: referrer }]);
  });
  test("what nobody has pushed or pulled for a while goes, but for the last ones", async () => {
    for (const tag of ["v1", "v2", "v3", "v4"]) await pushImage(it.registry, "app", tag);
    const day = 24 * 3_600_000;
    await it.clock.advance(10 * day);
    await pushImage(it.registry, "app", "v5");
    it.registry.manifests.pulled("app", it.registry.manifests.find("app", { tag: "v2" }).digest);
    const rule = it.registry.retention.add({ repositories: "app", tags: "v*", unusedMs: 5 * day });
    expect(it.registry.retention.apply({ dryRun: true }).tags.map((one) => one.tag)).toEqual([
      "v4",
      "v3",
      "v1",
    ]);
    it.registry.retention.remove(rule.id);
    it.registry.retention.add({ repositories: "app", tags: "v*", unusedMs: 5 * day, keepTags: 2 });
    expect(it.registry.retention.apply().tags.map((one) => one.tag)).toEqual(["v3", "v1"]);
    await it.clock.advance(6 * day);
    expect(it.registry.retention.apply().tags.map((one) => one.tag)).toEqual(["v2"]);
  });
  test("tags of signatures are not counted, and go with what they belong to", async () => {
    const signatureOf = (digest: string) => `${digest.replace(":", "-")}.sig`;
    const old = await pushImage(it.registry, "app", "v1");
    await pushImage(it.registry, "app", signatureOf(old));
    await it.clock.advance(1000);
    const latest = await pushImage(it.registry, "app", "v2");
    await pushImage(it.registry, "app", signatureOf(latest));
    it.registry.retention.add({ repositories: "app", tags: "*", keepTags: 1, untaggedMs: 60_000 });
    expect(it.registry.retention.apply()).toMatchObject({ tags: [{ tag: "v1" }], manifests: [] });
    await it.clock.advance(120_000);
    expect(it.registry.retention.apply()).toMatchObject({
      tags: [{ tag: signatureOf(old) }],
      manifests: [{ digest: old }],
    });
    expect(tags()).toEqual([signatureOf(latest), "v2"]);
  });
  test("a rule that keeps everything, or fits no name, is refused", () => {
    expect(() => it.registry.retention.add({ repositories: "*", tags: "*" })).toThrow("keeps everything");
    expect(() => it.registry.retention.add({ repositories: "A b", tags: "*", keepTags: 1 })).toThrow(
      "no pattern",
    );
  });
});

describe("protected tags", () => {
  const refused = { kind: "permission", code: "registry.tag-protected" };
  test("are not moved or deleted, by rules neither; new ones come once", async () => {
    const { manifests, protections, retention } = it.registry;
    protections.add({ repositories: "team/*", tags: "v*" });
    const digest = await pushImage(it.registry, "team/app", "v1", ["first"]);
    await pushImage(it.registry, "team/app", "v1", ["first"]); // the same again is no change
    expect(await failure(pushImage(it.registry, "team/app", "v1", ["second"]))).toMatchObject({
      ...refused,
      detail: { name: "team/app", tag: "v1" },
    });
    expect(await failure(manifests.delete("team/app", { tag: "v1" }))).toMatchObject(refused);
    expect(await failure(manifests.delete("team/app", { digest }))).toMatchObject(refused);
    const bytes = await manifests.read(manifests.find("team/app", { digest }));
    await pushImage(it.registry, "team/app", "v2", ["other"]);
    const more = manifests.put("team/app", { reference: { digest }, tags: ["new", "v2"], bytes });
    expect(await failure(more)).toMatchObject(refused);
    expect(manifests.tags("team/app")).toEqual(["v1", "v2"]);
    await pushImage(it.registry, "team/app", "moves", ["a"]);
    await pushImage(it.registry, "team/app", "moves", ["b"]);
    retention.add({ repositories: "*", tags: "*", keepTags: 0 });
    expect(retention.apply().tags).toEqual([{ repository: "team/app", tag: "moves" }]);
    expect(protections.remove({ repositories: "team/*", tags: "v*" })).toBe(true);
    expect(protections.remove({ repositories: "team/*", tags: "v*" })).toBe(false);
    await manifests.delete("team/app", { tag: "v1" });
  });
  test("patterns that are none are refused", () => {
    expect(() => it.registry.protections.add({ repositories: "A b", tags: "*" })).toThrow("no pattern");
    expect(() => it.registry.protections.add({ repositories: "*", tags: "a b" })).toThrow(
      "no pattern of tags",
    );
  });
});

test("what there is: repositories and manifests, with sizes and times", async () => {
  const { manifests, overview } = it.registry;
  const start = it.clock.now().getTime();
  const digest = await pushImage(it.registry, "app", "v1", ["shared", "own"]);
  const { size } = manifests.find("app", { digest });
  await it.clock.advance(1000);
  const subject = { ...descriptor("", "a/b"), digest };
  await pushImage(it.registry, "app", "about", ["about"], { subject });
  const [one, two] = overview.manifests("app");
  const config = JSON.stringify({ architecture: "amd64", os: "linux", note: "shared,own" }).length;
  expect(two).toMatchObject({ digest, tags: ["v1"], bytes: size + config + 9, pushedAt: start });
  expect(two).not.toHaveProperty("pulledAt");
  // What it is about is no part of it.
  expect(one).toMatchObject({ tags: ["about"], subject: digest, pushedAt: start + 1000 });
  expect(one!.bytes).toBeLessThan(two!.bytes + 500);
  await it.clock.advance(100_000);
  manifests.pulled("app", digest);
  await it.clock.advance(30_000);
  manifests.pulled("app", digest); // known to a minute
  expect(overview.manifests("app")[1]!.pulledAt).toBe(start + 101_000);
  await pushBlob(it.registry, "other", "12345");
  expect(overview.repositories()).toEqual([
    {
      name: "app",
      tags: 2,
      manifests: 2,
      bytes: one!.bytes + two!.bytes,
      pushedAt: start + 1000,
      pulledAt: start + 101_000,
    },
    { name: "other", tags: 0, manifests: 0, bytes: 5 },
  ]);
  expect(() => overview.manifests("nowhere")).toThrow("there is no repository 'nowhere'");
});

describe("quotas", () => {
  const exceeded = { kind: "permission", code: "registry.quota-exceeded" };
  test("a namespace holds so many bytes, a blob of several repositories once", async () => {
    it.registry.quotas.set({ repositories: "team/*", bytes: 20 });
    await pushBlob(it.registry, "team/a", "0123456789");
    await it.registry.blobs.mount("team/b", digestOf("0123456789"), "team/a", () => true);
    expect(it.registry.quotas.list()).toEqual([{ repositories: "team/*", bytes: 20, used: 10 }]);
    const error = await failure(pushBlob(it.registry, "team/c", "01234567890"));
    expect(error).toMatchObject({
      ...exceeded,
      detail: { repositories: "team/*", limit: 20, used: 10, asked: 11 },
    });
    await pushBlob(it.registry, "free", "01234567890");
    const mounted = it.registry.blobs.mount("team/c", digestOf("01234567890"), "free", () => true);
    expect(await failure(mounted)).toMatchObject(exceeded);
    expect(await failure(pushImage(it.registry, "team/a", "v1", ["0"]))).toMatchObject(exceeded);
    it.registry.quotas.remove("team/*");
    await pushImage(it.registry, "team/a", "v1", ["0"]);
  });
  test("an upload without a length stops where the quota ends, and leaves nothing", async () => {
    it.registry.quotas.set({ repositories: "*", bytes: 5_000 });
    let given = 0;
    async function* endless() {
      for (;;) {
        given += 1000;
        yield await Promise.resolve(new Uint8Array(1000));
      }
    }
    const { id } = await it.registry.uploads.begin("app");
    expect(await failure(it.registry.uploads.append("app", id, { source: endless() }))).toMatchObject(
      exceeded,
    );
    expect(given).toBe(6000);
    expect(() => it.registry.uploads.find("app", id)).toThrow("no such upload");
  });
  test("two uploads that fit one by one do not fit together", async () => {
    it.registry.quotas.set({ repositories: "*", bytes: 15 });
    const { uploads } = it.registry;
    const [one, two] = await Promise.all([uploads.begin("a"), uploads.begin("b")]);
    await uploads.append("a", one.id, { source: piece("0123456789") });
    await uploads.append("b", two.id, { source: piece("9876543210") });
    await uploads.commit("a", one.id, digestOf("0123456789"));
    expect(await failure(uploads.commit("b", two.id, digestOf("9876543210")))).toMatchObject(exceeded);
    expect(it.registry.needs(digestOf("9876543210"))).toBe(false);
  });
});

describe("webhooks", () => {
  interface Message {
    events: { action: string; target: Record<string, unknown>; actor: object }[];
  }
  const setUp = (answers: number[]) => {
    const clock = new ManualClock();
    const state = openState(":memory:", registryMigrations);
    const sent: { url: string; body: Message; signature: string | null }[] = [];
    const send = (url: string, init: RequestInit) => {
      const signature = new Headers(init.headers).get("x-virga-signature");
      sent.push({ url, signature, body: JSON.parse(init.body as string) as Message });
      return Promise.resolve(new Response(null, { status: answers.shift() ?? 200 }));
    };
    const hooks = createWebhooks({ state, clock, logger: silentLogger, send });
    return { clock, sent, hooks, state };
  };
  const event = {
    action: "push",
    repository: "team/app",
    manifest: { digest: digestOf("m"), mediaType: "a/b", size: 1 },
    tags: ["v1"],
    actor: "ann",
  } as const;

  test("are told of what fits, in the form of the distribution project, signed", async () => {
    const { hooks, sent } = setUp([]);
    hooks.add({ url: "http://one/", repositories: "team/*", secret: "s" });
    hooks.add({ url: "http://two/", repositories: "else/*" });
    hooks.announce(event);
    await hooks.deliver();
    expect(sent.length).toBe(1);
    expect(sent[0]!.body.events[0]).toMatchObject({
      action: "push",
      actor: { name: "ann" },
      target: { repository: "team/app", tag: "v1", digest: digestOf("m"), mediaType: "a/b", size: 1 },
    });
    expect(sent[0]!.signature).toMatch(/^sha256=[0-9a-f]{64}$/);
    await hooks.close();
  });
  test("a message is sent again, later and later, until it arrives; also after a restart", async () => {
    const { hooks, sent, clock, state } = setUp([500, 302, 404]);
    hooks.add({ url: "http://one/", repositories: "*" });
    hooks.announce(event);
    await hooks.deliver();
    expect(sent.length).toBe(1);
    const later = async () => {
      await clock.advance(1000);
      await hooks.deliver();
      return sent.length;
    };
    expect([await later(), await later(), await later()]).toEqual([2, 2, 3]);
    await hooks.close();
    const urls: string[] = [];
    const send = (url: string) => {
      urls.push(url);
      return Promise.resolve(new Response());
    };
    const again = createWebhooks({ state, clock, logger: silentLogger, send });
    await clock.advance(60_000);
    await again.deliver();
    expect(urls).toEqual(["http://one/"]);
    await again.close();
  });
  test("a message is given up after a day", async () => {
    const { hooks, sent, clock } = setUp(Array.from({ length: 99 }, () => 500));
    hooks.add({ url: "http://one/", repositories: "*" });
    hooks.announce(event);
    for (let hour = 0; hour < 40; hour++) {
      await clock.advance(3_600_000);
      await hooks.deliver();
    }
    const { length } = sent;
    await clock.advance(3_600_000);
    await hooks.deliver();
    expect(sent.length).toBe(length);
    expect(length).toBe(35);
    await hooks.close();
  });
  test("what is no URL is refused", () => {
    const { hooks } = setUp([]);
    for (const url of ["ftp://x/", "nowhere", "http://"]) {
      expect(() => hooks.add({ url, repositories: "*" })).toThrow("no URL to send to");
    }
  });
});
