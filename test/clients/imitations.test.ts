import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { exchange } from "../differential/exchange.ts";
import { ask } from "../support/asking.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { rawClient } from "../support/raw-client.ts";

/** What tools ask that cannot be installed here, in the order in which they do. */
const minute = 60_000;
let daemon: TestDaemon;
let socket: string;

beforeAll(async () => {
  daemon = await startDaemon();
  socket = daemon.dockerHost.replace("unix://", "");
  await importBusybox(daemon);
}, minute);

afterAll(async () => await daemon.destroy(), minute);

const ok = (...args: string[]) => daemon.dockerOk(args);

/** The answer as JSON; the status has to be one of success. */
async function api<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
  const { status, text } = await ask(socket, method, `/v1.45${path}`, body);
  if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

interface Detail {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly State: { readonly Status: string; readonly Health?: { readonly Status: string } };
  readonly Config: Record<string, unknown> & { readonly Image: string };
  readonly HostConfig: Record<string, unknown>;
  readonly NetworkSettings: { readonly Networks: Record<string, Record<string, unknown>> };
  readonly Mounts: readonly { readonly Name?: string; readonly Destination: string }[];
}
const inspect = async (name: string) => await api<Detail>("GET", `/containers/${name}/json`);

describe("Portainer", () => {
  test(
    "a snapshot, a console, statistics, a pull with credentials",
    async () => {
      await ok("run", "-d", "--name", "seen", "-v", "kept:/data", "box:1", "sleep", "1000");
      const info = await api<Record<string, unknown>>("GET", "/info");
      expect(info).toMatchObject({ Swarm: { LocalNodeState: "inactive" }, ContainersRunning: 1 });
      const all = await Promise.all([
        api<{ ApiVersion: string }>("GET", "/version"),
        api<{ SizeRootFs: number }[]>("GET", "/containers/json?all=1&size=1"),
        api<{ Volumes: unknown[] }>("GET", "/volumes?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D"),
        api<{ RepoTags: string[] }[]>("GET", "/images/json?all=0"),
        api<{ Name: string }[]>("GET", "/networks"),
      ]);
      expect(all[0].ApiVersion).toMatch(/^1\.\d+$/);
      expect(all[1][0]!.SizeRootFs).toBeGreaterThan(0);
      expect([all[2].Volumes.length, all[3][0]!.RepoTags]).toEqual([1, ["box:1"]]);
      expect(all[4].map((one) => one.Name)).toContain("bridge");

      const exec = await api<{ Id: string }>("POST", "/containers/seen/exec", {
        AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: true, Cmd: ["sh"], User: "", id: "seen",
      }); // prettier-ignore
      using console = await rawClient(socket).then((client) =>
        Object.assign(client, { [Symbol.dispose]: () => client.destroy() }),
      );
      const start = JSON.stringify({ Tty: true, Detach: false });
      console.send(
        `POST /exec/${exec.Id}/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: ${start.length}\r\n\r\n${start}`,
      );
      await console.until("101 UPGRADED");
      await api("POST", `/exec/${exec.Id}/resize?h=33&w=99`);
      console.send("stty size\n");
      await console.until("33 99");
      console.send("exit 3\n");
      await console.closed();
      expect(await api("GET", `/exec/${exec.Id}/json`)).toMatchObject({ Running: false, ExitCode: 3 });

      const stats = await api<{ cpu_stats: object; memory_stats: { usage: number }; networks: object }>(
        "GET",
        "/containers/seen/stats?stream=false",
      );
      expect(stats.memory_stats.usage).toBeGreaterThan(0);
      expect(Object.keys(stats.networks)).toEqual(["eth0"]);

      const auth = Buffer.from(
        JSON.stringify({ username: "u", password: "p", serveraddress: "127.0.0.1:1" }),
      );
      const pull = await exchange(socket, {
        method: "POST",
        path: "/v1.45/images/create?fromImage=127.0.0.1:1%2Fnone&tag=1",
        headers: { "X-Registry-Auth": auth.toString("base64") },
      });
      expect(pull.body.toString()).toContain("127.0.0.1:1");
      await api("DELETE", "/containers/seen?force=true&v=1");
    },
    minute,
  );

  test(
    "a container is made again from what inspect says of it, as Watchtower does, too",
    async () => {
      await ok("network", "create", "--subnet", "10.97.0.0/24", "front");
      await ok("network", "create", "back");
      const options = [
        "--name=again", "--hostname=named", "--label=a=b", "-e=A=1", "--restart=unless-stopped", "-p=127.0.0.1::80",
        "--network=front", "--ip=10.97.0.9", "--network-alias=alias", "-v=kept:/data", "-v=/anonymous", "--tmpfs=/run",
        "--memory=64m", "--cap-add=NET_ADMIN", "--security-opt=no-new-privileges", "--ulimit=nofile=100:200",
        "--health-cmd=true", "--health-interval=1s", "--log-opt=max-size=1m", "--add-host=one:10.0.0.1", "--init",
        "--stop-timeout=1", "--stop-signal=INT", "--workdir=/tmp", "--shm-size=8m", "--sysctl=net.ipv4.ip_forward=0",
      ]; // prettier-ignore
      await ok("run", "-d", ...options, "box:1", "sh", "-c", "echo here > /data/kept; exec sleep 1000");
      await ok("network", "connect", "--alias", "behind", "back", "again");
      const before = await inspect("again");
      await api("POST", "/containers/again/stop");
      await api("POST", "/containers/again/rename?name=again-old");
      for (const name of ["front", "back"]) {
        await api("POST", `/networks/${name}/disconnect`, { Container: before.Id, Force: true });
      }
      const { front, back } = before.NetworkSettings.Networks;
      const { Id } = await api<{ Id: string }>("POST", "/containers/create?name=again", {
        ...before.Config,
        HostConfig: before.HostConfig,
        NetworkingConfig: { EndpointsConfig: { front } },
      });
      await api("POST", "/networks/back/connect", { Container: Id, EndpointConfig: back });
      await api("POST", `/containers/${Id}/start`);
      await api("DELETE", "/containers/again-old?v=1");
      const after = await inspect("again");
      expect(after.Id).not.toBe(before.Id);
      expect(after.Config).toEqual(before.Config);
      expect(after.HostConfig).toEqual(before.HostConfig);
      expect(after.NetworkSettings.Networks["front"]).toMatchObject({
        IPAMConfig: { IPv4Address: "10.97.0.9" },
        IPAddress: "10.97.0.9",
        Aliases: expect.arrayContaining(["alias"]) as string[],
      });
      expect(after.NetworkSettings.Networks["back"]!["Aliases"]).toContain("behind");
      await eventually(
        "it is healthy",
        async () => (await inspect("again")).State.Health?.Status === "healthy",
      );
      expect(await ok("exec", "again", "cat", "/data/kept")).toBe("here");
      await ok("rm", "-f", "-v", "again");
      await ok("network", "rm", "front", "back");
      await ok("volume", "rm", "kept");
    },
    minute,
  );
});

