import { Database } from "bun:sqlite";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/index.ts";
import { cgroupsOf, eventually, interfacesOf, mountsBelow, processesOf, type TestDaemon } from "./daemon.ts";

/** Folders whose entries stand for something that a daemon keeps. */
const folders = [
  "builds",
  "containers",
  "content/blobs/sha256",
  "content/blobs/sha512",
  "content/ingest",
  "content/partial",
  "layers/dirs",
  "layers/sha256",
  "layers/tmp",
  "registry/uploads",
  "run/exits",
  "run/runtime/crun",
  "run/runtime/runc",
  "run/runtime/runsc",
  "run/tasks",
  "stacks",
  "volumes",
];

const rows = {
  build_steps: "key",
  containers: "id",
  endpoints: "id",
  image_digests: "digest",
  image_pulls: "reference",
  image_references: "name",
  image_referrers: "digest",
  images: "id",
  networks: "id",
  planned_volumes: "name",
  registry_links: "digest",
  registry_manifests: "digest",
  registry_uploads: "id",
  volumes: "name",
};

/**
 * Everything a daemon has on its disk, in its database and on the host, one line each, sorted: taken before and after
 * something that must leave nothing. The daemon's own process is not in it, nor what it keeps for speed: workers, the
 * default network's bridge, the DNS server.
 */
export async function holdings(daemon: TestDaemon): Promise<string[]> {
  const { identity } = daemon;
  const state = new Database(identity.path("state.db"), { readonly: true });
  const kept = Object.entries(rows).flatMap(([table, column]) =>
    state
      .query<Record<string, string>, []>(`SELECT ${column} FROM ${table}`)
      .all()
      .map((row) => `${table} ${row[column]}`),
  );
  state.close();
  return [
    ...folders.flatMap((folder) => entriesOf(identity.path(folder)).map((name) => `${folder}/${name}`)),
    ...kept,
    ...mountsBelow(identity.root),
    ...containerCgroups(identity.cgroupParent),
    ...(await vethsOf(identity.interfacePrefix)),
    ...(await portsOf(identity.nftTable)),
    ...processesOf(identity.root).filter((line) => line.includes("conmon")),
  ].toSorted();
}

/** The same, once no file is half written: layers are packed in the background. */
export async function settledHoldings(daemon: TestDaemon): Promise<string[]> {
  let held: string[] = [];
  await eventually("all files are whole", async () => {
    held = await holdings(daemon);
    return !held.some((line) => line.includes("/.virga-tmp-"));
  });
  return held;
}

function entriesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function containerCgroups(parent: string): string[] {
  return cgroupsOf(parent).flatMap((line) => {
    const path = line.replace(/^cgroup /, "");
    const names = readdirSync(path, { withFileTypes: true });
    return names.filter((one) => one.isDirectory()).map((one) => `cgroup ${join(path, one.name)}`);
  });
}

async function vethsOf(prefix: string): Promise<string[]> {
  const lines = await interfacesOf(prefix);
  return lines.filter((line) => line.includes("master")).map((line) => line.split(":")[1]!.trim());
}

/** Published ports. */
async function portsOf(table: string): Promise<string[]> {
  const { stdout } = await run(["nft", "-s", "list", "table", "inet", table]);
  return [...stdout.matchAll(/[^{},]+ : [\d.]+ \. \d+/g)].map(([port]) => `port ${port.trim()}`);
}
