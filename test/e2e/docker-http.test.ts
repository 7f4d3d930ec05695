import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { run } from "../../src/host/index.ts";
import { busyboxTar, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";

/** Docker's API as bytes on its socket: old versions, streams and the edges that the docker CLI never shows. */
const minute = 60_000;
let daemon: TestDaemon;
let image = "";
let socketPath = "";

beforeAll(async () => {
  daemon = await startDaemon();
  image = await importBusybox(daemon);
  socketPath = daemon.dockerHost.replace("unix://", "");
}, 2 * minute);

afterAll(async () => {
  await daemon.destroy();
}, minute);

const ok = (...args: string[]) => daemon.dockerOk(args);

async function ask(method: string, path: string, body?: unknown) {
  const response = await fetch(`http://docker${path}`, {
    method,
    unix: socketPath,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  const parsed: unknown = isJson && text !== "" ? JSON.parse(text.split("\n")[0]!) : text;
  return { status: response.status, headers: response.headers, body: parsed };
}

/** A container that the block removes. */
async function container(...args: string[]) {
  const id = await ok("create", ...args);
  return { id, [Symbol.asyncDispose]: async () => void (await daemon.docker(["rm", "-f", "-v", id])) };
}

describe("versions", () => {
  test("too old, too new, and what a version's clients are told", async () => {
    expect(await ask("GET", "/v1.23/version")).toMatchObject({
      status: 400,
      body: expect.stringMatching(
        /^client version 1.23 is too old. Minimum supported API version is 1.24,/,
      ) as unknown,
    });
    expect(await ask("GET", "/v1.90/version")).toMatchObject({
      status: 400,
      body: { message: "client version 1.90 is too new. Maximum supported API version is 1.51" },
    });
    const { headers } = await ask("GET", "/v1.30/containers/nope/json");
    expect(headers.get("api-version")).toBe("1.51");
    expect(headers.get("ostype")).toBe("linux");
    const imageAt = async (version: string) =>
      (await ask("GET", `/v${version}/images/${image}/json`)).body as { Config: object };
    expect(await imageAt("1.43")).toHaveProperty("VirtualSize");
    expect(await imageAt("1.44")).not.toHaveProperty("VirtualSize");
    expect(await imageAt("1.44")).toHaveProperty("ContainerConfig");
    expect(await imageAt("1.47")).not.toHaveProperty("Descriptor");
    expect((await imageAt("1.49")).Config).toHaveProperty("Hostname");
    expect((await imageAt("1.50")).Config).not.toHaveProperty("Hostname");
    const info = async (version: string) => (await ask("GET", `/v${version}/info`)).body;
    expect(await info("1.24")).toMatchObject({
      SecurityOptions: expect.arrayContaining(["seccomp"]) as unknown,
    });
    expect(await info("1.48")).toMatchObject({ RuncCommit: { Expected: expect.any(String) as unknown } });
    expect(await info("1.51")).not.toHaveProperty("RuncCommit.Expected");
  });

  test("a container of an old client: what its version did not have is not there, or an error", async () => {
    const at = (version: string, name: string, body: object) =>
      ask("POST", `/v${version}/containers/create?name=${name}`, { Image: image, ...body });
    await at("1.39", "old-ipc", {});
    expect(await ok("inspect", "--format", "{{.HostConfig.IpcMode}}", "old-ipc")).toBe("shareable");
    const two = { NetworkingConfig: { EndpointsConfig: { bridge: {}, host: {} } } };
    expect(await at("1.43", "old-two", two)).toMatchObject({
      status: 400,
      body: { message: "Container cannot be created with multiple network endpoints: bridge, host" },
    });
    const mount = {
      HostConfig: { Mounts: [{ Type: "tmpfs", Target: "/t", BindOptions: { Propagation: "private" } }] },
    };
    expect((await at("1.41", "old-mount", mount)).status).toBe(201);
    expect(await at("1.42", "new-mount", mount)).toMatchObject({
      status: 400,
      body: { message: 'BindOptions must not be specified on mount type "tmpfs"' },
    });
    const warned = await at("1.44", "mac", { MacAddress: "02:42:ac:11:00:09" });
    expect(warned.body).toMatchObject({
      Warnings: [
        "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.",
      ],
    });
    await at("1.24", "stays", { Cmd: ["true"], HostConfig: { AutoRemove: true } });
    expect(await ok("inspect", "--format", "{{.HostConfig.AutoRemove}}", "stays")).toBe("false");
    await ok("rm", "old-ipc", "old-mount", "mac", "stays");
  });

  test("waiting before 1.30: the answer comes when the wait is over", async () => {
    await using one = await container("-i", image, "sh", "-c", "read line; exit 7");
    await ok("start", one.id);
    const waiting = ask("POST", `/v1.29/containers/${one.id}/wait?condition=nonsense`);
    await daemon.docker(["attach", one.id], { stdin: "go on\n" });
    expect(await waiting).toMatchObject({ status: 200, body: { StatusCode: 7 } });
  });
});

describe("what the daemon tells of itself", () => {
  test("info and version: the machine's programs, by what they say", async () => {
    const { body } = await ask("GET", "/version");
    const { Components } = body as { Components: { Name: string; Version: string }[] };
    expect(Components.map((one) => one.Name)).toEqual(expect.arrayContaining(["Engine", "crun", "conmon"]));
    const crun = (await run(["crun", "--version"])).stdout.split("\n")[0]!.split(" ").at(-1);
    expect(Components.find((one) => one.Name === "crun")?.Version).toBe(crun);
    expect((await ask("GET", "/info")).body).toMatchObject({
      Plugins: { Log: expect.arrayContaining(["json-file", "local"]) as unknown },
      NFd: expect.any(Number) as unknown,
    });
  });

  test("disk usage: by type, in the newer form, and what a prune of the build cache takes", async () => {
    const file = `FROM ${image}\nRUN echo one >/one\nRUN echo two >/two\n`;
    await daemon.dockerOk(["build", "-q", "-t", "cached:1", "-"], { stdin: file });
    const types = await ask("GET", "/system/df?type=build-cache");
    expect(types.body).toMatchObject({ Images: null, Containers: null, Volumes: null });
    const { BuildCache } = types.body as { BuildCache: { ID: string; Shared: boolean }[] };
    expect(BuildCache.map((one) => one.Shared)).toEqual([true, true]);
    const { body } = await ask("GET", "/system/df?verbose=1");
    expect(body).not.toHaveProperty("Images");
    expect(body).toMatchObject({
      BuildCacheUsage: { TotalCount: 2, Items: [{ Type: "regular" }, { Type: "regular" }] },
      ImageUsage: { ActiveCount: 0 },
    });
    await ok("rmi", "cached:1");
    const prune = (query: string) => ask("POST", `/build/prune?${query}`);
    const filters = (value: object) => `filters=${encodeURIComponent(JSON.stringify(value))}`;
    expect((await prune(filters({ until: ["1h"] }))).body).toMatchObject({ CachesDeleted: null });
    expect((await prune(filters({ nonsense: ["x"] }))).status).toBe(400);
    expect((await prune("reserved-space=1000000")).body).toMatchObject({ CachesDeleted: null });
    const one = BuildCache[0]!.ID;
    expect((await prune(filters({ id: [one] }))).body).toMatchObject({ CachesDeleted: [one] });
    expect((await prune("all=1")).body).toMatchObject({ CachesDeleted: [BuildCache[1]!.ID] });
    expect((await ask("GET", "/system/df?type=build-cache")).body).toMatchObject({ BuildCache: [] });
  });

  test("images: manifests, platforms, attestations", async () => {
    const platform = (architecture: string) =>
      encodeURIComponent(JSON.stringify({ os: "linux", architecture }));
    const own = process.arch === "x64" ? "amd64" : process.arch;
    const other = own === "amd64" ? "arm64" : "amd64";
    for (const path of ["json", "history", "attestations", "get"]) {
      expect((await ask("GET", `/images/${image}/${path}?platform=${platform(own)}`)).status).toBe(200);
      expect(await ask("GET", `/images/${image}/${path}?platform=${platform(other)}`)).toMatchObject({
        status: 404,
        body: { message: expect.stringContaining("does not match the specified platform") as unknown },
      });
    }
    expect((await ask("GET", `/images/${image}/json?platform=nonsense`)).status).toBe(400);
    expect((await ask("DELETE", `/images/${image}?platforms=${platform(other)}`)).status).toBe(404);
    const listed = (await ask("GET", "/images/json?manifests=1")).body as { Manifests: object[] }[];
    expect(listed[0]!.Manifests).toMatchObject([
      { Kind: "image", Available: true, ImageData: { Platform: { os: "linux", architecture: own } } },
    ]);
    const create = (query: string) => ask("POST", `/containers/create?${query}`, { Image: image });
    expect((await create(`platform=linux/${other}`)).status).toBe(404);
    const made = await create(`name=fits&platform=linux/${own}`);
    expect(made).toMatchObject({ status: 201, body: { Warnings: [] } });
    await ok("rm", "fits");
  });
});

describe("importing from an address", () => {
  test("the image is what is there; what is not there is told", async () => {
    const tar = await busyboxTar();
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        new URL(request.url).pathname === "/box.tar"
          ? new Response(Bun.file(tar))
          : new Response("no", { status: 404 }),
    });
    const at = `127.0.0.1:${server.port}`;
    const id = await ok("import", `http://${at}/box.tar`, "fetched:1");
    expect(id.split("\n").at(-1)).toMatch(/^sha256:/);
    expect(await ok("run", "--rm", "fetched:1", "/bin/busybox", "echo", "works")).toBe("works");
    expect(await ask("POST", `/images/create?fromSrc=${at}/nothing`)).toMatchObject({
      status: 404,
      body: { message: `failed to GET http://${at}/nothing with status 404` },
    });
    const told = await daemon.docker(["import", `http://${at}/nothing`]);
    expect(told.exitCode).toBe(1);
    expect(told.stderr).toContain(`failed to GET http://${at}/nothing with status 404`);
    await ok("rmi", "fetched:1");
    rmSync(tar);
  });
});

describe("names", () => {
  test("a prefix of two ids is refused in Docker's words, a unique one is enough", async () => {
    const made: string[] = [];
    const byFirst = new Map<string, string>();
    let pair: readonly [string, string] | undefined;
    while (pair === undefined) {
      const id = await ok("create", image);
      made.push(id);
      const other = byFirst.get(id[0]!);
      if (other !== undefined) pair = [other, id];
      byFirst.set(id[0]!, id);
    }
    expect(await ask("GET", `/containers/${pair[0][0]!}/json`)).toMatchObject({
      status: 400,
      body: {
        message: expect.stringContaining(
          `multiple IDs found with provided prefix: ${pair[0][0]!}`,
        ) as unknown,
      },
    });
    expect(await ask("GET", `/containers/${pair[0].slice(0, 12)}/json`)).toMatchObject({
      body: { Id: pair[0] },
    });
    await ok("rm", ...made);
  });

  test("signals by name and number, and what is none", async () => {
    await using one = await container(
      "--name", "signals", image, "sh", "-c", "trap 'echo usr1' USR1; echo ready; while :; do sleep 0.05; done",
    ); // prettier-ignore
    await ok("start", one.id);
    for (const signal of ["USR1", "SIGUSR1", "sigusr1", "10"]) {
      expect((await ask("POST", `/containers/signals/kill?signal=${signal}`)).status).toBe(204);
    }
    for (const signal of ["NOPE", "99", "-1"]) {
      expect(await ask("POST", `/containers/signals/kill?signal=${signal}`)).toMatchObject({
        status: 400,
        body: {
          message: expect.stringContaining(
            `cannot kill container: signals: invalid signal: ${signal}`,
          ) as unknown,
        },
      });
    }
    expect((await ask("POST", "/containers/signals/kill")).status).toBe(204);
    expect(await ask("POST", "/containers/signals/kill")).toMatchObject({
      status: 409,
      body: {
        message: expect.stringMatching(
          /^cannot kill container: signals: container [0-9a-f]{64} is not running/,
        ) as unknown,
      },
    });
  });

  test("waits: not-running, next-exit, removed; a container that is gone", async () => {
    await using one = await container(image, "sh", "-c", "exit 3");
    const wait = (condition: string) => ask("POST", `/containers/${one.id}/wait?condition=${condition}`);
    expect((await wait("not-running")).body).toEqual({ StatusCode: 0 });
    const [next, removed] = [wait("next-exit"), wait("removed")];
    await ok("start", one.id);
    expect((await next).body).toEqual({ StatusCode: 3 });
    expect((await wait("not-running")).body).toEqual({ StatusCode: 3 });
    await ok("rm", one.id);
    expect((await removed).body).toEqual({ StatusCode: 3 });
  });
});

/** A connection after its upgrade: the head of the answer, and what the daemon sent after it until it ended. */
interface Upgraded {
  readonly socket: Socket;
  readonly head: string;
  readonly all: Promise<Buffer>;
}

async function upgraded(
  method: string,
  path: string,
  options: { readonly body?: object; readonly take?: (data: Buffer) => void } = {},
): Promise<Upgraded> {
  const socket = connect(socketPath);
  const json = options.body === undefined ? "" : JSON.stringify(options.body);
  const type = `Content-Type: application/json\r\nContent-Length: ${json.length}\r\n`;
  socket.write(
    `${method} ${path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n${json === "" ? "" : type}\r\n${json}`,
  );
  const head = Promise.withResolvers<string>();
  const all = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  const take = options.take ?? ((data: Buffer) => void chunks.push(data));
  let early: Buffer | undefined = Buffer.alloc(0);
  socket.on("data", (data: Buffer) => {
    if (early === undefined) return take(data);
    early = Buffer.concat([early, data]);
    const end = early.indexOf("\r\n\r\n");
    if (end < 0) return;
    head.resolve(early.subarray(0, end + 4).toString());
    take(early.subarray(end + 4));
    early = undefined;
  });
  socket.on("error", head.reject);
  socket.on("end", () => all.resolve(Buffer.concat(chunks)));
  return { socket, head: await head.promise, all: all.promise };
}

/** Docker's frames as texts by stream. */
function frames(bytes: Buffer): [number, string][] {
  const list: [number, string][] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4);
    list.push([bytes[at]!, bytes.subarray(at + 8, at + 8 + length).toString()]);
    at += 8 + length;
  }
  return list;
}

