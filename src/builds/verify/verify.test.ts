import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testBuilds, type TestBuilds } from "../testing.ts";
import { compareTrees } from "./compare-trees.ts";

let t: TestBuilds;
beforeAll(async () => {
  t = await testBuilds();
});
afterAll(() => t[Symbol.asyncDispose]());

const options = { onEvent: () => {} };

test("the same source gives the same image; another one the first difference, and leaves nothing", async () => {
  const path = await t.context({
    Dockerfile: "FROM busybox\nARG NAME\nRUN echo $NAME > /name\nCOPY src /src\nLABEL a=b\n",
    "src/a": "a",
    "src/b": "b",
  });
  const request = { tags: ["app:1"], buildArgs: { NAME: "x" }, labels: { l: "m" } };
  const { image } = await t.build(path, request);
  const source = { context: { kind: "directory", path } } as const;
  expect(await t.builds.verify("app:1", source, options)).toEqual({ identical: true, imageId: image.id });
  const before = t.images.list().map((one) => one.id);
  writeFileSync(`${path}/src/b`, "c");
  const result = await t.builds.verify("app:1", source, options);
  expect(result).toMatchObject({
    identical: false,
    imageId: image.id,
    difference: {
      kind: "file",
      layers: 3,
      layer: 3,
      step: "COPY src /src",
      file: { path: "/src/b", what: "content" },
    },
  });
  writeFileSync(`${path}/src/b`, "b");
  await Bun.write(
    `${path}/Dockerfile`,
    "FROM busybox\nARG NAME\nRUN echo $NAME > /name\nCOPY src /src\nLABEL a=c\n",
  );
  expect(await t.builds.verify("app:1", source, options)).toMatchObject({
    difference: { kind: "configuration", field: "config.Labels.a", was: '"b"', is: '"c"' },
  });
  expect(t.images.list().map((one) => one.id)).toEqual(before);
});

test("an image is verified against the base image that it was built from", async () => {
  const path = await t.context({ Dockerfile: "FROM busybox:verified\nRUN echo x > /x\n" });
  t.images.tag("busybox", "busybox:verified");
  await t.build(path, { tags: ["app:2"] });
  const other = await t.build(await t.context({ Dockerfile: "FROM busybox\nRUN echo y > /y\n" }));
  t.images.tag(other.image.id, "busybox:verified");
  const source = { context: { kind: "directory", path } } as const;
  expect(await t.builds.verify("app:2", source, options)).toMatchObject({ identical: true });
});

test("without arguments in the provenance, or without one, it says so", async () => {
  const path = await t.context({ Dockerfile: "FROM busybox\nARG A\nRUN echo $A > /a\n" });
  await t.build(path, { tags: ["app:3"], buildArgs: { A: "1" }, attest: { provenance: "min" } });
  const source = { context: { kind: "directory", path } } as const;
  const codeOf = async (name: string) =>
    await t.builds.verify(name, source, options).then(
      () => "",
      (error: { code: string }) => error.code,
    );
  expect(await codeOf("app:3")).toBe("image.provenance-incomplete");
  expect(await codeOf("busybox")).toBe("image.no-provenance");
});

test("two trees: the first difference, and what it is", async () => {
  const home = mkdtempSync(join(tmpdir(), "virga-compare-"));
  try {
    const [a, b] = [join(home, "a"), join(home, "b")];
    for (const root of [a, b]) {
      mkdirSync(`${root}/d`, { recursive: true });
      writeFileSync(`${root}/d/f`, "text");
      symlinkSync("f", `${root}/d/link`);
      symlinkSync("f", `${root}/d/link2`);
      for (const name of ["d/f", "d", ""]) utimesSync(join(root, name), 1000, 1000);
    }
    const stamp = (root: string, name: string) => utimesSync(join(root, name), 1000, 1000);
    const first = async () => await compareTrees(a, b);
    rmSync(`${a}/d/link`);
    rmSync(`${b}/d/link`);
    rmSync(`${a}/d/link2`);
    rmSync(`${b}/d/link2`);
    for (const root of [a, b]) stamp(root, "d");
    expect(await first()).toBeUndefined();
    stamp(b, "d/f");
    chmodSync(`${b}/d/f`, 0o600);
    expect(await first()).toEqual({ path: "/d/f", what: "mode", was: "644", is: "600" });
    chmodSync(`${b}/d/f`, lstatSync(`${a}/d/f`).mode);
    utimesSync(`${b}/d/f`, 1000, 2000);
    const [was, is] = ["1970-01-01T00:16:40.000Z", "1970-01-01T00:33:20.000Z"];
    expect(await first()).toEqual({ path: "/d/f", what: "time", was, is });
    writeFileSync(`${b}/d/f`, "tex!");
    expect(await first()).toEqual({ path: "/d/f", what: "content" });
    rmSync(`${b}/d/f`);
    expect(await first()).toMatchObject({ path: "/d", what: "time" });
    stamp(b, "d");
    expect(await first()).toEqual({ path: "/d/f", what: "missing" });
    symlinkSync("elsewhere", `${b}/d/f`);
    stamp(b, "d");
    expect(await first()).toEqual({ path: "/d/f", what: "type", was: "file", is: "link" });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
