import { describe, expect, test } from "bun:test";
import { fail } from "../../base/index.ts";
import { testApi } from "./testing.ts";

const create = { Image: "busybox", Cmd: ["sleep", "1"] };

describe("versions", () => {
  test("negotiation, with Docker's words", async () => {
    await using api = await testApi();
    expect((await api.ask("GET", "/v1.24/_ping")).status).toBe(200);
    expect((await api.ask("GET", "/_ping")).body).toBe("OK");
    expect(await api.ask("GET", "/v1.99/info")).toEqual({
      status: 400,
      body: { message: "client version 1.99 is too new. Maximum supported API version is 1.51" },
    });
    // A client that old does not know errors in JSON.
    expect(await api.ask("GET", "/v1.23/info")).toEqual({
      status: 400,
      body: "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version\n",
    });
  });

  test("ping tells who answers, by HEAD too", async () => {
    await using api = await testApi();
    const { headers, status } = await api.app.request("/_ping", { method: "HEAD" });
    expect(status).toBe(200);
    const shown = ["api-version", "ostype", "docker-experimental", "builder-version"].map((one) =>
      headers.get(one),
    );
    expect(shown).toEqual(["1.51", "linux", "false", "2"]);
    const builderFor = async (agent: string) =>
      (await api.app.request("/_ping", { headers: { "user-agent": agent } })).headers.get("builder-version");
    expect(await builderFor("Docker-Client/20.10.24 (linux)")).toBe("1");
    expect(await builderFor("Docker-Client/28.5.2 (linux)")).toBe("2");
  });

  test("HEAD is for two pages, OPTIONS for all", async () => {
    await using api = await testApi();
    const status = async (method: string, path: string) => (await api.app.request(path, { method })).status;
    expect(await status("HEAD", "/containers/json")).toBe(404);
    expect(await status("HEAD", "/v1.40/containers/x/archive?path=/")).toBe(404);
    expect(await status("OPTIONS", "/v1.40/containers/x/archive")).toBe(200);
    expect(await status("OPTIONS", "/nonsense")).toBe(200);
    expect(await status("PATCH", "/info")).toBe(404);
  });

  test("an unknown page", async () => {
    await using api = await testApi();
    expect(await api.ask("GET", "/nonsense")).toEqual({ status: 404, body: { message: "page not found" } });
  });
});

