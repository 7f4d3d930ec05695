import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { VirgaError } from "../base/index.ts";
import { readStack } from "./compose/read.ts";
import { createStackFiles } from "./stack-files.ts";
import { makeTarget, type Target } from "./target.ts";
import { testStacks, type TestStacks } from "./testing.ts";

let t: TestStacks;
beforeEach(async () => {
  t = await testStacks();
});
afterEach(async () => await t[Symbol.asyncDispose]());

async function target(text: string, environment: Readonly<Record<string, string>> = {}): Promise<Target> {
  await t.write({ "compose.yaml": text });
  const model = await readStack(t.source({ environment }));
  return await makeTarget(model, { services: [] }, createStackFiles("/stacks"));
}

test("every key of a service arrives in its container", async () => {
  await t.write({
    "a.env": "A=file\nB=file\nFROM_CALLER\n",
    "r.env": 'RAW="$A"\n',
    "l.labels": "x=file\ny=file\n",
    "seccomp.json": '{"defaultAction":"SCMP_ACT_ALLOW"}',
  });
  const { services } = await target(
    `services:
  web:
    image: nginx
    command: nginx -g "daemon off;"
    entrypoint: /start.sh
    env_file: [a.env, {path: r.env, format: raw}, {path: no.env, required: false}]
    environment: {B: own, UNSET: , CALLER: }
    user: "1000:1000"
    working_dir: /w
    hostname: h
    domainname: d.example
    labels: {x: own}
    label_file: l.labels
    annotations: {an: "1"}
    tty: true
    stdin_open: true
    init: true
    stop_signal: SIGQUIT
    stop_grace_period: 1500ms
    healthcheck: {test: [CMD, "true"], interval: 10s, timeout: 500ms, retries: 2, start_period: 1m, start_interval: 1s}
    restart: on-failure:3
    logging: {driver: local, options: {max-size: 1m, max-file: "2"}}
    expose: [9000, "9001-9002/udp"]
    ports: ["127.0.0.1:8080:80", {target: 81, published: "8081", app_protocol: http}]
    networks:
      slow: {priority: 5}
      inner: {priority: 100}
      front: {aliases: [w], mac_address: "02:42:ac:11:00:02", gw_priority: 1}
    dns: 9.9.9.9
    dns_search: [a.example]
    dns_opt: [use-vc]
    extra_hosts: {host: 10.0.0.1}
    volumes: ["./src:/src:ro,rslave", "data:/data:nocopy", {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0700}}]
    tmpfs: /run:size=1m
    devices: ["/dev/null:/dev/nothing:r"]
    privileged: true
    cap_add: [NET_ADMIN]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true", "seccomp:seccomp.json", "systempaths=unconfined"]
    read_only: true
    shm_size: 64m
    ulimits: {nofile: {soft: 1, hard: 2}}
    sysctls: [net.core.somaxconn=1024]
    memswap_limit: 1g
    cpu_shares: 512
    cpuset: 0-1
    oom_score_adj: -500
    group_add: [mail]
    pid: host
    ipc: shareable
    uts: host
    cgroup: private
    runtime: runc
    deploy: {resources: {limits: {cpus: "1.5", memory: 512m, pids: 100}, reservations: {memory: 64m}}}
networks: {slow: , inner: {internal: true}, front: {name: outer}}
volumes: {data: }
`,
    { CALLER: "c", FROM_CALLER: "f" },
  );
  const web = services[0]!;
  expect(web.spec).toEqual({
    image: "nginx",
    entrypoint: ["/start.sh"],
    command: ["nginx", "-g", "daemon off;"],
    env: ["A=file", "B=own", "FROM_CALLER=f", 'RAW="$A"', "UNSET", "CALLER=c"],
    user: "1000:1000",
    workingDir: "/w",
    hostname: "h",
    domainname: "d.example",
    labels: { x: "own", y: "file" },
    annotations: { an: "1" },
    tty: true,
    openStdin: true,
    init: true,
    stopSignal: "SIGQUIT",
    stopTimeout: 2,
    healthcheck: {
      Test: ["CMD", "true"],
      Interval: 10e9,
      Timeout: 5e8,
      Retries: 2,
      StartPeriod: 60e9,
      StartInterval: 1e9,
    },
    restart: { name: "on-failure", maximumRetryCount: 3 },
    log: {
      driver: "local",
      options: { "max-size": "1m", "max-file": "2" },
      maxBytes: 2 ** 20,
      maxFiles: 2,
    },
    exposedPorts: ["9000/tcp", "9001/udp", "9002/udp"],
    mounts: [
      {
        type: "bind",
        source: join(t.directory, "src"),
        target: "/src",
        readOnly: true,
        propagation: "rslave",
        createSource: true,
      },
      { type: "volume", name: "shop_data", target: "/data", noCopy: true },
      { type: "tmpfs", target: "/t", size: 2 ** 20, mode: 0o700 },
      { type: "tmpfs", target: "/run", options: ["size=1m"] },
    ],
    network: {
      // The gateway's priority decides; then networks that lead outside; then the priority.
      mode: "outer",
      endpoints: {
        outer: { aliases: ["web", "w"], mac: "02:42:ac:11:00:02" },
        shop_slow: { aliases: ["web"] },
        shop_inner: { aliases: ["web"] },
      },
      ports: [
        { protocol: "tcp", containerPort: 80, hostIp: "127.0.0.1", hostPort: 8080 },
        { protocol: "tcp", containerPort: 81, hostIp: "", hostPort: 8081 },
      ],
      dns: ["9.9.9.9"],
      dnsSearch: ["a.example"],
      dnsOptions: ["use-vc"],
    },
    resources: {
      memory: 512 * 2 ** 20,
      memorySwap: 2 ** 30,
      memoryReservation: 64 * 2 ** 20,
      nanoCpus: 1.5e9,
      cpuShares: 512,
      cpusetCpus: "0-1",
      pidsLimit: 100,
      oomScoreAdj: -500,
      ulimits: [{ name: "nofile", soft: 1, hard: 2 }],
      devices: [{ hostPath: "/dev/null", containerPath: "/dev/nothing", permissions: "r" }],
    },
    security: {
      privileged: true,
      capAdd: ["NET_ADMIN"],
      capDrop: ["ALL"],
      noNewPrivileges: true,
      seccomp: '{"defaultAction":"SCMP_ACT_ALLOW"}',
      readonlyRootfs: true,
      groupAdd: ["mail"],
      maskedPaths: [],
      readonlyPaths: [],
    },
    namespaces: { pid: "host", ipc: "shareable", uts: "host", cgroup: "private" },
    runtime: "runc",
    shmSize: 64 * 2 ** 20,
    sysctls: { "net.core.somaxconn": "1024" },
    extraHosts: ["host:10.0.0.1"],
  });
  expect(web.labels["dev.virga.stack.web-ports"]).toBe("81=http");
});

