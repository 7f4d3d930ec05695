import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { silentLogger } from "../../base/index.ts";
import { fakeRegistry, testRegistries, type FakeRegistry } from "../../distribution/testing.ts";
import {
  addImage,
  errorOf,
  pieces,
  testImages,
  type RemoteImage,
  type TestImages,
} from "../../images/testing.ts";
import { addBundle, addSignatureTag, bundleOf, simpleLayer, testKey } from "../testing.ts";
import { createAdmission } from "./admission.ts";
import { policySource } from "./policy-source.ts";

const key = testKey();
const folder = mkdtempSync(join(tmpdir(), "virga-policy-"));
const file = join(folder, "policy.json");
let fake: FakeRegistry;
let kit: TestImages;
let image: RemoteImage;
let name = "";

const signed = (more: object = {}) => [
  { type: "sigstoreSigned", keyData: Buffer.from(key.pem).toString("base64"), ...more },
];
const accept = [{ type: "insecureAcceptAnything" }];
const reject = [{ type: "reject" }];
const rules = (docker: object, more: object = {}) =>
  writeFileSync(file, JSON.stringify({ default: accept, transports: { docker, ...more } }));
const sign = (digest: string, identity = name, by = key) =>
  addSignatureTag(fake, "team/app", digest, [simpleLayer(by, { identity, digest })]);
const refusal = async (work: () => unknown) =>
  await errorOf(Promise.resolve().then(async () => await work()));

beforeEach(async () => {
  fake = await fakeRegistry();
  kit = await testImages(testRegistries(), ({ content, images }) =>
    createAdmission({
      source: policySource(file, false),
      logger: silentLogger,
      here: { content, referrers: { of: (...asked) => images().referrers.of(...asked) } },
    }),
  );
  image = addImage(fake, [{ a: "first" }], { tag: "1" });
  name = `${fake.host}/team/app:1`;
});

afterEach(async () => {
  await kit[Symbol.asyncDispose]();
  await fake[Symbol.asyncDispose]();
  rmSync(file, { force: true });
});

afterAll(() => rmSync(folder, { recursive: true }));

