import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
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
  const basic = (user: string, password: string) => ({
    authorization: `Basic ${btoa(`${user}:${password}`)}`,
  });
  const secret = "correct horse";
  let users: TestServer["test"]["registry"]["users"];
  beforeEach(async () => {
    ({ users } = server.test.registry);
    await users.set("ann", secret);
    users.grant({ user: "ann", repositories: "team/*", actions: ["pull", "push"] });
    users.grant({ user: "anonymous", repositories: "public/*", actions: ["pull"] });
    const { registry } = server.test;
    for (const name of ["public/x", "theirs"]) {
      const { id } = await registry.uploads.begin(name);
      await registry.uploads.commit(name, id, digestOf(""));
    }
  });
  const send = (method: string, path: string, headers: Record<string, string> = {}) =>
    server.send(method, path, { headers });
  const tokenFor = async (scope: string, headers: Record<string, string>) => {
    const response = await send("GET", `/token?service=x&scope=${scope}`, headers);
    const { token } = (await response.json()) as { token: string };
    return { authorization: `Bearer ${token}` };
  };

  test("without a password: what everybody may, and otherwise the way to a token", async () => {
    expect((await send("GET", `/v2/public/x/blobs/${digestOf("")}`)).status).toBe(200);
    const response = await send("POST", "/v2/team/app/blobs/uploads/");
    expect([response.status, (await errorOf(response)).code]).toEqual([401, "UNAUTHORIZED"]);
    const host = new URL(server.url).host;
    expect(response.headers.get("www-authenticate")).toBe(
      `Bearer realm="http://${host}/token",service="${host}",scope="repository:team/app:pull,push"`,
    );
    expect((await send("GET", "/v2/")).status).toBe(401);
    const catalog = await send("GET", "/v2/_catalog");
    expect([catalog.status, catalog.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining('scope="registry:catalog:*"') as string,
    ]);
    const nobody = await tokenFor("registry:catalog:*", {});
    expect(await (await send("GET", "/v2/_catalog", nobody)).json()).toEqual({ repositories: ["public/x"] });
  });
  test("a token gives what was asked for and is granted, for five minutes", async () => {
    const token = await tokenFor("repository:team/app:pull,push,delete", basic("ann", secret));
    expect((await send("GET", "/v2/", token)).status).toBe(200);
    expect((await send("POST", "/v2/team/app/blobs/uploads/", token)).status).toBe(202);
    expect((await send("DELETE", "/v2/team/app/manifests/v1", token)).status).toBe(403);
    const other = await send("POST", "/v2/team/other/blobs/uploads/", token);
    expect([other.status, other.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining('scope="repository:team/other:pull,push",error="insufficient_scope"') as string,
    ]);
    await server.test.clock.advance(301_000);
    expect((await send("GET", "/v2/", token)).status).toBe(401);
  });
  test("a right that is taken back is gone at once, and so is a user", async () => {
    const token = await tokenFor("repository:team/app:pull,push", basic("ann", secret));
    users.grant({ user: "ann", repositories: "team/*", actions: ["pull"] });
    expect((await send("POST", "/v2/team/app/blobs/uploads/", token)).status).toBe(403);
    users.remove("ann");
    expect((await send("GET", "/v2/", basic("ann", secret))).status).toBe(401);
    expect((await send("GET", "/v2/team/app/tags/list", token)).status).toBe(403);
  });
  test("a forged token, a wrong password and an unknown user are refused", async () => {
    const { authorization } = await tokenFor("repository:team/app:pull", basic("ann", secret));
    const [head, body] = authorization.split(".");
    const claims = JSON.parse(Buffer.from(body!, "base64url").toString()) as object;
    const more = Buffer.from(JSON.stringify({ ...claims, sub: "root" })).toString("base64url");
    for (const headers of [
      { authorization: `${head}.${more}.${authorization.split(".")[2]}` },
      { authorization: `${head}.${body}.` },
      { authorization: "Bearer x" },
      basic("ann", "incorrect horse"),
      basic("bob", secret),
      basic("", ""),
    ]) {
      expect((await send("GET", "/v2/", headers)).status).toBe(401);
    }
    expect((await send("GET", "/token", basic("ann", "wrong"))).status).toBe(401);
  });
  test("who guesses has to wait, at the token endpoint and everywhere else, until the time is over", async () => {
    for (let n = 0; n < 5; n++)
      expect((await send("GET", "/token", basic("ann", `guess ${n}`))).status).toBe(401);
    for (const [method, path] of [
      ["GET", "/token"],
      ["GET", "/v2/"],
      ["POST", "/v2/team/app/blobs/uploads/"],
      ["GET", "/metrics"],
    ] as const) {
      const held = await send(method, path, basic("ann", secret));
      expect([held.status, held.headers.get("retry-after")]).toEqual([429, "2"]);
      expect((await errorOf(held)).code).toBe("TOOMANYREQUESTS");
    }
    const form = new URLSearchParams({ grant_type: "password", username: "ann", password: secret });
    expect((await server.send("POST", "/token", { body: form })).status).toBe(429);
    await server.test.clock.advance(2000);
    expect((await send("GET", "/v2/", basic("ann", secret))).status).toBe(200);
  });
  test("POST for a token, as OAuth clients do", async () => {
    const form = {
      grant_type: "password",
      username: "ann",
      password: secret,
      scope: "repository:team/a:push",
    };
    const response = await server.send("POST", "/token", { body: new URLSearchParams(form) });
    const { access_token: token } = (await response.json()) as { access_token: string };
    const authorization = `Bearer ${token}`;
    expect((await send("POST", "/v2/team/a/blobs/uploads/", { authorization })).status).toBe(202);
    const refresh = await server.send("POST", "/token", {
      body: new URLSearchParams({ grant_type: "refresh_token" }),
    });
    expect(refresh.status).toBe(400);
  });
  test("a mount takes the right to pull from the other repository", async () => {
    const mount = (from: string) =>
      send("POST", `/v2/team/app/blobs/uploads/?mount=${digestOf("")}&from=${from}`, basic("ann", secret));
    expect((await mount("theirs")).status).toBe(201); // public/x has it too
    const elsewhere = `/v2/team/app/blobs/uploads/?mount=${digestOf(layer)}&from=app`;
    expect((await send("POST", elsewhere, basic("ann", secret))).status).toBe(202);
    users.grant({ user: "ann", repositories: "app", actions: ["pull"] });
    expect((await send("POST", elsewhere, basic("ann", secret))).status).toBe(201);
  });
  test("metrics are for users", async () => {
    expect((await send("GET", "/metrics")).status).toBe(401);
    expect((await send("GET", "/metrics", basic("ann", secret))).status).toBe(200);
  });
  test("without users everybody may do everything, on this machine and by its own names", async () => {
    await using open = await testServer();
    expect((await open.send("GET", "/v2/")).status).toBe(200);
    const foreign = await open.send("GET", "/v2/", { headers: { host: "rebound.example" } });
    expect(foreign.status).toBe(403);
    await using wide = await testServer({ loopback: false });
    expect((await wide.send("GET", "/v2/")).status).toBe(401);
    expect((await wide.send("POST", "/v2/app/blobs/uploads/")).status).toBe(401);
  });
});