test("a build: context, Dockerfile outside of it, arguments of the caller, labels that find the image again", async () => {
  const { services } = await target(
    `services:
  a: {build: {context: ./app, dockerfile: ../a.Dockerfile, args: [X, Y=1, Z], target: prod, tags: [more], cache_from: [old, type=gha], cache_to: ["type=local,dest=cache,mode=max"]}}
  b: {image: named, build: ./app}
  c: {build: {dockerfile_inline: "FROM a\\n"}}
`,
    { X: "x" },
  );
  const [a, b, c] = services.map((one) => one.source);
  expect(a).toMatchObject({ kind: "build", always: false, dockerfile: join(t.directory, "a.Dockerfile") });
  expect(a?.kind === "build" && a.request).toMatchObject({
    context: { kind: "directory", path: join(t.directory, "app") },
    tags: ["shop-a", "more"],
    target: "prod",
    buildArgs: { X: "x", Y: "1" },
    labels: {
      "com.docker.compose.project": "shop",
      "com.docker.compose.service": "a",
      "com.docker.compose.version": expect.any(String) as string,
    },
    cacheFrom: [{ kind: "image", name: "old", orRegistry: true }],
    cacheTo: [{ kind: "folder", path: join(t.directory, "cache"), tag: "latest", mode: "max" }],
  });
  expect(b).toMatchObject({ request: { tags: ["named"] } });
  expect(c).toMatchObject({ request: { context: { path: t.directory }, dockerfileText: "FROM a\n" } });
});