describe("containers", () => {
  test("a body is read before what it is for is looked up; an empty one makes no container", async () => {
    await using api = await testApi();
    for (const path of ["/containers/none/exec", "/exec/none/start", "/containers/none/update"]) {
      expect(await api.ask("POST", path, "{invalid")).toMatchObject({
        status: 400,
        body: { message: "invalid JSON: invalid character 'i' looking for beginning of object key string" },
      });
    }
    expect(await api.ask("POST", "/containers/create", { HostConfig: {} })).toMatchObject({
      status: 400,
      body: { message: "config cannot be empty in order to create a container" },
    });
  });

  test("a container that is linked to is told and found by what others call it", async () => {
    await using api = await testApi();
    const db = (await api.ask("POST", "/containers/create?name=db", create)).body as { Id: string };
    const linked = { ...create, HostConfig: { Links: ["db:store"] } };
    expect((await api.ask("POST", "/containers/create?name=web", linked)).status).toBe(201);
    expect(
      (await api.ask("GET", "/containers/json?all=1&filters=%7B%22name%22%3A%5B%22db%22%5D%7D")).body,
    ).toMatchObject([{ Names: ["/db", "/web/store"] }]);
    expect(await api.ask("GET", "/containers/web/store/json")).toMatchObject({
      status: 200,
      body: { Id: db.Id },
    });
    expect((await api.ask("GET", "/containers/web/other/json")).status).toBe(404);
  });

  test("variables without a name are refused, working directories made plain, files looked for", async () => {
    await using api = await testApi();
    for (const variable of ["", "=", "=foo"]) {
      const { status, body } = await api.ask("POST", "/containers/create", { ...create, Env: [variable] });
      expect({ status, body }).toEqual({
        status: 400,
        body: { message: expect.stringContaining(`invalid environment variable: ${variable} (`) },
      });
    }
    const made = await api.ask("POST", "/containers/create?name=there", {
      ...create,
      WorkingDir: "/tmp//a/../",
    });
    expect(made.status).toBe(201);
    expect((await api.ask("GET", "/containers/there/json")).body).toMatchObject({
      Config: { WorkingDir: "/tmp" },
    });
  });

  test("an anonymous volume of Mounts is told there", async () => {
    await using api = await testApi();
    const mount = { Type: "volume", Target: "/data/", VolumeOptions: { NoCopy: true } };
    const body = { ...create, Volumes: { "/other": {} }, HostConfig: { Mounts: [mount] } };
    await api.ask("POST", "/containers/create?name=one", body);
    const { Mounts, HostConfig, Config } = (await api.ask("GET", "/containers/one/json")).body as {
      readonly Mounts: readonly { readonly Destination: string; readonly Mode: string }[];
      readonly HostConfig: { readonly Mounts: unknown };
      readonly Config: { readonly Volumes: unknown };
    };
    expect(HostConfig.Mounts).toEqual([{ ...mount, Target: "/data" }]);
    expect(Config.Volumes).toEqual({ "/other": {} });
    expect(Object.fromEntries(Mounts.map((one) => [one.Destination, one.Mode]))).toEqual({
      "/data": "z",
      "/other": "",
    });
  });

  test("an update without a limit of processes is told as 0", async () => {
    await using api = await testApi();
    await api.ask("POST", "/containers/create?name=one", { ...create, HostConfig: { PidsLimit: 5 } });
    expect((await api.ask("POST", "/containers/one/update", { PidsLimit: -2 })).status).toBe(200);
    expect((await api.ask("GET", "/containers/one/json")).body).toMatchObject({
      HostConfig: { PidsLimit: 0 },
    });
  });

  test("a terminal's size is checked first, and only what runs has one", async () => {
    await using api = await testApi();
    const { Id } = (await api.ask("POST", "/containers/create", create)).body as { Id: string };
    const resize = async (id: string, query: string) =>
      await api.ask("POST", `/containers/${id}/resize?${query}`);
    const wrong = { "": "invalid syntax", x: "invalid syntax", "%2B1": "invalid syntax" };
    for (const [side, why] of Object.entries({
      ...wrong,
      "-1": "value out of range",
      "4294967296": "value out of range",
    })) {
      const text = decodeURIComponent(side);
      expect(await resize("none", `w=1&h=${side}`)).toEqual({
        status: 400,
        body: { message: `invalid resize height "${text}": ${why}` },
      });
    }
    expect((await resize(Id, "h=1")).body).toEqual({ message: 'invalid resize width "": invalid syntax' });
    expect(await resize(Id, "h=1&w=1")).toMatchObject({ status: 409 });
    await api.ask("POST", `/containers/${Id}/start`);
    expect(await resize(Id, "h=1&w=1")).toMatchObject({ status: 200 });
    const exec = (await api.ask("POST", `/containers/${Id}/exec`, { Cmd: ["top"] })).body as { Id: string };
    expect((await api.ask("POST", `/exec/${exec.Id}/resize?h=-1&w=1`)).status).toBe(400);
    const stranger = { Cmd: ["top"], User: "stranger" };
    expect(await api.ask("POST", `/containers/${Id}/exec`, stranger)).toMatchObject({
      status: 400,
      body: {
        message: expect.stringContaining("unable to find user stranger: no matching entries in passwd file"),
      },
    });
    await api.ask("POST", `/containers/${Id}/kill`);
    expect(await api.ask("POST", `/exec/${exec.Id}/resize?h=1&w=1`)).toEqual({
      status: 409,
      body: { message: expect.stringContaining(`Container ${Id} is not running`) },
    });
  });

  test("create, inspect, list, start, stop, remove", async () => {
    await using api = await testApi();
    const created = await api.ask("POST", "/containers/create?name=web", create);
    expect(created.status).toBe(201);
    const { Id } = created.body as { Id: string };
    expect(await api.ask("GET", `/containers/${Id.slice(0, 12)}/json`)).toMatchObject({
      status: 200,
      body: {
        Id,
        Name: "/web",
        Path: "sleep",
        Args: ["1"],
        State: { Status: "created", Running: false, StartedAt: "0001-01-01T00:00:00Z" },
        Config: { Image: "busybox", Cmd: ["sleep", "1"], Env: ["PATH=/bin"] },
        HostConfig: { NetworkMode: "bridge", RestartPolicy: { Name: "no" } },
        GraphDriver: { Name: "overlay2", Data: { LowerDir: `/layers/sha256:${"2".repeat(64)}` } },
        NetworkSettings: { Networks: { bridge: { IPAddress: "" } } },
      },
    });
    expect((await api.ask("POST", "/containers/web/start")).status).toBe(204);
    expect((await api.ask("POST", "/containers/web/start")).status).toBe(304);
    expect(await api.ask("GET", "/containers/json")).toMatchObject({
      body: [{ Id, Names: ["/web"], State: "running", Status: "Up Less than a second", Command: "sleep 1" }],
    });
    expect((await api.ask("DELETE", "/containers/web")).status).toBe(409);
    expect((await api.ask("POST", "/containers/web/stop?t=1")).status).toBe(204);
    expect((await api.ask("DELETE", "/containers/web")).status).toBe(204);
    expect(await api.ask("GET", "/containers/web/json")).toEqual({
      status: 404,
      body: { message: expect.stringContaining("No such container: web") as unknown },
    });
  });

  test("a command that cannot be run has the words that docker turns into 127", async () => {
    await using api = await testApi();
    await api.ask("POST", "/containers/create?name=web", create);
    api.parts.runtime.failures.set(
      "create",
      fail("invalid", "task.command-not-found", 'exec: "x": not found'),
    );
    expect(await api.ask("POST", "/containers/web/start")).toMatchObject({
      status: 400,
      body: {
        message: expect.stringMatching(/exec: "x".*executable file not found in \$PATH: unknown/) as unknown,
      },
    });
  });

  test("filters", async () => {
    await using api = await testApi();
    await api.ask("POST", "/containers/create?name=one", { ...create, Labels: { a: "1", b: "2" } });
    await api.ask("POST", "/containers/create?name=two", { ...create, ExposedPorts: { "80/tcp": {} } });
    await api.ask("POST", "/containers/two/start");
    const names = async (filters: object, query = "all=1") => {
      const path = `/containers/json?${query}&filters=${encodeURIComponent(JSON.stringify(filters))}`;
      const { status, body } = await api.ask("GET", path);
      return status === 200 ? (body as { Names: string[] }[]).flatMap((one) => one.Names).toSorted() : body;
    };
    expect(await names({})).toEqual(["/one", "/two"]);
    expect(await names({}, "all=0")).toEqual(["/two"]);
    expect(await names({ label: ["a=1", "b"] })).toEqual(["/one"]);
    expect(await names({ label: { "a=2": true } })).toEqual([]);
    expect(await names({ name: ["^tw"] })).toEqual(["/two"]);
    expect(await names({ status: ["created"] }, "")).toEqual(["/one"]);
    expect(await names({ expose: ["80"] })).toEqual(["/two"]);
    expect(await names({ expose: ["81-90/tcp"] })).toEqual([]);
    expect(await names({ ancestor: ["busybox"], health: ["none"] })).toEqual(["/one", "/two"]);
    expect(await names({ network: ["bridge"] })).toEqual(["/one", "/two"]);
    expect(await names({ nonsense: ["x"] })).toEqual({ message: "invalid filter 'nonsense'" });
    expect(await names({ status: ["x"] })).toMatchObject({
      message: expect.stringContaining("status=x") as unknown,
    });
  });

  test("wait answers at once and ends with the exit code", async () => {
    await using api = await testApi();
    const { body } = await api.ask("POST", "/containers/create?name=web", create);
    const response = await api.app.request("/containers/web/wait?condition=next-exit", { method: "POST" });
    expect(response.status).toBe(200);
    await api.ask("POST", "/containers/web/start");
    api.parts.runtime.exit((body as { Id: string }).Id, 42);
    expect(await response.json()).toEqual({ StatusCode: 42 });
    expect((await api.ask("POST", "/containers/web/wait?condition=x")).status).toBe(400);
  });
});

