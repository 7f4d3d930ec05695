import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run, type RunOptions } from "../../src/host/index.ts";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { freePort, startDockerd, startDockerRegistry, type Peer } from "../support/registries.ts";

/** Clients that others wrote push to the registry and pull from it. */
const port = freePort();
const registry = `localhost:${port}`;
const insecure = "--tls-verify=false";
let daemon: TestDaemon;
let upstream: Peer;
const mirrorPort = freePort();
let work: string;
let archive: string;

beforeAll(async () => {
  upstream = await startDockerRegistry();
  const cache = ["--registry-cache", `${upstream.address}=127.0.0.1:${mirrorPort}`];
  daemon = await startDaemon({ arguments: ["--registry", `127.0.0.1:${port}`, ...cache] });
  work = mkdtempSync("/tmp/virga-registry-test-");
  archive = join(work, "box.tar");
  await daemon.dockerOk(["save", "-o", archive, await importBusybox(daemon)]);
}, 60_000);
afterAll(async () => {
  await daemon.destroy();
  await upstream[Symbol.asyncDispose]();
  rmSync(work, { recursive: true, force: true });
});

async function ok(command: readonly string[], options?: RunOptions): Promise<string> {
  const { exitCode, stdout, stderr } = await run(command, options);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: exit code ${exitCode}\n${stdout}${stderr}`);
  return stdout.trim();
}
const send = (method: string, path: string, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${port}${path}`, { method, ...init });
const digestAt = async (host: string, name: string) =>
  await ok(["skopeo", "inspect", insecure, "--format", "{{.Digest}}", `docker://${host}/${name}`]);
const copy = (from: string, to: string, ...more: string[]) =>
  ok(["skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", ...more, from, to]);
