import { expect, test } from "bun:test";
import { fail } from "../../../base/index.ts";
import type { Images } from "../../../images/index.ts";
import { testApi } from "../testing.ts";

const image = {
  id: `sha256:${"1".repeat(64)}`,
  references: ["docker.io/library/app:1", "docker.io/team/app:2", "registry.example:5000/app:3"],
  digests: [],
  size: 1,
  storedAt: new Date(0),
  layers: [],
  manifest: { mediaType: "", digest: `sha256:${"2".repeat(64)}`, size: 0 },
  config: { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] } },
};

function imagesApi(images: object) {
  return testApi({ images: { list: () => [image], ...images } as unknown as Images });
}

test("a filter by reference takes the familiar name and the full one, each with and without its tag", async () => {
  await using api = await imagesApi({});
  const found = async (reference: string) => {
    const filters = encodeURIComponent(JSON.stringify({ reference: [reference] }));
    const { body } = await api.ask("GET", `/images/json?filters=${filters}`);
    return (body as { RepoTags: string[] }[]).flatMap((one) => one.RepoTags);
  };
  for (const name of [
    "app",
    "app:1",
    "docker.io/library/app",
    "docker.io/library/app:1",
    "docker.io/library/app:*",
  ]) {
    expect(await found(name)).toEqual(["app:1"]);
  }
  expect(await found("docker.io/team/app")).toEqual(["team/app:2"]);
  expect(await found("*/app")).toEqual(["registry.example:5000/app:3", "team/app:2"]);
  expect(await found("docker.io/app")).toEqual([]);
});

test("a repository without the tag latest is saved by its name", async () => {
  const saved: (readonly string[])[] = [];
  await using api = await imagesApi({
    resolve: () => {
      throw fail("not-found", "image.not-found", "No such image: app:latest");
    },
    save: (names: readonly string[]) => {
      saved.push(names);
      return new Response("tar").body;
    },
  });
  expect(await api.ask("GET", "/images/get?names=app")).toEqual({ status: 200, body: "tar" });
  expect(saved).toEqual([["app"]]);
});

test("what is no platform is refused with a status and containerd's words", async () => {
  await using api = await imagesApi({});
  const message = expect.stringContaining("unknown operating system or architecture");
  for (const path of [
    "/images/create?fromImage=app&tag=1&platform=nonsense",
    "/images/create?fromSrc=-&platform=nonsense",
    "/build?platform=nonsense",
  ]) {
    expect(await api.ask("POST", path)).toEqual({ status: 400, body: { message } });
  }
  expect(await api.ask("POST", "/containers/create?platform=nonsense", { Image: "app" })).toEqual({
    status: 400,
    body: { message },
  });
  expect(await api.ask("POST", "/build?platform=linux/a/b/c")).toMatchObject({ status: 400 });
});

test("what an import finds no archive at is told by the status", async () => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response("no", { status: 404 }),
  });
  await using api = await imagesApi({});
  const source = encodeURIComponent(`127.0.0.1:${server.port}/none.tar`);
  expect(await api.ask("POST", `/images/create?fromSrc=${source}`)).toMatchObject({ status: 404 });
});
