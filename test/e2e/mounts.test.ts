import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { bindMount, mount, mountFlags, unmountAll } from "../../src/host/index.ts";
import { importBusybox, mountsBelow, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { settledHoldings } from "../support/holdings.ts";

/** Volumes and mounts of every kind, as the docker CLI asks for them. */
const minute = 60_000;
const image = "box:1";
let daemon: TestDaemon;
let folder: string;
let before: string[];
const ok = (...args: string[]) => daemon.dockerOk(args);
const docker = (...args: string[]) => daemon.docker(args);
/** What a container with these options sees. */
const sh = (options: readonly string[], script: string) =>
  ok("run", "--rm", ...options, image, "sh", "-c", `${script}\ntrue`);
const volumeMounts = () => mountsBelow(daemon.identity.path("volumes"));
const lines = (text: string) => text.split("\n").filter(Boolean);
async function refused(...args: string[]): Promise<string> {
  const { exitCode, stderr } = await docker(...args);
  expect(exitCode).not.toBe(0);
  return stderr;
}

beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon, image);
  before = await settledHoldings(daemon);
}, minute);
afterAll(() => daemon.destroy(), minute);
beforeEach(() => {
  folder = mkdtempSync("/tmp/virga-mounts-");
});
afterEach(async () => {
  const ids = lines(await ok("ps", "-aq"));
  if (ids.length > 0) await ok("rm", "-f", "-v", ...ids);
  const volumes = lines(await ok("volume", "ls", "-q"));
  if (volumes.length > 0) await ok("volume", "rm", ...volumes);
  await docker("rmi", "files:1");
  unmountAll(folder, { lazy: true });
  rmSync(folder, { recursive: true });
  expect(await settledHoldings(daemon)).toEqual(before);
}, minute);

