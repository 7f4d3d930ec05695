import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../../src/host/index.ts";
import { readTree, type Tree } from "./tree.ts";

/** Somebody who builds images from Dockerfiles. */
export interface Builder {
  readonly name: "virga" | "docker" | "buildah";
  /** `image` is found as localhost/IMAGE by later builds. */
  build(context: string, image: string): Promise<void>;
  tree(image: string): Promise<Tree>;
  /** The execution parameters; undefined where they are not compared. */
  config(image: string): Promise<Record<string, unknown> | undefined>;
}

async function checked(command: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const { exitCode, stdout, stderr } = await run(command, { env: { ...process.env, ...env } as never });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}:\n${stdout}\n${stderr}`);
  return stdout.trim();
}

/** The classic builder of a daemon that speaks Docker's API, driven by the docker CLI. */
export async function dockerBuilder(
  name: "virga" | "docker",
  socket: string,
  base: string,
): Promise<Builder> {
  const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_BUILDKIT: "0" };
  const docker = (...args: string[]) => checked(["docker", ...args], env);
  await docker("import", "--change", "ENV PATH=/bin", "--change", 'CMD ["sh"]', base, "localhost/box:1");
  return {
    name,
    async build(context, image) {
      await docker("build", "-q", "--force-rm", "-t", `localhost/${image}`, context);
    },
    async tree(image) {
      const container = await docker("create", `localhost/${image}`, "x");
      const folder = mkdtempSync("/var/tmp/virga-tree-");
      try {
        const unpack =
          'docker export "$1" | tar -xpf - --xattrs --xattrs-include="*" --numeric-owner -C "$2"';
        await checked(["bash", "-c", `set -o pipefail; ${unpack}`, "bash", container, folder], env);
        return readTree(folder);
      } finally {
        await docker("rm", container);
        rmSync(folder, { recursive: true });
      }
    },
    async config(image) {
      const inspected = await docker(
        "image",
        "inspect",
        "--format",
        "{{json .Config}}",
        `localhost/${image}`,
      );
      return configOf(JSON.parse(inspected) as Record<string, unknown>);
    },
  };
}

const compared = [
  "Env", "Cmd", "Entrypoint", "WorkingDir", "Labels", "ExposedPorts", "Volumes", "User", "OnBuild", "StopSignal",
  "Shell", "Healthcheck",
]; // prettier-ignore

/** Without what is empty, which some leave out. */
function configOf(config: Record<string, unknown>): Record<string, unknown> {
  const empty = (value: unknown) =>
    value === null ||
    value === undefined ||
    value === "" ||
    Bun.deepEquals(value, []) ||
    Bun.deepEquals(value, {});
  return Object.fromEntries(compared.flatMap((key) => (empty(config[key]) ? [] : [[key, config[key]]])));
}

/** buildah with stores of its own below `folder`; RUN steps in a chroot, which wants no runtime and no network. */
export async function buildahBuilder(folder: string, base: string): Promise<Builder> {
  mkdirSync(folder, { recursive: true });
  const policy = join(folder, "policy.json");
  writeFileSync(policy, JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }));
  // It keeps cache mounts there.
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  const stores = [
    "--root",
    join(folder, "store"),
    "--runroot",
    join(folder, "run"),
    "--storage-driver",
    "vfs",
  ];
  const buildah = (command: string, ...args: string[]) =>
    checked(["buildah", ...stores, command, ...args], { BUILDAH_ISOLATION: "chroot", TMPDIR: temporary });
  const container = await buildah("from", "scratch");
  await buildah("add", container, base, "/");
  await buildah("config", "--env", "PATH=/bin", "--cmd", '["sh"]', container);
  await buildah("commit", "--signature-policy", policy, container, "localhost/box:1");
  return {
    name: "buildah",
    async build(context, image) {
      const options = ["--signature-policy", policy, "--pull-never", "--layers=false", "--format", "docker"];
      await buildah("bud", ...options, "-t", `localhost/${image}`, context);
    },
    async tree(image) {
      const made = await buildah("from", "--signature-policy", policy, "--pull-never", `localhost/${image}`);
      try {
        return readTree(await buildah("mount", made));
      } finally {
        await buildah("rm", made);
      }
    },
    config: () => Promise.resolve(undefined),
  };
}