describe("pulls", () => {
  test("without a policy everything comes, and nobody looks for signatures", async () => {
    await kit.images.pull(name);
    expect(fake.requests.some((one) => one.includes("sha256-"))).toBe(false);
  });

  test("what has no signature stays away, with all that it has", async () => {
    rules({ [fake.host]: signed() });
    const error = await refusal(() => kit.images.pull(name));
    expect(error).toMatchObject({
      kind: "permission",
      code: "policy.refused",
      message: `the policy refuses ${name}: it has no signature (rule docker "${fake.host}" of ${file})`,
    });
    expect(kit.stored()).toEqual([]);
    expect(fake.requests.some((one) => one.includes(`/blobs/${image.layers[0]!.digest}`))).toBe(false);
  });

  test("a good signature is kept, and is enough for every use", async () => {
    rules({ [fake.host]: signed() });
    sign(image.digest);
    const pulled = await kit.images.pull(name);
    expect(kit.images.referrers.of(image.digest)).toHaveLength(1);
    expect(kit.images.admitted(name).id).toBe(pulled.image.id);
    expect(kit.images.admitted(pulled.image.id).id).toBe(pulled.image.id);
    expect((await kit.images.ensure(name)).id).toBe(pulled.image.id);
    await kit.images.pull(name);
    expect(kit.images.referrers.of(image.digest)).toHaveLength(1);
    await kit.images.remove(name);
    expect(kit.stored()).toEqual([]);
  });

  test.each([
    ["another key", () => sign(image.digest, name, testKey()), "it was made with another key"],
    ["another repository", () => sign(image.digest, `${fake.host}/team/other:1`), "it is for the name"],
    ["another tag", () => sign(image.digest, `${fake.host}/team/app:2`), "it is for the name"],
    [
      "another image",
      () => {
        const digest = `sha256:${"1".repeat(64)}`;
        addSignatureTag(fake, "team/app", image.digest, [simpleLayer(key, { identity: name, digest })]);
      },
      "it is for another image",
    ],
    [
      "no signature at all",
      () => addSignatureTag(fake, "team/app", image.digest, [{ payload: Buffer.from("x"), annotations: {} }]),
      "the payload is malformed",
    ],
  ])("a signature of %s is none", async (_what, prepare, reason) => {
    rules({ [fake.host]: signed() });
    prepare();
    const error = await refusal(() => kit.images.pull(name));
    expect(error).toMatchObject({ code: "policy.refused", message: expect.stringContaining(reason) });
    expect(kit.stored()).toEqual([]);
  });

  test("the signature of an index is one of the image that it leads to", async () => {
    rules({ [fake.host]: signed() });
    const { digest, size } = image;
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const manifests = [
      { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size, platform: { os: "linux", architecture: "amd64" } },
    ]; // prettier-ignore
    const index = fake.addManifest("team/app", "1", { schemaVersion: 2, mediaType, manifests }, mediaType);
    sign(index);
    await kit.images.pull(name);
    expect(kit.images.admitted(name).manifest.digest).toBe(digest);
  });

  test("a bundle names nobody, and only counts where the digest is enough", async () => {
    addBundle(fake, "team/app", image.digest, bundleOf(key, image.digest));
    rules({ [fake.host]: signed({ signedIdentity: { type: "matchRepository" } }) });
    const error = await refusal(() => kit.images.pull(name));
    expect(error.message).toContain("it names no repository");
    rules({ [fake.host]: signed({ signedIdentity: { type: "matchDigest" } }) });
    await kit.images.pull(name);
    expect(kit.images.admitted(name).manifest.digest).toBe(image.digest);
  });

  test("an attestation of the same key is no signature", async () => {
    addBundle(fake, "team/app", image.digest, bundleOf(key, image.digest, "https://spdx.dev/Document"));
    rules({ [fake.host]: signed({ signedIdentity: { type: "matchDigest" } }) });
    expect((await refusal(() => kit.images.pull(name))).message).toContain("it has no signature");
  });

  test("a broken signature is told, and hides no good one", async () => {
    rules({ [fake.host]: signed({ signedIdentity: { type: "matchDigest" } }) });
    const tag = `${image.digest.replace(":", "-")}.sig`;
    fake.addManifest(
      "team/app",
      tag,
      { schemaVersion: 1 },
      "application/vnd.docker.distribution.manifest.v1+json",
    );
    expect((await refusal(() => kit.images.pull(name))).message).toContain("a signature can't be read");
    addBundle(fake, "team/app", image.digest, bundleOf(key, image.digest));
    await kit.images.pull(name);
    expect(kit.images.admitted(name).id).toBe(image.id);
  });

  test("a registry that fails while it is asked for signatures lets nothing in", async () => {
    rules({ [fake.host]: signed() });
    sign(image.digest);
    fake.answer = (seen) => (seen.path.endsWith(".sig") ? { status: 500 } : undefined);
    expect(await refusal(() => kit.images.pull(name))).toMatchObject({ kind: "unavailable" });
    expect(kit.stored()).toEqual([]);
  });

  test("what is refused by its name alone is not even asked for", async () => {
    rules({ "": reject });
    const error = await refusal(() => kit.images.pull(name));
    expect(error.message).toContain('it refuses what it matches (rule docker ""');
    expect(fake.seen).toEqual([]);
  });

  test("a mirror without the signatures leads to the registry that has them", async () => {
    await using mirror = await fakeRegistry();
    const mirrorsOf = { [fake.host]: [`http://${mirror.host}`] };
    await using other = await testImages(testRegistries({ settings: { mirrorsOf } }), ({ content }) =>
      createAdmission({
        source: policySource(file, false),
        logger: silentLogger,
        here: { content, referrers: { of: () => [] } },
      }),
    );
    addImage(mirror, [{ a: "first" }], { tag: "1" });
    rules({ [fake.host]: signed() });
    sign(image.digest);
    await other.images.pull(name);
    expect(mirror.requests.length).toBeGreaterThan(0);
    expect(fake.requests).toContain(`GET /v2/team/app/manifests/${image.digest.replace(":", "-")}.sig`);
  });
});

