import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { interfaceExists, listInterfaces, nftTableExists, run } from "../host/index.ts";
import type { Endpoint, Network, Networks, NetworkSpec } from "./network.ts";
import { createTestMachine, get, lookUp, type TestMachine, type TestSandbox } from "./testing.ts";

let machine: TestMachine;
let networks: Networks;

beforeAll(async () => {
  machine = await createTestMachine();
  networks = await machine.networks();
});

afterAll(async () => {
  await networks.close({ keep: false });
  const left = (await listInterfaces()).filter(({ name }) =>
    name.startsWith(machine.identity.interfacePrefix),
  );
  expect(left).toEqual([]);
  expect(await nftTableExists("inet", machine.identity.nftTable)).toBe(false);
  expect((await run(["pgrep", "-f", `aardvark-dns --config ${machine.identity.root}/`])).stdout).toBe("");
  await machine[Symbol.asyncDispose]();
});

/** A running container on a network, with an HTTP server that says its name. */
async function container(network: Network, name: string) {
  const sandbox = await machine.sandbox();
  const endpoint = await networks.reserve({
    networkId: network.id,
    containerId: sandbox.containerId,
    names: [name],
  });
  await networks.attach(sandbox, [endpoint]);
  await sandbox.serve(name);
  return { sandbox, endpoint };
}

async function end({ sandbox, endpoint }: { sandbox: TestSandbox; endpoint: Endpoint }) {
  await sandbox.end();
  await networks.unpublish(sandbox.containerId);
  await networks.detach(sandbox, [endpoint]);
  await networks.release(endpoint.id);
}

/** What a promise fails with. */
async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => "it did not fail",
    (error: unknown) => error,
  );
}

const tcp = { protocol: "tcp", containerPort: 80, hostIp: "", hostPort: 0 } as const;

