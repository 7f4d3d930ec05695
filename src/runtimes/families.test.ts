import { expect, test } from "bun:test";
import { familyOf, hiddenFrom, taskOptions } from "./families.ts";

test("what is known of a runtime goes by its program's name; of others only the specification is", () => {
  expect(familyOf("/opt/crun-1.20/crun").startsByFifo).toBe(true);
  expect(familyOf("/usr/sbin/runc")).toMatchObject({ heldAtFifo: true, startsByFifo: false, sealed: false });
  const { startsByFifo, takesFilter, plainState, realProcess } = familyOf("/opt/crun-wrapper");
  expect([startsByFifo, takesFilter, plainState, realProcess]).toEqual([false, false, false, false]);
});

test("gVisor has a network stack of its own only where the namespace is the task's alone", () => {
  const runsc = familyOf("runsc");
  const options = (namespaces: readonly object[]) => taskOptions(runsc, { linux: { namespaces } });
  expect(options([{ type: "network" }])).toEqual([]);
  expect(options([{ type: "network", path: "/proc/1/ns/net" }])).toEqual(["--network=host"]);
  expect(options([{ type: "pid" }])).toEqual(["--network=host"]);
  expect(taskOptions(familyOf("crun"), {})).toEqual([]);
  expect([hiddenFrom(runsc), hiddenFrom(familyOf("runc"))]).toEqual([["/proc/sys/net"], []]);
});