describe("streams", () => {
  test("attach: the upgrade's head by version, logs=1 and stream=0", async () => {
    await using one = await container("--name", "said", image, "sh", "-c", "echo out; echo err >&2");
    await ok("start", "-a", one.id);
    const query = "logs=1&stream=0&stdout=1&stderr=1";
    const { all, head } = await upgraded("POST", `/containers/said/attach?${query}`);
    expect(head).toMatch(/^HTTP\/1.1 101 UPGRADED\r\n/);
    expect(head).toContain("Content-Type: application/vnd.docker.multiplexed-stream\r\n");
    expect(head).toContain("Upgrade: tcp\r\n");
    expect(head).toContain("Api-Version: 1.51\r\n");
    expect(frames(await all).toSorted(([a], [b]) => a - b)).toEqual([
      [1, "out\n"],
      [2, "err\n"],
    ]);
    const old = await upgraded("POST", `/v1.41/containers/said/attach?${query}`);
    expect(old.head).toContain("Content-Type: application/vnd.docker.raw-stream\r\n");
    old.socket.destroy();
    const refused = await upgraded("POST", "/containers/said/attach?stream=1&detachKeys=ctrl-nonsense");
    expect(refused.head).toMatch(/^HTTP\/1.1 400 /);
    expect((await refused.all).toString()).toContain("Invalid detach keys (ctrl-nonsense) provided");
  });

  test("logs: nanoseconds, since, until, tail and details, in order", async () => {
    await using one = await container(
      "--name",
      "log",
      image,
      "sh",
      "-c",
      "for i in 1 2 3 4 5; do echo $i; sleep 0.02; done",
    );
    await ok("start", "-a", one.id);
    const text = async (query: string) => {
      const response = await fetch(`http://docker/containers/log/logs?stdout=1&${query}`, {
        unix: socketPath,
      });
      return frames(Buffer.from(await response.arrayBuffer())).map(([, line]) => line.trimEnd());
    };
    const stamped = await text("timestamps=1");
    const times = stamped.map((line) => line.split(" ")[0]!);
    for (const time of times) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    expect(times.toSorted()).toEqual(times);
    const seconds = (time: string) => `${Math.floor(Date.parse(time) / 1000)}.${time.slice(20, 29)}`;
    expect(await text(`since=${seconds(times[2]!)}`)).toEqual(["3", "4", "5"]);
    expect(await text(`until=${seconds(times[2]!)}`)).toEqual(["1", "2", "3"]);
    expect(await text(`since=${seconds(times[1]!)}&until=${seconds(times[3]!)}`)).toEqual(["2", "3", "4"]);
    expect(await text("tail=2")).toEqual(["4", "5"]);
    expect(await text("tail=0")).toEqual([]);
    expect(await text("tail=nonsense")).toHaveLength(5);
    // As dockerd: the last lines are taken first, and the times are looked at then.
    expect(await text(`tail=1&until=${seconds(times[2]!)}`)).toEqual([]);
    expect(await text(`tail=3&until=${seconds(times[2]!)}`)).toEqual(["3"]);
    expect((await text("details=1&timestamps=1"))[0]).toBe(`${times[0]!}  1`);
  });

  test("the client ends its half, and still gets the answer", async () => {
    await using one = await container("-i", "--name", "half", image, "sh", "-c", "cat; echo over");
    const { socket, all } = await upgraded("POST", "/containers/half/attach?stream=1&stdin=1&stdout=1");
    await ok("start", one.id);
    socket.end("some\n");
    expect(
      frames(await all)
        .map(([, line]) => line)
        .join(""),
    ).toBe("some\nover\n");
  });

  test(
    "half a gigabyte, framed, with a reader that is slow at first; the daemon's memory stays",
    async () => {
      const bytes = 512 * 1024 * 1024;
      const command = `head -c ${bytes} /dev/zero`;
      await using one = await container("--name", "much", "--log-driver", "none", image, "sh", "-c", command);
      let [payload, left, header] = [0, 0, Buffer.alloc(0)];
      const take = (data: Buffer) => {
        let at = 0;
        while (at < data.length) {
          if (left > 0) {
            const here = Math.min(left, data.length - at);
            [left, at, payload] = [left - here, at + here, payload + here];
            continue;
          }
          const need = Math.min(8 - header.length, data.length - at);
          header = Buffer.concat([header, data.subarray(at, at + need)]);
          at += need;
          if (header.length === 8) [left, header] = [header.readUInt32BE(4), Buffer.alloc(0)];
        }
      };
      const path = "/containers/much/attach?stream=1&stdout=1&stderr=1";
      const { socket, all } = await upgraded("POST", path, { take });
      socket.pause();
      await ok("start", one.id);
      const memory = async () => {
        const status = await Bun.file(`/proc/${daemon.pid}/status`).text();
        return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
      };
      const before = await memory();
      await Bun.sleep(1000);
      expect((await memory()) - before).toBeLessThan(150);
      expect(await ok("inspect", "--format", "{{.State.Status}}", one.id)).toBe("running");
      socket.resume();
      await all;
      expect([payload, left]).toEqual([bytes, 0]);
    },
    2 * minute,
  );

  test("the first size of a terminal, of a container and of an exec; resizing what does not run", async () => {
    const made = await ask("POST", "/containers/create?name=sized", {
      Image: image, Cmd: ["sh", "-c", "stty size; sleep 1000"], Tty: true, HostConfig: { ConsoleSize: [33, 77] },
    }); // prettier-ignore
    expect(made.status).toBe(201);
    expect(await ask("POST", "/containers/sized/resize?h=10&w=10")).toMatchObject({ status: 409 });
    await ok("start", "sized");
    const exec = await ask("POST", "/containers/sized/exec", {
      Cmd: ["stty", "size"], Tty: true, AttachStdout: true, ConsoleSize: [22, 66],
    }); // prettier-ignore
    const { Id } = exec.body as { Id: string };
    const { all } = await upgraded("POST", `/exec/${Id}/start`, { body: { Tty: true } });
    expect((await all).toString()).toBe("22 66\r\n");
    expect((await ok("logs", "sized")).trim()).toBe("33 77");
    await ok("rm", "-f", "sized");
  });
});