const sha256 = (bytes: string | Uint8Array) =>
  `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;

describe("clients", () => {
  test("skopeo: pushes, pulls, lists and deletes, in both formats", async () => {
    for (const format of ["oci", "v2s2"]) {
      await copy(
        `docker-archive:${archive}`,
        `docker://${registry}/skopeo/app:${format}`,
        "--format",
        format,
      );
      const layout = join(work, `layout-${format}`);
      await copy(`docker://${registry}/skopeo/app:${format}`, `dir:${layout}`);
      const manifest = await Bun.file(join(layout, "manifest.json")).bytes();
      expect(await digestAt(registry, `skopeo/app:${format}`)).toBe(sha256(manifest));
    }
    const tags = JSON.parse(
      await ok(["skopeo", "list-tags", insecure, `docker://${registry}/skopeo/app`]),
    ) as object;
    expect(tags).toMatchObject({ Tags: ["oci", "v2s2"] });
    await ok(["skopeo", "delete", insecure, `docker://${registry}/skopeo/app:oci`]);
    expect((await send("GET", "/v2/skopeo/app/manifests/oci")).status).toBe(404);
  }, 60_000);

  test("docker-registry: an image goes there and back with its digest", async () => {
    await using peer: Peer = await startDockerRegistry();
    await copy(`docker-archive:${archive}`, `docker://${registry}/there/app:1`, "--format", "v2s2");
    await copy(`docker://${registry}/there/app:1`, `docker://${peer.address}/app:1`);
    await copy(`docker://${peer.address}/app:1`, `docker://${registry}/back/app:1`);
    const digests = await Promise.all([
      digestAt(registry, "there/app:1"),
      digestAt(peer.address, "app:1"),
      digestAt(registry, "back/app:1"),
    ]);
    expect(new Set(digests).size).toBe(1);
  }, 60_000);

  test("podman: pulls what skopeo pushed and pushes it elsewhere with its digest", async () => {
    await copy(`docker-archive:${archive}`, `docker://${registry}/podman/in:1`, "--format", "v2s2");
    const folders = [
      "--root",
      `${work}/podman`,
      "--runroot",
      `${work}/podman-run`,
      "--storage-driver",
      "vfs",
    ];
    const podman = (...args: string[]) => ok(["podman", ...folders, ...args]);
    await podman("pull", "-q", insecure, `${registry}/podman/in:1`);
    const file = join(work, "podman-digest");
    await podman(
      "push",
      "-q",
      insecure,
      "--digestfile",
      file,
      `${registry}/podman/in:1`,
      `${registry}/podman/out:1`,
    );
    expect(await Bun.file(file).text()).toBe(await digestAt(registry, "podman/out:1"));
    const configOf = async (name: string) => {
      const response = await send("GET", `/v2/${name}/manifests/1`);
      return ((await response.json()) as { config: { digest: string } }).config.digest;
    };
    expect(await configOf("podman/out")).toBe(await configOf("podman/in"));
  }, 60_000);

  test("buildah: an image that it made", async () => {
    const folders = [
      "--root",
      `${work}/buildah`,
      "--runroot",
      `${work}/buildah-run`,
      "--storage-driver",
      "vfs",
    ];
    const buildah = (...args: string[]) => ok(["buildah", ...folders, ...args]);
    const container = await buildah("from", "scratch");
    await buildah("config", "--label", "made=here", container);
    await buildah("commit", "-q", container, "mine");
    const file = join(work, "buildah-digest");
    await buildah(
      "push",
      "-q",
      insecure,
      "--digestfile",
      file,
      "mine",
      `docker://${registry}/buildah/mine:1`,
    );
    expect(await Bun.file(file).text()).toBe(await digestAt(registry, "buildah/mine:1"));
    await buildah("pull", "-q", insecure, `${registry}/buildah/mine:1`);
  }, 60_000);

  test("umoci: an image that it changed goes there and back with its digest, to the engine too", async () => {
    const layout = join(work, "umoci");
    await copy(`docker-archive:${archive}`, `oci:${layout}:base`);
    await ok([
      "umoci",
      "config",
      "--image",
      `${layout}:base`,
      "--tag",
      "mine",
      "--config.label",
      "made=here",
    ]);
    const name = `${registry}/umoci/mine:1`;
    await copy(`oci:${layout}:mine`, `docker://${name}`, "--preserve-digests");
    await copy(`docker://${name}`, `oci:${layout}:back`, "--preserve-digests");
    const digest = await digestAt(registry, "umoci/mine:1");
    const { manifests } = (await Bun.file(join(layout, "index.json")).json()) as {
      manifests: { digest: string; annotations: Record<string, string> }[];
    };
    for (const tag of ["mine", "back"]) {
      const found = manifests.find((one) => one.annotations["org.opencontainers.image.ref.name"] === tag);
      expect([tag, found?.digest]).toEqual([tag, digest]);
    }
    await ok(["umoci", "unpack", "--image", `${layout}:back`, join(work, "umoci-bundle")]);
    expect(await daemon.dockerOk(["pull", name])).toContain(`Digest: ${digest}`);
    await daemon.dockerOk(["tag", name, `${registry}/umoci/again:1`]);
    expect(await daemon.dockerOk(["push", `${registry}/umoci/again:1`])).toContain(`digest: ${digest}`);
  }, 60_000);

  test("a cache of docker-registry: by its prefix and at the mirror's address, also when the registry is away", async () => {
    const { address } = upstream;
    await copy(`docker-archive:${archive}`, `docker://${address}/team/app:1`, "--format", "v2s2");
    const digest = await digestAt(address, "team/app:1");
    const cached = `${registry}/cache/${address.replace(":", "-")}/team/app:1`;
    await copy(`docker://${cached}`, `dir:${work}/cached`);
    expect(sha256(await Bun.file(`${work}/cached/manifest.json`).bytes())).toBe(digest);
    await upstream[Symbol.asyncDispose]();
    await copy(`docker://localhost:${mirrorPort}/team/app:1`, `dir:${work}/mirrored`);
    expect(sha256(await Bun.file(`${work}/mirrored/manifest.json`).bytes())).toBe(digest);
    await daemon.dockerOk(["pull", "-q", cached]);
    const info = await daemon.virga(["registry", "info"]);
    expect(info.stdout).toContain(`cache/${address.replace(":", "-")}/* (1)`);
  }, 60_000);

  test("dockerd: docker push and docker pull, with the digest that it says", async () => {
    await using peer = await startDockerd();
    const docker = (...args: string[]) => ok(["docker", "-H", peer.address, ...args]);
    await docker("load", "-q", "-i", archive);
    await docker("tag", "box:1", `${registry}/dockerd/app:1`);
    const pushed = await docker("push", `${registry}/dockerd/app:1`);
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)![1]!;
    expect(await digestAt(registry, "dockerd/app:1")).toBe(digest);
    const again = await docker("push", `${registry}/dockerd/app:1`);
    expect(again).toContain("Layer already exists");
    await docker("tag", "box:1", `${registry}/dockerd/other:1`);
    expect(await docker("push", `${registry}/dockerd/other:1`)).toContain("Mounted from dockerd/app");
    await docker("image", "rm", "box:1", `${registry}/dockerd/app:1`, `${registry}/dockerd/other:1`);
    expect(await docker("pull", `${registry}/dockerd/app:1`)).toContain(`Digest: ${digest}`);
  }, 60_000);
});

