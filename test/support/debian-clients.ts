import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, runChecked, type RunResult } from "../../src/host/index.ts";
import type { TestDaemon } from "./daemon.ts";

/** Docker's clients as a release of Debian has them, unpacked into a folder of a test's own. */
export interface DebianClients {
  readonly docker: string;
  /** For a command against `daemon`: without DOCKER_BUILDKIT, with the plugins of the same release. */
  environment(daemon: TestDaemon): Record<string, string>;
  /** `docker ARGS` against `daemon`. */
  run(
    daemon: TestDaemon,
    args: readonly string[],
    options?: {
      readonly cwd?: string;
      readonly env?: Readonly<Record<string, string>>;
      readonly stdin?: string;
    },
  ): Promise<RunResult>;
}

export const dockerPackages = ["docker-cli", "docker-compose", "docker-buildx"];

/** Downloads and unpacks packages: apt with folders of its own, so that the machine's own apt does not notice. */
export async function unpackClients(
  place: string,
  release: "trixie" | "sid",
  packages: readonly string[] = dockerPackages,
): Promise<DebianClients> {
  for (const name of ["state/lists/partial", "cache/archives/partial", "debs", "config"])
    mkdirSync(join(place, name), { recursive: true });
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  writeFileSync(
    join(place, "sources.list"),
    `deb [signed-by=${keyring}] http://deb.debian.org/debian ${release} main\n`,
  );
  writeFileSync(join(place, "status"), "");
  const options = [
    `Dir::Etc::sourcelist=${join(place, "sources.list")}`, "Dir::Etc::sourceparts=-", `Dir::State=${join(place, "state")}`,
    `Dir::State::status=${join(place, "status")}`, `Dir::Cache=${join(place, "cache")}`, "Acquire::Languages=none",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false", "APT::Sandbox::User=root",
  ].flatMap((one) => ["-o", one]); // prettier-ignore
  await runChecked(["apt-get", ...options, "-q", "update"]);
  await runChecked(["apt-get", ...options, "-q", "download", ...packages], { cwd: join(place, "debs") });
  for (const name of readdirSync(join(place, "debs")))
    await runChecked(["dpkg-deb", "-x", join(place, "debs", name), join(place, "root")]);
  const plugins = join(place, "root/usr/libexec/docker/cli-plugins");
  writeFileSync(join(place, "config/config.json"), JSON.stringify({ cliPluginsExtraDirs: [plugins] }));
  const docker = join(place, "root/usr/bin/docker");
  const environment = (daemon: TestDaemon) => {
    const { DOCKER_BUILDKIT: _, ...rest } = daemon.environment;
    return { ...rest, DOCKER_CONFIG: join(place, "config") };
  };
  return {
    docker,
    environment,
    run: (daemon, args, { env, ...more } = {}) =>
      run([docker, ...args], { ...more, env: { ...environment(daemon), ...env } }),
  };
}
