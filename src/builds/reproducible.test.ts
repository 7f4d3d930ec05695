import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { runChecked, setUmask } from "../host/index.ts";
import type { Image } from "../images/index.ts";
import { fixedEpoch } from "./epoch.ts";
import { testBuilds, type TestBuilds } from "./testing.ts";

let t: TestBuilds;
beforeAll(async () => {
  t = await testBuilds();
});
afterAll(() => t[Symbol.asyncDispose]());

const dockerfile = `FROM busybox AS maker
COPY src /src
RUN cp -r /src /made && echo $SOURCE_DATE_EPOCH > /made/epoch
FROM busybox
COPY --chown=app src/ /app/
COPY <<END /app/text
here
END
ADD files.tar /unpacked/
WORKDIR /new/folder
RUN --mount=type=bind,source=src,target=/bound cp -p /bound/a /kept && ln /kept /kept2
RUN rm -r /app/sub && mkdir /app/sub && touch /app/sub/later && mkdir -p /var/tmp && mkfifo /var/pipe
COPY --from=maker /made /made
LABEL made=twice
`;

async function makeContext(): Promise<string> {
  const path = await t.context({
    Dockerfile: dockerfile,
    "src/a": "a",
    "src/b": "b",
    "src/sub/c": "c",
    "src/é": "é",
  });
  await runChecked([
    "tar",
    "-C",
    path,
    "--mtime=@1000000000",
    "--owner=5",
    "-cf",
    `${path}/files.tar`,
    "src",
  ]);
  return path;
}

/** Another folder, files made in another order by somebody else at another time. */
async function shuffled(path: string): Promise<string> {
  const copy = await t.context({});
  for (const name of readdirSync(path).toReversed()) {
    if (name !== "src") cpSync(join(path, name), join(copy, name), { recursive: true });
  }
  await runChecked(["mkdir", "-p", `${copy}/src/sub`]);
  for (const name of ["sub/c", "é", "b", "a"]) {
    await Bun.write(`${copy}/src/${name}`, readFileSync(`${path}/src/${name}`));
    chmodSync(`${copy}/src/${name}`, lstatSync(`${path}/src/${name}`).mode);
    chownSync(`${copy}/src/${name}`, 4711, 4712);
    utimesSync(`${copy}/src/${name}`, 12345, 1_900_000_000);
  }
  chmodSync(`${copy}/src/sub`, lstatSync(`${path}/src/sub`).mode);
  return copy;
}

const timesOf = (image: Image) => [image.config.created, ...image.config.history!.map((one) => one.created)];

test("folder, owner, time, order of files, umask and clock do not count", async () => {
  const path = await makeContext();
  const first = await t.build(path);
  const other = await shuffled(path);
  await t.clock.advance(86_400_000);
  const old = setUmask(0o077);
  try {
    const second = await t.build(other, { noCache: true });
    expect(second.image.config).toEqual(first.image.config);
    expect(second.image.manifest.digest).toBe(first.image.manifest.digest);
    const third = await t.build(other);
    expect(third.image.manifest.digest).toBe(first.image.manifest.digest);
  } finally {
    setUmask(old);
  }
});

test("no file of a new layer is later than the base image, which is what RUN is told", async () => {
  const { image } = await t.build(await makeContext(), { noCache: true });
  const { created } = t.images.resolve("busybox").config;
  expect(new Set(timesOf(image))).toEqual(new Set([created]));
  const time = Date.parse(created!);
  await t.inside(image, (root) => {
    expect(readFileSync(`${root}/made/epoch`, "utf8")).toBe(`${time / 1000}\n`);
    for (const name of [
      "app/a",
      "app/text",
      "new/folder",
      "kept",
      "app/sub",
      "app/sub/later",
      "made/epoch",
    ]) {
      expect([name, lstatSync(`${root}/${name}`).mtimeMs]).toEqual([name, time]);
    }
    expect(lstatSync(`${root}/unpacked/src/a`).mtimeMs).toBe(1_000_000_000_000);
  });
});

test("from scratch the time is a fixed one", async () => {
  const path = await t.context({ Dockerfile: "FROM scratch\nCOPY f /\n", f: "f" });
  const { image } = await t.build(path);
  const time = new Date(fixedEpoch * 1000).toISOString();
  expect(timesOf(image)).toEqual([time, time]);
  await t.inside(image, (root) => expect(lstatSync(`${root}/f`).mtimeMs).toBe(fixedEpoch * 1000));
});

test("a repository's newest commit dates the image and leaves the layers alone", async () => {
  const path = await makeContext();
  const without = await t.build(path);
  const git = (...words: string[]) =>
    runChecked(["git", "-C", path, "-c", "user.name=A", "-c", "user.email=a@example.org", ...words], {
      env: { ...process.env, GIT_COMMITTER_DATE: "2021-02-03T04:05:06Z" },
    });
  await git("init", "-q");
  await git("commit", "-q", "--allow-empty", "-m", "one");
  chownSync(`${path}/.git`, 1000, 1000);
  const { image, events } = await t.build(path);
  expect(image.config.created).toBe("2021-02-03T04:05:06.000Z");
  expect(image.config.rootfs).toEqual(without.image.config.rootfs);
  expect(events.filter((event) => event.kind === "working")).toEqual([]);
  const again = await t.build(path, { noCache: true });
  expect(again.image.id).toBe(image.id);
  await Bun.write(`${path}/.dockerignore`, ".git\n");
  expect((await t.build(path)).image.id).toBe(without.image.id);
  rmSync(`${path}/.git`, { recursive: true });
});

test("SOURCE_DATE_EPOCH comes before both, also when it lies in the future", async () => {
  const path = await makeContext();
  const request = { noCache: true, buildArgs: { SOURCE_DATE_EPOCH: "5000000000" } };
  const first = await t.build(path, request);
  await t.clock.advance(1000);
  const second = await t.build(path, request);
  expect(second.image.id).toBe(first.image.id);
  expect(first.image.config.created).toBe("2128-06-11T08:53:20.000Z");
  await t.inside(first.image, (root) => {
    expect(lstatSync(`${root}/app/sub/later`).mtimeMs).toBe(5_000_000_000_000);
    expect(readFileSync(`${root}/made/epoch`, "utf8")).toBe("5000000000\n");
  });
  const bad = t.build(path, { buildArgs: { SOURCE_DATE_EPOCH: "yesterday" } });
  const error: unknown = await bad.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "build.source-date-epoch" });
});
