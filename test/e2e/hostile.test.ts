import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { tarOf, type EntryDraft } from "../../src/layers/testing.ts";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { holdings } from "../support/holdings.ts";

/** Archives made to reach out of where they are unpacked, by every way in. `outside` must stay as it is. */
const minute = 60_000;
const secret = "a secret of the host";
let daemon: TestDaemon;
let image: string;
let directory: string;
/** A folder of the host that archives name. */
let outside: string;
let before: string[];

const ok = (...args: string[]) => daemon.dockerOk(args);
const docker = (...args: string[]) => daemon.docker(args);
const send = (bytes: Uint8Array, ...args: string[]) => daemon.docker(args, { stdin: bytes });

beforeAll(async () => {
  directory = mkdtempSync("/tmp/virga-hostile-");
  outside = join(directory, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "secret"), secret, { mode: 0o600 });
  daemon = await startDaemon();
  image = await importBusybox(daemon);
  await ok("run", "--rm", image, "true");
  before = await holdings(daemon);
}, minute);

/** Nothing outside was touched, and nothing was kept of what was refused. */
afterEach(async () => {
  expect(readdirSync(outside)).toEqual(["secret"]);
  expect(readFileSync(join(outside, "secret"), "utf8")).toBe(secret);
  expect(statSync(join(outside, "secret")).mode & 0o7777).toBe(0o600);
  expect(statSync(join(outside, "secret")).nlink).toBe(1);
  let now = await holdings(daemon);
  for (let turn = 0; turn < 40 && now.join() !== before.join(); turn++) {
    await Bun.sleep(50);
    now = await holdings(daemon);
  }
  expect(now).toEqual(before);
}, minute);

afterAll(async () => {
  await daemon.destroy();
  rmSync(directory, { recursive: true });
}, minute);

const evil = { content: "evil" };
const link = (path: string, linkTarget: string): EntryDraft => ({ path, type: "symlink", linkTarget });
const hard = (path: string, linkTarget: string): EntryDraft => ({ path, type: "hardlink", linkTarget });
const up = "../".repeat(20);

/** Each tries to make `outside/evil`, to change `outside/secret`, or to get hold of it. */
const escapes = (): Record<string, readonly EntryDraft[]> => ({
  dots: [{ path: `${up}${outside}/evil`, ...evil }],
  "dots after a folder": [{ path: "a/" }, { path: `a/${up}${outside}/evil`, ...evil }],
  "dots at the end": [{ path: "a/..", type: "directory", mode: 0o777 }],
  "an absolute path": [{ path: `${outside}/evil`, ...evil }],
  "through an absolute symlink": [link("a", outside), { path: "a/evil", ...evil }],
  "through a relative symlink": [link("a", `${up}${outside}`), { path: "a/evil", ...evil }],
  "through two symlinks": [
    link("a", "b/c"),
    { path: "b/" },
    link("b/c", outside),
    { path: "a/evil", ...evil },
  ],
  "a folder through a symlink": [link("a", outside), { path: "a/evil/", mode: 0o777 }],
  "a hard link to an absolute path": [hard("a", `${outside}/secret`)],
  "a hard link with dots": [hard("a", `${up}${outside}/secret`)],
  "a hard link through a symlink": [link("a", outside), hard("b", "a/secret")],
  "a symlink made through a symlink": [link("a", outside), link("a/evil", "/etc/passwd")],
  "a device through a symlink": [
    link("a", outside),
    { path: "a/evil", type: "character", major: 1, minor: 3 },
  ],
});
/** What is no archive of an absolute path: that is one below where it is unpacked, as with tar(1). */
const climbing = () => Object.entries(escapes()).filter(([name]) => !name.includes("absolute path"));

/** May be taken, when they do no harm. */
const harmless = (): Record<string, readonly EntryDraft[]> => ({
  "a file in place of a symlink": [link("a", `${outside}/secret`), { path: "a", ...evil }],
  "a mode for a symlink": [{ ...link("a", `${outside}/secret`), mode: 0o777, uid: 1000 }],
  "a hard link to a symlink, then a file in its place": [
    link("a", `${outside}/secret`),
    hard("b", "a"),
    { path: "b", ...evil },
  ],
});

const broken = (): Record<string, Uint8Array> => {
  const whole = tarOf({ path: "file", content: "x".repeat(4096) });
  const wrong = Buffer.from(whole);
  wrong[0] = 0xff;
  return {
    "cut short": whole.subarray(0, 2000),
    "a wrong checksum": wrong,
    "no archive": Buffer.from("this is not an archive of any kind, but it is long enough\n".repeat(20)),
    "cut short and compressed": gzipSync(whole).subarray(0, 40),
  };
};

