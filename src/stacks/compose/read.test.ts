import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { VirgaError } from "../../base/index.ts";
import type { StackSource } from "../stack.ts";
import { readStack } from "./read.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "virga-compose-"));
});
afterEach(async () => await rm(directory, { recursive: true }));

async function files(contents: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(contents)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
}

const source = (more: Partial<StackSource> = {}): StackSource => ({
  directory,
  files: [],
  profiles: [],
  environment: {},
  projectName: "shop",
  ...more,
});

async function read(text: string, more: Partial<StackSource> = {}) {
  await files({ "compose.yaml": text });
  return await readStack(source(more));
}

async function failure(text: string, more: Partial<StackSource> = {}): Promise<VirgaError> {
  const error: unknown = await read(text, more).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(VirgaError);
  return error as VirgaError;
}

describe("what is wrong", () => {
  test("all problems are told at once, each with file, line, column, path, value and what was expected", async () => {
    const error = await failure(`services:
  web:
    imagee: nginx
    ports:
      - "80x:80"
    enviroment:
      A: b
    restart: sometimes
    mem_limit: 12 potatoes
  db:
    image: postgres
    depends_on: [cache]
    privileged: maybe
`);
    expect(error.kind).toBe("invalid");
    expect(error.code).toBe("stack.file-invalid");
    expect(error.message.split("\n")).toEqual(
      [
        "9 problems:",
        "compose.yaml:2:3: services.web: neither 'image' nor 'build' says what to run",
        "compose.yaml:3:5: services.web: unknown key 'imagee' – did you mean 'image'?",
        "compose.yaml:5:9: services.web.ports[0]: '80x:80' found, expected [[HOST_IP:]HOST_PORT:]CONTAINER_PORT[/tcp|/udp], each port 1–65535 or a range such as 8000-8010",
        "compose.yaml:6:5: services.web: unknown key 'enviroment' – did you mean 'environment'?",
        "compose.yaml:8:14: services.web.restart: 'sometimes' found, expected one of no, always, unless-stopped, on-failure, on-failure:RETRIES",
        "compose.yaml:9:16: services.web.mem_limit: '12 potatoes' found, expected a size such as 512m, 1gb or a number of bytes",
        "compose.yaml:12:18: services.db.depends_on.cache: there is no service 'cache'",
        "compose.yaml:13:17: services.db.privileged: 'maybe' found, expected true or false",
      ].toSpliced(0, 1, "8 problems:"),
    );
  });

  test("a key of the specification that is not supported is refused by name", async () => {
    const error = await failure("services:\n  web:\n    image: nginx\n    gpus: all\n");
    expect(error.kind).toBe("unimplemented");
    expect(error.message).toBe(
      "compose.yaml:4:5: services.web.gpus: 'gpus' is not supported: GPUs are not there",
    );
  });

  test("log options are the engine's to judge, and the place is told", async () => {
    const logging = (text: string) => `services:\n  web:\n    image: nginx\n    logging: ${text}\n`;
    expect((await failure(logging("{driver: splunk}"))).message).toBe(
      "compose.yaml:4:23: services.web.logging: logger: no log driver named 'splunk' is registered",
    );
    expect((await failure(logging("{options: {max-sise: 1m}}"))).message).toBe(
      "compose.yaml:4:24: services.web.logging: unknown log opt 'max-sise' for json-file log driver",
    );
  });

  test.each([
    [
      "a circle",
      "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n",
      "a → b → a",
    ],
    ["itself", "services:\n  a: {image: x, depends_on: [a]}\n", "a → a"],
    [
      "a double key",
      "services:\n  a: {image: x}\n  a: {image: y}\n",
      "compose.yaml:3:3: not valid YAML: Map keys must be unique",
    ],
    [
      "an undeclared volume",
      "services:\n  a: {image: x, volumes: ['date:/d']}\nvolumes: {data: }\n",
      "'date', which is not declared under the top-level 'volumes' – did you mean 'data'?",
    ],
    [
      "an undeclared network",
      "services:\n  a: {image: x, networks: [front]}\n",
      "services.a.networks.front: uses 'front'",
    ],
    [
      "an undeclared secret",
      "services:\n  a: {image: x, secrets: [key]}\n",
      "services.a.secrets.key: uses 'key'",
    ],
    [
      "both networks and network_mode",
      "services:\n  a: {image: x, network_mode: host, networks: [default]}\n",
      "exclude each other",
    ],
    [
      "ports of the host's network",
      "services:\n  a: {image: x, network_mode: host, ports: ['80:80']}\n",
      "ports cannot be published",
    ],
    [
      "two mounts in one place",
      "services:\n  a: {image: x, volumes: ['./a:/d', './b:/d/']}\n",
      "two mounts at /d/",
    ],
    [
      "replicas with a host port",
      "services:\n  a: {image: x, scale: 2, ports: ['80:80']}\n",
      "2 replicas cannot all publish host port 80",
    ],
    [
      "scale against replicas",
      "services:\n  a: {image: x, scale: 2, deploy: {replicas: 3}}\n",
      "'scale' and 'deploy.replicas' differ",
    ],
    [
      "a fixed address without a subnet",
      "services:\n  a: {image: x, networks: {n: {ipv4_address: 10.0.0.2}}}\nnetworks: {n: }\n",
      "networks.n.ipam.config",
    ],
    [
      "an address outside of the subnet",
      "services:\n  a: {image: x, networks: {n: {ipv4_address: 10.0.0.2}}}\nnetworks: {n: {ipam: {config: [{subnet: 10.1.0.0/16}]}}}\n",
      "'10.0.0.2' needs a subnet that it lies in",
    ],
    [
      "a wrong subnet",
      "services: {a: {image: x}}\nnetworks: {n: {ipam: {config: [{subnet: 10.1.0.0/33}]}}}\n",
      "networks.n.ipam.config[0].subnet: '10.1.0.0/33' found",
    ],
    [
      "a reserved label",
      "services:\n  a: {image: x, labels: {com.docker.compose.project: y}}\n",
      "is reserved",
    ],
    [
      "healthy without a check",
      "services:\n  a: {image: x, depends_on: {b: {condition: service_healthy}}}\n  b: {image: x, healthcheck: {disable: true}}\n",
      "its health check is disabled",
    ],
    ["swap without memory", "services:\n  a: {image: x, memswap_limit: 1g}\n", "needs a 'mem_limit'"],
    [
      "an external volume with a driver",
      "services: {a: {image: x}}\nvolumes: {v: {external: true, driver: local}}\n",
      "no other keys than 'name', but has driver",
    ],
    [
      "a secret of nothing",
      "services: {a: {image: x}}\nsecrets: {s: {}}\n",
      "expected exactly one of file, environment",
    ],
    [
      "more containers than ports",
      "services:\n  a: {image: x, ports: ['8000-8001:80'], deploy: {replicas: 3}}\n",
      "3 replicas cannot all publish host port 8000",
    ],
    [
      "ranges that differ",
      "services:\n  a: {image: x, ports: ['80-82:80-81']}\n",
      "3 host ports for 2 container ports",
    ],
    [
      "an unset required variable",
      "services:\n  a: {image: '${X:?give an image}'}\n",
      "the variable X must be set: give an image",
    ],
    ["an unclosed brace", "services:\n  a: {image: '${X'}\n", "has no closing brace"],
    [
      "a decimal mode",
      "services:\n  a: {image: x, secrets: [{source: s, mode: 440}]}\nsecrets: {s: {file: ./s}}\n",
      "leading zero: 0440",
    ],
    ["no services", "volumes: {a: }\n", "'services' is missing"],
    ["a list of services", "services: [a]\n", "a list found, expected a mapping"],
    ["a wrong name", "name: My Shop\nservices: {a: {image: x}}\n", "compose.yaml:1:7: name: 'My Shop' found"],
    ["an alias without anchor", "services: *x\n", "has no anchor"],
    [
      "a service in an unknown file",
      "services:\n  a: {extends: {file: no.yaml, service: b}, image: x}\n",
      "no.yaml is not there",
    ],
    [
      "extends in a circle",
      "services:\n  a: {extends: b, image: x}\n  b: {extends: a, image: x}\n",
      "extend each other in a circle",
    ],
    [
      "an unbalanced quote",
      'services:\n  a: {image: x, command: "sh -c \'x"}\n',
      "the quote ' is not closed",
    ],
  ])("%s", async (_what, text, message) => {
    expect((await failure(text)).message).toContain(message);
  });

  test("a few lines that stand for billions of values are refused", async () => {
    const lines = ["x-0: &a0 [1,1,1,1,1,1,1,1,1,1]"];
    for (let n = 1; n < 12; n++)
      lines.push(
        `x-${n}: &a${n} [${Array(10)
          .fill(`*a${n - 1}`)
          .join(",")}]`,
      );
    expect((await failure(`${lines.join("\n")}\nservices: {a: {image: x}}\n`)).message).toContain(
      "more than 100000 values",
    );
  });

  test("an override that breaks a file is told in the override", async () => {
    await files({
      "a.yaml": "services: {web: {image: x}}\n",
      "b.yaml": "services:\n  web:\n    init: perhaps\n",
    });
    const error = (await readStack(source({ files: ["a.yaml", "b.yaml"] })).catch(
      (thrown: unknown) => thrown,
    )) as VirgaError;
    expect(error.message).toStartWith("b.yaml:3:11: services.web.init");
  });

  test("no file", async () => {
    const error = (await readStack(source()).catch((thrown: unknown) => thrown)) as VirgaError;
    expect(error.code).toBe("stack.no-file");
  });
});

