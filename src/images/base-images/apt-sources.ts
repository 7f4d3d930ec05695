import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One `deb` entry of the host's apt configuration (sources.list(5)), both of its formats. */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly architectures: readonly string[];
  /** A path or fingerprints, or a whole key. */
  readonly signedBy?: string;
}

/** Reads DIRECTORY/sources.list and DIRECTORY/sources.list.d (the host's is /etc/apt); no file is not an error. */
export function readAptSources(directory: string): AptSource[] {
  const parts = join(directory, "sources.list.d");
  const names = filesOf(parts).filter((name) => /\.(list|sources)$/.test(name));
  const files = [join(directory, "sources.list"), ...names.map((name) => join(parts, name))];
  return files.flatMap((file) => {
    const text = textOf(file);
    return file.endsWith(".sources") ? parseDeb822(text) : parseOneLine(text);
  });
}

/** `deb [options] URI SUITE COMPONENT…`, one a line. */
export function parseOneLine(text: string): AptSource[] {
  return text.split("\n").flatMap((raw) => {
    const line = raw.replace(/#.*/, "").trim();
    const match = /^deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*(.*)$/.exec(line);
    if (!match) return [];
    const [, options = "", uri, suite, components] = match;
    const option = (name: string) =>
      new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|(\\S+))`, "i").exec(options)?.slice(1).find(Boolean);
    const signedBy = option("signed-by");
    return [
      {
        uris: [uri!],
        suites: [suite!],
        components: words(components!),
        architectures: (option("arch") ?? "").split(",").filter(Boolean),
        ...(signedBy === undefined ? {} : { signedBy }),
      },
    ];
  });
}

/** Stanzas of `Field: value`, continued on lines that begin with a blank. */
export function parseDeb822(text: string): AptSource[] {
  const plain = text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n");
  return plain.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>();
    let last = "";
    for (const line of stanza.split("\n")) {
      const match = /^([A-Za-z-]+):\s*(.*)$/.exec(line);
      if (match) fields.set((last = match[1]!.toLowerCase()), match[2]!);
      else if (/^\s/.test(line) && last) fields.set(last, `${fields.get(last)}\n${line.trim()}`);
    }
    const list = (name: string) => words(fields.get(name) ?? "");
    const off = /^(no|false|without|off|disable)$/i.test(fields.get("enabled")?.trim() ?? "");
    if (off || !list("types").includes("deb")) return [];
    const signedBy = fields.get("signed-by")?.trim();
    return [
      {
        uris: list("uris"),
        suites: list("suites"),
        components: list("components"),
        architectures: list("architectures"),
        ...(signedBy ? { signedBy } : {}),
      },
    ];
  });
}

function words(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}

function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory).toSorted();
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
