import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fakeRegistry } from "../../src/distribution/testing.ts";
import { addImage, noise } from "../../src/images/pull/testing.ts";
import { run, runChecked } from "../../src/host/index.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { holdings } from "../support/holdings.ts";
import { startDockerRegistry, type Peer } from "../support/registries.ts";
import { onTerminal } from "../support/terminal.ts";

/** Pulls and pushes with the docker CLI, Debian's docker-registry at the other end, and skopeo and podman beside. */
const minute = 60_000;
let daemon: TestDaemon;
let directory: string;
let image: string;
const registries: Peer[] = [];

beforeAll(async () => {
  directory = mkdtempSync("/tmp/virga-registry-client-");
  daemon = await startDaemon();
  image = await importBusybox(daemon);
}, minute);

afterAll(async () => {
  for (const registry of registries) await registry[Symbol.asyncDispose]();
  await daemon.destroy();
  rmSync(directory, { recursive: true });
}, minute);

const ok = (...args: string[]) =>
  daemon.dockerOk(args, { env: { DOCKER_CONFIG: join(directory, "docker") } });
const docker = (...args: string[]) =>
  daemon.docker(args, { env: { DOCKER_CONFIG: join(directory, "docker") } });

/** Debian's registry, until the end of all tests. Returns `localhost:PORT`. */
async function startRegistry(options: Parameters<typeof startDockerRegistry>[0] = {}): Promise<string> {
  const registry = await startDockerRegistry(options);
  registries.push(registry);
  return registry.address;
}

async function digestOf(name: string): Promise<string> {
  const args = ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", `docker://${name}`];
  return (await run(["skopeo", ...args])).stdout.trim();
}

/** The environment of who keeps a password with one of docker's helpers, and with nothing else. */
function credentialHelper(host: string, username: string, secret: string): Record<string, string> {
  const folder = join(directory, "helper");
  mkdirSync(folder);
  const answer = JSON.stringify({ ServerURL: host, Username: username, Secret: secret });
  const script = `#!/bin/sh\n[ "$1" = list ] && echo '{}' && exit\nread server\n[ "$server" = ${host} ] && echo '${answer}'\n`;
  writeFileSync(join(folder, "docker-credential-test"), script, { mode: 0o755 });
  writeFileSync(join(folder, "config.json"), JSON.stringify({ credHelpers: { [host]: "test" } }));
  return { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env["PATH"]}` };
}

describe("round trips", () => {
  test(
    "pushed by skopeo and podman's tools, pulled, run, pushed elsewhere: the same digest",
    async () => {
      const from = await startRegistry();
      const to = await startRegistry();
      const archive = join(directory, "image.tar");
      await ok("save", "-o", archive, image);
      for (const format of ["v2s2", "oci"]) {
        const name = `${from}/team/box:${format}`;
        const copy = ["copy", "--dest-tls-verify=false", "--format", format, `docker-archive:${archive}`];
        await runChecked(["skopeo", ...copy, `docker://${name}`]);
        const digest = await digestOf(name);
        const pulled = await ok("pull", name);
        expect(pulled).toContain(`Digest: ${digest}`);
        expect(await ok("pull", name)).toContain(`Status: Image is up to date for ${name}`);
        expect(await ok("run", "--rm", name, "echo", "runs")).toBe("runs");
        const bare = `${from}/team/box@${digest}`;
        expect(await ok("inspect", "--format", "{{json .RepoDigests}}", name)).toContain(bare);
        expect(await ok("run", "--rm", bare, "echo", "by digest")).toBe("by digest");
        expect(
          await ok("images", "--digests", "--format", "{{.Tag}} {{.Digest}}", `${from}/team/box`),
        ).toContain(`${format} ${digest}`);
        await ok("tag", name, `${to}/other/box:${format}`);
        expect(await ok("push", `${to}/other/box:${format}`)).toContain(
          `${format}: digest: ${digest} size: `,
        );
        expect(await digestOf(`${to}/other/box:${format}`)).toBe(digest);
      }
      const names = [`${from}/team/box`, `${to}/other/box`].flatMap((name) => [
        `${name}:v2s2`,
        `${name}:oci`,
      ]);
      await ok("rmi", ...names);
      expect(await ok("images", "--format", "{{.Repository}}:{{.Tag}}")).toBe(image);
      const all = await ok("pull", "-a", "-q", `${to}/other/box`);
      expect(all).toBe(`${to}/other/box`);
      expect(await ok("images", "--format", "{{.Tag}}", `${to}/other/box`)).toBe("oci\nv2s2");
      await ok("rmi", `${to}/other/box:oci`, `${to}/other/box:v2s2`);
    },
    3 * minute,
  );

  test(
    "made here: pushed, mounted in a second repository, read by skopeo and podman",
    async () => {
      const host = await startRegistry();
      await ok("tag", image, `${host}/one:1`);
      await ok("tag", image, `${host}/two:1`);
      await ok("tag", image, `${host}/two:2`);
      expect(await ok("push", `${host}/one:1`)).toContain("Pushed");
      expect(await ok("push", "-a", `${host}/two`)).toContain("Mounted from one");
      expect(await ok("push", `${host}/two:2`)).toContain("Layer already exists");
      expect(await digestOf(`${host}/one:1`)).toBe(await digestOf(`${host}/two:2`));
      const folder = join(directory, "podman");
      const podman = [
        "podman",
        "--root",
        folder,
        "--runroot",
        join(directory, "podman-run"),
        "--storage-driver",
        "vfs",
      ];
      const pull = await run([...podman, "pull", "-q", "--tls-verify=false", `${host}/one:1`]);
      expect(pull.stderr + pull.stdout).toContain(
        (await ok("inspect", "--format", "{{.Id}}", image)).slice(7),
      );
      expect(await ok("manifest", "inspect", "--insecure", `${host}/one:1`)).toContain('"schemaVersion": 2');
      const asked = await fetch(`http://localhost/distribution/${host}/one:1/json`, {
        unix: daemon.identity.path("run", "docker.sock"),
      });
      expect(await asked.json()).toMatchObject({ Descriptor: { digest: await digestOf(`${host}/one:1`) } });
      await ok("rmi", `${host}/one:1`, `${host}/two:1`, `${host}/two:2`);
    },
    2 * minute,
  );
});