describe("what is read", () => {
  test("anchors, merge keys and extensions", async () => {
    const model = await read(`x-common: &common
  image: nginx
  environment: &env {A: "1", B: "2"}
x-more: &more {C: "3", A: "9"}
services:
  web:
    <<: *common
    x-note: kept apart
  api:
    <<: *common
    environment:
      <<: [*env, *more]
      B: own
`);
    expect(model.services["web"]?.environment).toEqual({ A: "1", B: "2" });
    expect(model.services["api"]?.environment).toEqual({ A: "1", B: "own", C: "3" });
  });

  test("values as written: versions, octal, booleans in the environment", async () => {
    const model = await read(`services:
  web:
    image: nginx
    environment: {VERSION: 1.10, ON: yes, T: true, N: 0123, EMPTY: "", FROM_CALLER: }
    user: 1000
    secrets: [{source: s, mode: 0440, uid: "103"}]
secrets: {s: {environment: TOKEN}}
`);
    const web = model.services["web"]!;
    expect(web.environment).toEqual({
      VERSION: "1.10",
      ON: "yes",
      T: "true",
      N: "0123",
      EMPTY: "",
      FROM_CALLER: null,
    });
    expect(web.user).toBe("1000");
    expect(web.secrets).toEqual([{ source: "s", mode: 0o440, uid: 103 }]);
  });

  test("short forms of ports", async () => {
    const model = await read(`services:
  web:
    image: nginx
    ports: ["3000", "3000-3001", "8000:8000", "9090-9091:8080-8081", "127.0.0.1:8001:8001", "::1:6000:6000", "[::1]:6001:6001", "6060:6060/udp", "127.0.0.1::80", 22]
`);
    expect(model.services["web"]?.ports).toEqual([
      { target: 3000, protocol: "tcp" },
      { target: 3000, protocol: "tcp" },
      { target: 3001, protocol: "tcp" },
      { target: 8000, published: 8000, protocol: "tcp" },
      { target: 8080, published: 9090, protocol: "tcp" },
      { target: 8081, published: 9091, protocol: "tcp" },
      { target: 8001, published: 8001, host_ip: "127.0.0.1", protocol: "tcp" },
      { target: 6000, published: 6000, host_ip: "::1", protocol: "tcp" },
      { target: 6001, published: 6001, host_ip: "::1", protocol: "tcp" },
      { target: 6060, published: 6060, protocol: "udp" },
      { target: 80, host_ip: "127.0.0.1", protocol: "tcp" },
      { target: 22, protocol: "tcp" },
    ]);
  });

  test("volumes, tmpfs, commands, health checks, hosts, limits", async () => {
    const model = await read(
      `services:
  web:
    image: nginx
    volumes:
      - ./html:/usr/share/nginx/html:ro
      - ~/cfg:/cfg
      - data:/data
      - /anonymous
      - {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0o1777}}
      - {type: bind, source: ./x, target: /x, bind: {create_host_path: false}}
    tmpfs: /run:mode=755,uid=5
    command: sh -c 'echo "a b" \\"c'
    entrypoint: []
    healthcheck: {test: "curl -f x || exit 1", interval: 1m30s, retries: 3}
    extra_hosts: ["a=1.2.3.4", "b:::1", "c=[::1]", "d:host-gateway"]
    ulimits: {nproc: 65535, nofile: {soft: 1, hard: 2}}
    depends_on: [db]
    networks: {default: {aliases: [w]}}
    stop_grace_period: 1m30s
    deploy: {resources: {limits: {cpus: "0.50", memory: 50M, pids: 1}}}
  db: {image: pg}
volumes: {data: }
`,
      { environment: { HOME: "/home/me" } },
    );
    const web = model.services["web"]!;
    expect(web.volumes?.map((mount) => ("source" in mount ? mount.source : undefined))).toEqual([
      join(directory, "html"),
      "/home/me/cfg",
      "data",
      undefined,
      undefined,
      join(directory, "x"),
    ]);
    expect(web.command).toEqual(["sh", "-c", 'echo "a b" \\"c']);
    expect(web.entrypoint).toEqual([]);
    expect(web.healthcheck).toEqual({
      test: ["CMD-SHELL", "curl -f x || exit 1"],
      interval: 90_000,
      retries: 3,
    });
    expect(web.extra_hosts).toEqual(["a:1.2.3.4", "b:::1", "c:::1", "d:host-gateway"]);
    expect(web.ulimits).toEqual({ nproc: { soft: 65535, hard: 65535 }, nofile: { soft: 1, hard: 2 } });
    expect(web.depends_on).toEqual({ db: { condition: "service_started", required: true } });
    expect(web.deploy?.resources?.limits).toEqual({ cpus: 0.5, memory: 50 * 2 ** 20, pids: 1 });
    expect(web.tmpfs).toEqual([{ target: "/run", options: ["mode=755", "uid=5"] }]);
  });

  test("an override merges by the specification's rules", async () => {
    await files({
      "compose.yaml": `services:
  web:
    image: app
    command: [a]
    ports: ["8080:80"]
    environment: {A: "1", B: "2"}
    volumes: [foo:/work, ./x:/x]
    dns: 1.1.1.1
    build: ./old
    depends_on: [db]
    labels: [keep=1]
  db: {image: pg, environment: {FOO: BAR}, ports: ["1:1"]}
volumes: {foo: , bar: }
`,
      "compose.override.yaml": `services:
  web:
    command: [b]
    ports: ["8080:80", "8443:443"]
    environment: ["B=3", "C=4"]
    volumes: [bar:/work]
    dns: [8.8.8.8]
    build: {args: {X: "1"}}
    depends_on: {db: {condition: service_healthy}}
    labels: {more: "2"}
  db: {environment: {FOO: !reset null}, ports: !override ["2:2"]}
`,
    });
    const { services } = await readStack(source());
    expect(services["web"]).toMatchObject({
      command: ["b"],
      environment: { A: "1", B: "3", C: "4" },
      dns: ["1.1.1.1", "8.8.8.8"],
      build: { context: join(directory, "old"), args: { X: "1" } },
      depends_on: { db: { condition: "service_healthy", required: true } },
      labels: { keep: "1", more: "2" },
    });
    expect(services["web"]?.ports?.map((port) => port.published)).toEqual([8080, 8443]);
    expect(services["web"]?.volumes).toMatchObject([{ source: "bar", target: "/work" }, { target: "/x" }]);
    expect(services["db"]?.environment).toEqual({});
    expect(services["db"]?.ports).toEqual([{ target: 2, published: 2, protocol: "tcp" }]);
  });

  test("extends: chains, another file with paths of its own, sequences and mappings", async () => {
    await files({
      "lib/common.yaml":
        "services:\n  base: {image: busybox, user: root, volumes: ['./d:/d'], security_opt: [no-new-privileges], environment: {TZ: utc, PORT: 80}}\n  common: {extends: {service: base}}\n",
    });
    const model = await read(`services:
  cli:
    extends: {file: lib/common.yaml, service: common}
    environment: {PORT: 8080}
    security_opt: [seccomp=unconfined]
`);
    expect(model.services["cli"]).toMatchObject({
      image: "busybox",
      user: "root",
      environment: { TZ: "utc", PORT: "8080" },
      security_opt: ["no-new-privileges=true", "seccomp=unconfined"],
      volumes: [{ source: join(directory, "lib/d"), target: "/d" }],
    });
  });

  test("include: its own folder and .env, and names that clash", async () => {
    await files({
      "db/compose.yaml": "services: {db: {image: 'pg:${TAG}', volumes: ['./d:/d']}}\nvolumes: {v: }\n",
      "db/.env": "TAG=16\n",
    });
    const model = await read("include: [db/compose.yaml]\nservices: {web: {image: x, depends_on: [db]}}\n");
    expect(model.services["db"]).toMatchObject({
      image: "pg:16",
      volumes: [{ source: join(directory, "db/d") }],
    });
    expect(Object.keys(model.volumes)).toEqual(["v"]);
    const error = await failure("include: [db/compose.yaml]\nservices: {db: {image: x}}\n");
    expect(error.message).toContain("'services.db' is also in db/compose.yaml:1");
  });

  test("variables: .env lies under the caller's, the project's name is one, unset ones warn", async () => {
    await files({ ".env": "TAG=1\nNAME=dot\n" });
    const model = await read(
      `services:
  web: {image: "a:\${TAG}", hostname: "\${NAME}", environment: ["P=\${COMPOSE_PROJECT_NAME}", "Q=$NOPE", "R=$$X"]}
`,
      { environment: { NAME: "caller" } },
    );
    expect(model.services["web"]).toMatchObject({
      image: "a:1",
      hostname: "caller",
      environment: { P: "shop", Q: "", R: "$X" },
    });
    expect(model.warnings).toEqual([
      "the variable NOPE is not set; an empty string is used (write $$ for a dollar sign)",
    ]);
  });

  test("the name: given, from the file, from the folder", async () => {
    expect(
      (
        await read("name: ${N}\nservices: {a: {image: x}}\n", {
          environment: { N: "mine" },
          projectName: undefined as never,
        })
      ).name,
    ).toBe("mine");
    await files({ "My.Shop/compose.yaml": "services: {a: {image: x}}\n" });
    const { projectName: _, ...rest } = source({ directory: join(directory, "My.Shop") });
    expect((await readStack(rest)).name).toBe("myshop");
  });

  test("hints of other platforms warn, with their place", async () => {
    const model = await read(
      "version: '3'\nservices: {a: {image: x, deploy: {placement: {constraints: [a]}}}}\n",
    );
    expect(model.warnings).toEqual([
      "compose.yaml:1:1: version has no effect here: it is obsolete and can be taken out",
      "compose.yaml:2:35: services.a.deploy.placement has no effect here: it is for clusters, and this is one machine",
    ]);
  });
});