const names = (table: Record<string, unknown>) => Object.keys(table);

describe("docker import", () => {
  test.each(names({ ...escapes(), ...broken() }))(
    "%s",
    async (name) => {
      const bytes = escapes()[name]
        ? tarOf({ path: "fine", content: "fine" }, ...escapes()[name]!)
        : broken()[name]!;
      const result = await send(bytes, "import", "-", "evil:1");
      expect([result.exitCode, result.stdout]).toEqual([1, ""]);
      expect(result.stderr).toMatch(/archive|hard link|symlink|entry/);
      expect(result.stderr).not.toContain("internal");
    },
    minute,
  );

  test.each(names(harmless()))(
    "%s",
    async (name) => {
      const result = await send(
        tarOf({ path: "fine", content: "fine" }, ...harmless()[name]!),
        "import",
        "-",
        "evil:1",
      );
      if (result.exitCode === 0) await ok("rmi", "evil:1");
    },
    minute,
  );
});

const sha256 = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** `docker save`'s format, with parts replaced. */
function savedImage(parts: {
  layer?: Uint8Array;
  diffId?: string;
  manifest?: unknown;
  config?: string;
  entries?: EntryDraft[];
}): Buffer {
  const layer = parts.layer ?? tarOf({ path: "fine", content: "fine" });
  const config =
    parts.config ??
    JSON.stringify({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [parts.diffId ?? `sha256:${sha256(layer)}`] },
    });
  const manifest = parts.manifest ?? [{ Config: "config.json", RepoTags: ["evil:1"], Layers: ["layer.tar"] }];
  const own: EntryDraft[] = [
    { path: "manifest.json", content: JSON.stringify(manifest) },
    { path: "config.json", content: config },
    { path: "layer.tar", content: layer },
  ];
  const replaced = new Set((parts.entries ?? []).map(({ path }) => path));
  return tarOf(...own.filter(({ path }) => !replaced.has(path)), ...(parts.entries ?? []));
}