describe("a registry with TLS and passwords", () => {
  test(
    "login, push, pull, build; nothing without it",
    async () => {
      const files = join(directory, "tls");
      mkdirSync(files);
      const certificate = [
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
      ];
      const names = ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"];
      const out = ["-keyout", join(files, "key.pem"), "-out", join(files, "cert.pem")];
      await runChecked(["openssl", "req", ...certificate, ...names, ...out]);
      const hash = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 });
      const tls = { certificate: join(files, "cert.pem"), key: join(files, "key.pem") };
      const host = await startRegistry({ htpasswd: `me:${hash}`, http: { tls } });
      const name = `${host}/private/box:1`;
      await ok("tag", image, name);
      const denied = await docker("push", name);
      expect(denied.exitCode).toBe(1);
      expect(denied.stderr).toMatch(/unauthorized|authentication required|denied/);
      const wrong = await docker("login", "-u", "me", "-p", "wrong", host);
      expect(wrong.exitCode).toBe(1);
      expect(wrong.stderr).toContain("unauthorized");
      expect(await ok("login", "-u", "me", "-p", "secret", host)).toContain("Login Succeeded");
      await ok("push", name);
      await ok("rmi", name);
      const built = await daemon.docker(["build", "-q", "-"], {
        stdin: `FROM ${name}\nLABEL from=private\n`,
        env: { DOCKER_CONFIG: join(directory, "docker") },
      });
      expect(built.stdout).toContain("sha256:");
      await ok("rmi", built.stdout.trim(), name);
      const stack = join(directory, "stack");
      mkdirSync(stack);
      const services = {
        one: { image: name, pull_policy: "always", command: "sleep 100", stop_signal: "KILL" },
      };
      await Bun.write(join(stack, "compose.yaml"), JSON.stringify({ services }));
      const nobody = await daemon.virga(["up", stack], { env: { DOCKER_CONFIG: join(directory, "none") } });
      expect(nobody.stderr).toContain(`pull access denied for ${host}/private/box`);
      const helped = credentialHelper(host, "me", "secret");
      const up = await daemon.virga(["up", stack], { env: helped });
      expect(up.exitCode).toBe(0);
      expect(up.stdout + up.stderr).toContain(name);
      await daemon.virga(["down", stack, "--rmi", "all"]);
      for (const verb of ["pull", "push"]) {
        expect(await daemon.virga([verb, name], { env: helped })).toMatchObject({ exitCode: 0 });
        expect(await daemon.docker([verb, name], { env: helped })).toMatchObject({ exitCode: 0 });
      }
      await ok("rmi", name);
      await ok("logout", host);
      const pull = await docker("pull", name);
      expect(pull.stderr).toContain(`pull access denied for ${host}/private/box`);
      expect(pull.exitCode).toBe(1);
    },
    2 * minute,
  );
});

