import { describe, expect, test } from "bun:test";
import { createApp } from "../app.ts";
import { endpoints } from "../endpoints.ts";
import { endpointKey } from "../http/endpoint.ts";
import { partsOf, type FieldTable } from "../http/fields.ts";
import { testApi } from "../testing.ts";
import specification from "./specification.json" with { type: "json" };

/** What Docker's own description names (`tools/docker-api-facts.ts`). */
interface Facts {
  readonly query?: readonly string[];
  readonly filters?: readonly string[];
  readonly body?: readonly string[];
}

const facts = Object.entries(specification.endpoints as Readonly<Record<string, Facts>>);

/** True when the tables say what becomes of the field, or of a field that it is a part of. */
function isNamed(table: FieldTable, path: readonly string[]): boolean {
  const [name = "", ...rest] = path;
  const rule = Object.hasOwn(table, name) ? table[name] : undefined;
  if (rule === undefined) return false;
  if (rest.length === 0) return true;
  const parts = partsOf(rule);
  // What is refused, or supported in words of its own, stands for all that is in it.
  return parts === undefined ? rule.support !== "supported" : isNamed(parts, rest);
}

describe("the tables name all of Docker's description:", () => {
  test("endpoints", () => {
    const unnamed = facts.map(([key]) => key).filter((key) => endpoints[key] === undefined);
    expect(unnamed).toEqual([]);
  });

  test("parameters", () => {
    const unnamed = facts.flatMap(([key, { query = [] }]) =>
      query.filter((name) => endpoints[key]?.query?.[name] === undefined).map((name) => `${key} ${name}`),
    );
    expect(unnamed).toEqual([]);
  });

  test("filters", () => {
    const unnamed = facts
      .filter(([key]) => endpoints[key]?.refused === undefined)
      .flatMap(([key, { filters = [] }]) =>
        filters
          .filter((name) => endpoints[key]?.filters?.includes(name) !== true)
          .map((name) => `${key} ${name}`),
      );
    expect(unnamed).toEqual([]);
  });

  test("fields of bodies", () => {
    const unnamed = facts.flatMap(([key, { body = [] }]) =>
      body
        .filter((path) => !isNamed(endpoints[key]?.body ?? {}, path.split(".")))
        .map((path) => `${key} ${path}`),
    );
    expect(unnamed).toEqual([]);
  });
});

describe("the tables and the routes", () => {
  test("are the same", async () => {
    await using api = await testApi();
    const routes = createApp(api.dependencies).routes.filter((one) => one.method !== "ALL");
    const keys = routes.map((one) => endpointKey(one.method, one.path));
    // HEAD is served by the routes of GET, where there is HEAD.
    const heads = keys.map((key) => key.replace(/^GET /, "HEAD ")).filter((key) => key in endpoints);
    const served = new Set([...keys, ...heads]);
    expect([...served].filter((key) => endpoints[key] === undefined)).toEqual([]);
    expect(Object.keys(endpoints).filter((key) => !served.has(key))).toEqual([]);
  });

  test("a parameter that is known and not supported is refused by its name, an unknown one is ignored", async () => {
    await using api = await testApi();
    expect(await api.ask("POST", "/containers/x/start?checkpoint=c")).toEqual({
      status: 501,
      body: { message: "parameter 'checkpoint' is not supported" },
    });
    expect((await api.ask("POST", "/containers/x/start?checkpoint=")).status).toBe(404);
    expect((await api.ask("GET", "/info?nonsense=1")).status).toBe(200);
  });
});
