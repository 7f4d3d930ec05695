import { expect, test } from "bun:test";
import type { ContainerSummary, DockerClient } from "../api/client/docker/index.ts";
import { commandNames, loadCommand } from "./commands/index.ts";
import { candidates } from "./complete.ts";
import { meantName } from "./nearest-name.ts";

const containers = [
  { Names: ["/web"], State: "running", Labels: { "com.docker.compose.project": "shop" } },
  { Names: ["/old"], State: "exited", Labels: {} },
] as unknown as ContainerSummary[];

const docker = {
  containers: (query?: { readonly all?: boolean }) =>
    Promise.resolve(containers.filter((one) => query?.all === true || one.State === "running")),
  images: () => Promise.resolve([{ RepoTags: ["box:1", "debian:bookworm"] }, { RepoTags: null }]),
  networks: () => Promise.resolve([{ Name: "bridge" }, { Name: "front" }]),
  volumes: () => Promise.resolve([{ Name: "data" }]),
} as unknown as DockerClient;

const complete = async (line: string) =>
  (await candidates(line.split(" "), { names: commandNames, load: loadCommand, docker })).map(
    (one) => one.word,
  );

test.each([
  ["sta", ["stacks", "start", "stats"]],
  ["net", ["network"]],
  ["network ", ["ls", "create", "inspect", "connect", "disconnect", "rm", "prune"]],
  ["stop ", ["web"]],
  ["start ", ["old"]],
  ["rm -f o", ["old"]],
  ["exec -it w", ["web"]],
  ["exec web l", [":files"]],
  ["run de", ["debian:bookworm"]],
  ["run --name x -p 80:80 b", ["box:1"]],
  ["run --network f", ["front"]],
  ["run --network=f", ["--network=front"]],
  ["run --pull ", ["missing", "always", "never"]],
  ["run -v ", ["data"]],
  ["run --memory-s", ["--memory-swap", "--memory-swappiness"]],
  ["run --env-file ", [":files"]],
  ["network connect front w", ["web"]],
  ["volume rm ", ["data"]],
  ["down s", ["shop", ":folders"]],
  ["nonsense x ", []],
])("virga %s", async (line, words) => {
  expect(await complete(line)).toEqual(words);
});

test("what was probably meant", () => {
  expect(meantName("wbe", ["db", "web"])).toBe("web");
  expect(meantName("web", ["shop-web-1", "shop-db-1"])).toBe("shop-web-1");
  expect(meantName("web", ["shop-web-1", "mail-web-1"])).toBeUndefined();
});
