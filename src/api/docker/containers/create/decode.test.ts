import { describe, expect, test } from "bun:test";
import { checked } from "../../http/body.ts";
import { encodeHostConfig } from "../host-config.ts";
import { createBody } from "./body.ts";
import { decodeCreate } from "./decode.ts";

const decode = (body: object) => decodeCreate("web", checked({ Image: "busybox", ...body }, createBody));
const decodeHost = (host: object) => decode({ HostConfig: host });

/** What docker 28.2 sends for `docker run busybox true`, whatever else was asked for. */
const clientDefaults = {
  Hostname: "", Domainname: "", User: "", AttachStdin: false, AttachStdout: true, AttachStderr: true, Tty: false,
  OpenStdin: false, StdinOnce: false, Env: null, Cmd: ["true"], Image: "busybox", Volumes: {}, WorkingDir: "",
  Entrypoint: null, Labels: {},
  HostConfig: {
    Binds: null, ContainerIDFile: "", LogConfig: { Type: "", Config: {} }, NetworkMode: "default", PortBindings: {},
    RestartPolicy: { Name: "no", MaximumRetryCount: 0 }, AutoRemove: false, VolumeDriver: "", VolumesFrom: null,
    ConsoleSize: [0, 0], CapAdd: null, CapDrop: null, CgroupnsMode: "", Dns: [], DnsOptions: [], DnsSearch: [],
    ExtraHosts: null, GroupAdd: null, IpcMode: "", Cgroup: "", Links: null, OomScoreAdj: 0, PidMode: "",
    Privileged: false, PublishAllPorts: false, ReadonlyRootfs: false, SecurityOpt: null, UTSMode: "", UsernsMode: "",
    ShmSize: 0, Isolation: "", CpuShares: 0, Memory: 0, NanoCpus: 0, CgroupParent: "", BlkioWeight: 0,
    BlkioWeightDevice: [], BlkioDeviceReadBps: [], BlkioDeviceWriteBps: [], BlkioDeviceReadIOps: [],
    BlkioDeviceWriteIOps: [], CpuPeriod: 0, CpuQuota: 0, CpuRealtimePeriod: 0, CpuRealtimeRuntime: 0, CpusetCpus: "",
    CpusetMems: "", Devices: [], DeviceCgroupRules: null, DeviceRequests: null, MemoryReservation: 0, MemorySwap: 0,
    MemorySwappiness: -1, OomKillDisable: false, PidsLimit: 0, Ulimits: [], CpuCount: 0, CpuPercent: 0,
    IOMaximumIOps: 0, IOMaximumBandwidth: 0, MaskedPaths: null, ReadonlyPaths: null,
  },
  NetworkingConfig: {
    EndpointsConfig: {
      default: {
        IPAMConfig: null, Links: null, Aliases: null, MacAddress: "", DriverOpts: null, GwPriority: 0, NetworkID: "",
        EndpointID: "", Gateway: "", IPAddress: "", IPPrefixLen: 0, IPv6Gateway: "", GlobalIPv6Address: "",
        GlobalIPv6PrefixLen: 0, DNSNames: null,
      },
    },
  },
}; // prettier-ignore

const mount = (fields: object) => ({
  HostConfig: { Mounts: [{ Type: "bind", Source: "x", Target: "/x", ...fields }] },
});

