import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ResolvedMount } from "../container.ts";
import { planMounts, resolveMounts } from "./mounts.ts";
import type { ContainerSpec } from "../spec.ts";
import { FakeVolumes } from "../testing.ts";

let folder: string;
let volumes: FakeVolumes;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "virga-mounts-"));
  volumes = new FakeVolumes(join(folder, "volumes"));
});
afterEach(() => rm(folder, { recursive: true }));

const others: Record<string, readonly ResolvedMount[]> = {
  other: [
    {
      type: "bind",
      source: "/etc",
      target: "/shared",
      readOnly: false,
      propagation: "rprivate",
      recursive: true,
    },
    { type: "tmpfs", target: "/scratch", options: [] },
  ],
};

async function resolve(spec: Partial<ContainerSpec>, imageVolumes: string[] = []): Promise<ResolvedMount[]> {
  await using undo = new AsyncDisposableStack();
  const process = { Volumes: Object.fromEntries(imageVolumes.map((path) => [path, {}])) };
  const plan = planMounts({ image: "busybox", ...spec }, process, {
    mountsOf: (name) => others[name]!,
    daemonRoot: join(folder, "daemon"),
    imageOf: () => ({ imageId: `sha256:${"1".repeat(64)}`, layers: [] }),
  });
  const mounts = await resolveMounts(plan, volumes, undo);
  undo.move();
  return mounts;
}

describe("resolveMounts", () => {
  test("image volumes become anonymous ones unless something else is there", async () => {
    const mounts = await resolve(
      { mounts: [{ type: "tmpfs", target: "/cache/" }], volumesFrom: ["other:ro"] },
      ["/cache", "/shared", "/data"],
    );
    expect(mounts.map((one) => `${one.type} ${one.target}`).toSorted()).toEqual([
      "bind /shared",
      "tmpfs /cache",
      "volume /data",
    ]);
    expect(mounts.find((one) => one.type === "bind")).toMatchObject({ readOnly: true });
    expect(mounts.find((one) => one.type === "volume")).toMatchObject({ anonymous: true, noCopy: false });
  });

  test("a mount comes after the one it lies in", async () => {
    const mounts = await resolve({
      mounts: [
        { type: "tmpfs", target: "/a/b/c" },
        { type: "volume", name: "v1", target: "/a" },
      ],
    });
    expect(mounts.map((one) => one.target)).toEqual(["/a", "/a/b/c"]);
  });

  test("the same target twice is refused, also when written differently", async () => {
    const mounts = [
      { type: "tmpfs", target: "/a" },
      { type: "tmpfs", target: "/x/../a/" },
    ] as const;
    expect(resolve({ mounts })).rejects.toThrow("Duplicate mount point: /a");
  });

  test("bind sources must exist, or are made when that was asked for", async () => {
    const source = join(folder, "new", "deep");
    const bind = { type: "bind", source, target: "/b" } as const;
    expect(resolve({ mounts: [bind] })).rejects.toThrow(`bind source path does not exist: ${source}`);
    await resolve({ mounts: [{ ...bind, createSource: true }] });
    expect(existsSync(source)).toBe(true);
    expect(resolve({ mounts: [{ ...bind, source: "relative" }] })).rejects.toThrow("must be absolute");
  });

  test("a folder that holds the daemon's own gets mounts that go away with those of the host", async () => {
    const bind = { type: "bind", target: "/b" } as const;
    const one = async (more: object) =>
      (await resolve({ mounts: [{ ...bind, source: folder, ...more }] }))[0]!;
    expect(await one({})).toMatchObject({ propagation: "rslave", fallsBack: true });
    expect(await one({ source: "/" })).toMatchObject({ propagation: "rslave" });
    expect(await one({ propagation: "rshared" })).not.toHaveProperty("fallsBack");
    expect(await one({ source: "/etc" })).toMatchObject({ propagation: "rprivate" });
    expect(one({ propagation: "rprivate" })).rejects.toThrow(
      'must use either propagation mode "rslave" or "rshared"',
    );
  });

  test("the root and relative paths are no targets", async () => {
    expect(resolve({ mounts: [{ type: "tmpfs", target: "/.." }] })).rejects.toThrow("can't be '/'");
    expect(resolve({ mounts: [{ type: "tmpfs", target: "data" }] })).rejects.toThrow("must be absolute");
  });

  test("a failure takes the anonymous volumes away again, and leaves the named ones", async () => {
    const failing = resolve({
      mounts: [
        { type: "volume", target: "/anonymous" },
        { type: "volume", name: "named", target: "/named" },
        { type: "bind", source: join(folder, "nonexistent"), target: "/b" },
      ],
    });
    expect(failing).rejects.toThrow("does not exist");
    await failing.catch(() => {});
    expect([...volumes.volumes.keys()]).toEqual(["named"]);
  });
});
