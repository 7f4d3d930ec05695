import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "bun:test";
import { parseInvocation } from "../../invocation.ts";
import { createBody } from "./create-body.ts";
import { createOptions } from "./create-options.ts";
import { run } from "./run.ts";

const bodyOf = (...args: string[]) => createBody(parseInvocation(run, [...args, "box"], "/r"));

/** Each option alone: what it adds to the request. */
const cases: readonly (readonly [string, object])[] = [
  ["-t", { Tty: true }],
  ["-i", { OpenStdin: true, StdinOnce: true }],
  ["-e A=1 -e B=", { Env: ["A=1", "B="] }],
  ["-e NOT_SET_HERE_AT_ALL", {}],
  ["-w /srv", { WorkingDir: "/srv" }],
  ["-u 1000:10", { User: "1000:10" }],
  ["--entrypoint /bin/ls", { Entrypoint: ["/bin/ls"] }],
  ["--stop-signal SIGQUIT", { StopSignal: "SIGQUIT" }],
  ["--stop-timeout 5", { StopTimeout: 5 }],
  ["-h web", { Hostname: "web" }],
  ["--domainname example.org", { Domainname: "example.org" }],
  ["-l a=1 -l b", { Labels: { a: "1", b: "" } }],
  ["--restart-unhealthy", { Labels: { "virga.restart-unhealthy": "true" } }],
  ["--expose 80 --expose 5000-5001/udp", { ExposedPorts: { "80/tcp": {}, "5000/udp": {}, "5001/udp": {} } }],
  ["--no-healthcheck", { Healthcheck: { Test: ["NONE"] } }],
  [
    "--health-cmd true --health-interval 1m30s --health-timeout 500ms --health-retries 2 --health-start-period 1s --health-start-interval 2s",
    {
      Healthcheck: {
        Test: ["CMD-SHELL", "true"],
        Interval: 90e9,
        Timeout: 5e8,
        StartPeriod: 1e9,
        StartInterval: 2e9,
        Retries: 2,
      },
    },
  ],
];

