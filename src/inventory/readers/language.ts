import type { Package } from "../package.ts";
import { readFields, some } from "./system.ts";

/** package.json of something in node_modules. */
export function readNpm(text: string): Package[] {
  const { name, version, license } = JSON.parse(text) as Readonly<Record<string, unknown>>;
  if (typeof name !== "string" || typeof version !== "string" || name === "" || version === "") return [];
  const old = (license as { readonly type?: unknown } | undefined)?.type;
  const known = typeof license === "string" ? license : typeof old === "string" ? old : undefined;
  return [{ type: "npm", name, version, ...some("license", known) }];
}

/** METADATA of a .dist-info and PKG-INFO of an .egg-info (Core metadata specifications). */
export function readPython(text: string): Package[] {
  const fields = readFields(text.split(/\r?\n\r?\n/, 1)[0]!.replaceAll("\r", ""));
  const { name, version } = fields;
  if (!name || !version) return [];
  const written = fields["license-expression"] ?? fields["license"];
  const license = written === "UNKNOWN" ? undefined : written;
  return [{ type: "pypi", name, version, ...some("license", license) }];
}

/** Cargo.lock: packages that come from a registry or repository, not those of the folder itself. */
export function readCargoLock(text: string): Package[] {
  return text
    .split("[[package]]")
    .slice(1)
    .flatMap((block): Package[] => {
      const value = (key: string) => new RegExp(`^${key} = "(.*)"$`, "m").exec(block)?.[1];
      const [name, version] = [value("name"), value("version")];
      return name && version && value("source") ? [{ type: "cargo", name, version }] : [];
    });
}

/** What `cargo auditable` puts into a binary. */
export function readCargoAuditable(json: string): Package[] {
  const { packages } = JSON.parse(json) as {
    readonly packages: readonly { readonly name: string; readonly version: string; readonly kind?: string }[];
  };
  const built = packages.filter((one) => one.kind !== "build");
  return built.map(({ name, version }) => ({ type: "cargo", name, version }));
}

/** The text that Go's linker writes into a binary (runtime/debug.BuildInfo), and the version of Go itself. */
export function readGoModules(text: string, goVersion: string): Package[] {
  const packages: Package[] = [];
  const standard = /^go(\d\S*)/.exec(goVersion)?.[1];
  if (standard) packages.push({ type: "golang", name: "stdlib", version: standard });
  for (const line of text.split("\n")) {
    const [kind, name, version] = line.split("\t");
    if (!name || !version) continue;
    // The module that takes the place of the one in the line before.
    if (kind === "=>") packages.pop();
    if (kind === "mod" || kind === "dep" || kind === "=>") packages.push({ type: "golang", name, version });
  }
  return packages;
}