test("a build's secrets, agents, contexts and entitlements", async () => {
  await t.write({ "key.txt": "of a file" });
  const { services } = await target(
    `services:
  a:
    build:
      context: https://example.com/a.git#main:web
      secrets: [file, {source: variable, target: token}]
      ssh: [default, other=./other.sock]
      additional_contexts: [lib=../lib, base=docker-image://alpine, "more=https://example.com/b.git"]
      entitlements: [network.host]
      privileged: true
  b: {build: {context: ., additional_contexts: {lib: ./lib}, ssh: {default: }}}
secrets: {file: {file: ./key.txt}, variable: {environment: TOKEN}}
`,
    { TOKEN: "of a variable", SSH_AUTH_SOCK: "/run/agent" },
  );
  const [a, b] = services.map(({ source }) => (source.kind === "build" ? source.request : undefined));
  expect(a).toMatchObject({
    context: { kind: "remote", url: "https://example.com/a.git#main:web" },
    contexts: {
      lib: { kind: "directory", path: join(t.directory, "../lib") },
      base: { kind: "image", reference: "alpine" },
      more: { kind: "remote", url: "https://example.com/b.git" },
    },
    entitlements: ["security.insecure", "network.host"],
  });
  const secret = async (id: string) => Buffer.from((await a?.secrets?.(id)) ?? "none").toString();
  expect([await secret("file"), await secret("token"), await secret("variable")]).toEqual([
    "of a file",
    "of a variable",
    "none",
  ]);
  expect([await a?.ssh?.("default"), await a?.ssh?.("other"), await a?.ssh?.("no")]).toEqual([
    "/run/agent",
    join(t.directory, "other.sock"),
    undefined,
  ]);
  expect(b?.contexts).toEqual({ lib: { kind: "directory", path: join(t.directory, "lib") } });
  expect(await b?.ssh?.("default")).toBe("/run/agent");
});

test("what a build can't have is told with its place", async () => {
  const text = `services:
  a: {build: {context: ., additional_contexts: {b: "service:b"}, entitlements: [all]}}
`;
  const error = (await target(text).catch((thrown: unknown) => thrown)) as VirgaError;
  expect(error.message).toContain("services.a.build.additional_contexts.b: the image of another service");
  expect(error.message).toContain("services.a.build.entitlements");
});

test("a build's secret that is not declared is told", async () => {
  const error = (await target("services: {a: {build: {context: ., secrets: [gone]}}}\n").catch(
    (thrown: unknown) => thrown,
  )) as VirgaError;
  expect(error.message).toContain("uses 'gone', which is not declared under the top-level 'secrets'");
});

test("the hash ignores the order of keys, and nothing else", async () => {
  const hash = async (environment: string) =>
    (await target(`services: {a: {image: x, environment: ${environment}, labels: {p: q}}}\n`)).services[0]!
      .hash;
  const first = await hash("{A: '1'}");
  expect(await hash("[A=1]")).toBe(first);
  expect(await hash("{A: '2'}")).not.toBe(first);
});

test("what a file lacks is told with its place: env files, label files, secrets, profiles", async () => {
  const text = `services:
  a:
    image: x
    env_file: no.env
    label_file: no.labels
    security_opt: [seccomp=no.json]
    secrets: [s]
secrets: {s: {file: /no/secret}}
`;
  const error = (await target(text).catch((thrown: unknown) => thrown)) as VirgaError;
  expect(error).toBeInstanceOf(VirgaError);
  expect(error.message.split("\n").slice(1)).toEqual([
    `compose.yaml:4:5: services.a.env_file: ${join(t.directory, "no.env")} is not there`,
    `compose.yaml:5:5: services.a.label_file: ${join(t.directory, "no.labels")} is not there`,
    `compose.yaml:6:5: services.a.security_opt: ${join(t.directory, "no.json")} is not there`,
    "compose.yaml:8:11: secrets.s.file: /no/secret is not there",
  ]);
});