const hostCases: readonly (readonly [string, object])[] = [
  ["--rm", { AutoRemove: true }],
  ["--init", { Init: true }],
  ["--init=false", { Init: false }],
  ["--group-add wheel --group-add 5", { GroupAdd: ["wheel", "5"] }],
  ["--annotation a=1", { Annotations: { a: "1" } }],
  ["--restart always", { RestartPolicy: { Name: "always", MaximumRetryCount: 0 } }],
  ["--restart on-failure:3", { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } }],
  ["--runtime runc", { Runtime: "runc" }],
  ["-v data:/data:ro -v /a:/b", { Binds: ["data:/data:ro", "/a:/b"] }],
  ["-v ./here:/b", { Binds: [`${resolve("here")}:/b`] }],
  ["--tmpfs /run:size=1m --tmpfs /tmp", { Tmpfs: { "/run": "size=1m", "/tmp": "" } }],
  [
    "--mount type=bind,src=/srv,dst=/srv,readonly,bind-propagation=rslave",
    {
      Mounts: [
        { Type: "bind", Source: "/srv", Target: "/srv", ReadOnly: true, BindOptions: { Propagation: "rslave" } },
      ],
    },
  ],
  [
    "--mount source=v,target=/v,volume-nocopy,volume-subpath=a,volume-label=x=y,volume-driver=local,volume-opt=type=tmpfs",
    {
      Mounts: [
        {
          Type: "volume",
          Source: "v",
          Target: "/v",
          VolumeOptions: {
            NoCopy: true,
            Subpath: "a",
            Labels: { x: "y" },
            DriverConfig: { Name: "local", Options: { type: "tmpfs" } },
          },
        },
      ],
    },
  ],
  [
    "--mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700",
    { Mounts: [{ Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 2 ** 20, Mode: 0o700 } }] },
  ],
  [
    "--mount type=bind,src=/s,dst=/d,bind-recursive=disabled",
    { Mounts: [{ Type: "bind", Source: "/s", Target: "/d", BindOptions: { NonRecursive: true } }] },
  ],
  ["--volumes-from web:ro", { VolumesFrom: ["web:ro"] }],
  ["--volume-driver local", { VolumeDriver: "local" }],
  ["--read-only", { ReadonlyRootfs: true }],
  ["--shm-size 128m", { ShmSize: 2 ** 27 }],
  ["--storage-opt size=1G", { StorageOpt: { size: "1G" } }],
  ["-P", { PublishAllPorts: true }],
  ["--network none", { NetworkMode: "none" }],
  ["--network container:web", { NetworkMode: "container:web" }],
  ["--link db:database", { Links: ["db:database"] }],
  ["--add-host a:1.2.3.4 --add-host b=[::1]", { ExtraHosts: ["a:1.2.3.4", "b:::1"] }],
  ["--dns 1.1.1.1 --dns-option ndots:1 --dns-opt use-vc --dns-search example.org", {
    Dns: ["1.1.1.1"],
    DnsOptions: ["ndots:1", "use-vc"],
    DnsSearch: ["example.org"],
  }],
  ["-m 64m --memory-swap -1 --memory-reservation 32m --memory-swappiness 10", {
    Memory: 2 ** 26,
    MemorySwap: -1,
    MemoryReservation: 2 ** 25,
    MemorySwappiness: 10,
  }],
  ["--kernel-memory 4m", { KernelMemory: 2 ** 22 }],
  ["--oom-kill-disable --oom-score-adj -5", { OomKillDisable: true, OomScoreAdj: -5 }],
  ["--cpus 1.5", { NanoCpus: 1.5e9 }],
  ["-c 512 --cpu-period 1000 --cpu-quota 500", { CpuShares: 512, CpuPeriod: 1000, CpuQuota: 500 }],
  ["--cpu-rt-period 1 --cpu-rt-runtime 2", { CpuRealtimePeriod: 1, CpuRealtimeRuntime: 2 }],
  ["--cpuset-cpus 0-1 --cpuset-mems 0", { CpusetCpus: "0-1", CpusetMems: "0" }],
  ["--pids-limit 10", { PidsLimit: 10 }],
  ["--blkio-weight 100 --blkio-weight-device /dev/sda:200", {
    BlkioWeight: 100,
    BlkioWeightDevice: [{ Path: "/dev/sda", Weight: 200 }],
  }],
  ["--device-read-bps /dev/sda:1m --device-write-bps /dev/sda:2m", {
    BlkioDeviceReadBps: [{ Path: "/dev/sda", Rate: 2 ** 20 }],
    BlkioDeviceWriteBps: [{ Path: "/dev/sda", Rate: 2 ** 21 }],
  }],
  ["--device-read-iops /dev/sda:10 --device-write-iops /dev/sda:20", {
    BlkioDeviceReadIOps: [{ Path: "/dev/sda", Rate: 10 }],
    BlkioDeviceWriteIOps: [{ Path: "/dev/sda", Rate: 20 }],
  }],
  ["--ulimit nofile=10:20 --ulimit core=0", {
    Ulimits: [
      { Name: "nofile", Soft: 10, Hard: 20 },
      { Name: "core", Soft: 0, Hard: 0 },
    ],
  }],
  ["--sysctl net.core.somaxconn=100", { Sysctls: { "net.core.somaxconn": "100" } }],
  ["--cgroup-parent /mine", { CgroupParent: "/mine" }],
  ["--cap-add NET_ADMIN --cap-drop ALL", { CapAdd: ["NET_ADMIN"], CapDrop: ["ALL"] }],
  ["--privileged", { Privileged: true }],
  ["--security-opt no-new-privileges --security-opt seccomp=unconfined", {
    SecurityOpt: ["no-new-privileges", "seccomp=unconfined"],
  }],
  ["--device /dev/fuse --device /dev/a:/dev/b:r --device /dev/c:rw", {
    Devices: [
      { PathOnHost: "/dev/fuse", PathInContainer: "/dev/fuse", CgroupPermissions: "rwm" },
      { PathOnHost: "/dev/a", PathInContainer: "/dev/b", CgroupPermissions: "r" },
      { PathOnHost: "/dev/c", PathInContainer: "/dev/c", CgroupPermissions: "rw" },
    ],
  }],
  ["--device-cgroup-rule c:1:3:r", { DeviceCgroupRules: ["c:1:3:r"] }],
  ["--gpus all", { DeviceRequests: [{ Driver: "", Options: {}, Capabilities: [["gpu"]], Count: -1 }] }],
  ["--gpus device=0,1", {
    DeviceRequests: [{ Driver: "", Options: {}, Capabilities: [["gpu"]], DeviceIDs: ["0", "1"] }],
  }],
  ["--userns host --uts host --ipc host --pid container:web --cgroupns host --isolation default", {
    UsernsMode: "host",
    UTSMode: "host",
    IpcMode: "host",
    PidMode: "container:web",
    CgroupnsMode: "host",
    Isolation: "default",
  }],
  ["--log-driver local --log-opt max-size=1m --log-opt max-file=2", {
    LogConfig: { Type: "local", Config: { "max-size": "1m", "max-file": "2" } },
  }],
]; // prettier-ignore

test.each(cases)("%s", (text, expected) => {
  expect<object>(bodyOf(...text.split(" "))).toEqual({ Image: "box", HostConfig: {}, ...expected });
});

test.each(hostCases)("%s", (text, expected) => {
  expect<object>(bodyOf(...text.split(" "))).toEqual({ Image: "box", HostConfig: expected });
});

