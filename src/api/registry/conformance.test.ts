/**
 * The OCI Distribution Specification, requirement by requirement: the name of a group is a section of spec.md, the name
 * of a test what that section says.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { describe as descriptor, digestOf, imageIndex, imageManifest } from "../../registry/testing.ts";
import { testServer, type TestServer } from "./testing.ts";

const config = JSON.stringify({
  architecture: "amd64",
  os: "linux",
  rootfs: { type: "layers", diff_ids: [] },
});
const layer = "the bytes of a layer";
const image = imageManifest(config, [layer]);
const emptyConfig = { ...descriptor("{}", "application/vnd.oci.empty.v1+json") };
const unknownDigest = digestOf("nobody has this");
const indexType = "application/vnd.oci.image.index.v1+json";

let server: TestServer;
beforeAll(async () => {
  server = await testServer();
  for (const name of ["pull/app", "a/b/c"]) {
    for (const blob of [config, layer, "{}"]) await server.pushBlob(name, blob);
    await server.pushManifest(name, "v1", image);
  }
});
afterAll(async () => await server[Symbol.asyncDispose]());

const get = (path: string, headers?: Record<string, string>) =>
  server.send("GET", path, headers ? { headers } : {});
const errorCode = async (response: Response) =>
  ((await response.json()) as { errors: { code: string; message: string; detail?: unknown }[] }).errors[0]!
    .code;
const begin = async (name: string, query = "") =>
  (await server.send("POST", `/v2/${name}/blobs/uploads/${query}`)).headers.get("location")!;

/** A manifest that refers to nothing but the empty configuration; pushed to `name`. */
async function pushArtifact(name: string, reference: string, more: object): Promise<Response> {
  await server.pushBlob(name, "{}");
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: emptyConfig,
    layers: [],
    ...more,
  });
  return await server.pushManifest(name, reference === "digest" ? digestOf(text) : reference, text);
}

describe("Pulling manifests", () => {
  test("<name> MUST match the regular expression", async () => {
    for (const name of ["UPPER", "a/-b", "a//b", "a..b", "a___b", "a/b_", ".a", "%20"]) {
      const response = await get(`/v2/${name}/manifests/v1`);
      expect([name, response.status, await errorCode(response)]).toEqual([name, 400, "NAME_INVALID"]);
    }
    for (const name of ["a", "a.b", "a_b", "a__b", "a---b", "a/b/c/d", "0/1", "manifests/blobs/tags"]) {
      expect([name, (await get(`/v2/${name}/manifests/v1`)).status]).toEqual([name, 404]);
    }
  });
  test("<tag-or-digest> MUST be a digest or a tag, and MUST NOT be in any other format", async () => {
    for (const reference of [".tag", "-tag", "t".repeat(129), "t@g"]) {
      const response = await get(`/v2/pull/app/manifests/${reference}`);
      expect([reference, response.status, await errorCode(response)]).toEqual([
        reference,
        400,
        "MANIFEST_INVALID",
      ]);
    }
    for (const digest of ["sha256:abc", `md5:${"a".repeat(32)}`, `sha256:${"A".repeat(64)}`]) {
      const response = await get(`/v2/pull/app/manifests/${digest}`);
      expect([digest, response.status, await errorCode(response)]).toEqual([digest, 400, "DIGEST_INVALID"]);
    }
    expect((await get(`/v2/pull/app/manifests/${"t".repeat(128)}`)).status).toBe(404);
  });
  test("GET of a manifest MUST provide it with 200 and its digest in Docker-Content-Digest", async () => {
    for (const reference of ["v1", digestOf(image), digestOf(image).replace(":", "%3A")]) {
      const response = await get(`/v2/pull/app/manifests/${reference}`);
      expect(response.status).toBe(200);
      expect(response.headers.get("docker-content-digest")).toBe(digestOf(image));
      expect(response.headers.get("content-type")).toBe("application/vnd.oci.image.manifest.v1+json");
      expect(await response.text()).toBe(image);
    }
  });
  test("a manifest that is not in the repository: 404", async () => {
    for (const path of [
      `pull/app/manifests/v2`,
      `pull/app/manifests/${unknownDigest}`,
      "no/such/manifests/v1",
    ]) {
      const response = await get(`/v2/${path}`);
      expect([path, response.status, await errorCode(response)]).toEqual([path, 404, "MANIFEST_UNKNOWN"]);
    }
  });
});

