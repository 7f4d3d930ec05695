import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { compare, type Difference } from "./compare.ts";
import { play, type Engine } from "./engine.ts";
import { exchange } from "./exchange.ts";
import { expected, isKnown } from "./known.ts";
import { startDockerd, type Peer } from "./peer.ts";
import type { Case } from "./request.ts";

const image = "box:1";
/** A file that gets what is not known as lines of JSON, for whoever reviews much of it. */
const record = process.env["VIRGA_DIFFERENCES"];
const minutes = 60_000;

/**
 * Asks Docker 20.10 and Virga the same and fails for a difference that is not in `known.ts`, and for one that is there
 * and was not seen. Where another dockerd is installed there is nothing to compare with, and the suite is skipped.
 */
export function differential(cases: readonly Case[]): void {
  const version = Bun.spawnSync(["dockerd", "--version"]).stdout.toString();
  const comparable = version.includes("version 20.10.");
  describe.skipIf(!comparable)("by Docker 20.10 and by Virga", () => {
    const folder = mkdtempSync("/tmp/virga-differential-");
    const seen = new Set<number>();
    let peer: Peer;
    let daemon: TestDaemon;
    let engines: readonly [Engine, Engine];

    beforeAll(async () => {
      [peer, daemon] = await Promise.all([startDockerd(), startDaemon()]);
      engines = await prepare(folder, peer, daemon);
    }, 2 * minutes);

    afterAll(async () => {
      await peer.stop();
      await daemon.destroy();
      rmSync(folder, { recursive: true, force: true });
    }, 2 * minutes);

    for (const one of cases) {
      test(one.name, async () => {
        const [docker, virga] = engines;
        try {
          const outcomes = await Promise.all([play(docker, one), play(virga, one)]);
          const differences = compare(one, [docker, outcomes[0]], [virga, outcomes[1]]);
          const unknown = differences.filter((difference) => {
            const known = isKnown(difference);
            for (const index of known) seen.add(index);
            return known.length === 0;
          });
          if (record !== undefined)
            for (const each of unknown) appendFileSync(record, `${JSON.stringify(each)}\n`);
          expect(unknown.map(told).join("\n")).toBe("");
        } finally {
          await Promise.all(engines.map(clear));
        }
      });
    }

    test("every known difference was seen", () => {
      expect(expected.filter((_, index) => !seen.has(index))).toEqual([]);
    });
  });
}

function told({ request, at, docker, virga }: Difference): string {
  return `${request}\n    ${at}\n      docker ${JSON.stringify(docker)}\n      virga  ${JSON.stringify(virga)}`;
}

/** The same image, with the same id, in both. */
async function prepare(folder: string, peer: Peer, daemon: TestDaemon): Promise<[Engine, Engine]> {
  await importBusybox(daemon, image);
  const archive = join(folder, "box.tar");
  await daemon.dockerOk(["save", "-o", archive, image]);
  const id = await daemon.dockerOk(["image", "inspect", "--format", "{{.Id}}", image]);
  const loaded = await exchange(peer.socket, {
    method: "POST",
    path: "/v1.41/images/load?quiet=1",
    headers: { "Content-Type": "application/x-tar" },
    body: readFileSync(archive),
  });
  expect(loaded.body.toString()).toContain(`Loaded image: ${image}`);
  const engine = (name: Engine["name"], socket: string, root: string): Engine => {
    const own = join(folder, name);
    mkdirSync(own);
    return { name, socket, own: { root }, variables: { image, folder: own, "image-id": id } };
  };
  return [
    engine("docker", peer.socket, join(peer.root, "data")),
    engine("virga", join(daemon.identity.root, "run/docker.sock"), daemon.identity.root),
  ];
}

/** Removes what a case has made. */
async function clear({ socket, variables }: Engine): Promise<void> {
  const call = (method: string, path: string) => exchange(socket, { method, path: `/v1.41${path}` });
  const list = async <T>(path: string) => JSON.parse((await call("GET", path)).body.toString()) as T;
  for (const { Id } of await list<{ Id: string }[]>("/containers/json?all=1")) {
    await call("DELETE", `/containers/${Id}?force=1&v=1`);
  }
  for (const path of ["/networks/prune", "/volumes/prune"]) await call("POST", path);
  const images = await list<{ Id: string; RepoTags: string[] | null }[]>("/images/json");
  for (const { Id, RepoTags } of images) {
    if (Id !== variables["image-id"]) await call("DELETE", `/images/${Id}?force=1`);
    else for (const tag of RepoTags ?? []) if (tag !== image) await call("DELETE", `/images/${tag}`);
  }
}
