import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { settledHoldings } from "../support/holdings.ts";

/** Networks of containers that come later, and what the containers on them call each other. */
const minute = 60_000;
let daemon: TestDaemon;
let image: string;

const ok = (...args: string[]) => daemon.dockerOk(args);
const docker = (...args: string[]) => daemon.docker(args);

beforeAll(async () => {
  daemon = await startDaemon();
  image = await importBusybox(daemon);
}, minute);

afterAll(() => daemon.destroy(), minute);

test(
  "networks are looked up at the start; the default route follows the priority, live, and comes back",
  async () => {
    const before = await settledHoldings(daemon);
    const made = await ok("create", "--name", "early", "--network", "later", image, "sleep", "1000");
    const inspected =
      "{{range $name, $one := .NetworkSettings.Networks}}{{$name}}={{$one.NetworkID}} {{end}}";
    expect(await ok("inspect", "--format", inspected, "early")).toBe("later= ");
    const early = await docker("start", "early");
    expect([early.exitCode, early.stderr]).toEqual([1, expect.stringContaining("network later not found")]);
    const run = await docker("run", "--name", "lost", "--network", "nowhere", image, "true");
    expect([run.exitCode, run.stderr]).toEqual([125, expect.stringContaining("network nowhere not found")]);
    expect(await ok("inspect", "--format", "{{.State.Status}}", "lost")).toBe("created");
    await ok("rm", "lost");

    await ok("network", "create", "--subnet", "10.71.0.0/24", "later");
    await ok("network", "create", "--subnet", "10.72.0.0/24", "preferred");
    await ok("start", "early");
    const route = async () => {
      const lines = (await ok("exec", "early", "ip", "route")).split("\n").map((line) => line.trim());
      return lines.filter((line) => line.startsWith("default"));
    };
    expect(await route()).toEqual(["default via 10.71.0.1 dev eth0"]);
    await ok("network", "connect", "--gw-priority", "5", "preferred", "early");
    expect(await route()).toEqual(["default via 10.72.0.1 dev eth1"]);
    await ok("network", "connect", "bridge", "early");
    expect(await route()).toEqual(["default via 10.72.0.1 dev eth1"]);
    await daemon.crash();
    await daemon.start();
    await ok("network", "disconnect", "bridge", "early");
    expect(await route()).toEqual(["default via 10.72.0.1 dev eth1"]);
    await ok("network", "disconnect", "preferred", "early");
    expect(await route()).toEqual(["default via 10.71.0.1 dev eth0"]);
    await ok("network", "connect", "--gw-priority", "5", "preferred", "early");
    await ok("restart", "--time", "0", "early");
    expect(await route()).toEqual(["default via 10.72.0.1 dev eth0"]);
    await ok("rm", "-f", made);

    // One that never ran finds a network of the same name that was made anew.
    await ok("create", "--name", "again", "--network", "later", image, "hostname", "-i");
    await ok("network", "rm", "later");
    await ok("network", "create", "--subnet", "10.73.0.0/24", "later");
    expect(await ok("start", "-a", "again")).toBe("10.73.0.2");
    await ok("rm", "again");
    await ok("network", "rm", "later", "preferred");
    expect(await settledHoldings(daemon)).toEqual(before);
  },
  2 * minute,
);

test(
  "the alias of a link resolves by DNS for the container that has it, and for no other",
  async () => {
    await ok("network", "create", "--subnet", "10.74.0.0/24", "front");
    const run = (name: string, ...options: string[]) =>
      ok("run", "-d", "--name", name, "--network", "front", ...options, image, "sleep", "1000");
    await run("web", "--link", "db:store");
    await run("other");
    const lookUp = async (who: string, name: string) =>
      (await docker("exec", who, "nslookup", name)).stdout.includes("Address: 10.74.0.4");
    expect(await lookUp("web", "store")).toBe(false);
    await run("db", "--ip", "10.74.0.4");
    await eventually("web knows the alias", () => lookUp("web", "store"));
    await eventually("other knows the name", () => lookUp("other", "db"));
    expect(await lookUp("other", "store")).toBe(false);
    await daemon.crash();
    await daemon.start();
    expect(await lookUp("web", "store")).toBe(true);
    expect(await lookUp("other", "store")).toBe(false);
    await ok("rm", "-f", "web", "other", "db");
    await ok("network", "rm", "front");
  },
  2 * minute,
);
