import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock, silentLogger } from "../base/index.ts";
import { createEvents, eventMigrations } from "../events/index.ts";
import { getXattr, lchown, mountsBelow, setTimes, setXattr, unmountAll } from "../host/index.ts";
import { openState, type State } from "../state/index.ts";
import { mountCommand } from "./options.ts";
import { volumeMigrations } from "./store.ts";
import type { Volumes } from "./volume.ts";
import { createVolumes } from "./volumes.ts";

let root: string;
let state: State;
let users: Record<string, string[]>;
let volumes: Volumes;

/** The service, as a daemon's start makes it. */
function open(): Volumes {
  const clock = new ManualClock();
  return createVolumes({
    state,
    clock,
    logger: silentLogger,
    events: createEvents(state, clock),
    directory: join(root, "volumes"),
    use: { containersOf: (name) => users[name] ?? [] },
  });
}

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "virga-volumes-")));
  state = openState(":memory:", [...eventMigrations, ...volumeMigrations]);
  users = {};
  volumes = open();
});

afterEach(() => {
  state.close();
  rmSync(root, { recursive: true, force: true });
});

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => "it did not fail",
    (error: unknown) => error,
  );
}

describe("create", () => {
  test("is the same volume for the same name, also after a restart and when the directory went", async () => {
    const made = await volumes.create({ name: "data", labels: { a: "b" } });
    expect(made).toMatchObject({ name: "data", anonymous: false, labels: { a: "b" } });
    expect(statSync(made.path).mode & 0o7777).toBe(0o755);
    volumes = open();
    rmSync(made.path, { recursive: true });
    expect(await volumes.create({ name: "data" })).toEqual(made);
    expect(existsSync(made.path)).toBe(true);
    expect(volumes.list()).toEqual([made]);
  });

  test("without a name gives a random one and marks it", async () => {
    const made = await volumes.create({});
    expect(made.name).toMatch(/^[0-9a-f]{64}$/);
    expect(made.anonymous).toBe(true);
    expect(made.labels).toEqual({ "com.docker.volume.anonymous": "" });
  });

  test.each(["../etc", "a", "a/b", "", ".hidden", "a\n", "x".repeat(256)].filter(Boolean))(
    "refuses the name %j",
    async (name) => {
      expect(await failureOf(volumes.create({ name }))).toMatchObject({
        kind: "invalid",
        code: "volume.name-invalid",
      });
      expect(volumes.list()).toEqual([]);
    },
  );

  test("refuses drivers that it does not have", async () => {
    expect(await failureOf(volumes.create({ name: "data", driver: "nfs" }))).toMatchObject({
      kind: "not-found",
      message: 'create data: error looking up volume plugin nfs: plugin "nfs" not found',
    });
  });

  test.each([
    [{ mountpoint: "/x" }, 'create data: invalid option: "mountpoint"'],
    [{ type: "tmpfs" }, 'create data: missing required option: "device"'],
    [{ device: "/x" }, 'create data: missing required option: "type"'],
    [{ o: "bind", type: "none" }, 'create data: missing required option: "device"'],
    [{ type: "cifs", device: "//host:445/share" }, "port not allowed in CIFS device URL"],
    [{ size: "abc" }, "create data: invalid size: 'abc'"],
    [{ size: "10m" }, "create data: quota size requested but no quota support"],
  ])("refuses the options %j", async (options, message) => {
    const failure = await failureOf(volumes.create({ name: "data", options }));
    expect(failure).toMatchObject({ kind: "invalid", message: expect.stringContaining(message) });
    expect(volumes.list()).toEqual([]);
  });
});

