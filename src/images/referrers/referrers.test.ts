import { describe, expect, test } from "bun:test";
import { fakeRegistry, testRegistries } from "../../distribution/testing.ts";
import type { Digest } from "../../content/index.ts";
import { errorOf, pieces, tar, testImages } from "../testing.ts";

const note = (text: string) => ({
  artifactType: "application/vnd.example.note",
  annotations: { "org.example.kind": "note" },
  layers: [{ mediaType: "text/plain", bytes: text }],
});
const nowhere: Digest = `sha256:${"0".repeat(64)}`;

describe("referrers of images that are here", () => {
  test("stored, found by subject and type, read, and gone with the image", async () => {
    await using kit = await testImages();
    const image = await kit.make("one", "one:1");
    const other = await kit.make("two", "two:1");
    const { referrers } = kit.images;
    const mine = await referrers.attach(image.manifest.digest, note("hello"));
    const nested = await referrers.attach(mine.digest, note("a note on the note"));
    expect(referrers.of(image.manifest.digest)).toEqual([mine]);
    expect(referrers.ofImage("one:1", "application/vnd.example.note")).toEqual([mine]);
    expect(referrers.ofImage("one:1", "another/type")).toEqual([]);
    expect(referrers.ofImage("two:1")).toEqual([]);
    expect(referrers.of(mine.digest)).toEqual([nested]);
    expect(Buffer.from(await referrers.read(mine.layers[0]!)).toString()).toBe("hello");
    expect((await referrers.attach(image.manifest.digest, note("hello"))).digest).toBe(mine.digest);
    expect(referrers.of(image.manifest.digest)).toHaveLength(1);
    await kit.images.collectGarbage();
    expect(kit.stored()).toContain(nested.layers[0]!.digest);
    await kit.images.remove("one:1");
    expect(referrers.of(image.manifest.digest)).toEqual([]);
    const kept = [other.id, other.manifest.digest, ...other.layers.map((layer) => layer.digest)];
    expect([...new Set(kit.stored())]).toEqual([...new Set(kept)].toSorted());
  });

  test("taken away one by one, with what refers to them", async () => {
    await using kit = await testImages();
    const image = await kit.make("one", "one:1");
    const before = kit.stored();
    const { referrers } = kit.images;
    const mine = await referrers.attach(image.manifest.digest, note("hello"));
    await referrers.attach(mine.digest, note("nested"));
    await referrers.detach(mine.digest);
    expect(kit.stored()).toEqual(before);
    expect(await errorOf(referrers.detach(mine.digest))).toMatchObject({ code: "image.no-referrer" });
    expect(await errorOf(referrers.attach(nowhere, note("x")))).toMatchObject({ code: "image.no-subject" });
    expect(kit.stored()).toEqual(before);
  });

  test("go out with a push, to the subject that the registry has, and into the fallback tag", async () => {
    await using kit = await testImages(testRegistries());
    await using fake = await fakeRegistry();
    const name = `${fake.host}/team/app:1`;
    const image = await kit.make("hello ".repeat(1000), name);
    const mine = await kit.images.referrers.attach(image.manifest.digest, note("hello"));
    await kit.images.referrers.attach(mine.digest, note("nested"));
    let digest: string = "";
    await kit.images.push(name, { pushed: (tag) => void (digest = tag.digest) });
    expect(digest).not.toBe(image.manifest.digest);
    const listOf = (subject: string) =>
      JSON.parse(fake.manifests.get(`team/app:${subject.replace(":", "-")}`)!.bytes.toString()) as {
        manifests: { digest: string; artifactType: string; annotations: object }[];
      };
    const [listed] = listOf(digest).manifests;
    expect(listed).toMatchObject({
      artifactType: "application/vnd.example.note",
      annotations: { "org.example.kind": "note" },
    });
    const sent = JSON.parse(fake.manifests.get(`team/app@${listed!.digest}`)!.bytes.toString()) as {
      subject: { digest: string; size: number };
      layers: { digest: string }[];
    };
    expect(sent.subject).toMatchObject({ digest, size: fake.manifests.get("team/app:1")!.bytes.length });
    expect(fake.blobs.get(sent.layers[0]!.digest)!.toString()).toBe("hello");
    expect(listOf(listed!.digest).manifests).toHaveLength(1);
    await kit.images.push(name);
    expect(listOf(digest).manifests).toHaveLength(1);
  });

  test("a statement inside names the subject that the registry has", async () => {
    await using kit = await testImages(testRegistries());
    await using fake = await fakeRegistry();
    const name = `${fake.host}/team/app:1`;
    const image = await kit.make("hello ".repeat(1000), name);
    const mediaType = "application/vnd.in-toto+json";
    const about = (digest: string) =>
      JSON.stringify({ subject: [{ name: "app", digest: { sha256: digest.slice(7) } }], predicate: {} });
    const before = about(image.manifest.digest);
    const layers = [{ mediaType, bytes: before }];
    const mine = await kit.images.referrers.attach(image.manifest.digest, {
      artifactType: mediaType,
      layers,
    });
    let digest: string = "";
    await kit.images.push(name, { pushed: (tag) => void (digest = tag.digest) });
    expect(digest).not.toBe(image.manifest.digest);
    const sent = [...fake.blobs.values()].map((bytes) => bytes.toString());
    expect(sent).toContain(about(digest));
    expect(sent).not.toContain(before);
    expect(Buffer.from(await kit.images.referrers.read(mine.layers[0]!)).toString()).toBe(before);
  });

  test("a registry that lists them by itself gets no tag", async () => {
    await using kit = await testImages(testRegistries());
    await using fake = await fakeRegistry();
    const name = `${fake.host}/team/app:1`;
    const image = await kit.make("hello", name);
    await kit.images.referrers.settle(name);
    const { digest } = kit.images.resolve(name).manifest;
    await kit.images.referrers.attach(digest, note("hello"));
    expect(digest).not.toBe(image.manifest.digest);
    fake.answer = (seen) =>
      seen.method === "PUT" && seen.path.includes("/manifests/sha256:")
        ? { status: 201, headers: { "oci-subject": digest } }
        : undefined;
    await kit.images.push(name);
    expect([...fake.manifests.keys()].filter((key) => key.includes(":sha256-"))).toEqual([]);
  });

  test("settled: the manifest is the one that a push sends, the id stays, referrers come along", async () => {
    await using kit = await testImages(testRegistries());
    await using fake = await fakeRegistry();
    const name = `${fake.host}/team/app:1`;
    const image = await kit.make("hello ".repeat(1000), name);
    await kit.images.referrers.attach(image.manifest.digest, note("hello"));
    const settled = await kit.images.referrers.settle(name);
    expect(await kit.images.referrers.settle(name)).toBe(settled);
    const now = kit.images.resolve(name);
    expect(now.id).toBe(image.id);
    expect(now.manifest.digest).toBe(settled);
    expect(kit.images.referrers.of(settled)).toHaveLength(1);
    expect(kit.images.referrers.of(image.manifest.digest)).toEqual([]);
    expect(kit.stored()).not.toContain(image.manifest.digest);
    let digest = "";
    await kit.images.push(name, { pushed: (tag) => void (digest = tag.digest) });
    expect(digest).toBe(settled);
    await kit.images.remove(name);
    expect(kit.stored()).toEqual([]);
  });

  test("in archives, with those of their own; not of an image that has another manifest here", async () => {
    await using kit = await testImages();
    const image = await kit.make("one", "one:1");
    const mine = await kit.images.referrers.attach(image.manifest.digest, note("hello"));
    const nested = await kit.images.referrers.attach(mine.digest, note("nested"));
    const archive = await new Response(kit.images.save(["one:1"])).bytes();
    await kit.images.remove("one:1");
    await kit.images.load(pieces(archive));
    expect(kit.images.referrers.of(image.manifest.digest)).toEqual([mine]);
    expect(kit.images.referrers.of(mine.digest)).toEqual([nested]);
    await kit.images.remove("one:1");
    await kit.make("one", "one:1");
    await kit.images.referrers.settle("one:1");
    const before = kit.stored();
    await kit.images.load(pieces(archive));
    expect(kit.images.referrers.ofImage("one:1")).toEqual([]);
    expect(kit.stored()).toEqual(before);
  });

  test("an archive that lacks a part of one is refused", async () => {
    await using kit = await testImages();
    const files = {
      "oci-layout": '{"imageLayoutVersion":"1.0.0"}',
      "index.json": '{"schemaVersion":2,"manifests":[]}',
      "referrers.json": JSON.stringify({
        schemaVersion: 2,
        manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest: nowhere, size: 1 }],
      }),
    };
    const error = await errorOf(kit.images.load(pieces(tar(files))));
    expect(error.message).toContain("the archive");
    expect(kit.stored()).toEqual([]);
  });
});
