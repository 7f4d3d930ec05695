import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { z } from "zod";
import { configBody, logsBody, statusBody, upBody } from "../../src/api/cloud/schemas.ts";
import {
  connectBody,
  createBody,
  resourcesShape,
  restartPolicyBody,
} from "../../src/api/docker/containers/create/body.ts";
import { execCreateBody, execStartBody } from "../../src/api/docker/exec/wire.ts";
import { createNetworkBody, disconnectBody } from "../../src/api/docker/networks/wire.ts";
import { createVolumeBody } from "../../src/api/docker/volumes/wire.ts";
import { ask, unfair, type Answer } from "../support/asking.ts";
import { fieldsOf, hostileValues, withField, wrongValues, type Field } from "../support/bodies.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { holdings } from "../support/holdings.ts";

/**
 * What no well-meaning client sends, over the daemon's own sockets. Each answer is a success or says in a few clear words
 * what was wrong; no answer is a failure of the daemon's own, and nothing is left over.
 */
const minute = 60_000;
let daemon: TestDaemon;
let image: string;
let [docker, own] = ["", ""];
/** A container that runs all the time. */
let box: string;
let before: string[];
let descriptors: number;

const json = (answer: Answer) => JSON.parse(answer.text) as Record<string, unknown>;

const openFiles = () => readdirSync(`/proc/${daemon.pid}/fd`).length;
/** Starts a container of `command` that lives until the test removes it. */
async function container(body: object): Promise<string> {
  const id = json(await ask(docker, "POST", "/containers/create", { Image: image, ...body }))["Id"] as string;
  expect((await ask(docker, "POST", `/containers/${id}/start`)).status).toBe(204);
  return id;
}

const remove = (id: string) => ask(docker, "DELETE", `/containers/${id}?force=1&v=1`);

beforeAll(async () => {
  daemon = await startDaemon();
  docker = daemon.identity.path("run", "docker.sock");
  own = daemon.identity.path("run", "virga.sock");
  image = await importBusybox(daemon);
  box = await container({ Cmd: ["sleep", "600"] });
  before = await holdings(daemon);
  descriptors = openFiles();
}, minute);

/** Nothing was left in the daemon, its folder or the host. */
afterEach(async () => {
  const added = async () => (await holdings(daemon)).filter((one) => !before.includes(one));
  await eventually("nothing is left over", async () => (await added()).length === 0).catch(async () =>
    expect(await added()).toEqual([]),
  );
  // Connections that clients keep open between requests are not of the daemon's making.
  await eventually(`no file stays open (${descriptors} before)`, () => openFiles() <= descriptors + 8);
}, minute);

afterAll(async () => {
  await remove(box);
  await daemon.destroy();
}, minute);

/** A request with a body of fields. `start` is what all fields are put into; `after` undoes what succeeded. */
interface Endpoint {
  readonly name: string;
  readonly schema: z.ZodType;
  readonly socket?: "own";
  readonly path: () => string;
  readonly start: (field: Field) => object;
  readonly after?: (answer: Answer, told: (what: string, answer: Answer) => void) => Promise<unknown>;
}

