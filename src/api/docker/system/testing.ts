import type { DaemonFacts } from "./backend.ts";

export const testFacts: DaemonFacts = {
  version: "0.0.0",
  commit: "",
  id: "test",
  root: "/nowhere",
  startedAt: new Date(0),
  defaultRuntime: "crun",
  runtimes: { crun: { path: "/usr/bin/crun" } },
  programVersions: () => Promise.resolve({ crun: { version: "1.8", commit: "abc" } }),
  cgroups: {
    version: 2,
    controllers: new Set(["memory", "cpu", "pids"]),
    swapAccounting: true,
  },
  initBinary: "catatonit",
  debug: false,
  registries: { mirrors: [], insecure: [] },
};
