import { create, get, post, running, runToEnd, script, type Case } from "../request.ts";

const mib = 1024 * 1024;
const shown = { only: ["Config.*", "HostConfig.*", "Mounts*"] };

/** Fields of the container and of HostConfig: what is shown afterwards, and what the process sees of them. */
export const configCases: readonly Case[] = [
  {
    name: "config/process",
    requests: [
      ...runToEnd("alpha", {
        Entrypoint: ["sh", "-c"],
        Cmd: ["echo $A-$B; pwd; id -u; id -g; hostname; cat /etc/hostname"],
        Env: ["A=1", "B=two words", "EMPTY=", "NAME"],
        WorkingDir: "/new/folder",
        User: "1000:1000",
        Hostname: "box",
        Domainname: "example.org",
        Labels: { a: "b", "": "empty" },
      }),
      get("/containers/alpha/json", { only: ["Config.*", "Path", "Args*"] }),
      ...runToEnd("user-name", { ...script("id"), User: "web" }),
      ...runToEnd("user-group", {
        ...script("id"),
        User: "web:root",
        HostConfig: { GroupAdd: ["1234", "web"] },
      }),
      create("user-none", { ...script("id"), User: "nobody-here" }),
      post("/containers/user-none/start"),
      ...runToEnd("environment", script("env | sort")),
      ...runToEnd("entrypoint", { Entrypoint: ["echo", "hello"] }),
      get("/containers/entrypoint/json", { only: ["Path", "Args*", "Config.Cmd*", "Config.Entrypoint*"] }),
      ...runToEnd("entrypoint-off", { Entrypoint: [], Cmd: ["echo", "x"] }),
      ...runToEnd("terminal", { ...script("tty; echo line"), Tty: true }),
      create("reset", { Entrypoint: [""] }),
      create("reset-with", { Entrypoint: [""], Cmd: ["echo", "x"] }),
      get("/containers/reset-with/json", { only: ["Path", "Args*", "Config.Cmd*", "Config.Entrypoint*"] }),
      create("kept", { AttachStdin: true, AttachStderr: true, OpenStdin: true, OnBuild: ["RUN x"] }),
      get("/containers/kept/json", { only: ["Config.Attach*", "Config.OpenStdin", "Config.OnBuild*"] }),
      post("/containers/create?name=folded", {
        image: "{image}",
        cmd: ["echo", "x"],
        hostconfig: { memory: 64 * mib, PORTBINDINGS: { "80/tcp": [{ hostport: "8123" }] } },
      }),
      get("/containers/folded/json", {
        only: ["Config.Cmd*", "HostConfig.Memory", "HostConfig.PortBindings*"],
      }),
    ],
  },
  {
    name: "config/limits",
    requests: [
      create("alpha", {
        HostConfig: {
          Memory: 64 * mib,
          MemorySwap: 128 * mib,
          MemoryReservation: 32 * mib,
          CpuShares: 512,
          CpuPeriod: 100000,
          CpuQuota: 50000,
          CpusetCpus: "0",
          CpusetMems: "0",
          PidsLimit: 77,
          OomScoreAdj: 500,
          ShmSize: 8 * mib,
          Ulimits: [{ Name: "nofile", Soft: 100, Hard: 200 }],
        },
      }),
      get("/containers/alpha/json", shown),
      ...runToEnd("seen", {
        ...script(
          "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; df -k /dev/shm | tail -n 1; grep Cpus_allowed_list /proc/self/status",
        ),
        HostConfig: {
          CpusetCpus: "0",
          OomScoreAdj: 500,
          ShmSize: 8 * mib,
          Ulimits: [{ Name: "nofile", Soft: 100, Hard: 200 }],
        },
      }),
      create("cpus", { HostConfig: { NanoCpus: 500_000_000 } }),
      get("/containers/cpus/json", { only: ["HostConfig.NanoCpus", "HostConfig.Cpu*"] }),
      ...[
        { Memory: 1 },
        { Memory: 64 * mib, MemorySwap: 32 * mib },
        { MemorySwap: 64 * mib },
        { Memory: 32 * mib, MemoryReservation: 64 * mib },
        { NanoCpus: 1, CpuQuota: 5 },
        { NanoCpus: 999_000_000_000 },
        { CpuPeriod: 1 },
        { CpuQuota: 1 },
        { CpusetCpus: "x" },
        { CpusetCpus: "64" },
        { ShmSize: -1 },
        { OomScoreAdj: 5000 },
        { PidsLimit: -5 },
        { Ulimits: [{ Name: "nonsense", Soft: 1, Hard: 2 }] },
        { Ulimits: [{ Name: "nofile", Soft: 3, Hard: 2 }] },
        { BlkioWeight: 1 },
        { Memory: -1 },
        { CpuShares: -1 },
        { MemorySwappiness: 50 },
        { MemorySwappiness: 500 },
      ].map((HostConfig) => post("/containers/create", { Image: "{image}", HostConfig })),
    ],
  },
  {
    name: "config/security",
    requests: [
      create("alpha", {
        HostConfig: {
          CapAdd: ["NET_ADMIN", "CAP_SYS_TIME"],
          CapDrop: ["MKNOD"],
          SecurityOpt: ["no-new-privileges"],
          ReadonlyRootfs: true,
        },
      }),
      get("/containers/alpha/json", shown),
      ...runToEnd("default", script("grep -E 'Cap|NoNewPrivs|Seccomp:' /proc/self/status")),
      ...runToEnd("caps", {
        ...script("grep -E 'Cap(Eff|Bnd)' /proc/self/status"),
        HostConfig: { CapAdd: ["NET_ADMIN"], CapDrop: ["MKNOD", "CAP_CHOWN"] },
      }),
      ...runToEnd("none", {
        ...script("grep -E 'Cap(Eff|Bnd)' /proc/self/status"),
        HostConfig: { CapDrop: ["ALL"], CapAdd: ["CHOWN"] },
      }),
      ...runToEnd("user", { ...script("grep -E 'Cap' /proc/self/status"), User: "1000" }),
      ...runToEnd("privileged", {
        ...script(
          "grep -E 'Seccomp:' /proc/self/status; touch /proc/sys/kernel/x 2>&1; ls /dev | grep -c . | grep -q ...; echo $?",
        ),
        HostConfig: { Privileged: true },
      }),
      ...runToEnd("unconfined", {
        ...script("grep Seccomp: /proc/self/status"),
        HostConfig: { SecurityOpt: ["seccomp=unconfined"] },
      }),
      ...runToEnd("readonly", {
        ...script("touch /x; touch /dev/shm/x && echo shm"),
        HostConfig: { ReadonlyRootfs: true },
      }),
      ...runToEnd("quiet", {
        ...script("grep NoNewPrivs /proc/self/status"),
        HostConfig: { SecurityOpt: ["no-new-privileges:true"] },
      }),
      get("/containers/quiet/json", { only: ["HostConfig.SecurityOpt*"] }),
      ...runToEnd(
        "masks",
        script(
          "ls -la /proc/kcore /proc/keys | cut -c1-10; cat /proc/kcore | wc -c; ls /sys/firmware | wc -l; echo 1 >/proc/sys/kernel/domainname; echo 1 >/proc/sysrq-trigger",
        ),
      ),
      ...runToEnd("unmasked", {
        ...script("ls /sys/firmware | wc -l"),
        HostConfig: { SecurityOpt: ["systempaths=unconfined"] },
      }),
      ...[
        { CapAdd: ["NONSENSE"] },
        { CapDrop: ["NONSENSE"] },
        { SecurityOpt: ["nonsense"] },
        { SecurityOpt: ["nonsense=1"] },
        { SecurityOpt: ["seccomp={"] },
        { SecurityOpt: ["no-new-privileges:perhaps"] },
        { Runtime: "nonsense" },
        { UsernsMode: "nonsense" },
        { Isolation: "hyperv" },
      ].map((HostConfig) => post("/containers/create", { Image: "{image}", HostConfig })),
    ],
  },
  {
    name: "config/namespaces",
    requests: [
      ...running("base", { Hostname: "base", HostConfig: { IpcMode: "shareable" } }),
      get("/containers/base/json", { only: ["HostConfig.*Mode"] }),
      ...runToEnd("pid", {
        ...script("ps | grep -v grep | grep -c 'sleep 1000'"),
        HostConfig: { PidMode: "container:base" },
      }),
      ...runToEnd("ipc", { ...script("ls /dev/shm"), HostConfig: { IpcMode: "container:base" } }),
      ...runToEnd("net", { ...script("hostname"), HostConfig: { NetworkMode: "container:base" } }),
      get("/containers/net/json", {
        only: ["HostConfig.NetworkMode", "NetworkSettings.*", "Config.Hostname"],
      }),
      ...runToEnd("host-uts", { ...script("echo done"), HostConfig: { UTSMode: "host" } }),
      get("/containers/host-uts/json", { only: ["HostConfig.UTSMode"] }),
      ...runToEnd("ipc-none", { ...script("ls /dev | grep -c shm"), HostConfig: { IpcMode: "none" } }),
      ...runToEnd("host-ipc", { ...script("echo done"), HostConfig: { IpcMode: "host" } }),
      ...[
        { PidMode: "nonsense" },
        { IpcMode: "nonsense" },
        { UTSMode: "nonsense" },
        { CgroupnsMode: "nonsense" },
        { PidMode: "container:none" },
        { IpcMode: "container:none" },
        { NetworkMode: "container:none" },
      ].map((HostConfig, index) =>
        post(`/containers/create?name=bad${index}`, { Image: "{image}", HostConfig }),
      ),
      post("/containers/bad4/start"),
      post("/containers/bad5/start"),
      post("/containers/bad6/start"),
      post("/containers/create", {
        Image: "{image}",
        Hostname: "x",
        HostConfig: { NetworkMode: "container:base" },
      }),
      post("/containers/create", {
        Image: "{image}",
        HostConfig: { NetworkMode: "container:base", PortBindings: { "80/tcp": [{ HostPort: "" }] } },
      }),
    ],
  },
  {
    name: "config/mounts",
    requests: [
      post("/volumes/create", { Name: "named" }),
      create("alpha", {
        Volumes: { "/anonymous": {} },
        HostConfig: {
          Binds: ["{folder}:/bind", "{folder}/made:/made:ro", "named:/named", "named:/named-ro:ro,nocopy"],
          Tmpfs: { "/tmpfs": "size=1m,mode=700" },
          Mounts: [
            {
              Type: "volume",
              Source: "other",
              Target: "/other",
              VolumeOptions: { NoCopy: true, Labels: { a: "b" } },
            },
            { Type: "tmpfs", Target: "/tmpfs2", TmpfsOptions: { SizeBytes: mib, Mode: 0o1700 } },
            {
              Type: "bind",
              Source: "{folder}",
              Target: "/bind2",
              ReadOnly: true,
              BindOptions: { Propagation: "rprivate" },
            },
          ],
        },
      }),
      get("/containers/alpha/json", { ...shown, unordered: ["Mounts"] }),
      get("/volumes/other", { mask: ["CreatedAt"] }),
      ...runToEnd("seen", {
        ...script(
          "echo x >/bind/file; ls /bind; touch /made/x; stat -c %a /tmpfs; df -k /tmpfs | tail -n 1; ls /www-copy; cat /www-copy/index.html; grep -E ' /(bind|made|tmpfs) ' /proc/mounts | cut -d' ' -f2-4 | cut -d, -f1 | sort",
        ),
        HostConfig: {
          Binds: ["{folder}:/bind", "{folder}/made:/made:ro", "copied:/www"],
          Tmpfs: { "/tmpfs": "size=1m,mode=700" },
          Mounts: [{ Type: "volume", Source: "copied", Target: "/www-copy" }],
        },
      }),
      create("from", { HostConfig: { VolumesFrom: ["alpha:ro"] } }),
      get("/containers/from/json", { only: ["Mounts*", "HostConfig.VolumesFrom*"], unordered: ["Mounts"] }),
      ...[
        { Binds: ["relative:path:/x:ro:y"] },
        { Binds: ["/x"] },
        { Binds: ["{folder}:relative"] },
        { Binds: ["{folder}:/"] },
        { Binds: ["{folder}:/x:nonsense"] },
        { Binds: ["{folder}:/x", "{folder}:/x"] },
        { Mounts: [{ Type: "bind", Source: "/no/such/folder", Target: "/x" }] },
        { Mounts: [{ Type: "nonsense", Target: "/x" }] },
        { Mounts: [{ Type: "volume", Source: "v" }] },
        { Mounts: [{ Type: "bind", Target: "/x" }] },
        { Mounts: [{ Type: "tmpfs", Source: "x", Target: "/x" }] },
        { Mounts: [{ Type: "volume", Source: "v", Target: "relative" }] },
        { Mounts: [{ Type: "bind", Source: "relative", Target: "/x" }] },
        { Mounts: [{ Type: "bind", Source: "{folder}", Target: "/x", VolumeOptions: {} }] },
        { VolumesFrom: ["none"] },
        { Tmpfs: { relative: "" } },
        { Tmpfs: { "/x": "nonsense=1" } },
        { Binds: ["no/good:/x"] },
        { Mounts: [{ Type: "tmpfs", Target: "/" }] },
      ].map((HostConfig) => post("/containers/create", { Image: "{image}", HostConfig })),
    ],
  },
  {
    name: "config/devices",
    requests: [
      create("alpha", {
        HostConfig: {
          Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/nothing", CgroupPermissions: "r" }],
          DeviceCgroupRules: ["c 1:3 rwm"],
        },
      }),
      get("/containers/alpha/json", { only: ["HostConfig.Device*"] }),
      ...runToEnd("seen", {
        ...script("ls -l /dev/nothing | cut -c1-10; ls /dev | sort | tr '\\n' ' '; cat /dev/nothing"),
        HostConfig: {
          Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/nothing", CgroupPermissions: "rw" }],
        },
      }),
      create("none", {
        HostConfig: {
          Devices: [
            { PathOnHost: "/dev/no-such-device", PathInContainer: "/dev/x", CgroupPermissions: "rwm" },
          ],
        },
      }),
      post("/containers/none/start"),
      post("/containers/create", { Image: "{image}", HostConfig: { DeviceCgroupRules: ["nonsense"] } }),
      post("/containers/create?name=gpu", {
        Image: "{image}",
        HostConfig: { DeviceRequests: [{ Driver: "nvidia", Count: -1, Capabilities: [["gpu"]] }] },
      }),
      post("/containers/gpu/start"),
      create("throttle", { HostConfig: { BlkioDeviceReadBps: [{ Path: "/dev/null", Rate: 1000 }] } }),
      ...runToEnd("sysctl", {
        ...script("cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ip_local_port_range"),
        HostConfig: { Sysctls: { "net.ipv4.ip_local_port_range": "2000 3000" } },
      }),
      create("bad-sysctl", { HostConfig: { Sysctls: { "kernel.panic": "1" } } }),
      post("/containers/bad-sysctl/start"),
      create("init", { Cmd: ["sleep", "1000"], HostConfig: { Init: true } }),
      get("/containers/init/json", { only: ["HostConfig.Init"] }),
    ],
  },
  {
    name: "config/logging",
    requests: [
      create("plain", {
        HostConfig: { LogConfig: { Type: "json-file", Config: { "max-size": "1m", "max-file": "2" } } },
      }),
      get("/containers/plain/json", { only: ["HostConfig.LogConfig.*"] }),
      ...runToEnd("none", { ...script("echo x"), HostConfig: { LogConfig: { Type: "none" } } }),
      get("/containers/none/json", { only: ["HostConfig.LogConfig.*", "LogPath"] }),
      ...runToEnd("local", { ...script("echo x"), HostConfig: { LogConfig: { Type: "local" } } }),
      ...[
        { Type: "json-file", Config: { nonsense: "1" } },
        { Type: "json-file", Config: { "max-size": "x" } },
        { Type: "json-file", Config: { "max-file": "0" } },
      ].map((LogConfig) => post("/containers/create", { Image: "{image}", HostConfig: { LogConfig } })),
    ],
  },
  {
    name: "config/ports",
    requests: [
      create("alpha", {
        ExposedPorts: { "80/tcp": {}, "53/udp": {} },
        HostConfig: {
          PortBindings: {
            "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }],
            "90/tcp": [{ HostPort: "8000-8010" }],
            "81": [{ HostPort: "0" }],
          },
        },
      }),
      get("/containers/alpha/json", {
        only: ["Config.ExposedPorts*", "HostConfig.PortBindings*", "NetworkSettings.Ports*"],
      }),
      ...running("all", {
        ExposedPorts: { "80/tcp": {}, "53/udp": {} },
        HostConfig: { PublishAllPorts: true },
      }),
      get("/containers/all/json", { only: ["NetworkSettings.Ports*", "HostConfig.P*"] }),
      get("/containers/json", { only: ["0.Ports.*"], unordered: ["0.Ports"], mask: ["*PublicPort"] }),
      ...[
        { "nonsense/tcp": [{}] },
        { "80/nonsense": [{}] },
        { "80/tcp": [{ HostPort: "nonsense" }] },
        { "80/tcp": [{ HostPort: "99999" }] },
        { "99999/tcp": [{}] },
        { "80/tcp": [{ HostIp: "nonsense" }] },
      ].map((PortBindings) => post("/containers/create", { Image: "{image}", HostConfig: { PortBindings } })),
      post("/containers/create", { Image: "{image}", ExposedPorts: { "nonsense/tcp": {} } }),
    ],
  },
  {
    name: "config/names and hosts",
    requests: [
      ...runToEnd("alpha", {
        ...script("grep -v '^$' /etc/hosts | grep -v -E '(ip6|localhost)'; grep -v '^#' /etc/resolv.conf"),
        Hostname: "box",
        HostConfig: {
          Dns: ["9.9.9.9"],
          DnsSearch: ["example.org"],
          DnsOptions: ["ndots:3"],
          ExtraHosts: ["other:1.2.3.4", "six:::1"],
        },
      }),
      get("/containers/alpha/json", { only: ["HostConfig.Dns*", "HostConfig.ExtraHosts*"] }),
      ...[{ Dns: ["nonsense"] }, { ExtraHosts: ["nonsense"] }, { ExtraHosts: ["a:nonsense"] }].map(
        (HostConfig) => post("/containers/create", { Image: "{image}", HostConfig }),
      ),
    ],
  },
];