describe("attaching through a websocket", () => {
  /** What came, until the daemon closes; `type` of the messages. */
  async function listen(path: string, send?: string) {
    const socket = new WebSocket(`ws+unix://${socketPath}:${path}`);
    socket.binaryType = "arraybuffer";
    const got: string[] = [];
    const types = new Set<string>();
    const closed = Promise.withResolvers<void>();
    socket.addEventListener("message", (event: MessageEvent<string | ArrayBuffer>) => {
      types.add(typeof event.data === "string" ? "text" : "binary");
      got.push(typeof event.data === "string" ? event.data : Buffer.from(event.data).toString());
    });
    socket.addEventListener("close", () => closed.resolve());
    socket.addEventListener("error", () => closed.reject(new Error("the websocket was refused")));
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => {
        if (send !== undefined) socket.send(send);
        resolve();
      });
      closed.promise.catch(reject);
    });
    return { got, types, closed: closed.promise };
  }

  test("input and output without frames, and only the streams that were asked for", async () => {
    await using one = await container(
      "-i", "--name", "webs", image, "sh", "-c", "read line; echo got $line; echo err >&2",
    ); // prettier-ignore
    const errors = await listen("/containers/webs/attach/ws?stream=1&stderr=1");
    const old = await listen("/v1.27/containers/webs/attach/ws?stream=1");
    const query = "stream=1&stdin=1&stdout=1&stderr=1";
    // What it sends before the start is read by the process: it writes only when all are there.
    const all = await listen(`/containers/webs/attach/ws?${query}`, "hello\n");
    await ok("start", one.id);
    await Promise.all([all.closed, errors.closed, old.closed]);
    expect(all.got.join("")).toBe("got hello\nerr\n");
    expect(errors.got.join("")).toBe("err\n");
    expect(old.got.join("")).toBe("got hello\nerr\n");
    expect([...all.types, ...old.types]).toEqual(["binary", "text"]);
  });

  test("a container that is not there, and a request that is no websocket's", async () => {
    expect(await listen("/containers/nope/attach/ws?stream=1").catch((error: Error) => error.message)).toBe(
      "the websocket was refused",
    );
    expect(await ask("GET", "/containers/nope/attach/ws")).toMatchObject({ status: 404 });
    await using one = await container(image);
    expect(await ask("GET", `/containers/${one.id}/attach/ws`)).toMatchObject({ status: 400 });
  });
});

describe("the whole of a stream through the docker CLI", () => {
  test(
    "a gigabyte of zeros piped in, and its digest back",
    async () => {
      const mib = 1024;
      const hash = createHash("md5");
      const block = Buffer.alloc(1024 * 1024);
      for (let n = 0; n < mib; n++) hash.update(block);
      const child = Bun.spawn(
        ["sh", "-c", `head -c ${mib}M /dev/zero | docker run --rm -i --log-driver none ${image} md5sum`],
        { env: { ...process.env, DOCKER_HOST: daemon.dockerHost }, stdout: "pipe" },
      );
      expect((await child.stdout.text()).split(" ")[0]).toBe(hash.digest("hex"));
    },
    3 * minute,
  );
});
