import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runChecked } from "../../src/host/index.ts";
import { busyboxTar, mountsBelow, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { buildahBuilder, dockerBuilder, type Builder } from "./builds/builders.ts";
import { buildCases } from "./builds/cases.ts";
import { knownTreeDifferences } from "./builds/known.ts";
import type { Tree } from "./builds/tree.ts";
import { matches } from "./paths.ts";
import { startDockerd, type Peer } from "./peer.ts";

const minutes = 60_000;
const version = (program: string) => Bun.spawnSync([program, "--version"]).stdout.toString();
const comparable = version("dockerd").includes("version 20.10.") && version("buildah").includes("1.28.");

/** The same Dockerfiles by Docker's classic builder, by buildah and by Virga: the same files, the same parameters. */
describe.skipIf(!comparable)("a Dockerfile gives the same files", () => {
  const folder = mkdtempSync("/var/tmp/virga-builders-");
  const seen = new Set<number>();
  let peer: Peer;
  let daemon: TestDaemon;
  let builders: Record<Builder["name"], Builder>;

  beforeAll(async () => {
    const base = await busyboxTar();
    [peer, daemon] = await Promise.all([startDockerd(), startDaemon()]);
    const socket = daemon.dockerHost.replace("unix://", "");
    const [virga, docker, buildah] = await Promise.all([
      dockerBuilder("virga", socket, base),
      dockerBuilder("docker", peer.socket, base),
      buildahBuilder(join(folder, "buildah"), base),
    ]);
    builders = { virga, docker, buildah };
    rmSync(base);
  }, 2 * minutes);

  afterAll(async () => {
    await peer.stop();
    await daemon.destroy();
    expect(mountsBelow(folder)).toEqual([]);
    rmSync(folder, { recursive: true, force: true });
  }, 2 * minutes);

  for (const one of buildCases) {
    test(
      one.name,
      async () => {
        const image = one.name.replaceAll(/[^a-z]+/g, "-").replace(/^-/, "");
        const context = join(folder, image);
        mkdirSync(context);
        await runChecked(["bash", "-ec", `umask 022; ${one.context}`], { cwd: context });
        writeFileSync(join(context, "Dockerfile"), one.dockerfile);
        const made = async (builder: Builder) => {
          await builder.build(context, image);
          return { tree: await builder.tree(image), config: await builder.config(image) };
        };
        const names = ["virga", ...one.by] as const;
        const [virga, ...others] = await Promise.all(names.map((name) => made(builders[name])));
        const unknown: string[] = [];
        for (const [index, other] of others.entries()) {
          const by = one.by[index]!;
          for (const [path, text] of differences(virga!.tree, other.tree, by)) {
            const known = knownTreeDifferences.flatMap((entry, at) =>
              entry.by === by && entry.case === one.name && matches(entry.path, path) ? [at] : [],
            );
            for (const at of known) seen.add(at);
            if (known.length === 0) unknown.push(text);
          }
          if (other.config) expect(virga!.config).toEqual(other.config);
        }
        expect(unknown.join("\n")).toBe("");
      },
      2 * minutes,
    );
  }

  test("every known difference is still there", () => {
    const gone = knownTreeDifferences.filter((_, index) => !seen.has(index));
    expect(gone).toEqual([]);
  });
});

function differences(virga: Tree, other: Tree, by: string): [path: string, text: string][] {
  return [...new Set([...virga.keys(), ...other.keys()])].toSorted().flatMap((path) => {
    const [ours = "nothing", theirs = "nothing"] = [virga.get(path), other.get(path)];
    return ours === theirs ? [] : [[path, `${path}\n  virga: ${ours}\n  ${by}: ${theirs}`]];
  });
}