describe("docker load", () => {
  const archives = (): Record<string, Uint8Array> => ({
    ...Object.fromEntries(
      Object.entries(escapes()).map(([name, entries]) => [
        `a layer with ${name}`,
        savedImage({ layer: tarOf(...entries) }),
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(broken()).map(([name, layer]) => [`a layer that is ${name}`, savedImage({ layer })]),
    ),
    ...broken(),
    "a configuration outside": savedImage({
      manifest: [{ Config: `${up}${outside}/secret`, RepoTags: null, Layers: ["layer.tar"] }],
    }),
    "an absolute configuration": savedImage({
      manifest: [{ Config: `${outside}/secret`, RepoTags: null, Layers: ["layer.tar"] }],
    }),
    "a layer outside": savedImage({
      manifest: [{ Config: "config.json", RepoTags: null, Layers: [`${up}${outside}/secret`] }],
    }),
    "a configuration that is a link to the outside": savedImage({
      entries: [link("config.json", `${outside}/secret`)],
    }),
    "a layer that is a link to the outside": savedImage({
      entries: [link("layer.tar", `${up}${outside}/secret`)],
    }),
    "a manifest that is a link to the outside": savedImage({
      entries: [link("manifest.json", `${outside}/secret`)],
    }),
    "a link in a circle": savedImage({
      entries: [link("config.json", "other"), link("other", "config.json")],
    }),
    "a file with a path of dots": savedImage({ entries: [{ path: `${up}${outside}/evil`, ...evil }] }),
    "a device": savedImage({ entries: [{ path: "layer.tar", type: "block", major: 7, minor: 0 }] }),
    "a layer of another digest": savedImage({ diffId: `sha256:${"0".repeat(64)}` }),
    "a digest that is a path": savedImage({ diffId: `sha256:${up}${outside}/evil` }),
    "a name that is a path": savedImage({
      manifest: [{ Config: "config.json", RepoTags: ["../../evil:1"], Layers: ["layer.tar"] }],
    }),
    "more layers than diff ids": savedImage({
      manifest: [{ Config: "config.json", RepoTags: null, Layers: ["layer.tar", "layer.tar"] }],
    }),
    "a manifest of another shape": savedImage({ manifest: { Config: 1 } }),
    "a configuration of another shape": savedImage({ config: JSON.stringify({ rootfs: "no" }) }),
    "a configuration that is no JSON": savedImage({ config: "{" }),
    "no manifest": tarOf({ path: "file", content: "x" }),
  });

  test.each(names(archives.call(undefined)))(
    "%s",
    async (name) => {
      const result = await send(archives()[name]!, "load", "-q");
      expect([name, result.exitCode]).toEqual([name, 1]);
      expect(result.stderr).not.toMatch(/internal|TypeError/);
      expect(result.stdout + result.stderr).not.toContain(secret);
    },
    minute,
  );

  test(
    "what is not hostile is taken",
    async () => {
      expect((await send(savedImage({}), "load", "-q")).stdout).toBe("Loaded image: evil:1\n");
      await ok("rmi", "evil:1");
    },
    minute,
  );
});

describe("docker cp", () => {
  /** Into a container that runs, and into one that does not. */
  async function withContainers(work: (name: string) => Promise<void>): Promise<void> {
    const prepare = `mkdir /in; ln -s ${outside} /abs; ln -s ${up}${outside.slice(1)} /rel; ln -s ${outside}/secret /file; exec sleep 1000`;
    await ok("run", "-d", "--name", "target", image, "sh", "-c", prepare);
    for (
      let turn = 0;
      turn < 50 && (await docker("exec", "target", "test", "-L", "/file")).exitCode !== 0;
      turn++
    )
      await Bun.sleep(20);
    try {
      await work("running");
      await ok("kill", "target");
      await work("stopped");
    } finally {
      await ok("rm", "-f", "target");
    }
  }

  test(
    "hostile archives into it",
    async () => {
      await withContainers(async (state) => {
        for (const [name, entries] of climbing()) {
          const result = await send(tarOf(...entries), "cp", "-", "target:/in");
          expect([state, name, result.exitCode]).toEqual([state, name, 1]);
          expect(result.stderr).toMatch(/archive|hard link|symlink|entry|cannot overwrite/);
        }
        const absolute = tarOf({ path: "/absolute/file", content: "below" });
        expect((await send(absolute, "cp", "-", "target:/in")).exitCode).toBe(0);
        expect((await docker("cp", "target:/in/absolute/file", "-")).stdout).toContain("below");
        for (const entries of Object.values(harmless()))
          await send(tarOf(...entries), "cp", "-", "target:/in");
        for (const bytes of Object.values(broken())) {
          expect((await send(bytes, "cp", "-", "target:/in")).exitCode).toBe(1);
        }
      });
    },
    minute,
  );

  test(
    "symlinks of the container lead inside it, or nowhere",
    async () => {
      await withContainers(async (state) => {
        for (const path of ["/abs", "/rel", "/abs/", "/rel/", "/abs/evil", "/rel/evil", "/file"]) {
          await send(tarOf({ path: "evil", ...evil }), "cp", "-", `target:${path}`);
          await docker("cp", join(outside, "secret"), `target:${path}`);
        }
        // As the container sees it, the folder is not there.
        for (const path of ["/abs/secret", "/rel/secret", "/abs/.", "/file"]) {
          const out = join(directory, "out");
          const result = await docker("cp", "-L", `target:${path}`, out);
          expect([state, path, result.exitCode]).toEqual([state, path, 1]);
          rmSync(out, { recursive: true, force: true });
        }
        const streamed = await docker("cp", "target:/file", "-");
        expect(streamed.stdout).not.toContain(secret);
      });
    },
    minute,
  );
});

describe("docker build", () => {
  const dockerfile = (text: string): EntryDraft => ({
    path: "Dockerfile",
    content: `FROM ${image}\n${text}`,
  });
  const build = (...entries: EntryDraft[]) =>
    send(tarOf(...entries), "build", "--no-cache", "-t", "evil:1", "-");

  test.each(names(escapes()))(
    "a context with %s",
    async (name) => {
      const bytes = tarOf(dockerfile("COPY . /context\n"), ...escapes()[name]!);
      // The CLI would repack the archive: this is what a client can send.
      const response = await fetch("http://localhost/v1.41/build?t=evil:1", {
        unix: join(daemon.identity.root, "run/docker.sock"),
        method: "POST",
        body: bytes,
        headers: { "content-type": "application/x-tar" },
      });
      const text = await response.text();
      expect(text).toMatch(/archive|hard link|symlink|entry/);
      expect(text).not.toContain("Successfully");
      expect((await docker("image", "inspect", "evil:1")).exitCode).toBe(1);
    },
    minute,
  );

  test.each([
    ["a Dockerfile that is a symlink", () => [link("Dockerfile", `${outside}/secret`)]],
    [
      "an ignore file that is a symlink",
      () => [dockerfile("COPY . /x\nRUN ! grep -r secret /x\n"), link(".dockerignore", `${outside}/secret`)],
    ],
    ["a copy of a symlink", () => [dockerfile("COPY a /x\nRUN cat /x\n"), link("a", `${outside}/secret`)]],
    ["a copy through a symlink", () => [dockerfile("COPY a/secret /x\n"), link("a", outside)]],
    ["a copy with dots", () => [dockerfile(`COPY ${up}${outside}/secret /x\nRUN cat /x\n`)]],
    [
      "a copy from a stage through a symlink",
      () => [
        {
          path: "Dockerfile",
          content: `FROM ${image} AS a\nRUN ln -s ${outside} /a\nFROM ${image}\nCOPY --from=a /a/secret /x\nRUN cat /x\n`,
        },
      ],
    ],
    [
      "a mount of a symlink",
      () => [dockerfile("RUN --mount=type=bind,source=a,target=/m cat /m/secret\n"), link("a", outside)],
    ],
  ] satisfies [string, () => EntryDraft[]][])(
    "%s",
    async (_name, entries) => {
      const result = await build(...entries());
      expect(result.stdout + result.stderr).not.toContain(secret);
      if (result.exitCode === 0) await ok("rmi", "evil:1");
      await ok("builder", "prune", "-af");
    },
    minute,
  );

  test.each([
    ["a copy", `COPY file /abs/evil\n`],
    ["a copy of a folder's content", `COPY . /rel\n`],
    ["an archive", `ADD file.tar /abs/\n`],
    ["a working directory", `WORKDIR /abs/evil\nRUN touch here\n`],
    ["a mount", `RUN --mount=type=tmpfs,target=/abs/evil true\n`],
  ])(
    "%s to a symlink of the image",
    async (_name, instruction) => {
      const result = await build(
        dockerfile(`RUN ln -s ${outside} /abs && ln -s ${up}${outside.slice(1)} /rel\n${instruction}`),
        { path: "file", content: "evil" },
        { path: "file.tar", content: tarOf({ path: "evil", ...evil }) },
      );
      expect(result.stdout + result.stderr).not.toMatch(/internal|TypeError/);
      if (result.exitCode === 0) await ok("rmi", "evil:1");
      await ok("builder", "prune", "-af");
    },
    minute,
  );

  test(
    "an archive that ADD unpacks",
    async () => {
      for (const [name, entries] of climbing()) {
        const result = await build(dockerfile("ADD evil.tar /in/\n"), {
          path: "evil.tar",
          content: tarOf(...entries),
        });
        expect([name, result.exitCode]).toEqual([name, 1]);
      }
      const absolute = tarOf({ path: "/absolute/file", content: "below" });
      const lines = dockerfile("ADD below.tar /in/\nRUN grep below /in/absolute/file\n");
      expect((await build(lines, { path: "below.tar", content: absolute })).exitCode).toBe(0);
      await docker("rmi", "-f", "evil:1");
      await ok("builder", "prune", "-af");
    },
    minute,
  );
});

describe("an image whose paths are symlinks", () => {
  test(
    "mounts, working directory, /etc files and users stay inside",
    async () => {
      const entries = [
        link("abs", outside),
        link("rel", `${up}${outside.slice(1)}`),
        link("etc/hosts", `${outside}/secret`),
        link("etc/resolv.conf", `${outside}/evil`),
      ];
      const base = await Bun.file(await baseTar()).bytes();
      // Archives end with two empty blocks; what comes after them is not read.
      const made = await send(
        Buffer.concat([tarOf({ path: "etc/" }, ...entries).subarray(0, -1024), base]),
        "import",
        "-",
        "evil:1",
      );
      expect(made.exitCode).toBe(0);
      const runs = [
        ["-v", "data:/abs/evil"],
        ["-v", "data:/rel/evil"],
        ["-v", "/anonymous", "--tmpfs", "/abs/evil"],
        ["-w", "/abs/evil"],
        ["-u", "web"],
        ["-v", `${outside}:/abs:ro`],
      ];
      for (const options of runs) {
        const result = await docker(
          "run",
          "--rm",
          ...options,
          "evil:1",
          "sh",
          "-c",
          "echo evil >>/etc/hosts; touch /abs/evil /rel/evil; echo done",
        );
        expect(result.stderr).not.toMatch(/internal|TypeError/);
      }
      await docker("volume", "rm", "data");
      await ok("rmi", "evil:1");
    },
    minute,
  );
});

/** busybox alone, without an /etc. */
async function baseTar(): Promise<string> {
  const folder = join(directory, "base");
  mkdirSync(join(folder, "bin"), { recursive: true });
  const tar = join(directory, "base.tar");
  await Bun.$`cp /bin/busybox ${folder}/bin/busybox && ln -sf busybox ${folder}/bin/sh && ln -sf busybox ${folder}/bin/touch && tar -C ${folder} -cf ${tar} bin`.quiet();
  return tar;
}