describe("Pulling blobs", () => {
  test("GET of a blob MUST provide it with 200 and its digest in Docker-Content-Digest", async () => {
    const response = await get(`/v2/pull/app/blobs/${digestOf(layer)}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("docker-content-digest")).toBe(digestOf(layer));
    expect(await response.text()).toBe(layer);
  });
  test("a blob that is not in the repository: 404, also when another repository has it", async () => {
    await server.pushBlob("pull/other", "only there");
    for (const digest of [unknownDigest, digestOf("only there")]) {
      const response = await get(`/v2/pull/app/blobs/${digest}`);
      expect([response.status, await errorCode(response)]).toEqual([404, "BLOB_UNKNOWN"]);
    }
  });
  test("Range is supported by RFC 9110, section 14", async () => {
    const path = `/v2/pull/app/blobs/${digestOf(layer)}`;
    const size = layer.length;
    for (const [range, text, content] of [
      ["bytes=4-8", layer.slice(4, 9), `bytes 4-8/${size}`],
      ["bytes=4-", layer.slice(4), `bytes 4-${size - 1}/${size}`],
      ["bytes=-5", layer.slice(-5), `bytes ${size - 5}-${size - 1}/${size}`],
      ["bytes=0-999999", layer, `bytes 0-${size - 1}/${size}`],
      ["bytes=-999999", layer, `bytes 0-${size - 1}/${size}`],
    ] as const) {
      const response = await get(path, { range });
      expect([range, response.status, response.headers.get("content-range")]).toEqual([range, 206, content]);
      expect(await response.text()).toBe(text);
      expect(response.headers.get("content-length")).toBe(String(text.length));
    }
    for (const range of ["bytes=20-", "bytes=99-100", "bytes=-0"]) {
      const response = await get(path, { range });
      expect([range, response.status, response.headers.get("content-range")]).toEqual([
        range,
        416,
        `bytes */${size}`,
      ]);
      expect(await errorCode(response)).toBe("SIZE_INVALID");
    }
    for (const range of ["bytes=5-4", "lines=1-2", "bytes=0-1,4-5", "bytes=-"]) {
      const response = await get(path, { range });
      expect([range, response.status, await response.text()]).toEqual([range, 200, layer]);
    }
    const changed = await get(path, { range: "bytes=4-8", "if-range": '"another"' });
    expect([changed.status, await changed.text()]).toEqual([200, layer]);
    const same = await get(path, { range: "bytes=4-8", "if-range": `"${digestOf(layer)}"` });
    expect(same.status).toBe(206);
  });
});

describe("Checking if content exists in the registry", () => {
  test("HEAD MUST return 200, the digest and the size in bytes", async () => {
    for (const [path, digest, size] of [
      ["manifests/v1", digestOf(image), image.length],
      [`manifests/${digestOf(image)}`, digestOf(image), image.length],
      [`blobs/${digestOf(layer)}`, digestOf(layer), layer.length],
    ] as const) {
      const { status, headers } = await server.send("HEAD", `/v2/pull/app/${path}`);
      expect([status, headers.get("docker-content-digest"), headers.get("content-length")]).toEqual([
        200,
        digest,
        String(size),
      ]);
    }
  });
  test("what is not found: 404", async () => {
    for (const path of ["manifests/v2", `manifests/${unknownDigest}`, `blobs/${unknownDigest}`]) {
      expect((await server.send("HEAD", `/v2/pull/app/${path}`)).status).toBe(404);
    }
  });
});

describe("Push", () => {
  test("MUST accept a manifest whose subject does not exist", async () => {
    const response = await pushArtifact("push/subject", "v1", { subject: descriptor("not there", "a/b") });
    expect(response.status).toBe(201);
  });
  test("a manifest that refers to what is missing MUST result in MANIFEST_BLOB_UNKNOWN", async () => {
    await server.pushBlob("push/missing", config);
    const response = await server.pushManifest("push/missing", "v1", image);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      errors: [{ code: "MANIFEST_BLOB_UNKNOWN", detail: { digests: [digestOf(layer)] } }],
    });
    expect((await get("/v2/push/missing/manifests/v1")).status).toBe(404);
  });
  test("a digest that is invalid or of an unsupported algorithm: 400", async () => {
    for (const digest of ["sha256:xyz", `md5:${"a".repeat(32)}`, ""]) {
      const response = await server.send("PUT", `${await begin("push/app")}?digest=${digest}`, { body: "x" });
      expect([response.status, await errorCode(response)]).toEqual([400, "DIGEST_INVALID"]);
    }
  });
});

describe("POST then PUT", () => {
  test("POST MUST return 202 and a Location with a UUID", async () => {
    const response = await server.send("POST", "/v2/push/app/blobs/uploads/");
    expect(response.status).toBe(202);
    expect(response.headers.get("location")).toMatch(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(await begin("push/app")).not.toBe(await begin("push/app"));
  });
  test("PUT MUST return 201 and the Location of a pullable blob", async () => {
    const response = await server.pushBlob("push/app", "monolithic");
    expect(response.status).toBe(201);
    const pulled = await get(response.headers.get("location")!);
    expect(await pulled.text()).toBe("monolithic");
  });
  test("content of another digest is refused, and is not there afterwards", async () => {
    const place = await begin("push/app");
    const response = await server.send("PUT", `${place}?digest=${digestOf("this")}`, { body: "that" });
    expect([response.status, await errorCode(response)]).toEqual([400, "DIGEST_INVALID"]);
    expect((await get(`/v2/push/app/blobs/${digestOf("this")}`)).status).toBe(404);
    expect((await get(`/v2/push/app/blobs/${digestOf("that")}`)).status).toBe(404);
    expect((await get(place)).status).toBe(404);
  });
  test("an empty blob, and one of another algorithm", async () => {
    expect((await server.pushBlob("push/app", "")).status).toBe(201);
    const empty = await get(`/v2/push/app/blobs/${digestOf("")}`);
    expect([empty.status, await empty.text()]).toEqual([200, ""]);
    expect((await server.pushBlob("push/app", "long digest", "sha512")).status).toBe(201);
    const pulled = await get(`/v2/push/app/blobs/${digestOf("long digest", "sha512")}`);
    expect([pulled.status, await pulled.text()]).toEqual([200, "long digest"]);
  });
  test("an upload belongs to its repository, and unknown ones are 404", async () => {
    const place = (await begin("push/app")).replace("push/app", "push/other");
    const missing = "/v2/push/app/blobs/uploads/00000000-0000-4000-8000-000000000000";
    for (const [method, path] of [
      ["GET", place],
      ["PATCH", place],
      ["DELETE", place],
      ["PUT", `${place}?digest=${digestOf("")}`],
      ["GET", missing],
      ["PATCH", missing],
    ] as const) {
      const response = await server.send(method, path, method === "PATCH" ? { body: "x" } : {});
      expect([method, response.status, await errorCode(response)]).toEqual([
        method,
        404,
        "BLOB_UPLOAD_UNKNOWN",
      ]);
    }
  });
});

describe("Single POST", () => {
  test("MUST return 201 and the Location of a pullable blob", async () => {
    const response = await server.send(
      "POST",
      `/v2/push/app/blobs/uploads/?digest=${digestOf("one request")}`,
      {
        body: "one request",
      },
    );
    expect(response.status).toBe(201);
    expect(await (await get(response.headers.get("location")!)).text()).toBe("one request");
  });
  test("the digest MUST match", async () => {
    const response = await server.send("POST", `/v2/push/app/blobs/uploads/?digest=${digestOf("a")}`, {
      body: "b",
    });
    expect([response.status, await errorCode(response)]).toEqual([400, "DIGEST_INVALID"]);
  });
});

describe("Pushing a blob in chunks", () => {
  const chunk = (place: string, body: string, range?: string) =>
    server.send("PATCH", place, { body, headers: range === undefined ? {} : { "content-range": range } });

  test("each chunk MUST return 202, Location and Range; the close MUST return 201 and a pullable Location", async () => {
    let place = await begin("push/chunks");
    for (const [body, range, end] of [
      ["first ", "0-5", "0-5"],
      ["s", "6-6", "0-6"],
      ["econd", "7-11", "0-11"],
    ] as const) {
      const response = await chunk(place, body, range);
      expect([response.status, response.headers.get("range")]).toEqual([202, end]);
      place = response.headers.get("location")!;
    }
    const closed = await server.send("PUT", `${place}?digest=${digestOf("first second")}`);
    expect(closed.status).toBe(201);
    expect(await (await get(closed.headers.get("location")!)).text()).toBe("first second");
  });
  test("the final chunk may come with the PUT, and chunks without ranges are added", async () => {
    const place = await begin("push/chunks");
    await chunk(place, "begin");
    const closed = await server.send("PUT", `${place}?digest=${digestOf("begin-end")}`, {
      body: "-end",
      headers: { "content-range": "5-8" },
    });
    expect(closed.status).toBe(201);
  });
  test("a chunk out of order MUST be answered with 416, the final one too", async () => {
    const place = await begin("push/chunks");
    expect((await chunk(place, "late", "3-6")).status).toBe(416);
    expect((await chunk(place, "0123", "0-3")).status).toBe(202);
    const again = await chunk(place, "0123", "0-3");
    expect([again.status, await errorCode(again)]).toEqual([416, "BLOB_UPLOAD_INVALID"]);
    const last = await server.send("PUT", `${place}?digest=${digestOf("01236")}`, {
      body: "6",
      headers: { "content-range": "6-6" },
    });
    expect(last.status).toBe(416);
    expect((await get(place)).headers.get("range")).toBe("0-3");
  });
  test("the status MUST be 204 with Location and Range", async () => {
    const place = await begin("push/chunks");
    await chunk(place, "0123456789");
    const status = await get(place);
    expect([status.status, status.headers.get("location"), status.headers.get("range")]).toEqual([
      204,
      place,
      "0-9",
    ]);
  });
  test("a range of another length than the body is refused and changes nothing", async () => {
    const place = await begin("push/chunks");
    await chunk(place, "01");
    for (const range of ["2-9", "2-2", "x", "5-4"])
      expect((await chunk(place, "23", range)).status).toBe(400);
    expect((await get(place)).headers.get("range")).toBe("0-1");
    expect((await chunk(place, "23", "2-3")).status).toBe(202);
    expect((await server.send("PUT", `${place}?digest=${digestOf("0123")}`)).status).toBe(201);
  });
  test("digest-algorithm names the algorithm", async () => {
    const place = await begin("push/chunks", "?digest-algorithm=sha512");
    await chunk(place, "large");
    const closed = await server.send("PUT", `${place}?digest=${digestOf("large", "sha512")}`);
    expect(closed.status).toBe(201);
    const unknown = await server.send("POST", "/v2/push/chunks/blobs/uploads/?digest-algorithm=md5");
    expect([unknown.status, await errorCode(unknown)]).toEqual([400, "DIGEST_INVALID"]);
  });
  test("the closing PUT MUST include the digest", async () => {
    const response = await server.send("PUT", await begin("push/chunks"), { body: "x" });
    expect([response.status, await errorCode(response)]).toEqual([400, "DIGEST_INVALID"]);
  });
});

describe("Cancel a blob upload", () => {
  test("DELETE returns 204, and the upload is gone", async () => {
    const place = await begin("push/cancel");
    await server.send("PATCH", place, { body: "x" });
    expect((await server.send("DELETE", place)).status).toBe(204);
    expect((await get(place)).status).toBe(404);
    expect((await server.send("DELETE", place)).status).toBe(404);
  });
});

describe("Mounting a blob from another repository", () => {
  test("MUST return 201 and the Location of the blob", async () => {
    const query = `?mount=${digestOf(layer)}&from=pull/app`;
    const response = await server.send("POST", `/v2/push/mount/blobs/uploads/${query}`);
    expect([response.status, response.headers.get("docker-content-digest")]).toEqual([201, digestOf(layer)]);
    expect(await (await get(response.headers.get("location")!)).text()).toBe(layer);
  });
  test("`from` is optional; what is nowhere begins an upload: 202", async () => {
    const free = await server.send("POST", `/v2/push/free/blobs/uploads/?mount=${digestOf(layer)}`);
    expect(free.status).toBe(201);
    const query = `?mount=${unknownDigest}&from=pull/app`;
    const response = await server.send("POST", `/v2/push/mount/blobs/uploads/${query}`);
    expect(response.status).toBe(202);
    expect((await get(response.headers.get("location")!)).status).toBe(204);
  });
});

describe("Pushing Manifests", () => {
  test("MUST store the exact bytes, MUST return 201 and a pullable Location, with the digest", async () => {
    const text = `  ${imageManifest(config, [layer], { "x-own": [1, { deep: null }] }).replaceAll(",", " ,\n")} \n`;
    for (const blob of [config, layer]) await server.pushBlob("push/exact", blob);
    const response = await server.pushManifest("push/exact", "v1", text);
    expect([response.status, response.headers.get("docker-content-digest")]).toEqual([201, digestOf(text)]);
    expect(await (await get(response.headers.get("location")!)).text()).toBe(text);
  });
  test("the list of blobs may be empty", async () => {
    expect((await pushArtifact("push/empty", "v1", { layers: [] })).status).toBe(201);
  });
  test("the digest MUST be the one that the client provided", async () => {
    const response = await server.pushManifest("pull/app", unknownDigest, image);
    expect([response.status, await errorCode(response)]).toEqual([400, "DIGEST_INVALID"]);
    const long = digestOf(image, "sha512");
    const pushed = await server.pushManifest("pull/app", long, image);
    expect([pushed.status, pushed.headers.get("docker-content-digest")]).toEqual([201, long]);
    expect(await (await get(`/v2/pull/app/manifests/${long}`)).text()).toBe(image);
  });
  test("tags as parameters: an OCI-Tag for each accepted one", async () => {
    const tags = Array.from({ length: 12 }, (_, n) => `t${n}`);
    for (const blob of [config, layer]) await server.pushBlob("push/tags", blob);
    const query = tags.map((tag) => `tag=${tag}`).join("&");
    const response = await server.pushManifest("push/tags", `${digestOf(image)}?${query}`, image);
    expect([response.status, response.headers.get("oci-tag")]).toEqual([201, tags.join(", ")]);
    for (const tag of tags) expect((await get(`/v2/push/tags/manifests/${tag}`)).status).toBe(200);
  });
  test("a pull of a nonexistent repository MUST return 404", async () => {
    expect((await get("/v2/never/pushed/manifests/latest")).status).toBe(404);
    expect((await get("/v2/never/pushed/tags/list")).status).toBe(404);
  });
  test("manifests of 4 megabytes are taken, larger ones answered with 413", async () => {
    const fill = (size: number) => ({ annotations: { fill: "x".repeat(size) } });
    expect((await pushArtifact("push/large", "v1", fill(4_000_000))).status).toBe(201);
    const response = await pushArtifact("push/large", "v2", fill(4 * 2 ** 20));
    expect([response.status, await errorCode(response)]).toEqual([413, "MANIFEST_INVALID"]);
  });
  test("an index may be sparse", async () => {
    const members = [
      descriptor(image, "application/vnd.oci.image.manifest.v1+json"),
      descriptor("far away", indexType),
    ];
    expect((await server.pushManifest("pull/app", "sparse", imageIndex(members))).status).toBe(201);
  });
});

describe("Pushing Manifests with Subject", () => {
  test("MUST respond with OCI-Subject, the subject's digest", async () => {
    const response = await pushArtifact("push/subject", "v2", { subject: descriptor(image, "a/b") });
    expect(response.headers.get("oci-subject")).toBe(digestOf(image));
    const without = await pushArtifact("push/subject", "v3", {});
    expect(without.headers.get("oci-subject")).toBeNull();
  });
});

describe("Listing Tags", () => {
  const tags = ["1.0", "1.0-rc", "A", "_x", "a", "b"];
  beforeAll(async () => {
    for (const blob of [config, layer]) await server.pushBlob("list/app", blob);
    for (const tag of tags.toReversed()) await server.pushManifest("list/app", tag, image);
  });
  const list = async (query = "") => {
    const response = await get(`/v2/list/app/tags/list${query}`);
    const body = (await response.json()) as { name: string; tags: string[] };
    return { status: response.status, link: response.headers.get("link"), ...body };
  };
  test("MUST return 200 and the tags in the order of their bytes", async () => {
    expect(await list()).toEqual({ status: 200, link: null, name: "list/app", tags });
  });
  test("n MUST be the number of results", async () => {
    expect((await list("?n=2")).tags).toEqual(["1.0", "1.0-rc"]);
    expect((await list("?n=99")).tags).toEqual(tags);
  });
  test("n of zero MUST return an empty list and MUST NOT include a Link", async () => {
    expect(await list("?n=0")).toEqual({ status: 200, link: null, name: "list/app", tags: [] });
  });
  test("last begins after the tag, with and without n", async () => {
    expect((await list("?n=2&last=1.0-rc")).tags).toEqual(["A", "_x"]);
    expect((await list("?last=_x")).tags).toEqual(["a", "b"]);
    expect((await list("?last=zzz")).tags).toEqual([]);
  });
  test("Link MUST lead to the next page, with rel=next", async () => {
    const seen: string[] = [];
    let path: string | undefined = "/v2/list/app/tags/list?n=4";
    while (path !== undefined) {
      const response: Response = await get(path);
      seen.push(...((await response.json()) as { tags: string[] }).tags);
      path = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
    }
    expect(seen).toEqual(tags);
  });
  test("what is no number is refused", async () => {
    expect((await get("/v2/list/app/tags/list?n=-1")).status).toBe(400);
    expect((await get("/v2/list/app/tags/list?n=many")).status).toBe(400);
  });
  test("the list may be empty", async () => {
    await pushArtifact("list/untagged", "digest", {});
    const response = await get("/v2/list/untagged/tags/list");
    expect(await response.json()).toEqual({ name: "list/untagged", tags: [] });
  });
});

describe("Listing Referrers", () => {
  const subject = descriptor(image, "application/vnd.oci.image.manifest.v1+json");
  const name = "refer/app";
  const referrers = async (query = "", digest: string = subject.digest) => {
    const response = await get(`/v2/${name}/referrers/${digest}${query}`);
    const body = (await response.json()) as { mediaType: string; manifests: Record<string, unknown>[] };
    return { response, ...body };
  };
  beforeAll(async () => {
    await pushArtifact(name, "sbom", {
      subject,
      artifactType: "application/sbom",
      annotations: { "org.example": "1" },
    });
    await server.test.clock.advance(1000);
    await pushArtifact(name, "old", { subject, artifactType: "" });
    await server.test.clock.advance(1000);
    await server.pushManifest(name, "list", imageIndex([], { subject, annotations: { of: "lists" } }));
    await server.test.clock.advance(1000);
    await server.pushManifest(name, "list2", imageIndex([], { subject, artifactType: "application/many" }));
  });
  test("MUST return 200 and an index with Content-Type of an index, and the descriptors", async () => {
    const { response, mediaType, manifests } = await referrers();
    expect([response.status, response.headers.get("content-type"), mediaType]).toEqual([
      200,
      indexType,
      indexType,
    ]);
    expect(manifests.map(({ artifactType, annotations }) => ({ artifactType, annotations }))).toEqual([
      { artifactType: "application/sbom", annotations: { "org.example": "1" } },
      // Empty or missing: the configuration's media type. Of an index: left out.
      { artifactType: "application/vnd.oci.empty.v1+json", annotations: undefined },
      { artifactType: undefined, annotations: { of: "lists" } },
      { artifactType: "application/many", annotations: undefined },
    ]);
    for (const { mediaType: type, digest, size } of manifests) {
      const manifest = await get(`/v2/${name}/manifests/${String(digest)}`);
      expect(manifest.headers.get("content-type")).toBe(type as string);
      expect((await manifest.bytes()).length).toBe(size as number);
    }
  });
  test("MUST NOT return 404; without referrers MUST return an empty list", async () => {
    const { response, manifests } = await referrers("", unknownDigest);
    expect([response.status, manifests]).toEqual([200, []]);
    const nowhere = await get(`/v2/never/pushed/referrers/${subject.digest}`);
    expect([nowhere.status, ((await nowhere.json()) as { manifests: unknown[] }).manifests]).toEqual([
      200,
      [],
    ]);
  });
  test("a digest with an invalid syntax MUST be answered with 400", async () => {
    expect((await get(`/v2/${name}/referrers/sha256:xyz`)).status).toBe(400);
    expect((await get(`/v2/${name}/referrers/latest`)).status).toBe(400);
  });
  test("a filter that is applied MUST be told in OCI-Filters-Applied", async () => {
    const { response, manifests } = await referrers("?artifactType=application/sbom");
    expect(response.headers.get("oci-filters-applied")).toBe("artifactType");
    expect(manifests.map((one) => one["artifactType"])).toEqual(["application/sbom"]);
    expect((await referrers()).response.headers.get("oci-filters-applied")).toBeNull();
  });
  test("a Link MUST be included when the list does not fit into one manifest", async () => {
    const large = descriptor("a subject of much", "a/b");
    for (let n = 0; n < 5; n++) {
      await pushArtifact(name, `large${n}`, {
        subject: large,
        annotations: { fill: `${n}`.repeat(900_000) },
      });
    }
    const seen: unknown[] = [];
    let path: string | undefined = `/v2/${name}/referrers/${large.digest}`;
    let pages = 0;
    while (path !== undefined) {
      const response: Response = await get(path);
      const text = await response.text();
      expect(text.length).toBeLessThan(4 * 2 ** 20);
      seen.push(
        ...(JSON.parse(text) as { manifests: { digest: string }[] }).manifests.map((one) => one.digest),
      );
      path = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
      pages++;
    }
    expect([pages, seen.length, new Set(seen).size]).toEqual([3, 5, 5]);
  });
  test("a referrer that is deleted is not listed any more", async () => {
    const gone = descriptor("a subject that is left", "a/b");
    const pushed = await pushArtifact(name, "gone", { subject: gone });
    expect((await referrers("", gone.digest)).manifests.length).toBe(1);
    await server.send("DELETE", `/v2/${name}/manifests/${pushed.headers.get("docker-content-digest")}`);
    expect((await referrers("", gone.digest)).manifests).toEqual([]);
  });
});

describe("Deleting tags", () => {
  test("MUST return 202; afterwards GET of the tag is 404, of the digest still 200", async () => {
    await server.pushManifest("pull/app", "passing", image);
    expect((await server.send("DELETE", "/v2/pull/app/manifests/passing")).status).toBe(202);
    expect((await get("/v2/pull/app/manifests/passing")).status).toBe(404);
    expect((await get(`/v2/pull/app/manifests/${digestOf(image)}`)).status).toBe(200);
    expect((await server.send("DELETE", "/v2/pull/app/manifests/passing")).status).toBe(404);
  });
});

describe("Deleting Manifests", () => {
  test("MUST return 202; afterwards GET of the digest and of every tag is 404", async () => {
    const pushed = await pushArtifact("delete/app", "one", {});
    await pushArtifact("delete/app", "two", {});
    const digest = pushed.headers.get("docker-content-digest");
    expect((await server.send("DELETE", `/v2/delete/app/manifests/${digest}`)).status).toBe(202);
    for (const reference of [digest, "one", "two"]) {
      expect((await get(`/v2/delete/app/manifests/${reference}`)).status).toBe(404);
    }
    expect(await (await get("/v2/delete/app/tags/list")).json()).toEqual({ name: "delete/app", tags: [] });
  });
  test("a repository that does not exist MUST be answered with 404", async () => {
    expect((await server.send("DELETE", `/v2/never/pushed/manifests/${digestOf(image)}`)).status).toBe(404);
  });
});

describe("Deleting Blobs", () => {
  test("MUST return 202, and 404 for a blob that is not found", async () => {
    await server.pushBlob("delete/app", "waste");
    const path = `/v2/delete/app/blobs/${digestOf("waste")}`;
    expect((await server.send("DELETE", path)).status).toBe(202);
    expect((await get(path)).status).toBe(404);
    const again = await server.send("DELETE", path);
    expect([again.status, await errorCode(again)]).toEqual([404, "BLOB_UNKNOWN"]);
  });
  test("of a blob that a manifest refers to it is disabled: MUST be 400 or 405", async () => {
    const response = await server.send("DELETE", `/v2/pull/app/blobs/${digestOf(layer)}`);
    expect([response.status, await errorCode(response)]).toEqual([405, "UNSUPPORTED"]);
    expect((await get(`/v2/pull/app/blobs/${digestOf(layer)}`)).status).toBe(200);
  });
});

describe("Enabling the Referrers API", () => {
  test("manifests that a client listed under the referrers tag MUST be in the response", async () => {
    const subject = descriptor("a subject of old", "a/b");
    const pushed = await pushArtifact("refer/old", "digest", { subject });
    const digest = pushed.headers.get("docker-content-digest");
    const tag = subject.digest.replace(":", "-");
    const member = { ...subject, digest };
    expect((await server.pushManifest("refer/old", tag, imageIndex([member]))).status).toBe(201);
    const response = await get(`/v2/refer/old/referrers/${subject.digest}`);
    const { manifests } = (await response.json()) as { manifests: { digest: string }[] };
    expect(manifests.map((one) => one.digest)).toEqual([digest!]);
  });
});

describe("API", () => {
  test("Determining Support: GET /v2/ returns 200", async () => {
    for (const path of ["/v2/", "/v2"]) {
      const response = await get(path);
      expect([response.status, response.headers.get("docker-distribution-api-version")]).toEqual([
        200,
        "registry/2.0",
      ]);
    }
  });
  test("Error Codes: the format of the body MUST be a list of code, message and detail", async () => {
    for (const [method, path, status] of [
      ["GET", "/v2/pull/app/manifests/none", 404],
      ["GET", "/v2/x/y/z", 404],
      ["GET", "/", 404],
      ["POST", "/v2/pull/app/manifests/v1", 405],
      ["PUT", "/v2/_catalog", 405],
      ["PUT", `/v2/pull/app/blobs/${digestOf(layer)}`, 405],
    ] as const) {
      const response = await server.send(method, path);
      expect([method, path, response.status]).toEqual([method, path, status]);
      expect(response.headers.get("content-type")).toBe("application/json");
      const { errors } = (await response.json()) as { errors: Record<string, unknown>[] };
      expect(errors.length).toBe(1);
      expect(errors[0]!["code"]).toMatch(/^[A-Z_]+$/);
      expect(typeof errors[0]!["message"]).toBe("string");
      if (status === 405) expect(response.headers.get("allow")).toContain("GET");
    }
  });
});
