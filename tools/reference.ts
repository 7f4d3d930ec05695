import { fieldTables, quirks, versionText } from "../src/api/docker/index.ts";
import type { FieldRule, FieldTable, Quirk } from "../src/api/docker/index.ts";
import { documented, helpOf } from "../src/cli/index.ts";

/** What becomes of each field of a request. */
export function dockerFields(): string {
  return Object.entries(fieldTables)
    .map(([name, table]) => `### ${name}\n\n| field | supported | note |\n|---|---|---|\n${rowsOf(table)}\n`)
    .join("\n");
}

function rowsOf(table: FieldTable): string {
  const names = Object.keys(table).sort();
  return names.map((name) => `| ${name} | ${cellsOf(table[name]!)} |`).join("\n");
}

function cellsOf(rule: FieldRule): string {
  if (rule.support === "supported") return "yes | ";
  if (rule.support === "partly") return `partly | ${rule.which}`;
  if (rule.support === "no-effect") return `no effect | ${rule.why}`;
  return `no | ${rule.instead ?? ""}`;
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

/** The help of every command. */
export function commandReference(): string {
  return documented.map((one) => `## virga ${one.name}\n\n\`\`\`text\n${helpOf(one)}\`\`\`\n`).join("\n");
}
