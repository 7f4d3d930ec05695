import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import type { Image } from "../../images/index.ts";
import type { BuildRequest } from "../build.ts";
import { testBuilds, type TestBuilds } from "../testing.ts";
import { parseLock, type LockFile } from "./lock-file.ts";

let t: TestBuilds;
beforeAll(async () => {
  t = await testBuilds();
});
afterAll(() => t[Symbol.asyncDispose]());

/** Installs packages as dpkg would note it; the versions come from outside, as from a mirror. */
const install = (...packages: string[]) =>
  `mkdir -p /var/lib/dpkg && for p in ${packages.join(" ")}; do printf 'Package: %s\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: %s\\n\\n' "$p" "$(cat /mirror/$p)"; done >> /var/lib/dpkg/status`;

const dockerfile = `FROM busybox AS tools
RUN --mount=type=bind,from=mirror,target=/mirror,rw ${install("make")}
FROM busybox
RUN --mount=type=bind,from=mirror,target=/mirror,rw ${install("bash", "libc6")}
RUN echo nothing > /installed
COPY --from=tools /var/lib/dpkg/status /tools
COPY . /all/
`;

/** A mirror that has these versions, and a request that installs from it. */
async function mirror(versions: Readonly<Record<string, string>>): Promise<Partial<BuildRequest>> {
  const path = await t.context({ ...versions });
  return { contexts: { mirror: { kind: "directory", path } } };
}

async function build(
  path: string,
  request: Partial<BuildRequest>,
): Promise<{ image: Image; lock: LockFile }> {
  const full = { context: { kind: "directory", path }, lock: true, ...request } as const;
  const { imageId, lock } = await t.builds.build(full, { onEvent: () => {} });
  return { image: t.images.resolve(imageId), lock: lock! };
}

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

const versions = { make: "4.3", bash: "5.2", libc6: "2.36" };

describe("a lock", () => {
  test("names images and what steps install, and is no part of the context", async () => {
    const path = await t.context({ Dockerfile: dockerfile });
    const { image, lock } = await build(path, await mirror(versions));
    const base = t.images.resolve("busybox");
    expect(lock.images).toEqual([
      {
        reference: "busybox",
        platform: expect.stringContaining("linux/") as string,
        digest: base.manifest.digest,
        image: base.id,
      },
    ]);
    expect(lock.steps.map(({ stage, packages }) => [stage, packages])).toEqual([
      ["stage-1", { deb: { bash: "5.2", libc6: "2.36" } }],
      ["tools", { deb: { make: "4.3" } }],
    ]);
    expect(parseLock(JSON.parse(JSON.stringify(lock)))).toEqual(lock);
    writeFileSync(`${path}/Dockerfile.lock`, JSON.stringify(lock));
    const again = await build(path, { ...(await mirror(versions)), locked: lock, noCache: true });
    expect(again.image.id).toBe(image.id);
    expect(again.lock).toEqual(lock);
  });

  test("ends a build that installs something else, and a cached step that does is not taken", async () => {
    const path = await t.context({ Dockerfile: dockerfile });
    const old = await build(path, await mirror(versions));
    const newer = await mirror({ ...versions, libc6: "2.37" });
    expect(await errorOf(build(path, { ...newer, locked: old.lock }))).toMatchObject({
      kind: "conflict",
      code: "build.lock-differs",
      message: expect.stringContaining("deb package libc6 is 2.37, and the lock says 2.36") as string,
    });
    // The cache knows the newer one by now; the old mirror gives what the lock wants.
    const again = await build(path, { ...(await mirror(versions)), locked: old.lock });
    expect(again.image.id).toBe(old.image.id);
    const unknown = { ...old.lock, steps: [] };
    expect(await errorOf(build(path, { ...(await mirror(versions)), locked: unknown }))).toMatchObject({
      message: expect.stringContaining("is installed, which the lock does not know") as string,
    });
  });

  test("keeps the base image, or ends the build", async () => {
    const path = await t.context({ Dockerfile: "FROM busybox:moving\nRUN echo x > /x\n" });
    t.images.tag("busybox", "busybox:moving");
    const { image, lock } = await build(path, {});
    const other = await t.build(await t.context({ Dockerfile: "FROM busybox\nRUN echo new > /new\n" }));
    t.images.tag(other.image.id, "busybox:moving");
    // What the lock names is still here, under its digest.
    expect((await build(path, { locked: lock })).image.id).toBe(image.id);
    const [locked] = lock.images;
    const digest = `sha256:${"0".repeat(64)}`;
    const gone = { ...lock, images: [{ ...locked!, digest, image: digest }] };
    expect(await errorOf(build(path, { locked: gone }))).toMatchObject({
      code: "build.lock-differs",
      message: expect.stringContaining("the image busybox:moving is sha256:") as string,
    });
    expect(await errorOf(build(path, { locked: { ...lock, images: [] } }))).toMatchObject({
      message: expect.stringContaining("busybox:moving for linux/") as string,
    });
  });

  test("ends a build whose download has changed", async () => {
    let content = "one";
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(content) });
    const url = `http://127.0.0.1:${server.port}/file`;
    const path = await t.context({ Dockerfile: `FROM busybox\nADD ${url} /file\n` });
    const { lock } = await build(path, {});
    expect(lock.downloads).toEqual([
      { url, checksum: `sha256:${new Bun.CryptoHasher("sha256").update("one").digest("hex")}` },
    ]);
    await build(path, { locked: lock });
    content = "two";
    expect(await errorOf(build(path, { locked: lock }))).toMatchObject({
      code: "build.lock-differs",
      message: expect.stringContaining(`${url} has the checksum sha256:`) as string,
    });
  });

  test("that is none has a clear error", async () => {
    expect(await errorOf(Promise.try(() => parseLock({ version: 1, images: [{}] })))).toMatchObject({
      code: "build.lock-malformed",
      message: expect.stringContaining("images.0.reference") as string,
    });
  });

  test("asks apt for its versions", async () => {
    const run = `v=$(sed -n 's/^Pin: version //p' /etc/apt/preferences.d/virga-lock); mkdir -p /var/lib/dpkg; printf 'Package: bash\\nStatus: install ok installed\\nVersion: %s\\n' $v > /var/lib/dpkg/status`;
    const text = `FROM busybox\nRUN mkdir -p /etc/apt/preferences.d\nRUN ${run}\n`;
    const path = await t.context({ Dockerfile: text });
    const { lock } = await build(await t.context({ Dockerfile: "FROM busybox\n" }), {});
    const steps = [{ stage: "", step: `RUN ${run}`, packages: { deb: { bash: "5.2-1" } } }];
    const { image, lock: after } = await build(path, { locked: { ...lock, steps } });
    expect(after.steps).toEqual(steps);
    await t.inside(image, (root) => expect(readdirSync(`${root}/etc/apt/preferences.d`)).toEqual([]));
  });
});