test(
  "a registry that wants to see a certificate of its clients",
  async () => {
    const files = join(directory, "mutual");
    mkdirSync(files);
    for (const name of ["server", "client"]) {
      const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
      const names = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
      const out = ["-keyout", join(files, `${name}.key`), "-out", join(files, `${name}.cert`)];
      await runChecked(["openssl", "req", "-x509", ...key, ...names, ...out]);
    }
    const tls = {
      certificate: join(files, "server.cert"),
      key: join(files, "server.key"),
      clientcas: [join(files, "client.cert")],
    };
    const client = {
      cert: await Bun.file(join(files, "client.cert")).text(),
      key: await Bun.file(join(files, "client.key")).text(),
    };
    const host = await startRegistry({ http: { tls }, client });
    const name = `${host}/mutual/box:1`;
    await ok("tag", image, name);
    expect(await docker("push", name)).toMatchObject({ exitCode: 1 });
    const place = daemon.identity.path("certs.d", host);
    mkdirSync(place, { recursive: true });
    await Bun.write(join(place, "ca.crt"), await Bun.file(tls.certificate).text());
    for (const end of ["cert", "key"] as const) await Bun.write(join(place, `client.${end}`), client[end]);
    await ok("push", name);
    await ok("rmi", name);
    await ok("pull", name);
    await ok("rmi", name);
  },
  2 * minute,
);

test(
  "virga pull: bars on a terminal, lines without one; layers come at the same time",
  async () => {
    await using fake = await fakeRegistry();
    const layers = [1, 2, 3].map((n) => ({ [`file-${n}`]: noise(600_000 + 4 * n) }));
    const remote = addImage(fake, layers, { tag: "1" });
    const name = `${fake.host}/team/app:1`;
    const asked = () =>
      fake.requests.filter((one) => remote.layers.some((layer) => one.endsWith(layer.digest)));
    const go = Promise.withResolvers<void>();
    fake.answer = (seen) => {
      const layer = remote.layers.find((one) => seen.path.endsWith(one.digest));
      return layer && { body: fake.blobs.get(layer.digest)!, rest: go.promise };
    };
    const program = [...daemon.program, "pull", name];
    const shown = onTerminal(program, { environment: daemon.environment });
    for (const layer of remote.layers)
      await shown.see(new RegExp(`${layer.digest.slice(7, 19)}  [█]+[░]+ .* of .*  Downloading`));
    expect(asked()).toHaveLength(3); // none waits for another
    go.resolve();
    expect(await shown.exited).toBe(0);
    for (const layer of remote.layers)
      expect(shown.text).toMatch(new RegExp(`✔ ${layer.digest.slice(7, 19)}  Pull complete`));
    await ok("rmi", name);
    fake.answer = () => undefined;
    const { exitCode, stdout, stderr } = await daemon.virga(["pull", name]);
    expect([exitCode, stdout]).toEqual([0, `${name}\n`]);
    for (const layer of remote.layers)
      expect(stderr).toContain(`${layer.digest.slice(7, 19)}: Pull complete`);
    expect(stderr).not.toContain("\u001B");
    await ok("rmi", name);
  },
  minute,
);