test("an idle daemon has nothing on the host", async () => {
  expect(
    networks
      .list()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(["bridge", "host", "none"]);
  expect(interfaceExists(networks.resolve("bridge").bridge!)).toBe(false);
  expect(await nftTableExists("inet", machine.identity.nftTable)).toBe(false);
});

describe("on the default bridge", () => {
  test("containers reach each other, the host and the outside, and are told apart", async () => {
    const bridge = networks.resolve("bridge");
    const [a, b] = await Promise.all([container(bridge, "a"), container(bridge, "b")]);
    await machine.outside.serve("outside");
    expect(a.endpoint.ipv4).not.toBe(b.endpoint.ipv4);
    expect(await get(`http://${b.endpoint.ipv4}/`, a.sandbox)).toBe("b");
    expect(await get(`http://${b.endpoint.ipv4}/`)).toBe("b");
    expect(await get("http://198.51.100.2/", a.sandbox)).toBe("outside");
    await Promise.all([end(a), end(b)]);
  });

  test("a published port is reached from outside, by loopback, from a neighbour and from itself", async () => {
    const bridge = networks.resolve("bridge");
    const [web, other] = await Promise.all([container(bridge, "web"), container(bridge, "other")]);
    const [mapping] = await networks.publish(web.sandbox.containerId, web.endpoint, [tcp]);
    const port = mapping!.hostPort;
    expect(mapping).toEqual({ ...tcp, hostIp: "0.0.0.0", hostPort: expect.any(Number) as number });
    expect(port).toBeGreaterThan(1024);
    expect(await get(`http://198.51.100.1:${port}/`, machine.outside)).toBe("web");
    expect(await get(`http://198.51.100.1:${port}/`)).toBe("web");
    expect(await get(`http://127.0.0.1:${port}/`)).toBe("web");
    expect(await get(`http://198.51.100.1:${port}/`, other.sandbox)).toBe("web");
    expect(await get(`http://198.51.100.1:${port}/`, web.sandbox)).toBe("web");
    await networks.unpublish(web.sandbox.containerId);
    while ((await get(`http://127.0.0.1:${port}/`)) !== undefined) await Bun.sleep(2);
    expect(await get(`http://198.51.100.1:${port}/`, machine.outside)).toBeUndefined();
    await Promise.all([end(web), end(other)]);
  });

  test("a port published on loopback stays there", async () => {
    const web = await container(networks.resolve("bridge"), "web");
    const [mapping] = await networks.publish(web.sandbox.containerId, web.endpoint, [
      { ...tcp, hostIp: "127.0.0.1" },
    ]);
    expect(await get(`http://127.0.0.1:${mapping!.hostPort}/`)).toBe("web");
    expect(await get(`http://198.51.100.1:${mapping!.hostPort}/`, machine.outside)).toBeUndefined();
    await end(web);
  });

  test("a port that a container or a process has is refused, and nothing of the request stays", async () => {
    const web = await container(networks.resolve("bridge"), "web");
    const server = Bun.listen({ hostname: "0.0.0.0", port: 18080, socket: { data() {} } });
    const wanted = [
      { ...tcp, hostPort: 18081 },
      { ...tcp, hostPort: 18080 },
    ];
    const publish = (ports: typeof wanted) => networks.publish(web.sandbox.containerId, web.endpoint, ports);
    expect(await failureOf(publish(wanted))).toMatchObject({
      message: "Bind for 0.0.0.0:18080 failed: port is already allocated",
    });
    server.stop(true);
    await publish(wanted);
    expect(await failureOf(publish([{ ...tcp, hostPort: 18081 }]))).toMatchObject({
      kind: "conflict",
      code: "port.in-use",
    });
    expect(() => Bun.listen({ hostname: "0.0.0.0", port: 18081, socket: { data() {} } })).toThrow();
    await end(web);
    Bun.listen({ hostname: "0.0.0.0", port: 18081, socket: { data() {} } }).stop(true);
  });

  test("of a range of ports the first free one is taken, until there is none", async () => {
    const range = { ...tcp, hostPort: 18080, hostPortEnd: 18082 };
    const server = Bun.listen({ hostname: "0.0.0.0", port: 18081, socket: { data() {} } });
    const webs: Awaited<ReturnType<typeof container>>[] = [];
    for (const name of ["one", "two"]) webs.push(await container(networks.resolve("bridge"), name));
    const publish = (web: (typeof webs)[number], also = range) =>
      networks.publish(web.sandbox.containerId, web.endpoint, [also]);
    const [first] = await publish(webs[0]!);
    expect(first).toEqual({ ...tcp, hostIp: "0.0.0.0", hostPort: 18080 });
    expect(await publish(webs[1]!)).toEqual([{ ...first!, hostPort: 18082 }]);
    const late = await container(networks.resolve("bridge"), "late");
    expect(await failureOf(publish(late))).toMatchObject({
      code: "port.in-use",
      message: "Bind for 18080-18082 failed: all ports are allocated",
    });
    server.stop(true);
    expect(await publish(late)).toEqual([{ ...first!, hostPort: 18081 }]);
    for (const web of [...webs, late]) await end(web);
    expect(await failureOf(publish(late, { ...range, hostPortEnd: 1 }))).toMatchObject({
      code: "port.invalid",
    });
  });

  test("datagrams that went elsewhere before find the container that has the port now", async () => {
    const { outside } = machine;
    const udp = { protocol: "udp", containerPort: 53, hostIp: "", hostPort: 5300 } as const;
    expect(await askDatagram(outside, 20)).toBe("");
    for (const name of ["one", "two"]) {
      const web = await container(networks.resolve("bridge"), name);
      const serving = web.sandbox.run([
        process.execPath,
        "-e",
        `const answer = (socket, _, port, host) => {
           socket.send("${name}", port, host);
           setTimeout(() => process.exit(), 100);
         };
         await Bun.udpSocket({ port: 53, socket: { data: answer } });`,
      ]);
      await networks.publish(web.sandbox.containerId, web.endpoint, [udp]);
      expect(await askDatagram(outside, 200)).toBe(name);
      await serving;
      await end(web);
    }
  });

  test("a container can't reach the host's loopback", async () => {
    const bridge = networks.resolve("bridge");
    const one = await container(bridge, "one");
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("secret") });
    const url = `http://127.0.0.1:${server.port}/`;
    expect(await get(url)).toBe("secret");
    const gateway = bridge.subnets[0]!.gateway;
    await one.sandbox.run(["ip", "link", "set", "lo", "down"]);
    await one.sandbox.run(["ip", "route", "add", "127.0.0.1/32", "via", gateway]);
    await one.sandbox.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet"]);
    expect(await get(url, one.sandbox)).toBeUndefined();
    await server.stop(true);
    await end(one);
  });
});