test(
  "the extension of VS Code: every list and object as JSON of the docker CLI, and files by ls",
  async () => {
    const json = "{{json .}}";
    await ok("network", "create", "--label", "com.microsoft.created-by=visual-studio-code", "code");
    await ok("volume", "create", "code");
    const labels = ["--label", "com.microsoft.created-by=visual-studio-code"];
    const run = ["container", "run", "--detach", "--tty", "--name", "code", ...labels, "--publish-all"];
    await ok(
      ...run,
      "--mount",
      "type=volume,source=code,destination=/v,readonly",
      "--network",
      "code",
      "box:1",
    );
    const lists = [
      ["image", "ls", "--all", "--digests", "--no-trunc"],
      ["container", "ls", "--all", "--no-trunc"],
      ["network", "ls", "--no-trunc"],
      ["volume", "ls"],
      ["context", "ls"],
    ];
    for (const list of lists) {
      const rows = (await ok(...list, "--format", json)).split("\n");
      expect([list[0], rows.every((row) => typeof JSON.parse(row) === "object")]).toEqual([list[0], true]);
    }
    for (const kind of ["container", "network", "volume"]) {
      const [row] = (await ok(kind, "inspect", "--format", json, "code")).split("\n");
      expect(JSON.parse(row!)).toMatchObject({ Name: expect.stringMatching(/^\/?code$/) as string });
    }
    expect(JSON.parse(await ok("image", "inspect", "--format", json, "box:1"))).toHaveProperty("RootFS");
    for (const command of ["version", "info"]) JSON.parse(await ok(command, "--format", json));
    const files = await ok("exec", "--user", "root:root", "code", "/bin/sh", "-c", "ls -lAn '/'");
    expect(files).toMatch(/^drwxr-xr-x .* v$/m);
    const shown = ["container", "logs", "--tail", "10", "code"];
    await eventually("the shell's prompt", async () => (await ok(...shown)).includes("#"));
    const events = await ok(
      ...["events", "--format", json, "--since", "0", "--until", String(Date.now() / 1000 + 1)],
      ...["--filter", "type=container", "--filter", "event=start", "--filter", "container=code"],
    );
    expect(JSON.parse(events)).toMatchObject({ Type: "container", Action: "start" });
    await ok("container", "rm", "--force", "code");
    for (const kind of ["network", "volume"]) await ok(kind, "rm", "code");
    for (const kind of ["container", "image", "network", "volume"]) await ok(kind, "prune", "--force");
  },
  minute,
);