describe("the engine and the registry share their blobs", () => {
  test("what both have is there once, and goes when neither needs it any more", async () => {
    const blobs = () => readdirSync(daemon.identity.path("content/blobs/sha256")).length;
    await daemon.dockerOk(["tag", "box:1", "shared:1"]);
    const before = blobs();
    const layout = join(work, "shared");
    const tar = join(work, "shared.tar");
    await daemon.dockerOk(["save", "-o", tar, "shared:1"]);
    await ok(["mkdir", layout]);
    await ok(["tar", "-xf", tar, "-C", layout]);
    await copy(`oci:${layout}`, `docker://${registry}/shared:1`, "--preserve-digests");
    expect(blobs()).toBe(before);
  }, 60_000);

  test("a blob that the disk has damaged is set aside, and comes back with the next push", async () => {
    await copy(`docker-archive:${archive}`, `docker://${registry}/damaged/app:1`, "--format", "oci");
    const manifest = (await (await send("GET", "/v2/damaged/app/manifests/1")).json()) as {
      layers: { digest: string }[];
    };
    const { digest } = manifest.layers[0]!;
    const file = daemon.identity.path("content/blobs/sha256", digest.slice(7));
    const whole = await Bun.file(file).bytes();
    await Bun.write(file, whole.toReversed()); // of the same size
    const check = () => daemon.virga(["registry", "check"]);
    const found = await check();
    expect(found).toMatchObject({ exitCode: 1 });
    expect(found.stdout).toContain(`damaged  ${digest}  `);
    expect(found.stdout).toContain("damaged/app");
    expect((await send("HEAD", `/v2/damaged/app/blobs/${digest}`)).status).toBe(404);
    expect((await send("GET", `/v2/damaged/app/blobs/${digest}`)).status).toBe(500);
    expect((await daemon.virga(["registry", "info"])).stdout).toContain(digest);
    await copy(`docker-archive:${archive}`, `docker://${registry}/damaged/app:1`, "--format", "oci");
    expect(sha256(await (await send("GET", `/v2/damaged/app/blobs/${digest}`)).bytes())).toBe(digest);
    expect(await check()).toMatchObject({ exitCode: 0 });
    expect(readdirSync(daemon.identity.path("content/damaged"))).toEqual([]);
  }, 60_000);
});

describe("the engine as a client", () => {
  test("pushes to itself without a second copy, and pulls by the digest", async () => {
    const blobs = () => readdirSync(daemon.identity.path("content/blobs/sha256")).length;
    await daemon.dockerOk(["tag", "box:1", `${registry}/self/app:1`]);
    const before = blobs();
    const pushed = await daemon.dockerOk(["push", `${registry}/self/app:1`]);
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)![1]!;
    expect(await digestAt(registry, "self/app:1")).toBe(digest);
    expect(blobs() - before).toBe(0);
    await daemon.dockerOk(["rmi", `${registry}/self/app:1`]);
    await daemon.dockerOk(["pull", `${registry}/self/app@${digest}`]);
  }, 60_000);
});