describe("volumes with options", () => {
  test("tmpfs: one for all its containers, with its size, gone with the last", async () => {
    await ok(
      "volume",
      "create",
      "--opt",
      "type=tmpfs",
      "--opt",
      "device=tmpfs",
      "--opt",
      "o=size=1m,uid=1000",
      "ram",
    );
    expect(await ok("volume", "inspect", "--format", "{{json .Options}} {{.Scope}} {{.Driver}}", "ram")).toBe(
      '{"device":"tmpfs","o":"size=1m,uid=1000","type":"tmpfs"} local local',
    );
    await ok("run", "-d", "--name", "one", "-v", "ram:/ram", image, "sleep", "600");
    expect(
      await sh(
        ["-v", "ram:/ram"],
        "echo hello >/ram/file; stat -c %u /ram; df -k /ram | tail -1 | awk '{print $2}'",
      ),
    ).toBe("1000\n1024");
    expect(await ok("exec", "one", "cat", "/ram/file")).toBe("hello");
    expect(volumeMounts()).toHaveLength(1);
    await ok("rm", "-f", "one");
    expect(volumeMounts()).toEqual([]);
    expect(await sh(["-v", "ram:/ram"], "ls /ram")).toBe("");
  });

  test("a folder of the host, with docker cp into a container that is stopped", async () => {
    writeFileSync(join(folder, "file"), "from the host\n");
    await ok(
      "volume",
      "create",
      "--opt",
      "type=none",
      "--opt",
      "o=bind",
      "--opt",
      `device=${folder}`,
      "here",
    );
    expect(await sh(["-v", "here:/here"], "cat /here/file; echo made >/here/made")).toBe("from the host");
    expect(readFileSync(join(folder, "made"), "utf8")).toBe("made\n");
    await ok("create", "--name", "still", "-v", "here:/here", image, "true");
    await ok("cp", join(folder, "made"), "still:/here/copied");
    expect(readFileSync(join(folder, "copied"), "utf8")).toBe("made\n");
    expect(volumeMounts()).toEqual([]);
    await ok("run", "--name", "ended", "--hostname", "here", "--add-host", "there:10.1.2.3", image, "true");
    for (const [name, text] of [
      ["hostname", "here\n"],
      ["hosts", "10.1.2.3\tthere\n"],
      ["resolv.conf", "nameserver"],
    ] as const) {
      await ok("cp", `ended:/etc/${name}`, join(folder, name));
      expect(readFileSync(join(folder, name), "utf8")).toContain(text);
    }
  });

  test("are counted right after a daemon that was killed", async () => {
    await ok("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "ram");
    await ok(
      "run",
      "-d",
      "--name",
      "one",
      "-v",
      "ram:/ram",
      image,
      "sh",
      "-c",
      "echo kept >/ram/file; sleep 600",
    );
    await ok("run", "-d", "--name", "two", "-v", "ram:/ram", image, "sleep", "600");
    await daemon.crash();
    expect(volumeMounts()).toHaveLength(1);
    await daemon.start();
    await ok("rm", "-f", "two");
    expect(await sh(["-v", "ram:/ram"], "cat /ram/file")).toBe("kept");
    expect(volumeMounts()).toHaveLength(1);
    const pid = Number(await ok("inspect", "--format", "{{.State.Pid}}", "one"));
    await daemon.crash();
    process.kill(pid, "SIGKILL");
    await daemon.start();
    expect(volumeMounts()).toEqual([]);
  });

  test("that cannot be had say so, with nothing left", async () => {
    expect(await refused("volume", "create", "--opt", "color=red")).toContain('invalid option: "color"');
    expect(await refused("volume", "create", "--opt", "type=tmpfs")).toContain(
      'missing required option: "device"',
    );
    expect(await refused("volume", "create", "-d", "rexray", "x1")).toContain(
      'error looking up volume plugin rexray: plugin "rexray" not found',
    );
    await ok(
      "volume",
      "create",
      "--opt",
      "type=none",
      "--opt",
      "o=bind",
      "--opt",
      `device=${folder}/none`,
      "lost",
    );
    expect(await refused("run", "--rm", "-v", "lost:/x", image, "true")).toContain(
      `failed to mount local volume: mount ${folder}/none:`,
    );
    await ok(
      "volume",
      "create",
      "--opt",
      "type=nfs",
      "--opt",
      "o=addr=127.0.0.1",
      "--opt",
      "device=:/x",
      "far",
    );
    expect(await refused("run", "--rm", "-v", "far:/x", image, "true")).toMatch(
      /failed to mount local volume: mount[. ]/,
    );
    expect(
      await refused("run", "--rm", "--volume-driver", "rexray", "-v", "new:/x", image, "true"),
    ).toContain('plugin "rexray" not found');
  });
});

describe("docker volume", () => {
  test("ls filters, rm of one in use, and the size in df", async () => {
    await ok("volume", "create", "--label", "tier=data", "alpha");
    await ok("volume", "create", "beta");
    await ok(
      "run",
      "--name",
      "user",
      "-v",
      "beta:/b",
      image,
      "sh",
      "-c",
      "head -c 100000 /dev/zero >/b/file",
    );
    const listed = async (...filters: string[]) =>
      lines(await ok("volume", "ls", "-q", ...filters.flatMap((one) => ["--filter", one])));
    expect(await listed("name=lph")).toEqual(["alpha"]);
    expect(await listed("label=tier=data")).toEqual(["alpha"]);
    expect(await listed("dangling=true")).toEqual(["alpha"]);
    expect(await listed("dangling=false")).toEqual(["beta"]);
    expect(await listed("driver=local")).toEqual(["alpha", "beta"]);
    expect(await listed("driver=nfs")).toEqual([]);
    const id = await ok("inspect", "--format", "{{.Id}}", "user");
    expect(await refused("volume", "rm", "beta")).toContain(`remove beta: volume is in use - [${id}]`);
    const df = await ok(
      "system",
      "df",
      "-v",
      "--format",
      "{{range .Volumes}}{{.Name}} {{.Links}} {{.Size}};{{end}}",
    );
    expect(df).toMatch(/beta 1 10\d(\.\d+)?kB/);
  });
});

describe("docker events", () => {
  test("tell when a container begins and ceases to use a volume", async () => {
    await ok("run", "--name", "user", "-v", "data:/d:ro", "-v", "data:/e", image, "true");
    const until = ((Date.now() + 1) / 1000).toFixed(3);
    const format = "{{.Action}} {{json .Actor.Attributes}}";
    const text = await ok(
      "events",
      "--filter",
      "volume=data",
      "--since",
      "1",
      "--until",
      until,
      "--format",
      format,
    );
    const container = await ok("inspect", "--format", "{{.Id}}", "user");
    const common = { container, driver: "local" };
    const mounted = { ...common, propagation: "" };
    const seen = lines(text).map((line) => [
      line.split(" ", 1)[0],
      JSON.parse(line.slice(line.indexOf("{"))) as object,
    ]);
    // The client gives its volumes in any order.
    expect(seen.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))).toEqual([
      ["create", { driver: "local" }],
      ["mount", { ...mounted, destination: "/d", "read/write": "false" }],
      ["mount", { ...mounted, destination: "/e", "read/write": "true" }],
      ["unmount", common],
      ["unmount", common],
    ]);
  });
});

