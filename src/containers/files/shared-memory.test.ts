import { afterEach, beforeEach, expect, test } from "bun:test";
import { isVirgaError } from "../../base/index.ts";
import { isMountPoint } from "../../host/index.ts";
import type { OciConfig } from "../../runtimes/index.ts";
import { testContainers, type TestContainers } from "../testing.ts";

let on: TestContainers;
beforeEach(async () => void (on = await testContainers()));
afterEach(() => on[Symbol.asyncDispose]());

async function started(name: string, ipc: string): Promise<string> {
  const { container } = await on.containers.create({ image: "busybox", name, namespaces: { ipc } });
  await on.containers.start(container.id);
  return container.id;
}

async function sharedMemoryOf(id: string): Promise<unknown> {
  const config = (await Bun.file(`${on.containers.get(id).folder}/bundle/config.json`).json()) as OciConfig;
  const mounts = config["mounts"] as { destination: string; source: string; type: string }[];
  return mounts.find((one) => one.destination === "/dev/shm");
}

test("a shareable container's shared memory is there while it runs, and another's too", async () => {
  const owner = await started("owner", "shareable");
  const path = `${on.containers.get(owner).folder}/shm`;
  expect(isMountPoint(path)).toBe(true);
  const guest = await started("guest", "container:owner");
  expect(await sharedMemoryOf(guest)).toMatchObject({ type: "bind", source: path });
  on.runtime.exit(owner, 0);
  await on.until(() => on.containers.get(owner).state.status === "exited" && !isMountPoint(path));
});

test("a private one has its own, and nobody joins it", async () => {
  const owner = await started("owner", "private");
  expect(await sharedMemoryOf(owner)).toMatchObject({ type: "tmpfs" });
  const failed = await started("guest", "container:owner").catch((error: unknown) => error);
  expect(isVirgaError(failed, "conflict") && failed.message).toBe(
    `can't join IPC of container ${owner}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  );
});

test("what a start that failed has mounted is gone", async () => {
  const { container } = await on.containers.create({ image: "busybox", namespaces: { ipc: "shareable" } });
  on.runtime.failures.set("start", new Error("no"));
  await on.containers.start(container.id).catch(() => {});
  expect(isMountPoint(`${container.folder}/shm`)).toBe(false);
});

test("a daemon that comes back unmounts what ended meanwhile", async () => {
  const owner = await started("owner", "shareable");
  const path = `${on.containers.get(owner).folder}/shm`;
  on.runtime.tasks.clear();
  await on.crash();
  await on.until(() => !isMountPoint(path));
});