describe("a daemon that is killed", () => {
  test("in the middle of a push: nothing acknowledged is lost, and the push goes on", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    const acknowledged = await send("POST", `/v2/killed/app/blobs/uploads/?digest=${sha256("kept")}`, {
      body: "kept",
    });
    expect(acknowledged.status).toBe(201);
    const begun = await send("POST", "/v2/killed/app/blobs/uploads/");
    const place = begun.headers.get("location")!;
    await send("PATCH", place, { body: bytes.subarray(0, 40_000) });
    const cut = send("PATCH", place, {
      body: new ReadableStream({
        async pull(controller) {
          controller.enqueue(bytes.slice(40_000, 50_000));
          await daemon.crash();
          controller.error(new Error("cut"));
        },
      }),
    }).catch(() => undefined);
    await cut;
    await daemon.start();
    expect(await (await send("GET", `/v2/killed/app/blobs/${sha256("kept")}`)).text()).toBe("kept");
    const status = await send("GET", place);
    const offset = Number(status.headers.get("range")!.split("-")[1]) + 1;
    expect(offset).toBeGreaterThanOrEqual(40_000);
    const end = await send("PUT", `${place}?digest=${sha256(bytes)}`, {
      body: bytes.subarray(offset),
      headers: { "content-range": `${offset}-${bytes.length - 1}` },
    });
    expect(end.status).toBe(201);
    expect(sha256(await (await send("GET", end.headers.get("location")!)).bytes())).toBe(sha256(bytes));
  }, 60_000);
});

describe("users, rights and a certificate of our own", () => {
  test("docker login, push and pull over TLS, by what was granted", async () => {
    const securePort = freePort();
    const secure = await startDaemon({
      arguments: ["--registry", `127.0.0.1:${securePort}`, "--registry-own-ca"],
    });
    const host = `localhost:${securePort}`;
    try {
      const certificates = join(work, "certs");
      const virga = async (...args: string[]) => {
        const { exitCode, stdout, stderr } = await secure.virga(args);
        if (exitCode !== 0) throw new Error(stderr);
        return stdout.trim();
      };
      await virga("registry", "trust", "--directory", certificates);
      const password = await virga("registry", "user", "add", "ann");
      await virga("registry", "grant", "ann", "team/*", "pull", "push");
      await virga("registry", "grant", "anonymous", "team/public", "pull");
      await virga("registry", "quota", "team/*", "100m");
      expect(await virga("registry", "info")).toContain("team/public");
      const trusted = ["--cert-dir", join(certificates, host)];
      const login = (name: string) =>
        run([
          "skopeo",
          "login",
          ...trusted,
          "--authfile",
          `${work}/auth.json`,
          "-u",
          "ann",
          "-p",
          name,
          host,
        ]);
      expect((await login("wrong password")).exitCode).not.toBe(0);
      expect((await login(password)).exitCode).toBe(0);
      const skopeo = (from: string, to: string, ...more: string[]) =>
        run(["skopeo", "copy", "-q", "--authfile", `${work}/auth.json`, ...more, from, to]);
      const dest = ["--dest-cert-dir", join(certificates, host)];
      const source = ["--src-cert-dir", join(certificates, host)];
      expect(
        await skopeo(`docker-archive:${archive}`, `docker://${host}/team/public:1`, ...dest),
      ).toMatchObject({
        exitCode: 0,
        stderr: "",
      });
      const denied = await skopeo(`docker-archive:${archive}`, `docker://${host}/else/app:1`, ...dest);
      expect(denied.exitCode).not.toBe(0);
      expect(denied.stderr).toMatch(/denied|Forbidden/);
      await ok([
        "skopeo",
        "copy",
        "-q",
        ...source,
        `docker://${host}/team/public:1`,
        `dir:${work}/anonymous`,
      ]);
      const secret = await run(["skopeo", "inspect", ...trusted, `docker://${host}/team/secret:1`]);
      expect(secret.stderr).toContain("unauthorized");
      expect(await virga("registry", "ls")).toMatch(/^team\/public +1 +\S+ \w+ +.* ago +.* ago$/m);
      await virga("registry", "protect", "team/*", "--tags", "1*");
      const moved = await skopeo(
        `docker://${host}/team/public:1`,
        `docker://${host}/team/public:1`,
        ...source,
        ...dest,
      );
      expect(moved).toMatchObject({ exitCode: 0 }); // what it is already
      const removed = await secure.virga(["registry", "rm", "team/public:1"]);
      expect([removed.exitCode, removed.stderr]).toEqual([
        1,
        expect.stringContaining("is protected") as string,
      ]);
      await virga("registry", "unprotect", "team/*", "--tags", "1*");
      await virga("registry", "rm", "--all", "team/public");
      expect(await virga("registry", "ls", "--json", "-a", "team/public")).toBe("[]");
      expect(await virga("registry", "gc")).toStartWith("freed");
    } finally {
      await secure.destroy();
    }
  }, 60_000);
});

