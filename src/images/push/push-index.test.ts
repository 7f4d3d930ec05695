import { expect, test } from "bun:test";
import { fakeRegistry, testRegistries } from "../../distribution/testing.ts";
import type { Descriptor, Digest } from "../../content/index.ts";
import { parseJson } from "../formats.ts";
import { errorOf, testImages, type TestImages } from "../testing.ts";

const host = process.arch === "x64" ? "amd64" : process.arch;

async function twoPlatforms(kit: TestImages): Promise<Digest[]> {
  const own = await kit.make("own");
  const other = await kit.make("other", undefined, { architecture: "arm", variant: "v7" });
  return [own.id, other.id];
}

test("images of two platforms get one name at a registry, and are pulled by it", async () => {
  await using fake = await fakeRegistry();
  await using kit = await testImages(testRegistries());
  const ids = await twoPlatforms(kit);
  const descriptor = await kit.images.pushIndex(`${fake.host}/team/app:1`, ids);
  const { mediaType, bytes } = fake.manifests.get("team/app:1")!;
  expect(mediaType).toBe("application/vnd.oci.image.index.v1+json");
  expect(new Bun.CryptoHasher("sha256").update(bytes).digest("hex")).toBe(descriptor.digest.slice(7));
  const { manifests } = parseJson(bytes, "the index") as { manifests: Descriptor[] };
  expect(manifests.map((one) => one.platform)).toEqual([
    { os: "linux", architecture: host },
    { os: "linux", architecture: "arm", variant: "v7" },
  ]);
  expect(fake.requests.at(-1)).toBe("PUT /v2/team/app/manifests/1");
  for (const platform of [undefined, "linux/arm/v7"]) {
    await using other = await testImages(testRegistries());
    const { image } = await other.images.pull(`${fake.host}/team/app:1`, platform ? { platform } : {});
    expect(image.id).toBe(ids[platform ? 1 : 0]!);
  }
});

test("a name without a registry that answers, an image that is not there", async () => {
  await using fake = await fakeRegistry();
  await using kit = await testImages(testRegistries());
  const missing = await errorOf(
    kit.images.pushIndex(`${fake.host}/team/app:1`, [`sha256:${"1".repeat(64)}`]),
  );
  expect(missing).toMatchObject({ code: "image.not-found" });
  expect(fake.manifests.size).toBe(0);
});

test("an archive of them has one index for the name; who loads it gets this machine's", async () => {
  await using kit = await testImages();
  const ids = await twoPlatforms(kit);
  const { stream, index } = kit.images.saveIndex(ids, ["docker.io/team/app:1"]);
  const archive = Buffer.from(await new Response(stream).arrayBuffer());
  expect(archive.includes(index.digest.slice(7))).toBe(true);
  await using other = await testImages();
  const [loaded, ...more] = await other.images.load(
    (async function* () {
      yield archive;
    })(),
  );
  expect(more).toEqual([]);
  expect(loaded!.image.id).toBe(ids[0]!);
  expect(loaded!.references).toEqual(["docker.io/team/app:1"]);
});
