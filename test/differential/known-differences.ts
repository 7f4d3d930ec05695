import type { KnownDifference } from "./known.ts";

const history = (version: string) =>
  `https://docs.docker.com/reference/api/engine/version-history/#v${version}-api-changes`;
const later = "Virga answers as later versions of Docker do";

/** All of them, reviewed. A difference that is not here, and one that is here and was not seen, fails the test. */
export const knownDifferences: readonly KnownDifference[] = [
  // Errors, wherever they come from.
  {
    cases: "*",
    at: "body.message",
    virga: "{docker} (*)",
    reason: "Virga ends a message with what to do next",
  },
  {
    cases: "*",
    at: "body.message",
    virga: "{docker in lower case}*",
    reason: `${later}: messages begin with a small letter since 23.0`,
  },
  {
    cases: "*",
    at: "status",
    pairs: [
      [500, 400],
      [500, 404],
      [500, 409],
    ],
    reason: "500 is for the daemon's own faults; later versions of Docker have changed most of these, too",
  },
  {
    cases: ["lifecycle/errors", "streams/attach without an upgrade, and errors"],
    at: "headers.content-type",
    docker: "application/vnd.docker.raw-stream",
    virga: "application/json",
    reason: "an attach that is refused answers as all errors do: with a status and JSON",
  },
  {
    cases: ["lifecycle/errors", "streams/attach without an upgrade, and errors"],
    at: "body",
    pairs: [
      ["No such container: none\r\n", { message: "No such container: none" }],
      ["Invalid detach keys (nonsense) provided\r\n", { message: "Invalid detach keys (nonsense) provided" }],
      [
        "container up is paused, unpause the container before attach\r\n",
        { message: "container <up> is paused, unpause the container before attach" },
      ],
    ],
    reason: "an attach that is refused answers as all errors do: with a status and JSON",
  },

  // Values that are not there, or are what they are by default.
  {
    cases: ["*"],
    at: ["body.HostConfig.NetworkMode", "body.*.HostConfig.NetworkMode"],
    docker: "default",
    virga: "bridge",
    reason: `${later}, since 26.1`,
  },
  {
    cases: "*",
    at: "body.HostConfig.RestartPolicy.Name",
    docker: "",
    virga: "no",
    reason: "Virga tells the policy that holds, as docker's CLI always sends it",
  },
  {
    cases: "*",
    at: "body.HostConfig.*",
    pairs: [
      [null, []],
      [null, {}],
    ],
    reason: "nothing was sent: Virga tells what docker's CLI sends then",
  },
  {
    cases: "*",
    at: "body.HostConfig.Runtime",
    virga: "",
    reason: "Virga tells what was asked for: the default runtime may be another one at the next start",
  },
  {
    cases: "config/ports",
    at: "body.HostConfig.PortBindings.81*",
    reason: "one spelling for the same: with the protocol, and nothing for a host port of 0",
  },
  {
    cases: "*",
    at: "body.HostConfig.KernelMemory*",
    docker: 0,
    virga: "(nothing)",
    reason: `${later}: KernelMemory has gone, and KernelMemoryTCP is told when it is set`,
    link: history("1.42"),
  },
  { cases: "*", at: "body.HostConfig.MaskedPaths*", reason: `${later}: more paths are masked since 25.0` },
  {
    cases: "*",
    at: "body.GraphDriver.Data.ID",
    docker: "(nothing)",
    reason: later,
  },
  {
    cases: "*",
    at: ["body.GraphDriver.Data.MergedDir", "body.GraphDriver.Data.WorkDir"],
    docker: "(string)",
    virga: "(nothing)",
    reason: "the layers of an image that no container uses are mounted nowhere",
  },
  {
    cases: "*",
    at: ["*.GwPriority", "*.DNSNames*"],
    docker: "(nothing)",
    reason: `${later}: fields of endpoints since 28.0 and 25.0`,
    link: history("1.48"),
  },
  { cases: "*", at: "body.LogPath", reason: "the file has a name of its own" },
  {
    cases: "*",
    at: "body.Error",
    docker: null,
    virga: "(nothing)",
    reason: `${later}: a wait that went well has no field for an error`,
  },
  {
    cases: "*",
    at: "headers.content-type",
    docker: "(nothing)",
    virga: "application/vnd.docker.raw-stream",
    reason: `${later}: logs have a type since 23.0`,
    link: history("1.42"),
  },
  {
    cases: "*",
    at: "*.Actor.Attributes.execDuration",
    docker: "(nothing)",
    reason: `${later}: the end of a container tells how long it ran, since 23.0`,
  },
  {
    cases: "*",
    at: "*Size*",
    docker: "<number>",
    virga: "<number>",
    reason: "Docker counts the bytes of symbolic links' targets among an image's, Virga those of files",
  },

  // The system.
  {
    cases: ["system/version", "system/info"],
    at: [
      "body.Platform.Name",
      "body.DefaultRuntime",
      "body.InitBinary",
      "body.LiveRestoreEnabled",
      "body.NGoroutines",
      "body.BridgeNfIptables",
      "body.BridgeNfIp6tables",
    ],
    reason:
      "it is another engine, with other parts: crun, catatonit, no Go, and a packet filter that needs no br_netfilter",
  },
  {
    cases: "system/info",
    at: "body.Plugins.Network[]",
    pairs: [
      ["ipvlan", "(nothing)"],
      ["macvlan", "(nothing)"],
      ["overlay", "(nothing)"],
    ],
    reason: "Virga has networks of the drivers bridge, host and null",
  },
  {
    cases: "system/info",
    at: "body.OperatingSystem",
    docker: "* (containerized)",
    reason: "the dockerd of this test runs in namespaces of its own",
  },
  {
    cases: "system/info",
    at: [
      "body.SecurityOptions.0",
      "body.ProductLicense",
      "body.DefaultAddressPools",
      "body.CDISpecDirs",
      "body.KernelMemory",
    ],
    reason: `${later}: fields that came, and one that went`,
    link: history("1.42"),
  },
  {
    cases: "system/versions that are not served",
    at: ["body", "body.message"],
    docker: "client version *",
    virga: "client version *",
    reason: "Virga speaks versions 1.24 to 1.51, Docker 20.10 1.12 to 1.41",
  },
  {
    cases: "system/filters that are wrong",
    request: "GET /events",
    at: "answer",
    docker: "200",
    virga: "400 invalid filter 'nonsense'",
    reason: "a filter that is not known would silently select nothing",
  },
  {
    cases: "system/disk usage",
    at: ["body.ImageUsage", "body.ContainerUsage", "body.VolumeUsage", "body.BuildCacheUsage"],
    docker: "(nothing)",
    reason: `${later}: sums by kind`,
    link: history("1.52"),
  },
  {
    cases: "system/disk usage",
    at: "body.BuildCache",
    docker: null,
    virga: [],
    reason: `${later}: an empty list is a list`,
  },
  {
    cases: ["system/disk usage", "images/inspect, list, history", "build/stream"],
    at: "*RepoDigests*",
    reason: `${later} with containerd's image store: an image that was loaded or built has a digest, too`,
  },

  // The life of containers.
  {
    cases: "lifecycle/*",
    request: "GET /containers/alpha/json",
    at: ["body.ResolvConfPath", "body.HostnamePath", "body.HostsPath"],
    docker: "",
    reason: "the files have their place from the start",
  },
  {
    cases: "lifecycle/list",
    at: "body.*.SizeRw",
    docker: "(nothing)",
    virga: 0,
    reason: "a size of 0 that was asked for is told",
  },
  {
    cases: "lifecycle/exit codes",
    at: ["body.message", "body.State.Error"],
    docker: "failed to create shim task: OCI runtime create failed: runc create failed: *",
    reason: "crun and Virga have words of their own; those that clients look for are in them",
  },
  {
    cases: "lifecycle/exit codes",
    request: "POST /containers/create",
    at: "answer",
    docker: "500 Cannot mkdir: /etc/passwd is not a directory",
    virga: "201",
    reason: "a container's files are not mounted before its start, which then fails",
  },
  {
    cases: "lifecycle/exit codes",
    request: "POST /containers/nowhere/start",
    at: ["status", "body.message"],
    reason: "follows: the container exists with Virga alone",
  },
  {
    cases: "lifecycle/stop signal and timeout of the container",
    request: "GET /events",
    at: "body.3.Actor.Attributes.reason",
    docker: "(nothing)",
    reason: "Virga says why a stop took SIGKILL",
  },
  {
    cases: "lifecycle/changes",
    request: "GET /containers/same/changes",
    at: "body",
    docker: null,
    virga: [],
    reason: "an empty list is a list, as the API's description has it",
  },
  {
    cases: ["lifecycle/wait", "lifecycle/health"],
    at: "answer",
    pairs: [
      ["200", '400 invalid condition: "nonsense"'],
      ["201", "400 Unknown healthcheck type 'NONSENSE' (expected 'CMD')"],
    ],
    reason: `${later}: what cannot work is refused at once`,
  },

  // The configuration of containers.
  {
    cases: "config/*",
    request: "POST /containers/create",
    at: "answer",
    docker: "201",
    virga: "400 *",
    reason:
      "wrong values are refused when the container is made; with Docker its start fails, or nothing says it",
  },
  {
    cases: ["config/namespaces", "config/devices", "networks/errors"],
    request: "POST /containers/*/start",
    at: ["body.message", "status"],
    reason: "follows: the container exists with Docker alone",
  },
  {
    cases: "config/security",
    at: ["answer", "body.Error", "body.StatusCode", "body"],
    request: "* /containers/privileged/*",
    reason:
      "the test's dockerd may not give a privileged container all that it wants; crun leaves out what the machine has not",
  },
  {
    cases: "streams/exec",
    request: "POST /exec/{privileged}/start",
    at: "body.stdout",
    docker: "*unable to apply caps: operation not permitted*",
    virga: "CapEff:*",
    reason:
      "the test's dockerd may not give a privileged exec all that it wants; crun leaves out what the machine has not",
  },
  {
    cases: "config/security",
    at: "answer",
    pairs: [
      ['500 invalid --security-opt 2: "systempaths=unconfined"', "201"],
      ["404 No such container: unmasked", "20*"],
    ],
    reason: `${later}: the daemon takes systempaths, which docker's CLI sees to alone before 23.0`,
  },
  {
    cases: "config/mounts",
    at: "answer",
    pairs: [
      ["404 get: no such volume", "201"],
      ["404 {}", "200"],
      ['400 invalid mount config for type "bind": field VolumeOptions must not be specified', "201"],
    ],
    reason: `${later}: volumes of a container that is gone are found, and before API 1.42 options of another type are ignored`,
    link: history("1.42"),
  },
  {
    cases: "config/devices",
    request: "GET /containers/seen/logs",
    at: "body.stdout",
    reason: "crun makes /dev/core, as the OCI runtime specification allows",
  },
  {
    cases: "config/ports",
    at: ["body.NetworkSettings.Ports.*.1.Host*", "body.*.Ports.:::*"],
    virga: "(nothing)",
    reason:
      "there is no proxy process: IPv6 addresses of the host lead to containers that have one themselves",
  },

  // Streams.
  {
    cases: "streams/logs",
    at: "body.stdout",
    docker: "unfinished",
    virga: "line 5\nunfinished",
    reason: `${later}: --tail counts a line without an end as one`,
  },
  {
    cases: "streams/exec",
    request: "POST /exec/{exec}/start",
    at: "answer",
    docker: "200",
    virga: "409 Error: Exec command <exec> has already run",
    reason: "an error is told with its status where no output has begun",
  },
  {
    cases: "streams/exec",
    request: "POST /exec/{tty}/start",
    at: "body",
    reason: "stty fails in the test's dockerd",
  },
  {
    cases: "streams/exec",
    request: "GET /exec/{missing}/json",
    at: "body.ExitCode",
    docker: 126,
    virga: 127,
    reason: `${later}: 127 is "not found", since 23.0`,
  },
  {
    cases: "streams/exec",
    request: "GET /events",
    at: "body[]",
    docker: "(nothing)",
    reason: "the exec that the test's dockerd could not make ends here",
  },
  {
    cases: "streams/exec errors",
    request: "POST /containers/up/exec",
    at: "answer",
    docker: "201",
    virga: "400 unable to find user nobody-here: no matching entries in passwd file *",
    reason: `${later}: the user of an exec is looked up when it is made`,
  },
  {
    cases: "streams/exec errors",
    request: "POST /exec/{user}/start",
    at: "body.message",
    docker: "unable to find user *",
    virga: "No such exec instance: *",
    reason: `${later}: the user of an exec is looked up when it is made`,
  },
  {
    cases: "streams/exec errors",
    at: ["status", "body.message", "answer"],
    request: "* /exec/{never}/*",
    reason: "an exec that was never started is known until five minutes after its container has ended",
  },
  {
    cases: "streams/stats",
    at: [
      "body.blkio_stats.io_queue_recursive",
      "body.blkio_stats.io_service_time_recursive",
      "body.blkio_stats.io_wait_time_recursive",
      "body.blkio_stats.io_merged_recursive",
      "body.blkio_stats.io_time_recursive",
      "body.blkio_stats.sectors_recursive",
    ],
    docker: "(list)",
    virga: "(null)",
    reason: "counters of a scheduler that Linux gave up in 5.0; with cgroup version 2 Docker says null, too",
  },
  {
    cases: "streams/stats",
    at: ["body.memory_stats.failcnt", "body.os_type"],
    docker: "(nothing)",
    reason: later,
  },

  // Files.
  {
    cases: "files/out of a container",
    request: "GET /containers/made/archive",
    at: "body.message",
    docker: "lstat *: not a directory",
    virga: "lstat /d/one/: not a directory",
    reason: "paths are told as the container has them",
  },
  {
    cases: "files/in a read-only container",
    at: ["status", "body.message"],
    reason: `${later}: 403, in its words`,
  },
  {
    cases: "files/export",
    at: "body.*",
    reason:
      "places for mounts are made by the runtime where the image has none; dockerd makes them in a layer below",
  },

  // Images.
  {
    cases: ["images/tag and remove"],
    at: "*RepoTags.*",
    reason: "names are in alphabetical order",
  },
  {
    cases: "images/tag and remove",
    request: "GET /events",
    at: "body.1.Actor.Attributes.name",
    virga: "{docker}:latest",
    reason: "events tell a name with its tag",
  },
  {
    cases: "images/errors",
    request: "POST /images/load",
    at: "answer",
    docker: "200",
    virga: "400 the archive is damaged: it ends in the middle of an entry",
    reason: "an error is told with its status where no output has begun",
  },
  {
    cases: ["images/commit", "build/stream"],
    at: ["body.Parent", "body.Config.Image", "body.ContainerConfig.*"],
    reason: `${later}: images do not tell of a container that they were made of`,
    link: history("1.45"),
  },
  {
    cases: "images/commit",
    at: "body.Config.Hostname",
    virga: "",
    reason: `${later}: images do not tell of a container that they were made of`,
    link: history("1.45"),
  },
  {
    cases: ["images/commit", "build/stream"],
    request: "GET /images/mine:1/history",
    at: "body.*.Tags",
    docker: ["box:1"],
    virga: null,
    reason: "layers of an image are not images: their rows have no names, as with BuildKit",
  },
  {
    cases: "images/prune",
    request: "GET /images/json",
    at: "body.*.RepoTags*",
    reason: "builds are reproducible: an image is as old as what it is made of, not as its build",
  },

  // The builder.
  {
    cases: "build/*",
    request: "POST /build",
    at: "body[]",
    pairs: [
      [" ---> Running in <12 hex>", "(nothing)"],
      ["Removing intermediate container <12 hex>", "(nothing)"],
      ["(nothing)", "Removing intermediate container <12 hex>"],
      [" ---> <12 hex>", "(nothing)"],
    ],
    reason: "steps leave no containers behind, and those that run nothing have none",
  },
  {
    cases: ["build/stream", "build/options"],
    request: "POST /build",
    at: "body[]",
    pairs: [
      [{ aux: { ID: "sha256:<64 hex>" } }, "(nothing)"],
      ["(nothing)", { aux: { ID: "sha256:<64 hex>" } }],
    ],
    reason: "the id of each image is told once, where its build ends",
  },
  {
    cases: "build/options",
    request: "POST /build",
    at: "body[]",
    pairs: [
      ["Step */5 : *", "(nothing)"],
      ["(nothing)", "Step */4 : *"],
    ],
    reason: "labels of the request are no step of the Dockerfile",
  },
  {
    cases: "build/options",
    request: "POST /build",
    at: "body[]",
    docker: "/c/b.log",
    virga: "(nothing)",
    reason: ".dockerignore holds for clients, too, that send everything",
  },
  {
    cases: "build/options",
    request: "POST /build",
    at: "body[]",
    docker: "(nothing)",
    virga: "[Warning] One or more build-args [NOT] were not consumed",
    reason: "Virga warns of it for the last stage without an ARG, too",
  },
  {
    cases: "build/errors",
    request: "POST /build",
    at: "body[]",
    pairs: [
      [
        {
          errorDetail: { code: 3, message: "The command '/bin/sh -c exit 3' returned a non-zero code: 3" },
          error: "The command '/bin/sh -c exit 3' returned a non-zero code: 3",
        },
        "(nothing)",
      ],
      [
        {
          errorDetail: { message: "unable to find user nobody-here: no matching entries in passwd file" },
          error: "unable to find user nobody-here: no matching entries in passwd file",
        },
        "(nothing)",
      ],
    ],
    reason: "Virga ends a message with what to do next: the same errors, in the next entry",
  },
  {
    cases: "build/errors",
    request: "POST /build",
    at: "body[]",
    docker: "(nothing)",
    reason: "Virga ends a message with what to do next, and tells an image that it tried to get",
  },
  {
    cases: "build/errors",
    request: "POST /build",
    at: "body[]",
    virga: "(nothing)",
    reason: "what kept an image from being pulled depends on the network, and is told in other words",
  },
  {
    cases: "build/errors",
    request: "POST /build",
    at: ["body.3.error", "body.3.errorDetail.message"],
    docker: "COPY failed: *",
    reason: "Virga's words, which are BuildKit's, with what to do next",
  },
  {
    cases: "build/errors",
    request: "POST /build",
    at: "answer",
    docker: "200",
    virga: "400 Dockerfile:2: CMD: an argument is missing*",
    reason: "an instruction without its arguments is a mistake",
  },
  {
    cases: "build/stream",
    request: ["GET /images/mine:1/json", "GET /images/mine:1/history"],
    at: ["body.Comment", "body.*.Comment"],
    docker: "",
    virga: "buildkit.dockerfile.v0",
    reason: `${later}: what BuildKit says of the layers that it makes`,
  },
  {
    cases: "build/stream",
    request: "GET /images/mine:1/json",
    at: "body.Container",
    virga: "",
    reason: `${later}: images do not tell of a container that they were made of`,
    link: history("1.45"),
  },
  {
    cases: "build/stream",
    request: "GET /images/mine:1/history",
    at: "body.*.CreatedBy",
    reason: "steps are told as they stand in the Dockerfile, as BuildKit does",
  },

  // Networks.
  {
    cases: "networks/*",
    at: ["body.EnableIPv4", "body.*.EnableIPv4"],
    docker: "(nothing)",
    virga: true,
    reason: `${later}, since 28.0`,
    link: history("1.48"),
  },
  {
    cases: "networks/*",
    at: ["body.IPAM.Config.0.Gateway", "body.bridge.IPAM.Config.0.Gateway"],
    docker: "(nothing)",
    reason: `${later}: the gateway is told also when nobody chose it`,
  },
  {
    cases: "networks/errors",
    at: "answer",
    pairs: [
      ["201", "400 invalid ip-range 10.98.0.0/24: it is not inside subnet 10.99.0.0/24"],
      ["201", '400 invalid network name: "bad/name" *'],
      ["201", "400 invalid endpoint settings: *"],
      ["201", "400 user specified IP address is supported on user defined networks only*"],
      ["201", "400 invalid MAC address nonsense"],
      ["200", "400 container cannot be disconnected from host network or connected to host network"],
      ["403 Pool overlaps with other one on this address space", "201"],
    ],
    reason:
      "what cannot work is refused when it is asked for, not at the start; so the last subnet is still free here. 404 would make docker's CLI pull the image",
  },
  {
    cases: "networks/errors",
    request: "POST /networks/create",
    at: "status",
    docker: 403,
    virga: 501,
    reason: "Scope belongs to swarms, which Virga does not have",
  },
  {
    cases: "networks/connect and disconnect",
    request: "POST /networks/second/connect",
    at: "status",
    docker: 403,
    virga: 409,
    reason: "a conflict is no question of permission",
  },
  {
    cases: "networks/connect and disconnect",
    request: "GET /events",
    at: "body[]",
    virga: "(nothing)",
    reason: "Docker tells of a disconnection by hand twice",
  },
  {
    cases: "networks/connect before the start",
    at: ["body.NetworkSettings.Networks.bridge.NetworkID", "body.NetworkSettings.Networks.first.NetworkID"],
    docker: "",
    reason: "a container knows its networks before it starts",
  },

  // Volumes.
  {
    cases: "volumes/*",
    at: ["body.Labels", "body.Volumes.<64 hex>.Labels"],
    docker: null,
    virga: { "com.docker.volume.anonymous": "" },
    reason: `${later}, since 24.0: anonymous volumes are labelled`,
  },
  {
    cases: "volumes/create, inspect, list, remove",
    request: "GET /events",
    at: "body[]",
    docker: {
      Type: "volume",
      Action: "create",
      Actor: { ID: "plain", Attributes: { driver: "local" } },
      scope: "local",
      time: "(number)",
      timeNano: "(number)",
    },
    virga: "(nothing)",
    reason: "a volume that is there already is not created again",
  },
  {
    cases: "volumes/prune, and anonymous ones",
    request: "POST /volumes/prune",
    at: "body.SpaceReclaimed",
    pairs: [
      [0, 4096],
      [0, 8192],
    ],
    reason: "the space of folders is given back, too",
  },

  // Errors in words of Virga's: they name the field, the file and line, or what is possible.
  {
    cases: "*",
    at: "body.message",
    pairs: [
      [
        "Cannot kill container: twice: Container <twice> is not running",
        "cannot kill container: twice: container <twice> is not running (virga start twice)",
      ],
      [
        "Cannot kill container: up: The linux daemon does not support signal 99",
        "cannot kill container: up: invalid signal: 99",
      ],
      [
        "Cannot locate specified Dockerfile: Dockerfile",
        "failed to read dockerfile: no 'Dockerfile' in the context (name it with -f, relative to the*",
      ],
      [
        "Cannot locate specified Dockerfile: none",
        "failed to read dockerfile: no 'none' in the context (name it with -f, relative to the context)",
      ],
      [
        "Container cannot be connected to network endpoints: *",
        "Container cannot be created with multiple network endpoints: bridge, first",
      ],
      [
        "Container up is paused, unpause the container before exec",
        "Container <up> is paused, unpause the container before exec (virga unpause up)",
      ],
      [
        "Content-Type specified (text/plain) must be 'application/json'",
        "unsupported Content-Type header (text/plain): must be 'application/json'",
      ],
      ["EOF", "invalid JSON: got EOF while reading request body"],
      [
        'Error processing tar file(exit status 1): cannot overwrite directory "/tmp/folder" with non-*',
        "cannot overwrite directory '/tmp/folder' with a non-directory",
      ],
      [
        'Error processing tar file(exit status 1): cannot overwrite non-directory "/tmp/one.txt" with*',
        "cannot overwrite non-directory '/tmp/one.txt' with a directory",
      ],
      [
        "Error processing tar file(exit status 1): unexpected EOF",
        "the archive is damaged: it ends in the middle of an entry",
      ],
      [
        "Error when allocating new name: Invalid container name (/-bad), only [a-zA-Z0-9][a-zA-Z0-9_.*",
        "Error when allocating new name: Invalid container name (-bad), only [a-zA-Z0-9][a-zA-Z0-9_.-*",
      ],
      ['Get "http:": http: no Host in request URL', "bad parameter: fromImage is required"],
      ["Invalid escape keys (nonsense) provided", "Invalid detach keys (nonsense) provided"],
      [
        "Invalid isolation: \"hyperv\" - linux only supports 'default'",
        "invalid isolation 'hyperv' on linux",
      ],
      ["Invalid signal: NONSENSE", "cannot kill container: up: invalid signal: NONSENSE"],
      ["Invalid subnet nonsense : invalid CIDR address: nonsense", "invalid subnet nonsense"],
      [
        "Invalid value x for cpuset cpus: invalid format: x",
        "Invalid value x for cpuset cpus (write it like 0-2,4)",
      ],
      ["No such image: none", "No such image: none:latest"],
      [
        "Unknown runtime specified nonsense",
        "unknown or invalid runtime name: nonsense (runtimes of this daemon: crun, runc, runsc)",
      ],
      [
        "Unrecognised filter value for health: nonsense",
        "invalid filter 'health=nonsense'; use one of starting, healthy, unhealthy, none",
      ],
      [
        "You cannot remove a running container <up>. Stop the container before attempting removal or*",
        'cannot remove container "/up": container is running: stop the container before removing or f*',
      ],
      ["bad parameter: pathcannot be empty", "bad parameter: path is required"],
      ["cannot create a swarm scoped network when swarm is not active", "Scope is not supported"],
      [
        "dockerfile parse error line 2: unknown instruction: NONSENSE",
        "Dockerfile:2: unknown instruction: NONSENSE (if this line belongs to the one before, end tha*",
      ],
      [
        "error reading build args: invalid character 'o' in literal null (expecting 'u')",
        "invalid value for buildargs: it is not JSON",
      ],
      [
        "failed to allocate gateway (10.98.0.1): Requested address is out of range",
        "invalid gateway 10.98.0.1: it is not inside subnet 10.99.0.0/24",
      ],
      [
        "failed to parse Dockerfile: ENV must have two arguments",
        "Dockerfile:2: ENV: 'A' has no value; expected name=value",
      ],
      [
        "failed to parse Dockerfile: file with no instructions",
        "Dockerfile:1: the file has no instructions; it must begin with FROM",
      ],
      [
        'failed to parse com.docker.network.driver.mtu value: nonsense (strconv.Atoi: parsing "nonsen*',
        "invalid value 'nonsense' for network option com.docker.network.driver.mtu (give a number fro*",
      ],
      [
        "failed to reach build target none in Dockerfile",
        "target stage 'none' could not be found (no stage has a name)",
      ],
      [
        "forbidden path outside the build context: ../x ()",
        "failed to read dockerfile: no '../x' in the context (name it with -f, relative to the context)",
      ],
      ["invalid character 'o' in literal null (expecting 'u')", "invalid value for filters: it is not JSON"],
      ['invalid name or ID supplied: ""', "bad parameter: container is required"],
      ["invalid name: ", "invalid JSON: Name: Invalid input: expected string, received undefined"],
      ['invalid port specification: "99999"', 'invalid host port: "99999"'],
      ['invalid port specification: "99999"', 'invalid port specification: "99999/tcp"'],
      ['invalid port specification: "nonsense"', 'invalid host port: "nonsense"'],
      ['invalid port specification: "nonsense"', 'invalid port specification: "nonsense/tcp"'],
      ["invalid reference format", "bad parameter: repo is required"],
      [
        "invalid reference format: repository name must be lowercase",
        "invalid reference format: repository name (library/BAD IMAGE) must be lowercase (write it li*",
      ],
      [
        "invalid reference format: repository name must be lowercase",
        "invalid reference format: repository name (library/BAD) must be lowercase (write it like deb*",
      ],
      [
        "invalid restart policy 'nonsense'",
        "invalid restart policy: unknown policy 'nonsense'; use one of 'no', 'always', 'on-failure',*",
      ],
      [
        "invalid tag format",
        "invalid reference format (write it like debian:bookworm or registry.example:5000/team/app:1.0)",
      ],
      [
        "json: cannot unmarshal array into Go value of type map[string]map[string]bool",
        "invalid filters: it must be an object",
      ],
      [
        "json: cannot unmarshal array into Go value of type runconfig.ContainerConfigWrapper",
        "invalid JSON: Invalid input: expected object, received array",
      ],
      [
        "json: cannot unmarshal number into Go struct field ContainerConfigWrapper.Image of type string",
        "invalid JSON: Image: Invalid input: expected string, received number",
      ],
      [
        "json: cannot unmarshal number into Go struct field NetworkCreateRequest.Name of type string",
        "invalid JSON: Name: Invalid input: expected string, received number",
      ],
      [
        "json: cannot unmarshal string into Go struct field HostConfig.HostConfig.Memory of type int64",
        "invalid JSON: HostConfig.Memory: Invalid input: expected number, received string",
      ],
      [
        "maximum retry count cannot be used with restart policy 'always'",
        "invalid restart policy: maximum retry count can only be used with 'on-failure'",
      ],
      [
        "no build stage in current context",
        "Dockerfile:1: RUN: no build stage yet; the file must begin with FROM (only ARG may stand bef*",
      ],
      ["no such container none", "No such container: none"],
      [
        "no such image: BAD: invalid reference format: repository name must be lowercase",
        "invalid reference format: repository name (library/BAD) must be lowercase (write it like deb*",
      ],
      ["no such image: none: No such image: none:latest", "No such image: none:latest"],
      ["no such image: none:1: No such image: none:1", "No such image: none:1"],
      [
        "nonsense is not a valid change command",
        "change:1: unknown instruction: NONSENSE (if this line belongs to the one before, end that on*",
      ],
      [
        "operation is not permitted on predefined bridge network ",
        "operation is not permitted on predefined bridge network",
      ],
      [
        "operation is not permitted on predefined host network ",
        "operation is not permitted on predefined host network",
      ],
      ["run is not a valid change command", "change:1: RUN: RUN is not a valid change command"],
      ['strconv.Atoi: parsing "": invalid syntax', 'invalid resize height "": invalid syntax'],
      ['strconv.Atoi: parsing "nonsense": invalid syntax', "invalid filter 'exited=nonsense'"],
      [
        'strconv.Atoi: parsing "nonsense": invalid syntax',
        'invalid resize height "nonsense": invalid syntax',
      ],
      [
        'strconv.Atoi: parsing "nonsense": invalid syntax',
        "invalid value for limit: 'nonsense' is no whole number",
      ],
      ['strconv.Atoi: parsing "x": invalid syntax', 'invalid resize height "x": invalid syntax'],
      ['strconv.ParseInt: parsing "nonsense": invalid syntax', "invalid value for since: 'nonsense'"],
      ["unexpected EOF", "invalid JSON: unexpected EOF"],
      ["unexpected EOF", "the archive is damaged: it ends in the middle of an entry"],
    ],
    reason: "Virga's words name the field, the file and line, or what there is",
  },
];
