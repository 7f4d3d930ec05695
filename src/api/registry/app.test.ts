import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { describe as descriptor, digestOf, imageIndex, imageManifest } from "../../registry/testing.ts";
import { testServer, type TestServer } from "./testing.ts";

const config = JSON.stringify({ architecture: "amd64", os: "linux" });
const layer = "the bytes of a layer";
const oci = "application/vnd.oci.image.manifest.v1+json";
const ociIndex = "application/vnd.oci.image.index.v1+json";
const docker = "application/vnd.docker.distribution.manifest.v2+json";
const dockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
const image = imageManifest(config, [layer]);
const other = imageManifest(config, []);

let server: TestServer;
beforeEach(async () => {
  server = await testServer();
  for (const blob of [config, layer]) await server.pushBlob("app", blob);
  await server.pushManifest("app", "v1", image);
});
afterEach(async () => await server[Symbol.asyncDispose]());

const get = (path: string, headers: Record<string, string> = {}) => server.send("GET", path, { headers });
const errorOf = async (response: Response) => {
  const { errors } = (await response.json()) as { errors: { code: string; message: string }[] };
  return { status: response.status, code: errors[0]!.code, message: errors[0]!.message };
};

describe("content negotiation", () => {
  const list = () =>
    imageIndex(
      [
        { ...descriptor(other, docker), platform: { os: "linux", architecture: "arm64" } },
        { ...descriptor(image, docker), platform: { os: "linux", architecture: "amd64" } },
      ],
      { mediaType: dockerList },
    );
  const asDocker = (text: string) => text.replaceAll(oci, docker);
  beforeEach(async () => {
    await server.pushManifest("app", "docker", asDocker(image));
    const text = list().replaceAll(digestOf(image), digestOf(asDocker(image)));
    await server.pushManifest("app", "list", text);
    await server.pushManifest("app", "index", imageIndex([descriptor(image, oci)]));
  });
  const typeFor = async (tag: string, accept?: string) => {
    const response = await get(`/v2/app/manifests/${tag}`, accept === undefined ? {} : { accept });
    return response.status === 200 ? response.headers.get("content-type") : response.status;
  };

  test("what accepts everything, or says nothing, gets what was pushed", async () => {
    for (const accept of ["*/*", "application/json", "text/html, */*;q=0.1", "application/*"]) {
      expect([accept, await typeFor("index", accept)]).toEqual([accept, ociIndex]);
    }
    expect(await typeFor("v1", oci)).toBe(oci);
    expect(await typeFor("docker", `${oci}, ${docker}; q=0.5`)).toBe(docker);
    expect(await typeFor("list", `${docker}, ${dockerList}`)).toBe(dockerList);
  });
  test("a client that knows no lists gets the image for linux/amd64", async () => {
    expect(await typeFor("list", docker)).toBe(docker);
    const response = await get("/v2/app/manifests/list", { accept: docker });
    expect(response.headers.get("docker-content-digest")).toBe(digestOf(asDocker(image)));
    expect(await response.text()).toBe(asDocker(image));
  });
  test("a type that the client does not know is not found; by digest it is what it is", async () => {
    expect(await typeFor("v1", docker)).toBe(404);
    expect(await typeFor("index", docker)).toBe(404);
    expect(await typeFor(digestOf(image), docker)).toBe(oci);
  });
});

