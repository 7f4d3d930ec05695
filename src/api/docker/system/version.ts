import { newestVersion, oldestVersion, versionText } from "../versions.ts";
import type { DaemonFacts } from "./backend.ts";
import type { HostFacts } from "./host.ts";

/** GET /version. */
export function encodeVersion(facts: DaemonFacts, host: HostFacts) {
  const details = {
    ApiVersion: versionText(newestVersion),
    MinAPIVersion: versionText(oldestVersion),
    GitCommit: facts.commit,
    GoVersion: `bun${Bun.version}`,
    Os: "linux",
    Arch: host.architecture,
    KernelVersion: host.kernel,
    BuildTime: "",
  };
  const runtimes = Object.entries(facts.runtimes).flatMap(([name, { version }]) =>
    version === undefined ? [] : [[name, version] as const],
  );
  return {
    Platform: { Name: "Virga" },
    Components: [
      { Name: "Engine", Version: facts.version, Details: { ...details, Experimental: "false" } },
      ...[...runtimes, ...Object.entries(facts.components)].map(([name, version]) => ({
        Name: name,
        Version: version,
        Details: { GitCommit: "" },
      })),
    ],
    Version: facts.version,
    ...details,
  };
}
