/**
 * Reads what the Docker Engine API's own description (moby's `api/swagger.yaml`) names, and writes the names alone to
 * src/api/docker/reference/specification.json, where a test compares them with the tables of this daemon.
 * Usage: bun tools/docker-api-facts.ts PATH-OF-swagger.yaml
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
  readonly schema?: Schema;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly responses: Readonly<Record<string, { readonly schema?: Schema }>>;
}

interface Description {
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly definitions: Readonly<Record<string, Schema>>;
}

/** Docker's cluster mode and its plugins: refused as a whole, so their fields do not matter. */
const refusedAsAWhole = /^\/(swarm|nodes|services|tasks|secrets|configs|plugins)(\/|$)/;

const source = process.argv[2];
if (source === undefined) throw new Error("usage: bun tools/docker-api-facts.ts PATH-OF-swagger.yaml");
const description = parse(readFileSync(source, "utf8")) as Description;

const endpoints = Object.fromEntries(
  Object.entries(description.paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, one]) => [`${method.toUpperCase()} ${path}`, facts(path, one)]),
    )
    .toSorted(([a], [b]) => (a! < b! ? -1 : 1)),
) as object;
const target = join(import.meta.dir, "../src/api/docker/reference/specification.json");
writeFileSync(target, `${JSON.stringify({ version: description.info.version, endpoints }, null, 1)}\n`);

function facts(path: string, operation: Operation) {
  const parameters = operation.parameters ?? [];
  const query = parameters.filter((one) => one.in === "query");
  const filters = query.find((one) => one.name === "filters");
  const body = parameters.find((one) => one.in === "body")?.schema;
  const answer = Object.entries(operation.responses).find(([status]) => status.startsWith("2"))?.[1].schema;
  const whole = refusedAsAWhole.test(path);
  return {
    ...(query.length > 0 ? { query: query.map((one) => one.name).toSorted() } : {}),
    ...(filters === undefined || whole ? {} : { filters: filterNames(filters.description ?? "") }),
    ...(body === undefined || whole ? {} : named("body", body)),
    ...(answer === undefined || whole ? {} : named("answer", answer)),
  };
}

function named(name: string, schema: Schema) {
  const fields = [...new Set(fieldsOf(schema, "", []))].toSorted();
  return fields.length > 0 ? { [name]: fields } : {};
}

/** The description lists them: `- label=KEY`. */
function filterNames(text: string): string[] {
  const names = [...text.matchAll(/^\s*[-*]\s+`([a-z][a-z.-]*!?)/gm)].map((match) => match[1]!);
  return [...new Set(names)].toSorted();
}

/** `HostConfig.Mounts.Type`: lists and maps are looked through. */
function fieldsOf(schema: Schema, at: string, seen: readonly string[]): string[] {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1)!;
    return seen.includes(name) ? [] : fieldsOf(description.definitions[name]!, at, [...seen, name]);
  }
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = at === "" ? name : `${at}.${name}`;
    return [path, ...fieldsOf(property, path, seen)];
  });
  const inner = [...(schema.allOf ?? []), schema.items, schema.additionalProperties];
  const looked = inner.flatMap((one) => (typeof one === "object" ? fieldsOf(one, at, seen) : []));
  return [...own, ...looked];
}