describe("conditional requests", () => {
  test("If-None-Match of what the client has: 304 without a body", async () => {
    for (const path of ["manifests/v1", `blobs/${digestOf(layer)}`]) {
      const first = await get(`/v2/app/${path}`);
      const tag = first.headers.get("etag")!;
      for (const value of [tag, `"x", W/${tag}`, "*"]) {
        const again = await get(`/v2/app/${path}`, { "if-none-match": value });
        expect([path, again.status, await again.text()]).toEqual([path, 304, ""]);
      }
      expect((await get(`/v2/app/${path}`, { "if-none-match": '"x"' })).status).toBe(200);
    }
  });
  test("a push on a condition goes through only when it holds", async () => {
    const push = (tag: string, text: string, headers: Record<string, string>) =>
      server.pushManifest("app", tag, text, headers).then((response) => response.status);
    expect(await push("once", image, { "if-none-match": "*" })).toBe(201);
    expect(await push("once", other, { "if-none-match": "*" })).toBe(412);
    expect(await push("once", other, { "if-match": `"${digestOf(other)}"` })).toBe(412);
    expect(await push("absent", other, { "if-match": "*" })).toBe(412);
    expect((await get("/v2/app/manifests/once")).headers.get("docker-content-digest")).toBe(digestOf(image));
    expect(await push("once", other, { "if-match": `"${digestOf(image)}"` })).toBe(201);
    expect((await get(`/v2/app/manifests/absent`)).status).toBe(404);
  });
});

describe("manifests that are refused", () => {
  const push = async (text: string, type = oci) =>
    await errorOf(
      await server.send("PUT", "/v2/app/manifests/bad", { body: text, headers: { "content-type": type } }),
    );
  const manifest = (more: object) => JSON.stringify({ ...(JSON.parse(image) as object), ...more });

  test.each([
    ["no JSON", "{", "is not JSON"],
    ["no UTF-8 text", '{"a":"\ud800"}', "malformed"],
    ["an empty body", "", "is not JSON"],
    ["an array", "[]", "malformed"],
    ["another version", manifest({ schemaVersion: 3 }), "at schemaVersion"],
    ["no configuration", manifest({ config: undefined }), "at config"],
    [
      "a digest that is none",
      manifest({ layers: [{ ...descriptor("x", "a/b"), digest: "sha256:x" }] }),
      "layers.0.digest",
    ],
    ["a negative size", manifest({ layers: [{ ...descriptor("x", "a/b"), size: -1 }] }), "layers.0.size"],
    [
      "a media type that is none",
      manifest({ layers: [{ ...descriptor("x", "a b") }] }),
      "layers.0.mediaType",
    ],
    ["a manifest that is an index too", manifest({ manifests: [] }), "at manifests"],
    ["another type inside than outside", manifest({ mediaType: ociIndex }), "the request"],
    [
      "a size that is not the blob's",
      manifest({ layers: [{ ...descriptor(layer, "a/b"), size: 1 }] }),
      "it has 20",
    ],
    ["deep nesting", "[".repeat(3_000_000), "is not JSON"],
  ])("%s", async (_, text, message) => {
    const error = await push(text);
    expect(error).toMatchObject({ status: 400, code: "MANIFEST_INVALID" });
    expect(error.message).toContain(message);
    expect((await get("/v2/app/manifests/bad")).status).toBe(404);
  });
  test("schema 1, by its type and by its content", async () => {
    const schema1 = JSON.stringify({ schemaVersion: 1, name: "app", fsLayers: [] });
    for (const type of ["application/vnd.docker.distribution.manifest.v1+prettyjws", "application/json"]) {
      expect((await push(schema1, type)).message).toContain("schema 1 are not supported");
    }
  });
  test("a type that is no manifest", async () => {
    expect((await push(manifest({ mediaType: undefined }), "text/plain")).message).toContain(
      "'text/plain' is no type",
    );
  });
  test("without a Content-Type the manifest itself tells, and parameters do not matter", async () => {
    const put = (text: string, type: string) =>
      server.send("PUT", "/v2/app/manifests/good", {
        body: Buffer.from(text),
        headers: { "content-type": type },
      });
    expect((await put(image, "")).status).toBe(201);
    expect((await put(manifest({ mediaType: undefined }), "")).status).toBe(201);
    expect((await put(image, `${oci}; charset=utf-8`)).status).toBe(201);
    expect((await get("/v2/app/manifests/good")).headers.get("content-type")).toBe(oci);
  });
  test("layers that their maker serves need not be here", async () => {
    const far = {
      ...descriptor("far", "application/vnd.oci.image.layer.nondistributable.v1.tar"),
      urls: ["https://x/y"],
    };
    expect((await server.pushManifest("app", "far", manifest({ layers: [far] }))).status).toBe(201);
  });
});

