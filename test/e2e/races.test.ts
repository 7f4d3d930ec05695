import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { holdings } from "../support/holdings.ts";

/** Many clients at once, and two daemons side by side. */
const minute = 60_000;
let daemon: TestDaemon;
let image: string;
let before: string[];

const ok = (...args: string[]) => daemon.dockerOk(args);
const docker = (...args: string[]) => daemon.docker(args);

beforeAll(async () => {
  daemon = await startDaemon();
  image = await importBusybox(daemon);
  await ok("run", "--rm", image, "true");
  before = await holdings(daemon);
}, minute);

afterAll(() => daemon.destroy(), minute);

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Runs `work` for each of `items`, `width` of them side by side. */
async function sideBySide<T, R>(
  width: number,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const waiting = items.entries();
  const results: R[] = [];
  const worker = async () => {
    for (const [index, item] of waiting) results[index] = await work(item);
  };
  await Promise.all(range(width).map(worker));
  return results;
}

async function expectNothingLeft(): Promise<void> {
  let now = await holdings(daemon);
  for (let turn = 0; turn < 40 && now.join() !== before.join(); turn++) {
    await Bun.sleep(50);
    now = await holdings(daemon);
  }
  expect(now).toEqual(before);
}

describe("at once", () => {
  test(
    "eight clients create the same name: one wins, the others hear who has it",
    async () => {
      const results = await Promise.all(
        range(8).map(() => docker("create", "--name", "wanted", "-v", "/data", image, "true")),
      );
      const [winner, ...more] = results.filter(({ exitCode }) => exitCode === 0);
      expect(more).toEqual([]);
      const id = winner!.stdout.trim();
      const losers = results.filter(({ exitCode }) => exitCode !== 0);
      expect(losers).toHaveLength(7);
      for (const { stderr } of losers) {
        expect(stderr).toContain('Conflict. The container name "/wanted" is already in use by container');
        expect(stderr).toContain(id);
        expect(stderr).toContain(
          "You have to remove (or rename) that container to be able to reuse that name.",
        );
      }
      await ok("rm", "-v", "wanted");
      await expectNothingLeft();
    },
    minute,
  );

  test(
    "networks and volumes of one name",
    async () => {
      const networks = await Promise.all(range(8).map(() => docker("network", "create", "same")));
      expect(networks.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
      for (const { exitCode, stderr } of networks)
        if (exitCode !== 0) expect(stderr).toContain("network with name same already exists");
      const volumes = await Promise.all(range(8).map(() => docker("volume", "create", "same")));
      expect(volumes.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(
        range(8).map(() => [0, "same\n"]),
      );
      await ok("network", "rm", "same");
      await ok("volume", "rm", "same");
      await expectNothingLeft();
    },
    minute,
  );

  test(
    "one host port",
    async () => {
      const results = await Promise.all(
        range(6).map((n) =>
          docker("run", "-d", "--name", `port${n}`, "-p", "127.0.0.1:18491:80", image, "sleep", "1000"),
        ),
      );
      expect(results.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
      for (const { exitCode, stderr } of results)
        if (exitCode !== 0) expect(stderr).toContain("port is already allocated");
      await ok("rm", "-f", ...range(6).map((n) => `port${n}`));
      await expectNothingLeft();
    },
    minute,
  );

  test(
    "20 containers come and go, 8 at a time",
    async () => {
      const results = await sideBySide(8, range(20), async (n) => {
        const run = await docker(
          "run",
          "--name",
          `swarm${n}`,
          "-p",
          "127.0.0.1::80",
          image,
          "sh",
          "-c",
          `echo ${n}; exit ${n}`,
        );
        await ok("rm", `swarm${n}`);
        return [run.stdout, run.exitCode];
      });
      expect(results).toEqual(range(20).map((n) => [`${n}\n`, n]));
      await sideBySide(8, range(20), (n) => ok("run", "-d", "--name", `swarm${n}`, image, "sleep", "1000"));
      const addresses = await ok(
        "inspect",
        "--format",
        "{{.NetworkSettings.IPAddress}}",
        ...range(20).map((n) => `swarm${n}`),
      );
      expect(new Set(addresses.split("\n")).size).toBe(20);
      await sideBySide(8, range(20), (n) => ok("rm", "-f", `swarm${n}`));
      await expectNothingLeft();
    },
    minute,
  );

  test(
    "stop, start, kill, restart and rm of one container",
    async () => {
      for (let turn = 0; turn < 6; turn++) {
        await ok("run", "-d", "--name", "torn", "-p", "127.0.0.1:18492:80", image, "sleep", "1000");
        const verbs = [
          ["stop", "-t", "0"],
          ["start"],
          ["restart", "-t", "0"],
          ["kill"],
          ["rm", "-f"],
          ["start"],
          ["rm", "-f"],
          ["stop", "-t", "0"],
        ];
        const results = await Promise.all(verbs.map((verb) => docker(...verb, "torn")));
        for (const { stderr } of results) {
          expect(stderr).not.toContain("internal");
          if (stderr !== "")
            expect(stderr).toMatch(
              /No such container|is not running|removal of container .* is already in progress|marked for removal|being removed/i,
            );
        }
        expect((await docker("inspect", "torn")).exitCode).toBe(1);
        await expectNothingLeft();
      }
    },
    minute,
  );

  test(
    "two removals of one container: both are content",
    async () => {
      await ok("run", "-d", "--name", "twice", image, "sleep", "1000");
      const results = await Promise.all(range(4).map(() => docker("rm", "-f", "twice")));
      for (const { exitCode, stderr } of results)
        if (exitCode !== 0) expect(stderr).toMatch(/No such container|already in progress/);
      expect(results.some(({ exitCode }) => exitCode === 0)).toBe(true);
      await expectNothingLeft();
    },
    minute,
  );

  test(
    "a network goes while containers connect",
    async () => {
      for (let turn = 0; turn < 4; turn++) {
        await ok("network", "create", "moving");
        await ok("run", "-d", "--name", "guest", image, "sleep", "1000");
        const [connect, remove, run] = await Promise.all([
          docker("network", "connect", "moving", "guest"),
          docker("network", "rm", "moving"),
          docker("run", "-d", "--name", "late", "--network", "moving", image, "sleep", "1000"),
        ]);
        const there = (await docker("network", "inspect", "moving")).exitCode === 0;
        expect(there).toBe(remove.exitCode !== 0);
        if (there) expect(remove.stderr).toContain("has active endpoints");
        else expect([connect.exitCode === 0, run.exitCode === 0]).toEqual([false, false]);
        // Whatever won, both work.
        expect(await ok("exec", "guest", "echo", "fine")).toBe("fine");
        await docker("rm", "-f", "guest", "late");
        if (there) await ok("network", "rm", "moving");
        await expectNothingLeft();
      }
    },
    minute,
  );

  test(
    "an image goes while containers are made of it",
    async () => {
      for (let turn = 0; turn < 4; turn++) {
        const name = await importBusybox(daemon, "going:1");
        const [remove, create] = await Promise.all([
          docker("rmi", name),
          docker("run", "--name", "made", name, "echo", "made"),
        ]);
        if (create.exitCode === 0) {
          expect(create.stdout).toBe("made\n");
          expect(await ok("start", "-a", "made")).toBe("made");
        } else expect(create.stderr).toContain("Unable to find image");
        expect(remove.exitCode === 0 || create.exitCode === 0).toBe(true);
        await docker("rm", "made");
        await docker("rmi", name);
        await expectNothingLeft();
      }
    },
    minute,
  );

  test(
    "the same build four times",
    async () => {
      const dockerfile = `FROM ${image}\nRUN sleep 0.2; echo $RANDOM >/number\n`;
      const results = await Promise.all(
        range(4).map((n) => daemon.docker(["build", "-q", "-t", `four:${n}`, "-"], { stdin: dockerfile })),
      );
      expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
      const numbers = await Promise.all(
        range(4).map((n) => ok("run", "--rm", `four:${n}`, "cat", "/number")),
      );
      expect(numbers[0]).toMatch(/^\d+$/);
      // The step was done once, and the three others have waited for it.
      expect(new Set(numbers).size).toBe(1);
      await ok("rmi", ...range(4).map((n) => `four:${n}`));
      await ok("builder", "prune", "-af");
      await expectNothingLeft();
    },
    minute,
  );
});

test(
  "two daemons with the same names: neither touches the other",
  async () => {
    const other = await startDaemon();
    let destroyed = false;
    try {
      await importBusybox(other, image);
      const serve = (text: string) => [
        image,
        "sh",
        "-c",
        `mkdir /w; echo ${text} >/w/index.html; exec httpd -f -h /w`,
      ];
      for (const [one, text, port] of [
        [daemon, "mine", 18493],
        [other, "theirs", 18494],
      ] as const) {
        await one.dockerOk(["network", "create", "shop"]);
        await one.dockerOk(["volume", "create", "data"]);
        await one.dockerOk([
          "run",
          "-d",
          "--name",
          "web",
          "--network",
          "shop",
          "-v",
          "data:/data",
          "-p",
          `127.0.0.1:${port}:80`,
          ...serve(text),
        ]);
      }
      const page = async (port: number) => {
        const ask = async () => (await fetch(`http://127.0.0.1:${port}/`)).text();
        await eventually("it listens", () => ask().then(Boolean, () => false));
        return await ask();
      };
      const inside = (one: TestDaemon) =>
        one.dockerOk(["run", "--rm", "--network", "shop", image, "wget", "-qO-", "http://web/"]);
      expect([await page(18493), await page(18494)]).toEqual(["mine\n", "theirs\n"]);
      expect([await inside(daemon), await inside(other)]).toEqual(["mine", "theirs"]);
      // No way from one's containers to the other's.
      const address = await other.dockerOk([
        "inspect",
        "--format",
        "{{.NetworkSettings.Networks.shop.IPAddress}}",
        "web",
      ]);
      expect(
        (await docker("run", "--rm", "--network", "shop", image, "nc", "-z", "-w", "1", address, "80"))
          .exitCode,
      ).toBe(1);
      const taken = await docker("run", "--rm", "-p", "127.0.0.1:18494:80", image, "true");
      expect(taken.stderr).toMatch(/port is already allocated|address already in use/);
      // A second daemon for a root that has one.
      const again = await daemon.virga(["serve", "--root", daemon.identity.root]);
      expect([again.exitCode, again.stderr]).toEqual([1, expect.stringContaining("already runs")]);
      await other.crash();
      expect([await page(18493), await page(18494)]).toEqual(["mine\n", "theirs\n"]);
      await other.start();
      expect(await inside(other)).toBe("theirs");
      destroyed = true;
      await other.destroy();
      expect(await page(18493)).toBe("mine\n");
      expect(await inside(daemon)).toBe("mine");
      await daemon.crash();
      await daemon.start();
      expect(await page(18493)).toBe("mine\n");
    } finally {
      if (!destroyed) await other.destroy();
    }
    await ok("rm", "-f", "web");
    await ok("network", "rm", "shop");
    await ok("volume", "rm", "data");
    await expectNothingLeft();
  },
  minute,
);
