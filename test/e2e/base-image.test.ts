import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "../../src/base/index.ts";
import { createContentStore } from "../../src/content/index.ts";
import { createEvents, eventMigrations } from "../../src/events/index.ts";
import { createBaseImages, createImages, imageMigrations, type Image } from "../../src/images/index.ts";
import { createLayerStore, createTreeWorkers } from "../../src/layers/index.ts";
import { openState } from "../../src/state/index.ts";

/**
 * debian:bookworm made from the mirror, twice. With VIRGA_TEST_CACHE=DIRECTORY the image of an earlier run, kept
 * there, is the first of the two while it has the same packages.
 */
const name = "debian:bookworm";
const minutes = 60_000;
const cache = process.env["VIRGA_TEST_CACHE"];
const cached = cache === undefined ? undefined : join(cache, "debian-bookworm.tar");

let directory = "";
let one: Store;
let two: Store;

type Store = Awaited<ReturnType<typeof openStore>>;

async function openStore(root: string) {
  await mkdir(root, { recursive: true });
  const state = openState(":memory:", [...eventMigrations, ...imageMigrations]);
  const workers = createTreeWorkers({ clock: systemClock });
  const content = await createContentStore({ directory: join(root, "content") });
  const layers = await createLayerStore({
    directory: join(root, "layers"),
    content,
    workers,
    logger: silentLogger,
  });
  const work = join(root, "base-images");
  const images = createImages({
    state,
    content,
    layers,
    events: createEvents(state, systemClock),
    clock: systemClock,
    logger: silentLogger,
    use: { containersOf: () => [] },
    layerUses: [],
    sources: [createBaseImages({ clock: systemClock, directory: work, environment: process.env })],
  });
  const file = (image: Image, path: string) => join(layers.path(image.config.rootfs.diff_ids[0]!), path);
  const packages = (image: Image) => readFileSync(file(image, "var/lib/dpkg/status"), "utf8");
  const close = async () => {
    await workers.close();
    state.close();
  };
  return { images, content, layers, work, file, packages, close };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "virga-base-image-"));
  [one, two] = (await Promise.all(["one", "two"].map((root) => openStore(join(directory, root))))) as [
    Store,
    Store,
  ];
});

afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await rm(directory, { recursive: true, force: true });
});

async function fromCache(): Promise<Image | undefined> {
  if (cached === undefined || !existsSync(cached)) return undefined;
  const [loaded] = await one.images.load(Bun.file(cached).stream());
  return loaded!.image;
}

async function toCache(): Promise<void> {
  if (cached === undefined) return;
  await mkdir(cache!, { recursive: true });
  await Bun.write(`${cached}.${process.pid}`, new Response(two.images.save([name])));
  await rename(`${cached}.${process.pid}`, cached);
}

test(
  "the same packages give the same image, as small and clean as the official one",
  async () => {
    const said: string[] = [];
    const started = performance.now();
    const making = two.images.ensure(name, { report: ({ message }) => void said.push(message) });
    const earlier = (await fromCache()) ?? (await one.images.ensure(name));
    const image = await making;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const same = one.packages(earlier) === two.packages(image);
    const first = same ? earlier : await one.images.ensure(name, { policy: "always" });
    console.log(`${name}: ${(image.size / 1e6).toFixed(1)} MB, ${seconds} s, ${first.id}, ${image.id}`);

    expect(image.id).toBe(first.id);
    expect(image.manifest).toEqual(first.manifest);
    expect(said.at(-1)).toMatch(/^Made from the Debian mirror/);
    expect(image.size).toBeLessThan(130e6);
    expect(image.config.config).toEqual({
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Cmd: ["bash"],
    });
    const text = (path: string) => readFileSync(two.file(image, path), "utf8");
    const list = (path: string) => readdirSync(two.file(image, path)).toSorted();
    expect(text("etc/os-release")).toContain("VERSION_CODENAME=bookworm");
    expect(text("etc/apt/sources.list.d/debian.sources")).toContain("Suites: bookworm bookworm-updates\n");
    for (const path of ["etc/hostname", "etc/resolv.conf", "etc/machine-id"]) expect(text(path)).toBe("");
    for (const path of ["dev", "tmp", "var/lib/apt/lists", "var/log/apt"]) expect(list(path)).toEqual([]);
    expect(list("etc/apt/apt.conf.d").filter((file) => /virga|mmdebstrap|[Pp]roxy/.test(file))).toEqual([]);
    expect(existsSync(two.file(image, "etc/apt/sources.list"))).toBe(false);
    expect(statSync(two.file(image, "usr/sbin/policy-rc.d")).mode & 0o777).toBe(0o755);
    expect(readdirSync(two.work)).toEqual([]);
    if (!same || cached === undefined || !existsSync(cached)) await toCache();
  },
  5 * minutes,
);

test("nothing of it stays once it is removed", async () => {
  for (const image of two.images.list()) await two.images.remove(image.id, { force: true });
  expect(two.content.list()).toEqual([]);
  expect(two.layers.list()).toEqual([]);
});
