import { expect, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { createThreadNamespaces } from "./thread-namespace.ts";

const hybrid = existsSync("/sys/fs/cgroup/unified/cgroup.procs");
const mountNamespace = () => readlinkSync("/proc/thread-self/ns/mnt");

test("many visits, and each comes back to the host's mounts", () => {
  const namespaces = createThreadNamespaces();
  const before = mountNamespace();
  for (let visit = 0; visit < 500; visit++) {
    const inside = namespaces.withoutUnifiedCgroup(() => mountNamespace());
    expect(inside !== before).toBe(hybrid);
    expect(mountNamespace()).toBe(before);
  }
});

test.skipIf(!hybrid)(
  "inside, a directory made below the covered hierarchy leaves nothing on the host",
  () => {
    const namespaces = createThreadNamespaces();
    const mounts = () => readFileSync("/proc/thread-self/mountinfo", "utf8");
    const before = mounts();
    const type = namespaces.withoutUnifiedCgroup(() =>
      Bun.spawnSync(["stat", "-f", "-c", "%T", "/sys/fs/cgroup/unified"]).stdout.toString().trim(),
    );
    expect(type).toBe("tmpfs");
    expect(mounts()).toBe(before);
  },
);

test("an error inside comes through, and the thread is back", () => {
  const namespaces = createThreadNamespaces();
  const before = mountNamespace();
  expect(() =>
    namespaces.withoutUnifiedCgroup(() => {
      throw new Error("inside");
    }),
  ).toThrow("inside");
  expect(mountNamespace()).toBe(before);
});