describe("user networks", () => {
  test("names resolve for those on the network, to all of a container's networks, and to nobody else", async () => {
    const [front, back] = [await networks.create({ name: "front" }), await networks.create({ name: "back" })];
    const [web, db] = await Promise.all([container(front, "web"), container(back, "db")]);
    const both = await machine.sandbox();
    const endpoints = await Promise.all(
      [front, back].map(({ id }) =>
        networks.reserve({ networkId: id, containerId: both.containerId, names: ["app", "alias"] }),
      ),
    );
    const attached = await networks.attach(both, endpoints);
    expect(attached.map(({ interfaceName }) => interfaceName)).toEqual(["eth0", "eth1"]);
    const server = front.subnets[0]!.gateway;
    expect(networks.resolvConf(endpoints, {})).toContain(`nameserver ${server}\n`);
    expect(await lookUp(both, "web", server)).toEqual([web.endpoint.ipv4]);
    expect(await lookUp(both, "db", server)).toEqual([db.endpoint.ipv4]);
    expect(await lookUp(web.sandbox, "alias", server)).toEqual([endpoints[0]!.ipv4]);
    expect(await lookUp(web.sandbox, "db", server)).toEqual([]);
    await networks.rename(endpoints[0]!.id, ["renamed"]);
    expect(await lookUp(web.sandbox, "renamed", server)).toEqual([endpoints[0]!.ipv4]);
    expect(await get("http://db/", both)).toBeUndefined();
    expect(await get(`http://${db.endpoint.ipv4}/`, both)).toBe("db");
    await networks.detach(both, endpoints);
    for (const { id } of endpoints) await networks.release(id);
    await Promise.all([end(web), end(db)]);
    await networks.remove("front");
    await networks.remove("back");
  });

  test("networks are apart from each other; published ports cross", async () => {
    const [one, two] = [await networks.create({ name: "one" }), await networks.create({ name: "two" })];
    const [a, b] = await Promise.all([container(one, "a"), container(two, "b")]);
    expect(await get(`http://${b.endpoint.ipv4}/`, a.sandbox)).toBeUndefined();
    const [mapping] = await networks.publish(b.sandbox.containerId, b.endpoint, [tcp]);
    expect(await get(`http://198.51.100.1:${mapping!.hostPort}/`, a.sandbox)).toBe("b");
    await Promise.all([end(a), end(b)]);
    expect(await networks.prune(({ name }) => name === "one")).toEqual(["two"]);
    await networks.remove("one");
  });

  test("an internal network has no way out or in, but within", async () => {
    const closed = await networks.create({ name: "closed", internal: true });
    const [a, b] = await Promise.all([container(closed, "a"), container(closed, "b")]);
    expect(await get(`http://${b.endpoint.ipv4}/`, a.sandbox)).toBe("b");
    expect(await get("http://198.51.100.2/", a.sandbox)).toBeUndefined();
    await a.sandbox.run(["ip", "route", "add", "default", "via", closed.subnets[0]!.gateway]);
    expect(await get("http://198.51.100.2/", a.sandbox)).toBeUndefined();
    expect(await networks.publish(a.sandbox.containerId, a.endpoint, [tcp])).toEqual([]);
    await Promise.all([end(a), end(b)]);
    await networks.remove("closed");
  });

  test("without inter-container traffic, neighbours don't reach each other", async () => {
    const apart = await networks.create({
      name: "apart",
      options: {
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.name": "apart0",
      },
    });
    const [a, b] = await Promise.all([container(apart, "a"), container(apart, "b")]);
    expect(interfaceExists("apart0")).toBe(true);
    expect(await get(`http://${b.endpoint.ipv4}/`, a.sandbox)).toBeUndefined();
    expect(await get(`http://${b.endpoint.ipv4}/`)).toBe("b");
    await Promise.all([end(a), end(b)]);
    await networks.remove("apart");
    expect(interfaceExists("apart0")).toBe(false);
  });

  test("IPv6 works inside a network and through published ports", async () => {
    const six = await networks.create({ name: "six", enableIpv6: true });
    const [a, b] = await Promise.all([container(six, "a"), container(six, "b")]);
    expect(await get(`http://[${b.endpoint.ipv6}]/`, a.sandbox)).toBe("b");
    const published = await networks.publish(b.sandbox.containerId, b.endpoint, [tcp]);
    expect(published.map(({ hostIp }) => hostIp)).toEqual(["0.0.0.0", "::"]);
    expect(await get(`http://[${six.subnets[1]!.gateway}]:${published[1]!.hostPort}/`, a.sandbox)).toBe("b");
    await Promise.all([end(a), end(b)]);
    await networks.remove("six");
  });

  test("connecting and disconnecting a running container moves its default route", async () => {
    const [one, two] = [await networks.create({ name: "one" }), await networks.create({ name: "two" })];
    const first = await container(one, "first");
    const endpoint = await networks.reserve({
      networkId: two.id,
      containerId: first.sandbox.containerId,
      names: ["first"],
    });
    const [attached] = await networks.attach(first.sandbox, [endpoint]);
    expect(attached!.interfaceName).toBe("eth1");
    const route = async () => (await first.sandbox.run(["ip", "route", "show", "default"])).stdout;
    expect(await route()).toContain(`via ${one.subnets[0]!.gateway} dev eth0`);
    expect(await failureOf(networks.remove("one"))).toMatchObject({
      kind: "conflict",
      code: "network.in-use",
    });
    await networks.detach(first.sandbox, [first.endpoint]);
    expect(await route()).toContain(`via ${two.subnets[0]!.gateway} dev eth1`);
    const again = await networks.attach(first.sandbox, [first.endpoint]);
    expect(again[0]!.interfaceName).toBe("eth0");
    await networks.detach(first.sandbox, [endpoint]);
    await networks.release(endpoint.id);
    await end(first);
    await networks.remove("one");
    await networks.remove("two");
  });
});