test("metrics tell what there is and what was asked for", async () => {
  await get("/v2/app/manifests/v1");
  await (await get(`/v2/app/blobs/${digestOf(layer)}`)).text();
  await get("/v2/app/manifests/none");
  const text = await (await get("/metrics")).text();
  for (const line of [
    "virga_registry_repositories 1",
    "virga_registry_manifests 1",
    "virga_registry_blobs 2",
    'virga_registry_requests_total{method="GET",kind="manifest",status="200"} 1',
    'virga_registry_requests_total{method="GET",kind="manifest",status="404"} 1',
    `virga_registry_sent_bytes_total ${layer.length}`,
    `virga_registry_bytes ${config.length + layer.length + image.length}`,
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

test("what is on the disk is what was sent, however it came", async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  const whole = Buffer.concat(
    Array.from({ length: 320 }, (_, n) => Buffer.concat([bytes, Buffer.from([n % 256])])),
  );
  const stream = () =>
    new ReadableStream({
      start(controller) {
        for (let at = 0; at < whole.length; at += 50_000) controller.enqueue(whole.subarray(at, at + 50_000));
        controller.close();
      },
    });
  for (const body of [whole, stream()]) {
    const begun = await server.send("POST", "/v2/app/blobs/uploads/");
    const place = `${begun.headers.get("location")}?digest=${digestOf(whole)}`;
    expect((await server.send("PUT", place, { body })).status).toBe(201);
    const { content } = server.test;
    expect(digestOf(await Bun.file(content.path(digestOf(whole))).bytes())).toBe(digestOf(whole));
    await content.remove(digestOf(whole));
  }
});

describe("what breaks", () => {
  test("an upload that is cut off goes on where it was", async () => {
    const begun = await server.send("POST", "/v2/app/blobs/uploads/");
    const place = begun.headers.get("location")!;
    const { port } = new URL(server.url);
    const head = `PATCH ${place} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n`;
    const offset = async () => (await get(place)).headers.get("range");
    // When all comes at once, the end of the connection too, the server drops it unread: then once more.
    while ((await offset()) === "0-0") {
      const socket = connect(Number(port), "127.0.0.1");
      await new Promise<void>((resolve) => socket.write(`${head}0123456789`, () => resolve()));
      await offset();
      const closed = once(socket, "close");
      socket.destroySoon();
      await closed;
      for (let asked = 0; asked < 100 && (await offset()) === "0-0"; asked++);
    }
    const count = Number((await offset())!.split("-")[1]) + 1;
    expect(count % 10).toBe(0);
    const whole = `${"0123456789".repeat(count / 10)}abc`;
    const rest = await server.send("PUT", `${place}?digest=${digestOf(whole)}`, {
      body: "abc",
      headers: { "content-range": `${count}-${count + 2}` },
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