test(
  "OpenTofu's and Pulumi's provider: networks in place of the bridge, files before the start, healthy, changed, gone",
  async () => {
    const network = await api<{ Id: string }>("POST", "/networks/create", {
      Name: "made", CheckDuplicate: true, Driver: "bridge", Internal: false, Attachable: false, Ingress: false,
      IPAM: { Driver: "default", Config: [{ Subnet: "10.96.0.0/24", Gateway: "10.96.0.1" }] }, Labels: { by: "tofu" },
    }); // prettier-ignore
    const { Id } = await api<{ Id: string }>("POST", "/containers/create?name=provided", {
      Image: "box:1",
      Cmd: ["sh", "-c", "cp /etc/given /tmp/read; exec sleep 1000"],
      AttachStdin: false, AttachStdout: false, AttachStderr: false, Tty: false, OpenStdin: false, StdinOnce: false,
      Env: ["A=1"], Labels: { by: "tofu" }, ExposedPorts: { "80/tcp": {} },
      Healthcheck: { Test: ["CMD", "test", "-f", "/tmp/read"], Interval: 5e8, Timeout: 1e9, Retries: 5 },
      HostConfig: {
        Privileged: false, PublishAllPorts: false, AutoRemove: false, ReadonlyRootfs: false, LogConfig: { Type: "", Config: null },
        RestartPolicy: { Name: "no", MaximumRetryCount: 0 }, NetworkMode: "", Memory: 0, MemorySwap: 0, CpuShares: 0, IpcMode: "",
        PortBindings: { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "" }] }, Mounts: [], Tmpfs: {}, Devices: [], ExtraHosts: [],
        Runtime: "", PidMode: "", UsernsMode: "", ShmSize: 64 << 20, CgroupnsMode: "", StorageOpt: {}, GroupAdd: [], Sysctls: null,
      },
      NetworkingConfig: {},
    }); // prettier-ignore
    await api("POST", "/networks/bridge/disconnect", { Container: Id, Force: false });
    await api("POST", `/networks/${network.Id}/connect`, {
      Container: Id,
      EndpointConfig: { Aliases: ["db"], IPAMConfig: { IPv4Address: "10.96.0.7" } },
    });
    const archive = await exchange(socket, {
      method: "PUT",
      path: `/v1.45/containers/${Id}/archive?path=${encodeURIComponent("/")}`,
      headers: { "Content-Type": "application/x-tar" },
      body: await new Bun.Archive({ "etc/given": "from the provider" }).bytes(),
    });
    expect(archive.status).toBe(200);
    await api("POST", `/containers/${Id}/start`);
    await eventually("it is healthy", async () => (await inspect(Id)).State.Health?.Status === "healthy");
    expect(await ok("exec", "provided", "cat", "/tmp/read")).toBe("from the provider");
    const networks = (await inspect(Id)).NetworkSettings.Networks;
    expect(Object.keys(networks)).toEqual(["made"]);
    expect(networks["made"]).toMatchObject({ IPAddress: "10.96.0.7", NetworkID: network.Id });
    await api("POST", `/containers/${Id}/update`, {
      Memory: 128 << 20,
      MemorySwap: 256 << 20,
      CpuShares: 512,
    });
    expect((await inspect(Id)).HostConfig).toMatchObject({ Memory: 128 << 20, CpuShares: 512 });
    await api("POST", `/containers/${Id}/stop?t=0`);
    await api("DELETE", `/containers/${Id}?force=1&v=1`);
    await api("DELETE", `/networks/${network.Id}`);
  },
  minute,
);
