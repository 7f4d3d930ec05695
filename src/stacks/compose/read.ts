import { basename, join, resolve } from "node:path";
import { stat } from "node:fs/promises";
import { fail } from "../../base/index.ts";
import type { StackSource } from "../stack.ts";
import { checkModel } from "./check.ts";
import { displayName } from "./extends.ts";
import { interpolate } from "./interpolate.ts";
import { environmentOf, loadTrees, mergeTrees, nameOf, resolveIncludes, type FileSet } from "./load.ts";
import type { StackModel } from "./model.ts";
import { Problems } from "./problems.ts";
import { projectFile, projectName } from "./project-keys.ts";
import { readSmallFile } from "./small-file.ts";
import { parseYaml } from "./yaml.ts";

const defaultFiles = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
const overrideFiles = [
  "compose.override.yaml",
  "compose.override.yml",
  "docker-compose.override.yaml",
  "docker-compose.override.yml",
];

/**
 * Reads, merges and checks the files of a stack. Throws `not-found` / `stack.no-file`, and one `invalid` /
 * `stack.file-invalid` or `unimplemented` / `stack.unsupported` that tells everything that is wrong.
 */
export async function readStack(source: StackSource): Promise<StackModel> {
  const problems = new Problems();
  const { set, name, profiles } = await prepare(source, problems);
  const variable = (key: string) => (key === "COMPOSE_PROJECT_NAME" ? name : set.variable(key));
  const named: FileSet = { ...set, variable };
  const merged = mergeTrees(await loadTrees(named, problems));
  const tree = merged && (await resolveIncludes(merged, named, problems));
  const file = tree && projectFile(tree, "", problems);
  if (!tree || !file) {
    problems.throwIfAny();
    throw fail("invalid", "stack.file-invalid", `${set.files.join(", ")}: nothing is in it`);
  }
  const model: StackModel = {
    name,
    directory: set.directory,
    files: set.files.map((one) => resolve(set.directory, one)),
    services: file.services ?? {},
    networks: file.networks ?? {},
    volumes: file.volumes ?? {},
    secrets: file.secrets ?? {},
    configs: file.configs ?? {},
    profiles,
    variable,
    warnings: [],
    tree,
  };
  checkModel(model, problems);
  problems.throwIfAny();
  return { ...model, warnings: problems.warnings };
}

/** The name that the files, the environment or the folder give a stack; needs no valid file beyond its YAML. */
export async function readStackName(source: StackSource): Promise<string> {
  return (await prepare(source, new Problems())).name;
}

async function prepare(
  source: StackSource,
  problems: Problems,
): Promise<{ set: FileSet; name: string; profiles: readonly string[] }> {
  const envFiles = source.envFiles ?? [];
  const variable = await environmentOf(
    { directory: source.directory, files: envFiles, optional: envFiles.length === 0 ? [".env"] : [] },
    (key) => (Object.hasOwn(source.environment, key) ? source.environment[key] : undefined),
    problems,
  );
  const files = await fileNames(source, variable);
  const set: FileSet = { directory: source.directory, root: source.directory, files, variable };
  const name = await chooseName(source, set);
  const given =
    source.profiles.length > 0 ? source.profiles : (variable("COMPOSE_PROFILES") ?? "").split(",");
  return { set, name, profiles: given.map((one) => one.trim()).filter(Boolean) };
}

async function fileNames(source: StackSource, variable: FileSet["variable"]): Promise<readonly string[]> {
  if (source.files.length > 0) return source.files;
  const listed = variable("COMPOSE_FILE");
  if (listed) return listed.split(variable("COMPOSE_PATH_SEPARATOR") || ":");
  for (const file of defaultFiles) {
    if (!(await exists(join(source.directory, file)))) continue;
    for (const override of overrideFiles) {
      if (await exists(join(source.directory, override))) return [file, override];
    }
    return [file];
  }
  throw fail(
    "not-found",
    "stack.no-file",
    `no Compose file in ${source.directory}: looked for ${defaultFiles.join(", ")}`,
    {
      hint: "name the folder that has one, or a file with --file",
    },
  );
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function chooseName(source: StackSource, set: FileSet): Promise<string> {
  const given = source.projectName ?? (set.variable("COMPOSE_PROJECT_NAME") || undefined);
  if (given !== undefined) return checkedName(given, "the name given");
  let written: string | undefined;
  for (const file of set.files) written = (await nameInFile(resolve(set.directory, file), set)) ?? written;
  // A wrong name in a file is told with the file's other problems; until then the folder's serves.
  if (written !== undefined && projectName.test(written)) return written;
  const folder = basename(set.directory)
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, "")
    .replace(/^[_-]+/, "");
  return checkedName(folder, `the name made of the folder '${basename(set.directory)}'`);
}

function checkedName(name: string, what: string): string {
  if (projectName.test(name) && name.length <= 200) return name;
  throw fail(
    "invalid",
    "stack.name-invalid",
    `${what}, '${name}', is not a stack's name: expected small letters, digits, '-' and '_', starting with a letter or digit`,
    {
      hint: "give one with --project-name, or with 'name:' in the file",
    },
  );
}

async function nameInFile(path: string, set: FileSet): Promise<string | undefined> {
  const content = await readSmallFile(path);
  if (content.kind !== "read") return undefined;
  const source = { name: displayName(path, set.root), directory: set.directory, variable: set.variable };
  const name = nameOf(parseYaml(content.text, source, new Problems()));
  return name && interpolate(name, { variable: set.variable, invalid: () => {}, unset: () => {} });
}