test("many containers at once, each reachable by name", async () => {
  const crowd = await networks.create({ name: "crowd" });
  const sandboxes = await Promise.all(Array.from({ length: 30 }, () => machine.sandbox()));
  const endpoints = await Promise.all(
    sandboxes.map(({ containerId }, i) =>
      networks.reserve({ networkId: crowd.id, containerId, names: [`c${i}`] }),
    ),
  );
  await Promise.all(sandboxes.map((sandbox, i) => networks.attach(sandbox, [endpoints[i]!])));
  const server = crowd.subnets[0]!.gateway;
  expect(await lookUp(sandboxes[0]!, "c29", server)).toEqual([endpoints[29]!.ipv4]);
  expect((await sandboxes[29]!.run(["busybox", "ping", "-c1", "-W1", endpoints[0]!.ipv4])).exitCode).toBe(0);
  await Promise.all(
    sandboxes.map(async (sandbox, i) => {
      await sandbox.end();
      await networks.detach(sandbox, [endpoints[i]!]);
      await networks.release(endpoints[i]!.id);
    }),
  );
  await networks.remove("crowd");
});

test("names resolve without a gap while other containers come and go", async () => {
  const busy = await networks.create({ name: "busy" });
  const server = busy.subnets[0]!.gateway;
  const [steady, asking] = await Promise.all([container(busy, "steady"), container(busy, "asking")]);
  const state = { churning: true };
  const churn = async () => {
    for (let i = 0; i < 5; i++) await end(await container(busy, `other${i}`));
  };
  const churned = Promise.all(Array.from({ length: 4 }, churn)).finally(() => {
    state.churning = false;
  });
  let asked = 0;
  for (; state.churning; asked++) {
    expect(await lookUp(asking.sandbox, "steady", server)).toEqual([steady.endpoint.ipv4]);
  }
  await churned;
  expect(asked).toBeGreaterThan(10);
  await Promise.all([end(steady), end(asking)]);
  await networks.remove("busy");
});

test("a query from a port that was used before reaches the server of now", async () => {
  const lane = await networks.create({ name: "lane" });
  const server = lane.subnets[0]!.gateway;
  const asking = await container(lane, "asking");
  expect(await queryFrom(asking.sandbox, 4053, "asking", server)).toContain(asking.endpoint.ipv4);
  const late = await container(lane, "late");
  expect(await queryFrom(asking.sandbox, 4053, "late", server)).toContain(late.endpoint.ipv4);
  await Promise.all([end(asking), end(late)]);
  await networks.remove("lane");
});

/** The answer to datagrams from one and the same port, of which so many are sent until one is answered. */
async function askDatagram(from: TestSandbox, tries: number): Promise<string> {
  const { stdout } = await from.run([
    process.execPath,
    "-e",
    `const socket = await Bun.udpSocket({
       port: 4054,
       socket: { data(_, answer) { process.stdout.write(answer.toString()); process.exit(); } },
     });
     for (let i = 0; i < ${tries}; i++) { socket.send("?", 5300, "198.51.100.1"); await Bun.sleep(25); }
     process.exit();`,
  ]);
  return stdout;
}