test.each([
  ["80", { "80/tcp": [{ HostIp: "", HostPort: "" }] }],
  ["8080:80", { "80/tcp": [{ HostIp: "", HostPort: "8080" }] }],
  ["53:53/udp", { "53/udp": [{ HostIp: "", HostPort: "53" }] }],
  ["127.0.0.1:8080:80", { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }] }],
  ["127.0.0.1::80", { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] }],
  ["[::1]:8080:80", { "80/tcp": [{ HostIp: "::1", HostPort: "8080" }] }],
  [
    "8000-8001:80-81",
    { "80/tcp": [{ HostIp: "", HostPort: "8000" }], "81/tcp": [{ HostIp: "", HostPort: "8001" }] },
  ],
  ["8000-8010:80", { "80/tcp": [{ HostIp: "", HostPort: "8000-8010" }] }],
])("-p %s", (text, bindings) => {
  const exposed = Object.fromEntries(Object.keys(bindings).map((port) => [port, {}]));
  expect(bodyOf("-p", text)).toEqual({
    Image: "box",
    ExposedPorts: exposed,
    HostConfig: { PortBindings: bindings },
  });
});

test("networks with settings of their own", () => {
  const one = bodyOf(
    "--network",
    "front",
    "--network-alias",
    "web",
    "--ip",
    "10.0.0.5",
    "--mac-address",
    "02:42:00:00:00:01",
  );
  expect(one).toMatchObject({
    NetworkingConfig: {
      EndpointsConfig: {
        front: { Aliases: ["web"], IPAMConfig: { IPv4Address: "10.0.0.5" }, MacAddress: "02:42:00:00:00:01" },
      },
    },
    HostConfig: { NetworkMode: "front" },
  });
  const two = bodyOf("--network", "name=front,alias=a,alias=b,ip=10.0.0.5", "--network", "back");
  expect(two["NetworkingConfig"]).toEqual({
    EndpointsConfig: {
      front: { Aliases: ["a", "b"], IPAMConfig: { IPv4Address: "10.0.0.5" } },
      back: {},
    },
  });
});

test("files of variables and labels, and a seccomp profile, are read here", () => {
  const folder = mkdtempSync("/tmp/virga-cli-test-");
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  try {
    process.env["VIRGA_TEST_HERE"] = "here";
    const env = file("env", "# comment\nA=1\n\nVIRGA_TEST_HERE\nB=x y=z\n");
    expect(bodyOf("--env-file", env, "-e", "A=2")["Env"]).toEqual([
      "A=1",
      "VIRGA_TEST_HERE=here",
      "B=x y=z",
      "A=2",
    ]);
    expect(bodyOf("--label-file", file("labels", "a=1\nb\n"))["Labels"]).toEqual({ a: "1", b: "" });
    const profile = file("seccomp.json", '{ "defaultAction": "SCMP_ACT_ALLOW" }');
    expect(bodyOf("--security-opt", `seccomp=${profile}`).HostConfig["SecurityOpt"]).toEqual([
      'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}',
    ]);
    expect(() => bodyOf("--env-file", join(folder, "none"))).toThrow("cannot be read");
  } finally {
    delete process.env["VIRGA_TEST_HERE"];
    rmSync(folder, { recursive: true });
  }
});

test.each([
  [["-p", "80:abc"], "--publish takes"],
  [["-p", "70000:80"], "ports from 1 to 65535"],
  [["-p", "8000-8001:80-82"], "ranges of equal length"],
  [["--mount", "type=bind,src=/a"], "a target=PATH"],
  [["--mount", "type=bind,src=/a,dst=/b,nonsense=1"], "no key 'nonsense'"],
  [["--restart", "often"], "--restart takes"],
  [["--restart", "always:3"], "--restart takes"],
  [["--ulimit", "nofile"], "--ulimit takes"],
  [["--sysctl", "a"], "--sysctl takes KEY=VALUE"],
  [["--device", "/dev/a:/dev/b:xyz"], "--device takes"],
  [["--gpus", "many"], "--gpus takes"],
  [["--add-host", "a"], "--add-host takes"],
  [["--no-healthcheck", "--health-cmd", "true"], "no other health option"],
  [["--network", "name=a,nonsense=1"], "--network takes"],
  [["--device-read-bps", "/dev/sda:fast"], "invalid size"],
])("%p is refused", (args, message) => {
  expect(() => bodyOf(...args)).toThrow(message);
});

test("the command and its options follow the image", () => {
  const body = createBody(parseInvocation(run, ["--rm", "box", "ls", "--rm", "-l"], "/r"));
  expect(body).toEqual({ Image: "box", Cmd: ["ls", "--rm", "-l"], HostConfig: { AutoRemove: true } });
});

test("no option is without a test here or a part in another request", () => {
  const tested = [...cases, ...hostCases].map(([text]) => text).join(" ");
  const elsewhere = new Set(["interactive", "tty", "env", "env-file", "workdir", "user", "hostname", "label", "label-file", "volume", "memory", "cpu-shares", "publish", "publish-all", "network", "network-alias", "ip", "ip6", "mac-address", "link-local-ip", "name", "cidfile", "pull", "platform", "quiet"]); // prettier-ignore
  const missing = Object.keys(createOptions).filter(
    (name) => !elsewhere.has(name) && !tested.includes(`--${name}`),
  );
  expect(missing).toEqual([]);
});