describe("--mount", () => {
  test("volume-subpath: a folder or a file of a volume, which must be there and stay inside", async () => {
    await sh(
      ["-v", "data:/d"],
      "mkdir -p /d/a/b; echo deep >/d/a/b/file; ln -s a/b /d/inside; ln -s /etc /d/absolute; ln -s ../../../../../../.. /d/up",
    );
    const at = (subpath: string, target = "/sub") => [
      "--mount",
      `type=volume,src=data,dst=${target},volume-subpath=${subpath}`,
    ];
    expect(await sh(at("a/b"), "cat /sub/file; echo more >/sub/more")).toBe("deep");
    expect(await sh(at("inside"), "ls /sub")).toBe("file\nmore");
    expect(await sh(at("a/b/file", "/sub.txt"), "cat /sub.txt")).toBe("deep");
    for (const path of ["absolute", "up", "up/etc"]) {
      expect(await refused("run", "--rm", ...at(path), image, "true")).toContain("leads out of it");
    }
    expect(await refused("run", "--rm", ...at("none"), image, "true")).toContain("no such file or directory");
    expect(await refused("run", "--rm", ...at("../x"), image, "true")).toContain(
      "subpath must be a relative path within the volume",
    );
    expect(
      await refused("run", "--rm", "--mount", "type=volume,dst=/x,volume-subpath=a", image, "true"),
    ).toContain("must not set Subpath when using anonymous volumes");
  });

  test(
    "volume-subpath never leads out, while somebody swaps it for a link",
    async () => {
      await sh(["-v", "data:/d"], "mkdir /d/real; touch /d/real/inside");
      const data = await ok("volume", "inspect", "--format", "{{.Mountpoint}}", "data");
      const stop = new AbortController();
      const swapping = (async () => {
        for (let turn = 0; !stop.signal.aborted; turn++) {
          symlinkSync(turn % 2 === 0 ? "/etc" : "real", join(data, "next"));
          renameSync(join(data, "next"), join(data, "moving"));
          await Bun.sleep(0);
        }
      })();
      const options = ["--mount", "type=volume,src=data,dst=/sub,volume-subpath=moving"];
      for (let turn = 0; turn < 20; turn++) {
        const { exitCode, stdout, stderr } = await docker("run", "--rm", ...options, image, "ls", "/sub");
        if (exitCode === 0) expect(stdout).toBe("inside\n");
        else expect(stderr).toMatch(/leads out of it|no such file/);
      }
      stop.abort();
      await swapping;
    },
    minute,
  );

  test(
    "image: the files of another image, read-only, which is in use by it",
    async () => {
      await importBusybox(daemon, "files:1");
      const options = ["--mount", "type=image,src=files:1,dst=/i"];
      expect(await sh(options, "cat /i/www/index.html; touch /i/x 2>&1")).toContain(
        "ok\ntouch: /i/x: Read-only file system",
      );
      expect(await sh(["--mount", "type=image,src=files:1,dst=/w,image-subpath=www"], "ls /w")).toBe(
        "index.html",
      );
      await ok("run", "-d", "--name", "reader", ...options, image, "sleep", "600");
      expect(
        await ok(
          "inspect",
          "--format",
          "{{(index .Mounts 0).Type}} {{(index .Mounts 0).Name}} {{(index .Mounts 0).RW}}",
          "reader",
        ),
      ).toBe("image files:1 false");
      expect(await refused("rmi", "files:1")).toContain("unable to remove repository reference");
      await ok("restart", "-t", "0", "reader");
      expect(await ok("exec", "reader", "cat", "/i/www/index.html")).toBe("ok");
      await daemon.crash();
      await daemon.start();
      expect(await ok("exec", "reader", "cat", "/i/www/index.html")).toBe("ok");
      await ok("rm", "-f", "reader");
      expect(
        await refused("run", "--rm", "--mount", "type=image,src=nope:1,dst=/i", image, "true"),
      ).toContain("No such image: nope:1");
      await ok("rmi", "files:1");
    },
    minute,
  );

  test("bind: recursion, what is read-only below, and a source that must be there", async () => {
    mkdirSync(join(folder, "below"));
    mount("tmpfs", join(folder, "below"), "tmpfs", 0, "size=1m");
    const at = (more: string) => ["--mount", `type=bind,src=${folder},dst=/b${more}`];
    const script =
      "touch /b/below/x 2>&1 && echo written; rm -f /b/below/x; grep -c ' /b/below ' /proc/mounts";
    expect(await sh(at(""), script)).toBe("written\n1");
    expect(await sh(at(",readonly"), script)).toContain("Read-only file system");
    expect(await sh(at(",readonly,bind-recursive=writable"), script)).toBe("written\n1");
    expect(await sh(at(",readonly,bind-recursive=readonly,bind-propagation=rprivate"), script)).toContain(
      "Read-only file system",
    );
    expect(await sh(at(",bind-recursive=disabled"), script)).toBe("written\n0");
    const missing = join(folder, "missing");
    expect(
      await refused("run", "--rm", "--mount", `type=bind,src=${missing},dst=/b`, image, "true"),
    ).toContain(`invalid mount config for type "bind": bind source path does not exist: ${missing}`);
    await ok("run", "--name", "again", "-v", `${missing}:/b`, image, "ls", "-A", "/b");
    rmSync(missing, { recursive: true });
    await ok("start", "-a", "again");
    expect(readdirSync(folder).toSorted()).toEqual(["below", "missing"]);
  });

  test(
    "bind-propagation: mounts of the host come in, and out, as asked",
    async () => {
      bindMount(folder, folder);
      mount("", folder, "", mountFlags.shared | mountFlags.recursive);
      for (const name of ["pri", "rpri", "sla", "rsla", "sha", "rsha"]) mkdirSync(join(folder, name));
      const seen: Record<string, string> = {};
      for (const [name, mode] of Object.entries({
        pri: "private",
        rpri: "rprivate",
        sla: "slave",
        rsla: "rslave",
        sha: "shared",
        rsha: "rshared",
      })) {
        await ok(
          "run",
          "-d",
          "--privileged",
          "--name",
          name,
          "-v",
          `${folder}:/b:${mode}`,
          image,
          "sleep",
          "600",
        );
        mount("tmpfs", join(folder, name), "tmpfs", 0, "size=64k");
        const came = await ok("exec", name, "sh", "-c", `grep -c ' /b/${name} ' /proc/mounts || true`);
        await ok("exec", name, "sh", "-c", `mkdir /b/out-${name}; mount -t tmpfs none /b/out-${name}`);
        const went = readFileSync("/proc/self/mountinfo", "utf8").includes(` ${folder}/out-${name} `);
        seen[mode] = `${came} ${went}`;
        await ok("rm", "-f", name);
      }
      expect(seen).toEqual({
        private: "0 false",
        rprivate: "0 false",
        slave: "1 false",
        rslave: "1 false",
        shared: "1 true",
        rshared: "1 true",
      });
    },
    minute,
  );

  test(
    "of a folder that holds the daemon's root keeps nothing of other containers busy",
    async () => {
      const { root } = daemon.identity;
      bindMount(root, root);
      try {
        mount("", root, "", mountFlags.shared | mountFlags.recursive);
        const other = await ok("run", "-d", "--name", "other", image, "sleep", "600");
        await ok("run", "-d", "--name", "watcher", "-v", `${root}:/root-of-all`, image, "sleep", "600");
        expect(await ok("inspect", "--format", "{{(index .Mounts 0).Propagation}}", "watcher")).toBe(
          "rslave",
        );
        const seen = async () =>
          (await ok("exec", "watcher", "cat", "/proc/mounts")).includes(`${other}/overlay/merged`);
        expect(await seen()).toBe(true);
        await ok("rm", "-f", "other");
        expect(await seen()).toBe(false);
        await ok("rm", "-f", "watcher");
      } finally {
        mount("", root, "", mountFlags.private | mountFlags.recursive);
        unmountAll(root, { lazy: true });
      }
    },
    minute,
  );

  test("tmpfs: size, mode and options", async () => {
    const options = [
      "--mount",
      "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=0700",
      "--tmpfs",
      "/u:exec,size=64k,uid=1000",
    ];
    const script =
      "grep -o ' /t tmpfs.*' /proc/mounts; stat -c '%a' /t; stat -c '%u' /u; grep ' /u ' /proc/mounts | grep -c noexec";
    const result = await ok("run", "--name", "ram", ...options, image, "sh", "-c", `${script}; true`);
    expect(result).toMatch(
      /^ \/t tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,mode=700.*\n700\n1000\n0$/,
    );
    expect(await refused("run", "--rm", "--tmpfs", "/t:colour=red", image, "true")).toContain(
      "Invalid tmpfs option",
    );
  });

  test("volume options: driver options and labels make the volume, nocopy leaves it empty", async () => {
    const options =
      "type=volume,src=made,dst=/www,volume-driver=local,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-label=a=b";
    expect(await sh(["--mount", options], "ls /www; grep -o ' /www tmpfs' /proc/mounts")).toBe(
      "index.html\n /www tmpfs",
    );
    expect(await ok("volume", "inspect", "--format", "{{json .Labels}}", "made")).toBe('{"a":"b"}');
    expect(await sh(["--mount", "type=volume,src=empty,dst=/www,volume-nocopy"], "ls /www")).toBe("");
    expect(await sh(["-v", "full:/www"], "ls /www")).toBe("index.html");
  });
});