test("the catalog has pages, and shows what the caller may pull", async () => {
  for (const name of ["b", "c", "d/e"]) await server.pushBlob(name, config);
  const read = async (query: string) => {
    const response = await get(`/v2/_catalog${query}`);
    return [
      ((await response.json()) as { repositories: string[] }).repositories,
      response.headers.get("link"),
    ];
  };
  expect(await read("")).toEqual([["app", "b", "c", "d/e"], null]);
  expect(await read("?n=2")).toEqual([["app", "b"], '</v2/_catalog?n=2&last=b>; rel="next"']);
  expect(await read("?n=2&last=b")).toEqual([["c", "d/e"], null]);
  expect(await read("?n=0")).toEqual([[], null]);
});

describe("rights", () => {
  test("each request takes its own, and a mount the right to pull from the other repository", async () => {
    const caller = { may: (action: string, name: string) => name === "mine" && action !== "delete" };
    await using closed = await testServer({ identify: () => caller });
    const status = (method: string, path: string) => closed.send(method, path).then((one) => one.status);
    expect(await status("GET", "/v2/app/manifests/v1")).toBe(403);
    expect(await status("POST", "/v2/app/blobs/uploads/")).toBe(403);
    expect(await status("GET", "/v2/mine/manifests/v1")).toBe(404);
    expect(await status("DELETE", "/v2/mine/manifests/v1")).toBe(403);
    const { registry } = closed.test;
    const upload = await registry.uploads.begin("theirs");
    await registry.uploads.commit("theirs", upload.id, digestOf(""));
    expect(await status("POST", `/v2/mine/blobs/uploads/?mount=${digestOf("")}&from=theirs`)).toBe(202);
    expect(await (await closed.send("GET", "/v2/_catalog")).json()).toEqual({ repositories: [] });
  });
});

describe("what breaks", () => {
  test("an upload that is cut off goes on where it was", async () => {
    const begun = await server.send("POST", "/v2/app/blobs/uploads/");
    const place = begun.headers.get("location")!;
    const { port } = new URL(server.url);
    const socket = connect(Number(port), "127.0.0.1");
    const head = `PATCH ${place} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n`;
    await new Promise<void>((resolve) => socket.write(`${head}0123456789`, () => resolve()));
    const offset = async () => (await get(place)).headers.get("range");
    while ((await offset()) === "0-0") socket.destroySoon();
    expect(await offset()).toBe("0-9");
    const rest = await server.send("PUT", `${place}?digest=${digestOf("0123456789abc")}`, {
      body: "abc",
      headers: { "content-range": "10-12" },
    });
    expect(rest.status).toBe(201);
  });
  test("a blob that the disk has damaged in size is not served, and a push mends it", async () => {
    appendFileSync(server.test.content.path(digestOf(layer)), "rot");
    const path = `/v2/app/blobs/${digestOf(layer)}`;
    expect((await get(path)).status).toBe(500);
    expect((await server.send("HEAD", path)).status).toBe(404);
    await server.pushBlob("app", layer);
    expect(await (await get(path)).text()).toBe(layer);
  });
  test("a manifest that the disk has damaged is not served, and a push mends it", async () => {
    await server.pushManifest("app", "v2", other);
    writeFileSync(server.test.content.path(digestOf(other)), other.replace("config", "gifnoc"));
    const failed = await get("/v2/app/manifests/v2");
    expect([failed.status, (await errorOf(failed)).code]).toEqual([500, "UNKNOWN"]);
    await server.pushManifest("app", "v2", other);
    expect(await (await get("/v2/app/manifests/v2")).text()).toBe(other);
  });
});
