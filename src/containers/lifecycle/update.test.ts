import { afterEach, beforeEach, expect, test } from "bun:test";
import { isVirgaError } from "../../base/index.ts";
import type { ContainerUpdate } from "../container.ts";
import type { ContainerSpec } from "../spec.ts";
import { testContainers, type TestContainers } from "../testing.ts";

let on: TestContainers;
beforeEach(async () => void (on = await testContainers()));
afterEach(() => on[Symbol.asyncDispose]());

const mib = 1 << 20;

async function updated(spec: Partial<ContainerSpec>, change: ContainerUpdate): Promise<string> {
  const { container } = await on.containers.create({ image: "busybox", ...spec });
  try {
    await on.containers.update(container.id, change);
    return JSON.stringify(on.containers.get(container.id).spec.resources);
  } catch (error) {
    return isVirgaError(error) ? `${error.kind}: ${error.message}` : `not ours: ${String(error)}`;
  }
}

test.each<[string, Partial<ContainerSpec>, ContainerUpdate, string]>([
  [
    "CPUs over a period",
    { resources: { cpuPeriod: 5000 } },
    { resources: { nanoCpus: 1e9 } },
    "conflict: Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set",
  ],
  [
    "a quota over CPUs",
    { resources: { nanoCpus: 1e9 } },
    { resources: { cpuQuota: 5000 } },
    "conflict: Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set",
  ],
  [
    "memory above memory and swap",
    { resources: { memory: 64 * mib } },
    { resources: { memory: 300 * mib } },
    "conflict: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
  ],
  [
    "a restart policy with --rm",
    { autoRemove: true },
    { restart: { name: "always" } },
    "conflict: Restart policy cannot be updated because AutoRemove is enabled for the container",
  ],
  [
    "a device",
    {},
    { resources: { devices: [{ hostPath: "/dev/null", containerPath: "/dev/x", permissions: "r" }] } },
    "unimplemented: devices of a container that exists cannot be changed",
  ],
])("refuses %s", async (_name, spec, change, message) => {
  expect(await updated(spec, change)).toBe(message);
});

test("what is sent back unchanged is no change", async () => {
  const resources = { memory: 64 * mib, ulimits: [{ name: "nofile", soft: 10, hard: 10 }] };
  const change = { resources: { ...resources, memory: 32 * mib } };
  expect(await updated({ resources }, change)).toBe(JSON.stringify(change.resources));
});

test("the kernel is told of a running one's new limits, with those that stay", async () => {
  const { container } = await on.containers.create({ image: "busybox", resources: { pidsLimit: 7 } });
  await on.containers.start(container.id);
  await on.containers.update(container.id, { resources: { cpuShares: 50 } });
  expect(on.runtime.calls.some((call) => call.startsWith("update"))).toBe(true);
  expect(on.containers.get(container.id).spec.resources).toEqual({ pidsLimit: 7, cpuShares: 50 });
});