/** The addresses in the answer to a query for `name` that is sent from that UDP port. */
async function queryFrom(from: TestSandbox, port: number, name: string, server: string): Promise<string[]> {
  const script = `
    const query = Buffer.from("00010100000100000000000" + "0", "hex");
    const question = Buffer.concat([query, Buffer.from([${name.length}]), Buffer.from("${name}\\0\\0\\x01\\0\\x01")]);
    const socket = await Bun.udpSocket({
      port: ${port},
      socket: { data(_, answer) { console.log(answer.subarray(question.length).toString("hex")); process.exit(); } },
    });
    socket.send(question, 53, "${server}");
    setTimeout(() => process.exit(1), 2000);`;
  const { stdout, stderr } = await from.run([process.execPath, "-e", script]);
  expect(stderr).toBe("");
  // Each record: a pointer to the name, type A, class IN, time to live, length 4, the address.
  return [...stdout.matchAll(/c00c00010001.{8}0004(.{8})/g)].map(([, hex]) =>
    [...Buffer.from(hex!, "hex")].join("."),
  );
}

test("attaching to a container that has ended is refused and leaves nothing", async () => {
  const sandbox = await machine.sandbox();
  const bridge = networks.resolve("bridge");
  const endpoint = await networks.reserve({
    networkId: bridge.id,
    containerId: sandbox.containerId,
    names: [],
  });
  await sandbox.end();
  expect(await failureOf(networks.attach(sandbox, [endpoint]))).toMatchObject({
    code: "network.sandbox-gone",
  });
  await networks.release(endpoint.id);
  expect(networks.endpointsOf(bridge.id)).toEqual([]);
});

test("when the DNS server can't start, the container's network is undone and the error says what to do", async () => {
  await using neighbour = await machine.neighbour({ nameServerProgram: "/does/not/exist" });
  const broken = neighbour.networks;
  const network = await broken.create({ name: "nameless" });
  const sandbox = await machine.sandbox();
  const endpoint = await broken.reserve({
    networkId: network.id,
    containerId: sandbox.containerId,
    names: ["x"],
  });
  expect(await failureOf(broken.attach(sandbox, [endpoint]))).toMatchObject({
    kind: "precondition",
    code: "network.dns-missing",
    hint: "install it: apt-get install aardvark-dns",
  });
  expect((await sandbox.run(["ip", "-o", "link"])).stdout).not.toContain("eth0");
  await broken.remove("nameless");
  expect(interfaceExists(network.bridge!)).toBe(false);
});

test("networks that can't be are refused", async () => {
  const refused = async (spec: NetworkSpec) => await failureOf(networks.create(spec));
  expect(await refused({ name: "bridge" })).toMatchObject({ kind: "permission" });
  expect(await refused({ name: " a" })).toMatchObject({ kind: "invalid", code: "network.name-invalid" });
  expect(await refused({ name: "x", driver: "overlay" })).toMatchObject({ kind: "unimplemented" });
  expect(await refused({ name: "x", subnets: [{ subnet: "198.51.100.0/25" }] })).toMatchObject({
    kind: "conflict",
    message: "Pool overlaps with other one on this address space",
  });
  expect(await refused({ name: "x", subnets: [{ gateway: "10.1.1.1" }] })).toMatchObject({ kind: "invalid" });
  expect(await failureOf(networks.remove("host"))).toMatchObject({ kind: "permission" });
  expect(() => networks.resolve("x")).toThrow("network x not found");
  await networks.create({ name: "x", subnets: [{ subnet: "10.77.0.0/24" }] });
  expect(await refused({ name: "x" })).toMatchObject({ message: "network with name x already exists" });
  expect(await refused({ name: "y", subnets: [{ subnet: "10.77.0.0/16" }] })).toMatchObject({
    kind: "conflict",
  });
  const { id } = networks.resolve("x");
  expect(networks.resolve(id.slice(0, 8)).name).toBe("x");
  const fixed = { networkId: id, containerId: "c1", names: ["c1"], ipv4: "10.77.0.9" };
  expect(await networks.reserve(fixed)).toMatchObject({ ipv4: "10.77.0.9", fixedIpv4: "10.77.0.9" });
  expect(await failureOf(networks.reserve({ ...fixed, containerId: "c2" }))).toMatchObject({
    kind: "conflict",
    message: "Address already in use: 10.77.0.9",
  });
  expect(await failureOf(networks.reserve({ ...fixed, ipv4: "10.77.0.10" }))).toMatchObject({
    kind: "conflict",
  });
  await networks.remove("x");
});