test("a parameter that is not supported may say that it is not wanted, in docker-py's way, too", async () => {
  await using api = await testApi();
  for (const value of ["", "0", "False", "none"]) {
    expect(await api.ask("POST", `/containers/none/start?checkpoint=${value}`)).toMatchObject({
      status: 404,
    });
  }
  expect(await api.ask("POST", "/containers/none/start?checkpoint=True")).toMatchObject({ status: 501 });
});

describe("request bodies", () => {
  test("what is no JSON, or the wrong type, is told by name", async () => {
    await using api = await testApi();
    const post = (body: unknown) => api.ask("POST", "/containers/create", body);
    expect(await post("{")).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(/^invalid JSON/) as unknown },
    });
    expect(await post("")).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining("EOF") as unknown },
    });
    expect(await post({ Image: 7 })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining("Image") as unknown },
    });
    expect(await post({ Image: "nope" })).toMatchObject({ status: 404 });
  });

  test("another content type is refused", async () => {
    await using api = await testApi();
    const response = await api.app.request("/containers/create", {
      method: "POST",
      body: "{}",
      headers: { "Content-Type": "text/plain" },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      message: "unsupported Content-Type header (text/plain): must be 'application/json'",
    });
  });
});

describe("what Virga has not", () => {
  test.each([
    ["GET", "/swarm", 503],
    ["GET", "/swarm/unlockkey", 503],
    ["POST", "/swarm/unlock", 409],
    ["POST", "/swarm/leave", 503],
    ["PUT", "/volumes/x", 503],
    ["GET", "/swarm/nonsense", 404],
    ["POST", "/build/prune?min-free-space=1", 501],
    ["GET", "/services/x", 503],
    ["POST", "/secrets/create", 503],
    ["POST", "/swarm/init", 501],
    ["POST", "/build?version=2", 501],
    ["POST", "/build?remote=http://x/", 501],
    ["POST", "/build?squash=1", 501],
    ["POST", "/images/create?fromSrc=ftp://x/", 400],
    ["GET", "/containers/x/attach/ws", 404],
    ["POST", "/session", 400],
    ["GET", "/plugins/x/y/json", 404],
  ])("%s %s is %d with a message", async (method, path, status) => {
    await using api = await testApi();
    const answer = await api.ask(method, path);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ message: expect.any(String) as unknown });
  });

  test("an overlay network is the swarm's", async () => {
    await using api = await testApi();
    expect(await api.ask("POST", "/networks/create", { Name: "far", Driver: "overlay" })).toMatchObject({
      status: 503,
      body: { message: expect.stringMatching(/^This node is not a swarm manager/) as unknown },
    });
  });

  test("there are no plugins", async () => {
    await using api = await testApi();
    expect(await api.ask("GET", "/plugins")).toEqual({ status: 200, body: [] });
  });
});
