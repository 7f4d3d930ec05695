import { afterEach, beforeEach, expect, test } from "bun:test";
import { interfaceExists, ipBatch, listInterfaces, nftTableExists, run, runChecked } from "../host/index.ts";
import type { AttachedEndpoint, Networks, PortMapping, RunningSandboxes } from "./network.ts";
import { createTestMachine, get, lookUp, type TestMachine, type TestSandbox } from "./testing.ts";

interface Running {
  readonly sandbox: TestSandbox;
  readonly endpoints: readonly AttachedEndpoint[];
  readonly ports: readonly PortMapping[];
}

let machine: TestMachine;
let networks: Networks;
let web: Running;
let client: Running;

const running = (...all: Running[]): RunningSandboxes => ({ running: () => all });

/** Two containers on a user network; the first publishes its port 80. */
beforeEach(async () => {
  machine = await createTestMachine();
  networks = await machine.networks();
  const { id } = await networks.create({ name: "app" });
  const start = async (name: string, ports: readonly PortMapping[]): Promise<Running> => {
    const sandbox = await machine.sandbox();
    const endpoint = await networks.reserve({
      networkId: id,
      containerId: sandbox.containerId,
      names: [name],
    });
    const endpoints = await networks.attach(sandbox, [endpoint]);
    await sandbox.serve(name);
    return { sandbox, endpoints, ports: await networks.publish(sandbox.containerId, endpoint, ports) };
  };
  web = await start("web", [{ protocol: "tcp", containerPort: 80, hostIp: "", hostPort: 0 }]);
  client = await start("client", []);
});

afterEach(async () => {
  await networks.close({ keep: false });
  const left = (await listInterfaces()).filter(({ name }) =>
    name.startsWith(machine.identity.interfacePrefix),
  );
  expect(left).toEqual([]);
  expect(await nftTableExists("inet", machine.identity.nftTable)).toBe(false);
  expect(await servers()).toEqual([]);
  await machine[Symbol.asyncDispose]();
});

/** Pids of the DNS servers of this root. */
async function servers(): Promise<string[]> {
  const { stdout } = await run(["pgrep", "-f", `aardvark-dns --config ${machine.identity.root}/`]);
  return stdout.split("\n").filter(Boolean);
}

async function expectWorking(): Promise<void> {
  const { gateway } = networks.resolve("app").subnets[0]!;
  const { ipv4 } = web.endpoints[0]!.endpoint;
  expect(await lookUp(client.sandbox, "web", gateway)).toEqual([ipv4]);
  expect(await get(`http://${ipv4}/`, client.sandbox)).toBe("web");
  const port = web.ports[0]!.hostPort;
  expect(await get(`http://127.0.0.1:${port}/`)).toBe("web");
  expect(await get(`http://198.51.100.1:${port}/`, machine.outside)).toBe("web");
  expect(() => Bun.listen({ hostname: "0.0.0.0", port, socket: { data() {} } })).toThrow();
}

test("a restart leaves what works alone and takes ports and names over", async () => {
  await networks.close({ keep: true });
  expect(await get(`http://127.0.0.1:${web.ports[0]!.hostPort}/`)).toBe("web");
  const before = await servers();
  expect(before).toHaveLength(1);
  networks = await machine.networks();
  const { gateway } = networks.resolve("app").subnets[0]!;
  const answers: unknown[] = [];
  const reconciled = new AbortController();
  const asking = (async () => {
    while (!reconciled.signal.aborted) answers.push(await lookUp(client.sandbox, "web", gateway));
  })();
  await networks.reconcile(running(web, client));
  reconciled.abort();
  await asking;
  expect(answers).toEqual(answers.map(() => [web.endpoints[0]!.endpoint.ipv4]));
  await expectWorking();
  expect(await servers()).toEqual(before);
});

test("what was broken while no daemon ran is mended", async () => {
  const bridge = networks.resolve("app").bridge!;
  await networks.close({ keep: true });
  for (const pid of await servers()) process.kill(Number(pid), "SIGKILL");
  await ipBatch([`link del ${bridge}`]);
  const host = (await listInterfaces()).find(({ name }) =>
    name.startsWith(machine.identity.interfacePrefix),
  )!;
  await ipBatch([`link del ${host.name}`]);
  await runChecked(["nft", "delete", "table", "inet", machine.identity.nftTable]);
  networks = await machine.networks();
  await networks.reconcile(running(web, client));
  await expectWorking();
});

test("names answer all the time while those of containers that ended go", async () => {
  const { gateway } = networks.resolve("app").subnets[0]!;
  await networks.close({ keep: true });
  await web.sandbox.end();
  networks = await machine.networks();
  const answers: unknown[] = [];
  const reconciled = new AbortController();
  const asking = (async () => {
    while (!reconciled.signal.aborted) answers.push(await lookUp(client.sandbox, "client", gateway));
  })();
  await networks.reconcile(running(client));
  reconciled.abort();
  await asking;
  expect(answers).toEqual(answers.map(() => [client.endpoints[0]!.endpoint.ipv4]));
  expect(await lookUp(client.sandbox, "web", gateway)).toEqual([]);
});

test("containers that ended while no daemon ran leave nothing", async () => {
  const { bridge } = networks.resolve("app");
  await networks.close({ keep: true });
  await web.sandbox.end();
  networks = await machine.networks();
  await networks.reconcile(running(client));
  expect(await get(`http://127.0.0.1:${web.ports[0]!.hostPort}/`)).toBeUndefined();
  const left = (await listInterfaces()).filter(({ name }) =>
    name.startsWith(machine.identity.interfacePrefix),
  );
  expect(left.filter(({ name }) => name !== bridge)).toHaveLength(1);
  await client.sandbox.end();
  networks = await machine.networks();
  await networks.reconcile(running());
  expect(interfaceExists(bridge!)).toBe(false);
  expect(await nftTableExists("inet", machine.identity.nftTable)).toBe(false);
});

test("a flushed packet filter is made anew with the next change", async () => {
  await runChecked(["nft", "delete", "table", "inet", machine.identity.nftTable]);
  const [mapping] = await networks.publish(client.sandbox.containerId, client.endpoints[0]!.endpoint, [
    { protocol: "tcp", containerPort: 80, hostIp: "127.0.0.1", hostPort: 0 },
  ]);
  expect(await get(`http://127.0.0.1:${mapping!.hostPort}/`)).toBe("client");
  await expectWorking();
});

test("another daemon's subnets are not chosen, also those without an interface", async () => {
  const subnets = networks.list().flatMap((network) => network.subnets.map(({ subnet }) => subnet));
  await using other = await machine.neighbour();
  const theirs = other.networks.list().flatMap((network) => network.subnets.map(({ subnet }) => subnet));
  expect(theirs).toHaveLength(1);
  expect(subnets).not.toContain(theirs[0]!);
});