describe("a volume with options", () => {
  const mounted = (path: string) => mountsBelow(path).map((one) => one.type);
  const tmpfs = { type: "tmpfs", device: "tmpfs", o: "size=1m,mode=0700" };

  afterEach(() => unmountAll(root, { lazy: true }));

  test("is mounted from its first user to its last", async () => {
    const { path, options } = await volumes.create({ name: "data", options: tmpfs });
    expect(options).toEqual(tmpfs);
    expect(mounted(path)).toEqual([]);
    expect(await volumes.acquire("data", "c1")).toBe(path);
    writeFileSync(join(path, "file"), "x");
    await volumes.acquire("data", "c2");
    await volumes.acquire("data", "c2");
    expect(mounted(path)).toEqual(["tmpfs"]);
    expect(statSync(path).mode & 0o7777).toBe(0o700);
    await volumes.release("data", "c1");
    await volumes.release("data", "stranger");
    expect(readdirSync(path)).toEqual(["file"]);
    await volumes.release("data", "c2");
    expect(mounted(path)).toEqual([]);
    await volumes.release("data", "c2");
    await volumes.remove("data");
    expect(existsSync(join(root, "volumes", "data"))).toBe(false);
  });

  test("of a folder shows the folder", async () => {
    const folder = join(root, "folder");
    mkdirSync(folder);
    writeFileSync(join(folder, "file"), "x");
    const options = { type: "none", o: "bind,ro", device: folder };
    const { path } = await volumes.create({ name: "data", options });
    await volumes.acquire("data", "c1");
    expect(readdirSync(path)).toEqual(["file"]);
    expect(() => writeFileSync(join(path, "other"), "")).toThrow("EROFS");
    await volumes.release("data", "c1");
    await volumes.remove("data");
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  test("stays mounted when the daemon dies, and the next one counts right", async () => {
    const { path } = await volumes.create({ name: "used", options: tmpfs });
    const other = await volumes.create({ name: "unused", options: tmpfs });
    await volumes.acquire("used", "c1");
    await volumes.acquire("unused", "c2");
    volumes = open();
    volumes.adopt("used", "c1");
    await volumes.sweep();
    expect([mounted(path), mounted(other.path)]).toEqual([["tmpfs"], []]);
    await volumes.release("used", "c1");
    expect(mounted(path)).toEqual([]);
  });

  test("that cannot be mounted says what was mounted where, and why", async () => {
    const missing = { type: "none", o: "bind", device: join(root, "missing") };
    const { path } = await volumes.create({ name: "data", options: missing });
    expect(await failureOf(volumes.acquire("data", "c1"))).toMatchObject({
      code: "volume.mount-failed",
      message: expect.stringContaining(`failed to mount local volume: mount ${missing.device}:${path}:`),
    });
    await volumes.remove("data");
  });

  test("is filled from the image as another, and left alone by a prune", async () => {
    const image = join(root, "image");
    mkdirSync(image);
    writeFileSync(join(image, "file"), "x");
    const { path } = await volumes.create({ options: tmpfs });
    const { name } = volumes.list()[0]!;
    await volumes.acquire(name, "c1");
    await volumes.seed(name, image);
    expect(readdirSync(path)).toEqual(["file"]);
    await volumes.release(name, "c1");
    expect((await volumes.prune({ all: true })).removed).toEqual([]);
  });
});

describe("mountCommand", () => {
  const call = (options: Record<string, string>, installed = true) =>
    mountCommand(options, "/t", () => installed);

  test("names the server of NFS as mount(8) wants it", () => {
    const options = { type: "nfs", device: ":/export", o: "addr=10.0.0.1,rw,nfsvers=4" };
    expect(call(options).command.slice(2)).toEqual([
      "-t",
      "nfs",
      "-o",
      "rw,nfsvers=4",
      "--source",
      "10.0.0.1:/export",
      "--target",
      "/t",
    ]);
    expect(call({ ...options, o: "addr=fe80::1" }).command).toContain("[fe80::1]:/export");
    expect(call({ ...options, device: "host:/export", o: "" }).command).toContain("host:/export");
  });

  test("keeps a password from the command line", () => {
    const { command, environment } = call({
      type: "cifs",
      device: "//host/share",
      o: "username=u,password=a=b",
    });
    expect(command.join(" ")).not.toContain("a=b");
    expect(environment).toEqual({ PASSWD: "a=b" });
  });

  test("says which package is missing", () => {
    expect(() => call({ type: "nfs", device: "h:/x" }, false)).toThrow("mount.nfs is not installed");
  });
});

describe("remove", () => {
  test("takes record and data, and is refused while a container names the volume", async () => {
    const { path } = await volumes.create({ name: "data" });
    writeFileSync(join(path, "file"), "x");
    users["data"] = ["c1", "c2"];
    expect(await failureOf(volumes.remove("data"))).toMatchObject({
      kind: "conflict",
      code: "volume.in-use",
      message: "remove data: volume is in use - [c1, c2]",
    });
    expect(await failureOf(volumes.remove("data", true))).toMatchObject({ code: "volume.in-use" });
    users = {};
    await volumes.remove("data");
    expect(existsSync(join(root, "volumes", "data"))).toBe(false);
    expect(() => volumes.get("data")).toThrow("get data: no such volume");
  });

  test("of a volume that is not there fails without force only", async () => {
    expect(await failureOf(volumes.remove("gone"))).toMatchObject({ kind: "not-found" });
    await volumes.remove("gone", true);
  });

  test("prune takes unused anonymous volumes, with `all` also named ones, and never those kept", async () => {
    const anonymous = await volumes.create({});
    const used = await volumes.create({});
    const named = await volumes.create({ name: "named" });
    await volumes.create({ name: "kept" });
    users[used.name] = ["c1"];
    writeFileSync(join(anonymous.path, "file"), Buffer.alloc(100_000, 1));
    const first = await volumes.prune({ all: false });
    expect(first.removed).toEqual([anonymous.name]);
    expect(first.freed).toBeGreaterThanOrEqual(100_000);
    const second = await volumes.prune({ all: true, keep: ({ name }) => name === "kept" });
    expect(second.removed).toEqual([named.name]);
    expect(volumes.list().map(({ name }) => name).toSorted()).toEqual([used.name, "kept"].toSorted()); // prettier-ignore
  });
});

describe("seed", () => {
  const image = () => join(root, "image");

  function makeImage() {
    mkdirSync(join(image(), "sub"), { recursive: true });
    writeFileSync(join(image(), "a"), "content");
    linkSync(join(image(), "a"), join(image(), "sub", "hard"));
    symlinkSync("/etc/passwd", join(image(), "link"));
    lchown(join(image(), "a"), 70, 71);
    setXattr(join(image(), "a"), "user.note", Buffer.from("hello"));
    chmodSync(join(image(), "a"), 0o4711);
    lchown(image(), 999, 998);
    chmodSync(image(), 0o1770);
    setTimes(image(), 1_000_000_000n, 2_000_000_000n);
  }

  test("copies content with owners, modes, times, attributes and hard links", async () => {
    makeImage();
    const { path } = await volumes.create({ name: "data" });
    const before = lstatSync(path).ino;
    await volumes.seed("data", image());
    const [a, top] = [lstatSync(join(path, "a")), lstatSync(path)];
    expect(readFileSync(join(path, "a"), "utf8")).toBe("content");
    expect([a.uid, a.gid, a.mode & 0o7777]).toEqual([70, 71, 0o4711]);
    expect(a.ino).toBe(lstatSync(join(path, "sub", "hard")).ino);
    expect(Buffer.from(getXattr(join(path, "a"), "user.note")!).toString()).toBe("hello");
    expect(lstatSync(join(path, "link")).isSymbolicLink()).toBe(true);
    expect([top.uid, top.gid, top.mode & 0o7777, top.mtimeMs]).toEqual([999, 998, 0o1770, 2000]);
    expect(top.ino).toBe(before);
    expect(readdirSync(join(root, "volumes", "data"))).toEqual(["_data"]);
  });

  test("leaves a volume with content alone, and an image without the directory is no error", async () => {
    makeImage();
    const { path } = await volumes.create({ name: "data" });
    await volumes.seed("data", join(root, "nothing"));
    await volumes.seed("data", join(image(), "a"));
    expect(readdirSync(path)).toEqual([]);
    writeFileSync(join(path, "mine"), "");
    await volumes.seed("data", image());
    expect(readdirSync(path)).toEqual(["mine"]);
  });

  test("starts again after a crash during the copy, and goes on after one during the move", async () => {
    makeImage();
    const { path } = await volumes.create({ name: "data" });
    const folder = join(root, "volumes", "data");
    mkdirSync(join(folder, "copying"));
    writeFileSync(join(folder, "copying", "half"), "");
    await volumes.seed("data", image());
    expect(readdirSync(path).toSorted()).toEqual(["a", "link", "sub"]);
    mkdirSync(join(folder, "copied"));
    renameSync(join(path, "sub"), join(folder, "copied", "sub"));
    open();
    expect(readdirSync(path).toSorted()).toEqual(["a", "link", "sub"]);
    expect(readdirSync(folder)).toEqual(["_data"]);
  });
});

test("usage counts the bytes on the disk", async () => {
  const { path } = await volumes.create({ name: "data" });
  writeFileSync(join(path, "file"), Buffer.alloc(1_000_000, 1));
  expect(await volumes.usage("data")).toBeGreaterThanOrEqual(1_000_000);
});