describe("a daemon that is killed in the middle of a pull or a removal", () => {
  test(
    "shows nothing of it, and goes on where it was",
    async () => {
      await using fake = await fakeRegistry();
      const layers = [{ "small.txt": "small" }, { "large.bin": noise(8_000_000) }];
      const remote = addImage(fake, layers, { tag: "1" });
      const large = remote.layers[1]!;
      const whole = fake.blobs.get(large.digest)!;
      fake.answer = (seen, before) => {
        if (!seen.path.endsWith(large.digest) || before > 0) return undefined;
        const half = { body: whole.subarray(0, 4_000_000), hang: true };
        return { ...half, headers: { "content-length": String(whole.length) } };
      };
      const before = await holdings(daemon);
      const pulling = docker("pull", `${fake.host}/team/app:1`);
      const partial = daemon.identity.path("content", "partial", large.digest.replace(":", "-"));
      await eventually(
        "half of the layer is here",
        () => existsSync(partial) && statSync(partial).size > 2_000_000,
      );
      await daemon.crash();
      expect((await pulling).exitCode).not.toBe(0);
      await daemon.start();
      expect(await ok("images", "-aq", `${fake.host}/team/app`)).toBe("");
      expect(readdirSync(daemon.identity.path("layers", "tmp"))).toEqual([]);
      const size = statSync(partial).size;
      expect(await ok("pull", `${fake.host}/team/app:1`)).toContain(`Digest: ${remote.digest}`);
      const last = fake.seen.findLast((seen) => seen.path.endsWith(large.digest))!;
      expect(last.headers["range"]).toBe(`bytes=${size}-`);
      expect(existsSync(partial)).toBe(false);
      const container = await ok("create", `${fake.host}/team/app:1`);
      await ok("cp", `${container}:/large.bin`, join(directory, "large.bin"));
      expect(noise(8_000_000).equals(await Bun.file(join(directory, "large.bin")).bytes())).toBe(true);
      await ok("rm", container);
      await ok("rmi", `${fake.host}/team/app:1`);
      expect(await holdings(daemon)).toEqual(before);
    },
    2 * minute,
  );

  test(
    "in the middle of a removal: what stays is whole, and what it left goes",
    async () => {
      await using fake = await fakeRegistry();
      for (let n = 0; n < 8; n++) {
        const layers = [{ shared: noise(100_000) }, { [`own-${n}`]: noise(300_000 + 4 * n) }];
        addImage(fake, layers, { repository: "junk", tag: String(n) });
      }
      const before = await holdings(daemon);
      await ok("pull", "-a", "-q", `${fake.host}/junk`);
      const names = async () =>
        (await ok("images", "--format", "{{.Repository}}:{{.Tag}}", `${fake.host}/junk`))
          .split("\n")
          .filter(Boolean);
      const all = await names();
      expect(all.length).toBe(8);
      const blobs = () => readdirSync(daemon.identity.path("content", "blobs", "sha256")).length;
      const full = blobs();
      const removing = docker("rmi", ...all);
      await eventually("something is gone", () => blobs() < full);
      await daemon.crash();
      await removing;
      await daemon.start();
      const left = await names();
      for (const name of left) await ok("save", "-o", join(directory, "left.tar"), name);
      if (left.length > 0) await ok("rmi", ...left);
      await eventually(
        "nothing of it is left",
        async () => (await holdings(daemon)).join() === before.join(),
      );
    },
    2 * minute,
  );

  test(
    "what an ended pull has left goes with a prune",
    async () => {
      await using fake = await fakeRegistry();
      const remote = addImage(fake, [{ a: "small" }, { b: noise(3_000_000) }], { tag: "1" });
      const large = remote.layers[1]!;
      fake.answer = (seen) => {
        if (!seen.path.endsWith(large.digest)) return undefined;
        const part = fake.blobs.get(large.digest)!.subarray(0, 2_000_000);
        return { body: part, hang: true, headers: { "content-length": String(large.size) } };
      };
      const before = await holdings(daemon);
      const client = Bun.spawn(["docker", "pull", `${fake.host}/team/app:1`], {
        env: { ...daemon.environment },
        stdio: ["ignore", "ignore", "ignore"],
      });
      const partial = daemon.identity.path("content", "partial", large.digest.replace(":", "-"));
      await eventually(
        "most of the layer is here",
        () => existsSync(partial) && statSync(partial).size > 1_000_000,
      );
      client.kill("SIGKILL");
      await client.exited;
      await eventually("the pull has ended", async () => {
        const tmp = readdirSync(daemon.identity.path("layers", "tmp"));
        return tmp.length === 0 && statSync(partial).size > 0;
      });
      expect(await ok("image", "prune", "-f")).toContain("Total reclaimed space: ");
      await eventually(
        "nothing of it is left",
        async () => (await holdings(daemon)).join() === before.join(),
      );
    },
    2 * minute,
  );
});