describe("decodeCreate", () => {
  test("the docker CLI's defaults mean nothing but the command", () => {
    expect(decode(clientDefaults)).toEqual({
      name: "web",
      image: "busybox",
      command: ["true"],
      attach: ["stdout", "stderr"],
      network: { mode: "bridge" },
      restart: { name: "no" },
    });
  });

  test.each([
    [{ HostConfig: { IOMaximumIOps: 1 } }, "linux does not support configuration of maximum IOPs"],
    [{ HostConfig: { IOMaximumBandwidth: 1 } }, "linux does not support configuration of maximum bandwidth"],
    [{ HostConfig: { Isolation: "hyperv" } }, "invalid isolation 'hyperv' on linux"],
    [{ HostConfig: { UsernsMode: "keep-id" } }, "invalid USER mode: keep-id"],
    [{ HostConfig: { Nonsense: 1 } }, "HostConfig.Nonsense is not a field that this daemon knows"],
    [{ HostConfig: { LogConfig: { Type: "gelf" } } }, "logger: no log driver named 'gelf' is registered"],
    [
      { HostConfig: { LogConfig: { Config: { nonsense: "x" } } } },
      "unknown log opt 'nonsense' for json-file log driver",
    ],
    [{ HostConfig: { SecurityOpt: ["apparmor"] } }, 'invalid --security-opt 1: "apparmor"'],
    [{ HostConfig: { SecurityOpt: ["nonsense=1"] } }, 'invalid --security-opt 2: "nonsense=1"'],
    [{ HostConfig: { SecurityOpt: ["no-new-privileges=maybe"] } }, "invalid --security-opt 2"],
    [{ HostConfig: { SecurityOpt: ["systempaths=all"] } }, "invalid --security-opt 2"],
    [
      { HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "8010-8000" }] } } },
      'invalid host port: "8010-8000"',
    ],
    [mount({ Type: "npipe" }), 'invalid mount config for type "npipe": mount type unknown'],
    [mount({ Type: "cluster" }), 'invalid mount config for type "cluster": mount type unknown'],
    [mount({ Type: "image", Source: "" }), 'type "image": field Source must not be empty'],
    [mount({ Type: "image", ImageOptions: { Subpath: "../x" } }), "subpath must be a relative path within"],
    [mount({ Type: "image", VolumeOptions: { NoCopy: true } }), "field VolumeOptions must not be specified"],
    [mount({ Type: "volume", VolumeOptions: { Subpath: "/x" } }), "subpath must be a relative path within"],
    [mount({ Type: "volume", VolumeOptions: { Subpath: "a/../../x" } }), "subpath must be a relative path"],
    [
      mount({ Type: "volume", Source: "", VolumeOptions: { Subpath: "x" } }),
      "must not set Subpath when using anon",
    ],
    [
      mount({ Type: "volume", BindOptions: { NonRecursive: true } }),
      "field BindOptions must not be specified",
    ],
    [mount({ Type: "bind" }), "type \"bind\": invalid mount path: 'x' mount path must be absolute"],
    [mount({ Source: "/x", BindOptions: { Propagation: "all" } }), "invalid propagation mode: all"],
    [
      mount({ Source: "/x", BindOptions: { ReadOnlyNonRecursive: true, ReadOnlyForceRecursive: true } }),
      "mount options conflict",
    ],
    [mount({ Type: "tmpfs" }), "field Source must not be specified"],
    [mount({ Type: "tmpfs", Source: "", TmpfsOptions: { Options: [["uid", "1"]] } }), "invalid option: uid"],
    [mount({ Type: "tmpfs", Source: "", Target: "" }), "field Target must not be empty"],
    [{ HostConfig: { Memory: "1g" } }, "HostConfig.Memory: "],
    [{ Env: [1] }, "Env.0: "],
    [{ HostConfig: { RestartPolicy: { Name: "often" } } }, "unknown policy 'often'"],
    [{ HostConfig: { Binds: ["/a:/x", "/b:/x"] } }, "Duplicate mount point: /x"],
    [{ HostConfig: { Binds: ["relative/path:/x"] } }, "includes invalid characters for a local volume name"],
    [{ HostConfig: { Binds: ["data:relative"] } }, "mount path must be absolute"],
    [{ HostConfig: { Binds: ["data:/x:rx"] } }, /^invalid mode: rx$/],
    [{ HostConfig: { Binds: ["/x:/x:ro,rw"] } }, /^invalid mode: ro,rw$/],
    [{ HostConfig: { Binds: ["/x:/x:z,Z"] } }, "invalid mode: z,Z"],
    [{ HostConfig: { Binds: ["/x:/x:ro,"] } }, "invalid mode: ro,"],
    [{ HostConfig: { Binds: ["/x:ro"] } }, "invalid volume specification: '/x:ro'"],
    [{ HostConfig: { Binds: ["a:/b:ro:x"] } }, "invalid volume specification: 'a:/b:ro:x'"],
    [{ HostConfig: { Binds: ["/x:/x:nocopy"] } }, "field VolumeOptions must not be specified"],
    [{ HostConfig: { Binds: ["data:/x:rshared"] } }, "field BindOptions must not be specified"],
    [{ HostConfig: { Binds: ["data:/"] } }, "destination can't be '/'"],
    [{ ExposedPorts: { "80/icmp": {} } }, 'invalid port specification: "80/icmp"'],
  ])("refuses %j", (body, message) => {
    expect(() => decode(body)).toThrow(message);
  });

  test("mounts of every form", () => {
    const { mounts } = decode({
      Volumes: { "/anonymous": {}, "/data": {} },
      HostConfig: {
        Binds: ["/host:/container:ro,rslave", "data:/data:nocopy", "/lonely"],
        Mounts: [
          { Type: "bind", Source: "/etc", Target: "/mnt/etc", ReadOnly: true },
          { Type: "volume", Source: "named", Target: "/v", VolumeOptions: { Subpath: "a" } },
          { Type: "image", Source: "busybox", Target: "/i", ImageOptions: { Subpath: "etc" } },
          { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 1024, Mode: 448 } },
        ],
        Tmpfs: { "/run": "size=1m,noexec" },
      },
    });
    expect(mounts).toEqual([
      {
        type: "bind",
        source: "/host",
        target: "/container",
        readOnly: true,
        propagation: "rslave",
        createSource: true,
        mode: "ro,rslave",
      },
      { type: "volume", name: "data", target: "/data", noCopy: true, mode: "nocopy" },
      { type: "volume", target: "/lonely", mode: "" },
      { type: "bind", source: "/etc", target: "/mnt/etc", readOnly: true },
      { type: "volume", name: "named", target: "/v", subpath: "a" },
      { type: "image", source: "busybox", target: "/i", subpath: "etc" },
      { type: "tmpfs", target: "/t", size: 1024, mode: 448 },
      { type: "tmpfs", target: "/run", short: true, options: ["size=1m", "noexec"] },
      { type: "volume", target: "/anonymous" },
    ]);
  });

  test("an empty entrypoint is told from none", () => {
    expect(decode({ Entrypoint: [""] })).toMatchObject({ entrypoint: [""] });
    expect(decode({ Entrypoint: [], Cmd: ["ls"] })).toMatchObject({ entrypoint: [], command: ["ls"] });
    expect(decode({ Entrypoint: null })).not.toHaveProperty("entrypoint");
  });

  test("what is kept to be told back", () => {
    const body = { AttachStdin: true, AttachStdout: false, AttachStderr: true, OnBuild: ["RUN x"] };
    expect(decode(body)).toMatchObject({ attach: ["stdin", "stderr"], onBuild: ["RUN x"] });
    expect(decode({ AttachStdin: false, OnBuild: null })).not.toContainAnyKeys(["attach", "onBuild"]);
  });

  test("without a mode, the networks with settings are the container's", () => {
    const alone = { NetworkingConfig: { EndpointsConfig: { front: { Aliases: ["web"] } } } };
    expect(decode(alone).network).toEqual({ mode: "front", endpoints: { front: { aliases: ["web"] } } });
    const two = { EndpointsConfig: { front: {}, back: { IPAMConfig: { IPv4Address: "10.1.0.5" } } } };
    expect(decode({ NetworkingConfig: two, HostConfig: { NetworkMode: "front" } }).network).toEqual({
      mode: "front",
      endpoints: { front: {}, back: { ipv4: "10.1.0.5" } },
    });
  });

  test("links, and which network has the default route", () => {
    const endpoint = { Links: ["db:store"], GwPriority: 5 };
    const { network } = decode({
      HostConfig: { NetworkMode: "front", Links: ["db:store"] },
      NetworkingConfig: { EndpointsConfig: { front: endpoint } },
    });
    expect(network).toEqual({
      mode: "front",
      links: ["db:store"],
      endpoints: { front: { links: ["db:store"], gatewayPriority: 5 } },
    });
    const spec = decodeHost({ Links: [`${"a".repeat(64)}:store`] });
    expect(encodeHostConfig(spec, "web", () => "db").Links).toEqual(["/db:/web/store"]);
    expect(encodeHostConfig(spec, "web").Links).toBeNull();
  });

  test("security options of every form", () => {
    const meaning = (written: string[]) => {
      const { written: told, ...security } = decodeHost({ SecurityOpt: written }).security!;
      expect(told).toEqual(written);
      return security;
    };
    const options = ["label=type:x_t", "label:level:s0", "apparmor=mine", "proc-opts=hidepid=2,subset=pid"];
    expect(meaning([...options, "writable-cgroups=true"])).toEqual({
      labels: ["type:x_t", "level:s0"],
      apparmor: "mine",
      procOptions: ["hidepid=2", "subset=pid"],
      writableCgroups: true,
    });
    expect(meaning(["systempaths=unconfined", "disable"])).toEqual({
      maskedPaths: [],
      readonlyPaths: [],
      labels: ["disable"],
    });
    expect(meaning(["no-new-privileges:false"])).toEqual({
      noNewPrivileges: false,
    });
  });

  test("security options are told as they were written", () => {
    const written = ["no-new-privileges", "label:disable", "seccomp:unconfined", "no-new-privileges:true"];
    expect(encodeHostConfig(decodeHost({ SecurityOpt: written }), "web").SecurityOpt).toEqual(written);
  });

  test("swappiness of 0 is a wish, -1 is none", () => {
    expect(decodeHost({ MemorySwappiness: 0 }).resources).toEqual({ memorySwappiness: 0 });
    expect(decodeHost({ MemorySwappiness: -1 })).not.toHaveProperty("resources");
  });

  test("memory and swap together are told as twice the memory when nothing was said", () => {
    expect(encodeHostConfig(decodeHost({ Memory: 64 << 20 })).MemorySwap).toBe(128 << 20);
  });

  test("what inspect shows can be sent back and means the same", () => {
    const spec = decodeHost({
      BlkioWeightDevice: [{ Path: "/dev/sda", Weight: 100 }],
      BlkioDeviceReadBps: [{ Path: "/dev/sda", Rate: 1000 }],
      BlkioDeviceWriteIOps: [{ Path: "/dev/sda", Rate: 10 }],
      CgroupParent: "/mine",
      CpuRealtimePeriod: 1000,
      CpuRealtimeRuntime: 500,
      DeviceCgroupRules: ["c 1:3 rwm"],
      DeviceRequests: [{ Driver: "", Count: -1, Capabilities: [["gpu"]] }],
      MemorySwappiness: 0,
      KernelMemoryTCP: 1000,
      CpuPercent: 3,
      Binds: ["/host:/container:ro,z,cached", "data:/data", "/lonely"],
      VolumeDriver: "local",
      Mounts: [
        {
          Type: "bind",
          Source: "/b",
          Target: "/b",
          ReadOnly: true,
          BindOptions: { ReadOnlyForceRecursive: true },
        },
        {
          Type: "volume",
          Source: "v",
          Target: "/v",
          VolumeOptions: { Subpath: "s", DriverConfig: { Name: "local" } },
        },
        { Type: "image", Source: "i", Target: "/i", ImageOptions: { Subpath: "s" } },
        { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 1024 } },
      ],
      Tmpfs: { "/run": "size=1m" },
      PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }], "53/udp": [{ HostPort: "" }] },
      Memory: 64 * 2 ** 20,
      MemorySwap: -1,
      NanoCpus: 5e8,
      PidsLimit: 10,
      Ulimits: [{ Name: "nofile", Soft: 10, Hard: 20 }],
      CapAdd: ["NET_ADMIN"],
      SecurityOpt: [
        "no-new-privileges",
        "seccomp=unconfined",
        "apparmor=mine",
        "label=type:a_t",
        "label=level:s0",
        "proc-opts=hidepid=2",
      ],
      RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 },
      LogConfig: { Type: "json-file", Config: { "max-size": "1m", "max-file": "2" } },
      MaskedPaths: [],
      Init: false,
      Sysctls: { "net.core.somaxconn": "100" },
      Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/n", CgroupPermissions: "r" }],
    });
    const again = decodeHost(JSON.parse(JSON.stringify(encodeHostConfig(spec))) as object);
    const { readonlyPaths: _, ...security } = again.security!;
    expect<object>({ ...again, security }).toEqual({
      ...spec,
      namespaces: { cgroup: "private", ipc: "private" },
      shmSize: 64 * 2 ** 20,
    });
  });
});