test("two services cannot publish one host port; different addresses can", async () => {
  const file = (one: string, two: string) =>
    `services: {a: {image: x, ports: ['${one}']}, b: {image: x, ports: ['${two}']}}\n`;
  await target(file("127.0.0.1:80:80", "127.0.0.2:80:80"));
  await target(file("80:80/udp", "80:80"));
  const error = (await target(file("127.0.0.1:80:80", "80:81")).catch(
    (thrown: unknown) => thrown,
  )) as VirgaError;
  expect(error.message).toContain("services.b.ports: host port 80/tcp is published by service 'a' too");
});

test("x-virga becomes a label, and takes no key that it does not know", async () => {
  const text = (value: string) => `services: {web: {image: nginx, x-virga: ${value}, x-other: {a: 1}}}`;
  const { services } = await target(text("{restart-unhealthy: $WELL}"), { WELL: "true" });
  expect(services[0]!.spec.labels).toEqual({ "virga.restart-unhealthy": "true" });
  const unknown = await target(text("{restart-unhealty: true}")).catch((error: unknown) => error);
  expect((unknown as VirgaError).message).toContain("did you mean 'restart-unhealthy'?");
});

test("mounts in long form arrive with all that they say", async () => {
  const { services, volumes } = await target(`
services:
  web:
    image: nginx
    volumes:
      - {type: image, source: "files:1", target: /i, image: {subpath: www}}
      - {type: volume, source: data, target: /d, volume: {subpath: a/b, nocopy: true}}
      - {type: bind, source: ./b, target: /b, read_only: true, bind: {recursive: readonly}}
      - {type: bind, source: ./w, target: /w, read_only: true, bind: {recursive: writable}}
      - {type: tmpfs, target: /t, read_only: true, tmpfs: {size: 1m, mode: 0o700}}
volumes:
  data: {driver_opts: {type: none, o: "bind,ro", device: ./here}}
`);
  expect(services[0]!.spec.mounts).toEqual([
    { type: "image", source: "files:1", target: "/i", subpath: "www" },
    { type: "volume", name: expect.stringContaining("_data"), target: "/d", noCopy: true, subpath: "a/b" },
    {
      type: "bind",
      source: join(t.directory, "b"),
      target: "/b",
      readOnly: true,
      readOnlyBelow: "force",
      createSource: true,
    },
    {
      type: "bind",
      source: join(t.directory, "w"),
      target: "/w",
      readOnly: true,
      readOnlyBelow: "no",
      createSource: true,
    },
    { type: "tmpfs", target: "/t", size: 2 ** 20, mode: 0o700, options: ["ro"] },
  ]);
  expect(volumes[0]!.spec.options).toEqual({ type: "none", o: "bind,ro", device: join(t.directory, "here") });
});

test.each([
  [
    "volumes: [{type: volume, source: data, target: /d, volume: {subpath: ../x}}]",
    "a relative path that stays inside",
  ],
  [
    "volumes: [{type: volume, target: /d, volume: {subpath: x}}]",
    "a volume without a name has no folders yet",
  ],
  ["volumes: [{type: image, target: /d}]", "'source' is missing: the image"],
  ["volumes: [{type: bind, source: ., target: /d, bind: {recursive: readonly}}]", "needs 'read_only: true'"],
  [
    "volumes: [{type: bind, source: ., target: /d, image: {subpath: x}}]",
    "options of 'image' on a mount of type 'bind'",
  ],
])("refuses %s", async (key, message) => {
  const text = `services: {web: {image: nginx, ${key}}}\nvolumes: {data: {}}\n`;
  const failure = await target(text).catch((error: unknown) => error);
  expect((failure as VirgaError).message).toContain(message);
});

test("wrong options of a volume are told where they stand", async () => {
  const text =
    "services: {web: {image: nginx, volumes: [data:/d]}}\nvolumes:\n  data:\n    driver_opts: {type: tmpfs}\n";
  const failure = await target(text).catch((error: unknown) => error);
  expect((failure as VirgaError).message).toContain(
    'compose.yaml:4:18: volumes.data.driver_opts: missing required option: "device"',
  );
});
