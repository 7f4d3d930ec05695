import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { isVirgaError } from "../../base/index.ts";
import { parseLink } from "./link.ts";
import type { ContainerSpec } from "../spec.ts";
import { testContainers, type TestContainers } from "../testing.ts";

let on: TestContainers;
beforeEach(async () => void (on = await testContainers()));
afterEach(() => on[Symbol.asyncDispose]());

const make = async (name: string, spec: Partial<ContainerSpec> = {}) =>
  (await on.containers.create({ image: "busybox", name, ...spec })).container.id;
const start = async (name: string, spec: Partial<ContainerSpec> = {}) => {
  const id = await make(name, spec);
  await on.containers.start(id);
  return id;
};
const refusal = async (work: Promise<unknown>) => {
  const error = await work.catch((thrown: unknown) => thrown);
  return isVirgaError(error) ? `${error.kind}: ${error.message}` : "no error";
};
const hostsOf = async (name: string) => await readFile(`${on.containers.get(name).folder}/hosts`, "utf8");

test("links as people write them, and as inspect tells them", () => {
  expect(parseLink("db")).toEqual({ target: "db", alias: "db" });
  expect(parseLink("db:store")).toEqual({ target: "db", alias: "store" });
  expect(parseLink("/db:/web/store")).toEqual({ target: "db", alias: "store" });
  expect(() => parseLink("")).toThrow("empty string specified for links");
  for (const wrong of ["a:b:c", ":b", "a:", "a:b c"]) expect(() => parseLink(wrong)).toThrow("bad format");
});

describe("on the default bridge", () => {
  test("names in /etc/hosts and variables, under those of the container's own", async () => {
    const db = await start("db", { exposedPorts: ["6379/tcp", "53/udp"], env: ["SIZE=3", "HOME=/x"] });
    const { ipv4 } = on.containers.get("db").endpoints[0]!;
    await start("web", { network: { links: ["db:my-store"] }, env: ["MY_STORE_PORT_53_UDP_PORT=mine"] });
    expect(await hostsOf("web")).toContain(`${ipv4}\tmy-store ${db.slice(0, 12)} db\n`);
    const config = JSON.parse(
      await readFile(`${on.containers.get("web").folder}/bundle/config.json`, "utf8"),
    ) as { process: { env: string[] } };
    expect(config.process.env.filter((one) => one.startsWith("MY_STORE"))).toEqual([
      `MY_STORE_PORT=udp://${ipv4}:53`,
      `MY_STORE_PORT_53_UDP=udp://${ipv4}:53`,
      `MY_STORE_PORT_53_UDP_ADDR=${ipv4}`,
      "MY_STORE_PORT_53_UDP_PORT=mine",
      "MY_STORE_PORT_53_UDP_PROTO=udp",
      `MY_STORE_PORT_6379_TCP=tcp://${ipv4}:6379`,
      `MY_STORE_PORT_6379_TCP_ADDR=${ipv4}`,
      "MY_STORE_PORT_6379_TCP_PORT=6379",
      "MY_STORE_PORT_6379_TCP_PROTO=tcp",
      "MY_STORE_NAME=/web/my-store",
      "MY_STORE_ENV_SIZE=3",
    ]);
  });

  test("one that is not there, or does not run, is refused", async () => {
    expect(await refusal(make("web", { network: { links: ["nosuch"] } }))).toBe(
      "invalid: could not get container for nosuch: No such container: nosuch",
    );
    await make("db");
    await make("web", { network: { links: ["db"] } });
    expect(await refusal(on.containers.start("web"))).toBe(
      "conflict: Cannot link to a non running container: /db AS /web/db",
    );
    await on.containers.rename("db", "store");
    await on.containers.start("store");
    await on.containers.start("web");
    expect(await hostsOf("web")).toContain("\tdb ");
  });

  test("one can be taken away, also from a container that runs", async () => {
    for (const name of ["db", "mail"]) await start(name);
    await start("web", { network: { links: ["db:store", "mail"] } });
    await on.containers.stop("mail");
    await on.containers.unlink("/web/store");
    expect(await hostsOf("web")).not.toContain("store");
    expect(on.containers.get("web").spec.network?.links).toEqual([`${on.containers.get("mail").id}:mail`]);
    expect(await refusal(on.containers.unlink("web/store"))).toBe("not-found: No such container: web/store");
    expect(await refusal(on.containers.unlink("web"))).toContain("cannot remove the default link name");
  });

  test("not with the host's network, on either side", async () => {
    const links = ["db"];
    expect(await refusal(make("web", { network: { mode: "host", links } }))).toContain(
      "host type networking can't be used with links",
    );
    await make("db", { network: { mode: "host" } });
    expect(await refusal(make("web", { network: { links } }))).toContain("can't be used with links");
  });
});

describe("on other networks", () => {
  const linked = { network: { mode: "front", endpoints: { front: { links: ["db:store"] } } } };

  test("an alias of this container's own, also for one that comes later", async () => {
    await start("web", linked);
    expect(await hostsOf("web")).not.toContain("store");
    await start("db", { network: { mode: "front" } });
    const { ipv4 } = on.containers.get("db").endpoints[0]!;
    await on.settle();
    expect(await hostsOf("web")).toContain(`${ipv4}\tstore\n`);
  });

  test("only on that network, and when connected to it later", async () => {
    await start("db", { network: { mode: "back" } });
    await start("web", linked);
    expect(await hostsOf("web")).not.toContain("store");
    await on.containers.connect("web", "back", { links: ["db:behind"] });
    expect(await hostsOf("web")).toContain("\tbehind\n");
    await on.containers.restart("web");
    expect(await hostsOf("web")).toContain("\tbehind\n");
  });
});

test("a network joined later takes the default route by its priority, and keeps it", async () => {
  const id = await start("web", { network: { mode: "front", endpoints: { front: { gatewayPriority: 1 } } } });
  await on.containers.connect("web", "back", {});
  await on.containers.connect("web", "bridge", { gatewayPriority: 2 });
  const networks = () => on.containers.get("web").endpoints.map((one) => one.networkId);
  expect(networks()).toEqual(["net-bridge", "net-front", "net-back"]);
  expect(on.networks.order).toEqual(on.containers.get(id).endpoints.map((one) => one.id));
  await on.containers.disconnect("web", "bridge");
  expect(networks()).toEqual(["net-front", "net-back"]);
});

test("networks that are not there yet are looked up at the start", async () => {
  const endpoints = { front: {}, nowhere: { ipv4: "10.0.0.77" } };
  await make("web", { network: { mode: "nowhere", endpoints } });
  expect(on.containers.get("web")).toMatchObject({ missingNetworks: ["nowhere"] });
  expect(on.containers.start("web")).rejects.toThrow("network nowhere not found");
  await on.settle();
  expect(on.containers.get("web").state).toMatchObject({ status: "created", exitCode: 128 });
  on.networks.known.add("nowhere");
  await on.containers.start("web");
  expect(on.containers.get("web").missingNetworks).toBeUndefined();
  expect(on.containers.get("web").endpoints).toMatchObject([
    { networkId: "net-nowhere", ipv4: "10.0.0.77" },
    { networkId: "net-front" },
  ]);
});

test("the network with the highest priority has the default route", async () => {
  const endpoints = { front: {}, back: { gatewayPriority: 10 } };
  const id = await make("web", { network: { mode: "front", endpoints } });
  expect(on.containers.get(id).endpoints.map((one) => one.networkId)).toEqual(["net-back", "net-front"]);
});
