import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/index.ts";
import { unpackClients, type DebianClients } from "../support/debian-clients.ts";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";

/** The CLI of development containers, with the docker CLI and buildx that it calls as Debian 13 has them. */
const program = join(import.meta.dir, "../../node_modules/@devcontainers/cli/devcontainer.js");
let daemon: TestDaemon;
let clients: DebianClients;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync("/tmp/virga-devcontainers-");
  const packages = ["docker-cli", "docker-buildx"];
  [daemon, clients] = await Promise.all([startDaemon(), unpackClients(folder, "trixie", packages)]);
  await importBusybox(daemon);
}, 60_000);

afterAll(async () => {
  await daemon.destroy();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** A command on the project of this test. */
async function devcontainer(command: string, ...args: string[]) {
  const place = ["--docker-path", clients.docker, "--workspace-folder", join(folder, "project")];
  const env = { ...clients.environment(daemon), HOME: folder };
  return await run(["node", program, command, ...place, ...args], { env });
}

async function up(): Promise<Record<string, unknown>> {
  const { exitCode, stdout, stderr } = await devcontainer("up");
  if (exitCode !== 0) throw new Error(`devcontainer up: exit code ${exitCode}\n${stdout}${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as Record<string, unknown>;
}

test("a project is built, started, found again and worked in", async () => {
  mkdirSync(join(folder, "project/.devcontainer"), { recursive: true });
  const write = (name: string, text: string) =>
    writeFileSync(join(folder, "project/.devcontainer", name), text);
  write("Dockerfile", 'FROM box:1\nARG WORD\nRUN echo "$WORD" >/word\n');
  const configuration = {
    build: { dockerfile: "Dockerfile", args: { WORD: "built" } },
    containerEnv: { INSIDE: "yes" },
    remoteEnv: { REMOTE: "${containerEnv:INSIDE}!" },
    mounts: ["source=kept,target=/kept,type=volume"],
    runArgs: ["--init", "--name=work"],
    postCreateCommand: "echo created >/kept/note",
    containerUser: "web",
    remoteUser: "root",
    updateRemoteUserUID: false,
  };
  write("devcontainer.json", JSON.stringify(configuration));

  const made = await up();
  expect(made).toMatchObject({ outcome: "success", remoteUser: "root" });
  expect((await up())["containerId"]).toBe(made["containerId"]);
  expect(await daemon.dockerOk(["inspect", "-f", "{{.Config.User}}", "work"])).toBe("web");

  const script = "echo $INSIDE $REMOTE $(cat /kept/note /word) $(id -u); ls .devcontainer; exit 4";
  const worked = await devcontainer("exec", "sh", "-c", script);
  expect(worked).toMatchObject({ exitCode: 4 });
  expect(worked.stdout).toContain("yes yes! created built 0\nDockerfile\ndevcontainer.json\n");
}, 300_000);