test("docker login, push and pull with rights and a mirror, by the docker CLI on dockerd and on the engine", async () => {
  const closedPort = freePort();
  // The cache of the tests above, which has an image whose registry is away.
  const mirror = ["--registry-mirror", `http://127.0.0.1:${mirrorPort}`];
  const closed = await startDaemon({ arguments: ["--registry", String(closedPort), ...mirror] });
  const host = `localhost:${closedPort}`;
  const env = { ...process.env, DOCKER_CONFIG: join(work, "docker-config") } as Record<string, string>;
  try {
    await using peer = await startDockerd(mirror);
    const password = (await closed.virga(["registry", "user", "add", "ann"])).stdout.trim();
    for (const rights of [
      ["ann", "team/*", "pull", "push"],
      ["anonymous", "team/public", "pull"],
    ]) {
      expect((await closed.virga(["registry", "grant", ...rights])).exitCode).toBe(0);
    }
    await ok(["docker", "-H", peer.address, "load", "-q", "-i", archive]);
    await ok(["docker", "-H", closed.dockerHost, "load", "-q", "-i", archive]);
    const known = await fetch(`http://127.0.0.1:${mirrorPort}/v2/team/app/manifests/1`);
    const mirrored = known.headers.get("docker-content-digest");
    for (const engine of [peer.address, closed.dockerHost]) {
      const docker = (...args: string[]) => run(["docker", "-H", engine, ...args], { env });
      const pulled = await docker("pull", "team/app:1");
      expect(pulled).toMatchObject({ exitCode: 0 });
      expect(pulled.stdout).toContain(`Digest: ${mirrored}`);
      expect(pulled.stdout).toContain("docker.io/team/app:1");
      const login = (secret: string) =>
        run(["docker", "-H", engine, "login", "-u", "ann", "--password-stdin", host], { env, stdin: secret });
      for (const name of ["team/public", "team/secret", "else/app"])
        await docker("tag", "box:1", `${host}/${name}:1`);
      expect((await docker("push", `${host}/team/public:1`)).exitCode).not.toBe(0);
      expect((await login("wrong password")).exitCode).not.toBe(0);
      expect(await login(password)).toMatchObject({ exitCode: 0 });
      for (const name of ["team/public", "team/secret"]) {
        expect(await docker("push", `${host}/${name}:1`)).toMatchObject({ exitCode: 0 });
      }
      const refused = await docker("push", `${host}/else/app:1`);
      expect([refused.exitCode === 0, refused.stdout + refused.stderr]).toEqual([
        false,
        expect.stringMatching(/denied|unauthorized/) as string,
      ]);
      await docker("logout", host);
      for (const name of ["team/public", "team/secret"]) await docker("rmi", `${host}/${name}:1`);
      expect(await docker("pull", `${host}/team/public:1`)).toMatchObject({ exitCode: 0 });
      expect((await docker("pull", `${host}/team/secret:1`)).exitCode).not.toBe(0);
    }
    const guess = () =>
      fetch(`http://${host}/token?scope=repository:team/secret:pull`, {
        headers: { authorization: `Basic ${btoa("bob:guessed")}` },
      });
    for (let turn = 0; turn < 5; turn++) expect((await guess()).status).toBe(401);
    const held = await guess();
    expect([held.status, Number(held.headers.get("retry-after"))]).toEqual([429, 2]);
    expect(await held.json()).toMatchObject({ errors: [{ code: "TOOMANYREQUESTS" }] });
    const other = ["login", "-u", "ann", "--password-stdin", host]; // who is held up is one user
    expect(await run(["docker", ...other], { env, stdin: password })).toMatchObject({ exitCode: 0 });
  } finally {
    await closed.destroy();
  }
}, 60_000);
