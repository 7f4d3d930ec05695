import { newestVersion, oldestVersion, versionText } from "../versions.ts";
import type { DaemonFacts } from "./backend.ts";
import type { HostFacts } from "./host.ts";

/** GET /version. */
export async function encodeVersion(facts: DaemonFacts, host: HostFacts) {
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
  const programs = Object.entries(await facts.programVersions());
  return {
    Platform: { Name: "Virga" },
    Components: [
      { Name: "Engine", Version: facts.version, Details: { ...details, Experimental: "false" } },
      ...programs.map(([name, { version, commit }]) => ({
        Name: name,
        Version: version,
        Details: { GitCommit: commit },
      })),
    ],
    Version: facts.version,
    ...details,
  };
}