describe("-v", () => {
  test("takes each mode and refuses what Docker refuses", async () => {
    expect(await sh(["-v", `${folder}:/b:ro,z`], "touch /b/x 2>&1")).toContain("Read-only file system");
    expect(await sh(["-v", `${folder}:/b:cached`], "touch /b/x && echo yes")).toBe("yes");
    await ok("create", "--name", "shown", "-v", `${folder}:/b:ro,Z`, "-v", "data:/d", image);
    expect(await ok("inspect", "--format", "{{json .HostConfig.Binds}}", "shown")).toBe(
      JSON.stringify([`${folder}:/b:ro,Z`, "data:/d"]),
    );
    const modes = await ok(
      "inspect",
      "--format",
      "{{range .Mounts}}{{.Destination}} {{.Mode}} {{.RW}};{{end}}",
      "shown",
    );
    expect(modes).toBe("/b ro,Z false;/d z true;");
    for (const [bind, message] of [
      ["data:/x:rx", "invalid mode: rx"],
      ["data:/x:ro,rw", "invalid mode: ro,rw"],
      ["data:relative", "mount path must be absolute"],
      ["data:/", "destination can't be '/'"],
      ["./a/b:/x", "includes invalid characters"],
    ] as const) {
      if (bind.startsWith("./")) continue; // the client makes it absolute
      expect(await refused("create", "-v", bind, image)).toContain(message);
    }
    expect(await refused("create", "-v", "a1:/x", "-v", "b1:/x", image)).toContain(
      "Duplicate mount point: /x",
    );
  });

  test("is told back as it was given, and so are the others", async () => {
    const given = ["-v", "data:/d:ro", "-v", "/lone", "--tmpfs", "/u:size=1m"];
    const mounts = ["--mount", "type=volume,src=other,dst=/o,readonly", "--mount", "type=tmpfs,dst=/t"];
    await ok("create", "--name", "shown", ...given, ...mounts, image);
    const host = JSON.parse(await ok("inspect", "--format", "{{json .HostConfig}}", "shown")) as Record<
      string,
      unknown
    >;
    expect(host).toMatchObject({
      Binds: ["data:/d:ro"],
      Tmpfs: { "/u": "size=1m" },
      Mounts: [
        { Type: "volume", Source: "other", Target: "/o", ReadOnly: true },
        { Type: "tmpfs", Target: "/t" },
      ],
    });
    const format = "{{range .Mounts}}{{.Type}} {{.Destination}} {{.Mode}};{{end}}";
    expect((await ok("inspect", "--format", format, "shown")).split(";").toSorted()).toEqual([
      "",
      "tmpfs /t ",
      "volume /d ro",
      "volume /lone ",
      "volume /o z",
    ]);
    const created = await ok("volume", "inspect", "--format", "{{.CreatedAt}}", "data");
    expect(created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  test("--volumes-from: with ro, with what it has itself, and of none", async () => {
    await ok("create", "--name", "origin", "-v", "data:/d", "-v", `${folder}:/b`, image);
    expect(await sh(["--volumes-from", "origin"], "touch /d/x /b/x && echo yes")).toBe("yes");
    expect(await sh(["--volumes-from", "origin:ro"], "touch /d/y 2>&1; touch /b/y 2>&1")).toMatch(
      /\/d\/y: Read-only.*\n.*\/b\/y: Read-only/,
    );
    expect(await sh(["--volumes-from", "origin", "--tmpfs", "/d"], "ls /d /b")).toBe("/b:\nx\n\n/d:");
    expect(await refused("create", "--volumes-from", "nobody", image)).toContain("No such container: nobody");
    expect(await refused("create", "--volumes-from", "origin:rshared", image)).toContain(
      "invalid mode: rshared",
    );
    unlinkSync(join(folder, "x"));
  });
});

describe("a stack", () => {
  test(
    "with volumes that have options, parts of volumes, files of an image and a tmpfs",
    async () => {
      await importBusybox(daemon, "files:1");
      mkdirSync(join(folder, "here/part"), { recursive: true });
      writeFileSync(join(folder, "here/part/file"), "part\n");
      writeFileSync(
        join(folder, "compose.yaml"),
        `name: mounted
services:
  all:
    image: ${image}
    command: sleep 600
    init: true
    volumes:
      - ram:/ram
      - {type: volume, source: here, target: /part, volume: {subpath: part}}
      - {type: image, source: "files:1", target: /i, image: {subpath: www}}
      - {type: tmpfs, target: /t, tmpfs: {size: 1m}}
volumes:
  ram: {driver_opts: {type: tmpfs, device: tmpfs, o: size=1m}}
  here: {driver_opts: {type: none, o: bind, device: ./here}}
`,
      );
      const up = await daemon.virga(["up", folder]);
      expect(up.stderr + up.stdout).toContain("mounted-all-1");
      expect(up.exitCode).toBe(0);
      const script =
        "df -k /ram | tail -1 | awk '{print $2}'; cat /part/file /i/index.html; grep -c ' /t tmpfs' /proc/mounts";
      expect(await ok("exec", "mounted-all-1", "sh", "-c", script)).toBe("1024\npart\nok\n1");
      expect((await daemon.virga(["plan", folder])).stdout).toContain(
        "nothing: everything is as the files say",
      );
      await daemon.virga(["down", folder, "--volumes"]);
      expect(readFileSync(join(folder, "here/part/file"), "utf8")).toBe("part\n");
    },
    minute,
  );
});