/** An entry of a list that is whole but for the field in question. */
const entries: Record<string, object> = {
  Devices: { Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/nothing" }] },
  Mounts: { Mounts: [{ Type: "volume", Target: "/data" }] },
  Ulimits: { Ulimits: [{ Name: "nofile", Soft: 100, Hard: 100 }] },
};

const source = { directory: "/nowhere", files: [], profiles: [], environment: {} };

const endpoints: readonly Endpoint[] = [
  {
    name: "POST /containers/create",
    schema: createBody,
    path: () => "/containers/create",
    start: ({ path }) => ({ Image: image, Cmd: ["true"], HostConfig: entries[String(path[1])] ?? {} }),
    async after(answer, told) {
      const id = json(answer)["Id"] as string;
      told("inspect", await ask(docker, "GET", `/containers/${id}/json`));
      told("start", await ask(docker, "POST", `/containers/${id}/start`));
      told("remove", await remove(id));
      // A volume that was named stays without its container.
      await ask(docker, "POST", `/volumes/prune?filters=${encodeURIComponent('{"all":["true"]}')}`);
    },
  },
  {
    name: "POST /containers/{id}/update",
    schema: z.looseObject({ ...resourcesShape, RestartPolicy: restartPolicyBody }),
    path: () => `/containers/${box}/update`,
    start: ({ path }) => entries[String(path[0])] ?? {},
  },
  {
    name: "POST /containers/{id}/exec",
    schema: execCreateBody,
    path: () => `/containers/${box}/exec`,
    start: () => ({ Cmd: ["true"] }),
    async after(answer, told) {
      const id = json(answer)["Id"] as string;
      told("start", await ask(docker, "POST", `/exec/${id}/start`, { Detach: true }));
    },
  },
  {
    name: "POST /exec/{id}/start",
    schema: execStartBody,
    path: () => "/exec/none/start",
    start: () => ({}),
  },
  {
    name: "POST /networks/create",
    schema: createNetworkBody,
    path: () => "/networks/create",
    start: () => ({ Name: "bad" }),
    after: (answer) => ask(docker, "DELETE", `/networks/${json(answer)["Id"] as string}`),
  },
  {
    name: "POST /networks/{id}/connect",
    schema: connectBody,
    path: () => "/networks/none/connect",
    start: () => ({ Container: box }),
  },
  {
    name: "POST /networks/{id}/disconnect",
    schema: disconnectBody,
    path: () => "/networks/bridge/disconnect",
    start: () => ({ Container: "none" }),
  },
  {
    name: "POST /volumes/create",
    schema: createVolumeBody,
    path: () => "/volumes/create",
    start: () => ({ Name: "bad" }),
    after: (answer) =>
      ask(docker, "DELETE", `/volumes/${encodeURIComponent(json(answer)["Name"] as string)}`),
  },
  { name: "POST /commit", schema: createBody, path: () => "/commit?container=none", start: () => ({}) },
  ...(
    [
      ["plan", upBody, { source, options: { services: [] } }],
      ["config", configBody, { source }],
      ["status", statusBody, { target: source }],
      ["logs", logsBody, { target: source, options: { services: [], follow: false } }],
    ] as const
  ).map(([verb, schema, whole]): Endpoint => ({
    name: `POST /v1/stacks/${verb}`,
    schema,
    socket: "own",
    path: () => `/v1/stacks/${verb}`,
    start: () => whole,
  })),
];

/** Sends each of `values` in each field, and returns what was unfair of the answers. */
async function tryFields(
  endpoint: Endpoint,
  values: (field: Field) => unknown[],
  wrong: boolean,
): Promise<string[]> {
  const complaints: string[] = [];
  for (const field of fieldsOf(endpoint.schema)) {
    for (const value of values(field)) {
      const at = `${field.path.join(".") || "the body"} = ${JSON.stringify(value).slice(0, 60)}`;
      const told = (what: string, answer: Answer) => {
        const complaint = unfair(answer);
        if (complaint !== undefined) complaints.push(`${what}, ${at}: ${complaint}`);
      };
      const body = withField(endpoint.start(field), field.path, value);
      const answer = await ask(endpoint.socket === "own" ? own : docker, "POST", endpoint.path(), body);
      told("request", answer);
      if (answer.status >= 400) continue;
      if (wrong) complaints.push(`${at}: accepted with ${answer.status}`);
      await endpoint.after?.(answer, told);
    }
  }
  return complaints;
}

describe("bodies", () => {
  test.each(endpoints.map((one) => [one.name, one] as const))(
    "%s: a wrong type in any field",
    async (_name, endpoint) => {
      expect(await tryFields(endpoint, wrongValues, true)).toEqual([]);
    },
    minute,
  );

  test.each(endpoints.map((one) => [one.name, one] as const))(
    "%s: hostile texts and numbers in any field",
    async (_name, endpoint) => {
      expect(await tryFields(endpoint, hostileValues, false)).toEqual([]);
    },
    2 * minute,
  );
});