describe("uses", () => {
  test("what came before there was a policy is refused, until it is got again", async () => {
    await kit.images.pull(name);
    rules({ [fake.host]: signed() });
    const error = await refusal(() => kit.images.admitted(name));
    expect(error).toMatchObject({ code: "policy.refused", kind: "permission" });
    expect((await refusal(() => kit.images.ensure(name))).message).toContain("it has no signature");
    sign(image.digest);
    await kit.images.pull(name);
    expect(kit.images.admitted(name).id).toBe(image.id);
  });

  test("the file is read anew; a broken one refuses everything by its place", async () => {
    await kit.images.pull(name);
    writeFileSync(file, "{\n  oops");
    const error = await refusal(() => kit.images.admitted(name));
    expect(error).toMatchObject({ kind: "permission", code: "policy.broken" });
    expect(error.message).toContain(`${file}:2:`);
    expect(await refusal(() => kit.images.pull(name))).toMatchObject({ code: "policy.broken" });
    rmSync(file);
    expect(kit.images.admitted(name).id).toBe(image.id);
  });

  test("a key that is not there refuses, and says so", async () => {
    await kit.images.pull(name);
    rules({ [fake.host]: [{ type: "sigstoreSigned", keyPath: "gone.pub" }] });
    const error = await refusal(() => kit.images.admitted(name));
    expect(error.message).toContain(`the key ${join(folder, "gone.pub")} can't be used: it is not there`);
  });

  test("another name takes its own rule, or where it has none that of where it came from", async () => {
    sign(image.digest);
    writeFileSync(
      file,
      JSON.stringify({ default: reject, transports: { docker: { [fake.host]: signed() } } }),
    );
    await kit.images.pull(name);
    kit.images.tag(name, "mine:1");
    expect(kit.images.admitted("mine:1").id).toBe(image.id);
    kit.images.tag(name, `${fake.host}/team/other:1`);
    const error = await refusal(() => kit.images.admitted(`${fake.host}/team/other:1`));
    expect(error.message).toContain(`it is for the name '${name}'`);
  });

  test("what is made here is admitted, unless its name or the storage has a rule", async () => {
    writeFileSync(
      file,
      JSON.stringify({ default: reject, transports: { docker: { [fake.host]: signed() } } }),
    );
    const made = await kit.make("mine", "mine:1");
    expect(kit.images.admitted("mine:1").id).toBe(made.id);
    kit.images.tag("mine:1", `${fake.host}/team/mine:1`);
    expect((await refusal(() => kit.images.admitted(`${fake.host}/team/mine:1`))).message).toContain(
      "it has no signature",
    );
    rules({}, { "containers-storage": { "": reject } });
    expect((await refusal(() => kit.images.admitted("mine:1"))).message).toContain("containers-storage");
  });

  test("an archive is judged by its names before it is unpacked, else by what it is", async () => {
    await kit.make("mine", `${fake.host}/team/mine:1`);
    await kit.make("free", "free:1");
    const chunks = await new Response(kit.images.save([`${fake.host}/team/mine:1`])).bytes();
    const free = await new Response(kit.images.save(["free:1"])).bytes();
    await kit.images.remove(`${fake.host}/team/mine:1`);
    await kit.images.remove("free:1");
    rules({ [fake.host]: signed() });
    const error = await refusal(() => kit.images.load(pieces(chunks)));
    expect(error.message).toContain(`the policy refuses ${fake.host}/team/mine:1: it has no signature`);
    expect(kit.stored()).toEqual([]);
    rules({}, { "docker-archive": { "": reject } });
    expect((await refusal(() => kit.images.load(pieces(free)))).message).toContain('rule docker-archive ""');
    rules({});
    await kit.images.load(pieces(free));
    expect(kit.images.originsOf("free:1")).toEqual(["docker-archive"]);
    rules({}, { "docker-archive": { "": reject } });
    expect((await refusal(() => kit.images.admitted("free:1"))).message).toContain("docker-archive");
  });

  test("signatures travel in archives, and are what a load is judged by", async () => {
    sign(image.digest);
    rules({ [fake.host]: signed() });
    await kit.images.pull(name);
    const archive = await new Response(kit.images.save([name])).bytes();
    await kit.images.remove(name);
    expect(kit.stored()).toEqual([]);
    await kit.images.load(pieces(archive));
    expect(kit.images.admitted(name).id).toBe(image.id);
    expect(kit.images.referrers.of(image.digest)).toHaveLength(1);
    await kit.images.remove(name);
    expect(kit.stored()).toEqual([]);
  });
});
