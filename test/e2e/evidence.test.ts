import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run, runChecked } from "../../src/host/index.ts";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { freePort } from "../support/registries.ts";

/** From a Dockerfile to an image that somebody else can check: one daemon builds and serves, another one pulls. */
const minute = 60_000;
const port = freePort();
const registry = `localhost:${port}`;
const name = `${registry}/team/app:1`;
let folder: string;
let maker: TestDaemon;
let checker: TestDaemon;

beforeAll(async () => {
  folder = mkdtempSync("/tmp/virga-evidence-");
  const elsewhere = {
    TZ: "Pacific/Kiritimati",
    LC_ALL: "tr_TR.UTF-8",
    HOSTNAME: "other",
    SHELL: "/bin/false",
  };
  [maker, checker] = await Promise.all([
    startDaemon({ arguments: ["--registry", `127.0.0.1:${port}`] }),
    startDaemon({ environment: elsewhere }),
  ]);
  const base = `${registry}/base:1`;
  await maker.dockerOk(["tag", await importBusybox(maker), base]);
  await maker.dockerOk(["push", "-q", base]);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, "app", path)), { recursive: true });
    writeFileSync(join(folder, "app", path), text);
  }
  await runChecked(["chmod", "-R", "u=rwX,go=rX", join(folder, "app")]);
}, 2 * minute);

afterAll(async () => {
  await Promise.all([maker.destroy(), checker.destroy()]);
  rmSync(folder, { recursive: true });
}, minute);

/** The package manager is ours: it writes what dpkg would write, with the versions that its mirror has. */
const install = `for p in bash libc6; do printf 'Package: %s\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: %s\\n\\n' $p $(cat /mirror/$p); done >>/var/lib/dpkg/status`;
const files = {
  Dockerfile: `FROM ${registry}/base:1 AS tools
RUN date >/dev/null; mkdir /out && hostname >/out/host && umask >/out/umask && env | sort | grep -v '^HOME=' >/out/env && ls / /out >/out/list
FROM ${registry}/base:1
COPY os-release /etc/
RUN --mount=type=bind,source=mirror,target=/mirror mkdir -p /var/lib/dpkg && ${install}
RUN sort /etc/hosts >/tmp/hosts; cat /etc/resolv.conf >/dev/null; rm /tmp/hosts; mkdir /z /a /m; touch /m/2 /m/1; echo text >/a/f
COPY --from=tools /out /out
COPY src /src
`,
  "os-release": 'ID=debian\nVERSION_ID="12"\n',
  "mirror/bash": "5.2-1",
  "mirror/libc6": "2.36-9",
  "src/one": "1",
  "src/sub/two": "2",
};

async function ok(daemon: TestDaemon, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await daemon.virga(args);
  if (exitCode !== 0) throw new Error(`virga ${args.join(" ")}: exit code ${exitCode}\n${stdout}${stderr}`);
  return stdout.trim();
}
const app = () => join(folder, "app");
let image: string;

test(
  "a lock is written and kept to; what differs from it is named, and nothing is built",
  async () => {
    image = await ok(maker, "build", "--lock", "-t", name, app());
    const lock = JSON.parse(readFileSync(join(app(), "Dockerfile.lock"), "utf8")) as object;
    expect(lock).toMatchObject({
      images: [{ reference: `${registry}/base:1` }],
      steps: [{ packages: { deb: { bash: "5.2-1", libc6: "2.36-9" } } }],
    });
    expect(await ok(maker, "build", "--locked", "--no-cache", "-t", "again", app())).toBe(image);
    writeFileSync(join(app(), "mirror/libc6"), "2.36-10");
    const differs = await maker.virga(["build", "--locked", "-t", "never", app()]);
    writeFileSync(join(app(), "mirror/libc6"), files["mirror/libc6"]);
    expect(differs.exitCode).toBe(1);
    expect(differs.stderr).toContain("deb package libc6 is 2.36-10, and the lock says 2.36-9");
    expect((await maker.docker(["image", "inspect", "never"])).exitCode).toBe(1);
  },
  2 * minute,
);

test(
  "nothing of a container's own files is in a layer",
  async () => {
    const list = await maker.dockerOk(["run", "--rm", "again", "ls", "/etc"]);
    expect(list).toContain("os-release");
    const layers = await runChecked(["sh", "-c", "docker save again | tar -xO --wildcards '*/layer.tar' 'blobs/*' 2>/dev/null | strings | grep -cE '^etc/(hosts|hostname|resolv.conf)$|buildkitsandbox\\.' || true"], { env: maker.environment }); // prettier-ignore
    expect(layers.trim()).toBe("0");
  },
  minute,
);

test(
  "the same folder by whatever client, and by another daemon somewhere else: the same image",
  async () => {
    // The docker CLI sends an archive of what it finds.
    expect(await maker.dockerOk(["build", "-q", "--no-cache", "-t", "classic", app()])).toBe(image);
    const archive = await run(["sh", "-c", `tar -C ${app()} --sort=name --owner=77 --mtime=@7 -c . | ${maker.program.join(" ")} build --no-cache -q -`], { env: maker.environment }); // prettier-ignore
    expect([archive.stdout.trim(), archive.stderr]).toEqual([image, expect.any(String)]);

    const copy = join(folder, "copy");
    cpSync(app(), copy, { recursive: true });
    await runChecked([
      "sh",
      "-c",
      `chown -R 4711:4712 ${copy}; find ${copy} -exec touch -d @1234567890 {} +`,
    ]);
    const there = `umask 077; cd ${folder}; exec ${checker.program.join(" ")} build -q -t mine copy`;
    const built = await run(["sh", "-c", there], { env: checker.environment });
    expect([built.stdout.trim(), built.stderr]).toEqual([image, expect.any(String)]);
    rmSync(copy, { recursive: true });
    await ok(checker, "image", "rm", "mine");
  },
  2 * minute,
);

test(
  "what is pushed with an image is found by others, pulled and proved",
  async () => {
    await ok(maker, "push", name);
    const head = await fetch(`http://${registry}/v2/team/app/manifests/1`, { method: "HEAD" });
    const digest = head.headers.get("docker-content-digest")!;
    const index = (await (await fetch(`http://${registry}/v2/team/app/referrers/${digest}`)).json()) as {
      manifests: { artifactType: string }[];
    };
    const types = index.manifests.map((one) => one.artifactType).toSorted();
    expect(types).toEqual(["application/spdx+json", "application/vnd.in-toto+json"]);

    await ok(checker, "pull", name);
    const provenance = await ok(checker, "image", "provenance", name);
    expect(JSON.parse(provenance)).toMatchObject({ subject: [{ digest: { sha256: digest.slice(7) } }] });
    expect(await ok(checker, "image", "sbom", name)).toContain("pkg:deb/debian/libc6@2.36-9");
    expect(await ok(checker, "image", "verify", name, app())).toBe(`identical ${image}`);

    writeFileSync(join(app(), "src/sub/two"), "changed");
    const differs = await checker.virga(["image", "verify", name, app()]);
    expect(differs.exitCode).toBe(1);
    expect(differs.stdout).toMatch(
      /^different: \/src\/sub\/two: size .*\n {2}in layer 6 of 6: COPY src \/src\n$/,
    );
  },
  2 * minute,
);
