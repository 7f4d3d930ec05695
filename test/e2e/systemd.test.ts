import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runChecked } from "../../src/host/index.ts";
import { startDaemon } from "../support/daemon.ts";

/**
 * test/systemd/guest.test.ts on a machine with systemd and cgroup version 2, emulated by QEMU: Virga builds its root
 * filesystem from test/systemd/Dockerfile.
 */
const minutes = 60_000;
const checkout = join(import.meta.dir, "../..");
let directory: string;
let root: string;

beforeAll(() => {
  directory = mkdtempSync("/tmp/virga-systemd-");
  root = join(directory, "root");
  mkdirSync(root);
});

afterAll(() => rmSync(directory, { recursive: true }));

async function makeRoot(): Promise<void> {
  const daemon = await startDaemon();
  try {
    await daemon.dockerOk(["build", "-q", "-t", "machine", join(checkout, "test/systemd")]);
    const id = await daemon.dockerOk(["create", "machine"]);
    const tar = join(directory, "root.tar");
    await daemon.dockerOk(["export", "-o", tar, id]);
    await runChecked(["tar", "-xf", tar, "-C", root, "--xattrs", "--numeric-owner"]);
    rmSync(tar);
  } finally {
    await daemon.destroy();
  }
}

/** The checkout as it is, and the docker CLI. */
function addVirga(): void {
  for (const name of ["virga", "package.json", "package-lock.json", "tools", "src", "test", "node_modules"]) {
    cpSync(join(checkout, name), join(root, "virga", name), { recursive: true, verbatimSymlinks: true });
  }
  copyFileSync(Bun.which("docker")!, join(root, "usr/local/bin/docker"));
}

async function boot(): Promise<string> {
  const disk = join(directory, "disk.img");
  await runChecked(["truncate", "-s", "6G", disk]);
  await runChecked(["mkfs.ext4", "-q", "-F", "-d", root, disk]);
  const inBoot = (prefix: string) =>
    join(
      root,
      "boot",
      readdirSync(join(root, "boot")).find((name) => name.startsWith(prefix))!,
    );
  const serial = join(directory, "serial.log");
  await runChecked([
    ...["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"],
    ...["-m", "2048", "-display", "none", "-no-reboot", "-nic", "none", "-serial", `file:${serial}`],
    ...["-drive", `file=${disk},format=raw,if=virtio,cache=unsafe`],
    ...["-kernel", inBoot("vmlinuz-"), "-initrd", inBoot("initrd.img-")],
    ...["-append", "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0"],
  ]);
  return readFileSync(serial, "utf8");
}

test.skipIf(process.arch !== "x64")(
  "a machine with systemd and cgroup version 2",
  async () => {
    await makeRoot();
    addVirga();
    const output = await boot();
    if (!/^\s*0 fail\s*$/m.test(output)) console.log(output);
    expect(output).toMatch(/^\s*[1-9]\d* pass\s*$/m);
    expect(output).toMatch(/^\s*0 fail\s*$/m);
  },
  20 * minutes,
);
