import { afterEach, beforeEach, expect, test } from "bun:test";
import { isVirgaError } from "../../base/index.ts";
import type { ContainerSpec } from "../spec.ts";
import { testContainers, type TestContainers } from "../testing.ts";

let on: TestContainers;
beforeEach(async () => void (on = await testContainers()));
afterEach(() => on[Symbol.asyncDispose]());

async function made(spec: Partial<ContainerSpec>): Promise<string> {
  try {
    const asked = { image: "busybox", runtime: "runsc", ...spec };
    return (await on.containers.create(asked)).warnings.join("; ");
  } catch (error) {
    return isVirgaError(error) ? `${error.kind}: ${error.message}` : `not ours: ${String(error)}`;
  }
}

test("a runtime with a kernel of its own refuses by name what it cannot do", async () => {
  const device = { hostPath: "/dev/null", containerPath: "/dev/n", permissions: "r" };
  expect(await made({ resources: { devices: [device] } })).toBe(
    "unimplemented: the runtime runsc cannot give devices of the host to a container",
  );
  expect(await made({ namespaces: { ipc: "host" } })).toContain("the IPC namespace of the host");
  await on.containers.create({ image: "busybox", name: "boxed", runtime: "runsc" });
  expect(await made({ network: { mode: "container:boxed" } })).toContain("share the network of a container");
  await on.containers.create({ image: "busybox", name: "plain" });
  expect(await made({ network: { mode: "container:plain" } })).toBe("");
  expect(await made({ namespaces: { pid: "container:plain" } })).toContain("of another container");
});

test("and warns of what has no effect", async () => {
  expect(await made({ sysctls: { "net.core.somaxconn": "1" } })).toBe(
    "sysctls has no effect with the runtime runsc, which has a kernel of its own",
  );
  expect(await made({ runtime: "crun", sysctls: { "net.core.somaxconn": "1" } })).toBe("");
});

test("an unknown runtime is refused before anything is made", async () => {
  expect(await made({ runtime: "nosuch" })).toBe("invalid: unknown or invalid runtime name: nosuch");
  expect(on.containers.list()).toEqual([]);
});

test("a running one joins no more networks", async () => {
  const { container } = await on.containers.create({ image: "busybox", name: "late", runtime: "runsc" });
  await on.containers.start(container.id);
  const failed = await on.containers.connect("late", "front", {}).catch((error: unknown) => error);
  expect(isVirgaError(failed, "unimplemented") && failed.message).toContain("while it runs");
});
