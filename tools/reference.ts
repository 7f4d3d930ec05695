import { absentFields, endpoints, history, partsOf, quirks, versionText } from "../src/api/docker/index.ts";
import type { Endpoint, FieldRule, FieldTable, Quirk } from "../src/api/docker/index.ts";
import { helpTexts } from "../src/cli/index.ts";

/** Every endpoint with what becomes of its parameters. */
export function dockerEndpoints(): string {
  const rows = sorted(endpoints).map(([key, endpoint]) => `| ${key} | ${endpointCells(endpoint)} |`);
  return `| endpoint | supported | parameters | note |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}

function endpointCells(endpoint: Endpoint): string {
  if (endpoint.refused !== undefined) return `no | | ${endpoint.refused}`;
  const query = sorted(endpoint.query ?? {});
  const taken = query.filter(([, rule]) => rule.support !== "refused");
  const filters = endpoint.filters ?? [];
  const notes = [
    ...(endpoint.except === undefined ? [] : [`not: ${endpoint.except}`]),
    ...(filters.length > 0 ? [`filters: ${filters.toSorted().join(", ")}`] : []),
    ...refusedOf(query),
    ...query.flatMap(([name, rule]) =>
      rule.support === "no-effect" ? [`${name} has no effect: ${rule.why}`] : [],
    ),
  ];
  const support = endpoint.except === undefined && refusedOf(query).length === 0 ? "yes" : "partly";
  return `${support} | ${taken.map(([name]) => name).join(", ")} | ${notes.join("; ")}`;
}

function refusedOf(query: readonly (readonly [string, FieldRule])[]): string[] {
  const names = query.flatMap(([name, rule]) => (rule.support === "refused" ? [name] : []));
  return names.length > 0 ? [`refused: ${names.join(", ")}`] : [];
}

/** What becomes of each field of each request. */
export function dockerFields(): string {
  const bodies = sorted(endpoints).filter(([, one]) => one.body !== undefined && one.refused === undefined);
  return bodies
    .map(
      ([key, one]) => `### ${key}\n\n| field | supported | note |\n|---|---|---|\n${rowsOf(one.body!, "")}\n`,
    )
    .join("\n");
}

function rowsOf(table: FieldTable, at: string): string {
  return sorted(table)
    .flatMap(([name, rule]) => [
      `| ${at}${name} | ${cellsOf(rule)} |`,
      ...tablesIn(rule).map((table) => rowsOf(table, `${at}${name}.`)),
    ])
    .join("\n");
}

function tablesIn(rule: FieldRule): FieldTable[] {
  const table = partsOf(rule);
  return table === undefined ? [] : [table];
}

function cellsOf(rule: FieldRule): string {
  if (rule.support === "supported") return "yes | ";
  if (rule.support === "partly") return `partly | ${rule.which}`;
  if (rule.support === "no-effect") return `no effect | ${rule.why}`;
  return `no | ${rule.instead ?? ""}`;
}

/** What answers leave out of what the description names. */
export function dockerAnswers(): string {
  const rows = sorted(absentFields).flatMap(([key, fields]) =>
    sorted(fields).map(([field, why]) => `| ${key} | ${field} | ${why} |`),
  );
  return `| endpoint | field | why it is not there |\n|---|---|---|\n${rows.join("\n")}\n`;
}

function sorted<T>(table: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(table).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** The differences between API versions that Virga reproduces. */
export function dockerQuirks(): string {
  const rows = Object.values<Quirk>(quirks).map((quirk) => {
    const since = quirk.since === undefined ? "" : versionText(quirk.since);
    const until = quirk.until === undefined ? "" : versionText(quirk.until);
    return `| ${since} | ${until} | [${quirk.what}](${quirk.link}) |`;
  });
  return `| since | until | what |\n|---|---|---|\n${rows.join("\n")}\n`;
}

/** What changed with each version of the API, and how it is here. */
export function dockerHistory(): string {
  const rows = Object.entries(history).flatMap(([version, changes]) =>
    changes.map(([what, here]) => `| ${versionText(Number(version))} | ${what} | ${hereText(here)} |`),
  );
  return `| version | what | here |\n|---|---|---|\n${rows.join("\n")}\n`;
}

function hereText(here: string): string {
  if (here.startsWith("~")) return "as the version says";
  return here === "yes" ? "in every version" : here.replace(/^no: /, "not: ");
}

/** The help of every command. */
export async function commandReference(): Promise<string> {
  const all = await helpTexts();
  return all.map(({ name, text }) => `## virga ${name}\n\n\`\`\`text\n${text}\`\`\`\n`).join("\n");
}
