import { configTarget, secretTarget } from "./compose/check-names.ts";
import { parseEnvFile } from "./compose/dotenv.ts";
import { displayName } from "./compose/extends.ts";
import type { FileSource, Service, StackModel } from "./compose/model.ts";
import type { Problems } from "./compose/problems.ts";
import { readSmallFile } from "./compose/small-file.ts";
import { locate, type Position } from "./compose/tree.ts";
import type { StackFile, StackFiles } from "./stack-files.ts";

/** What a service takes from files and from the caller's environment. */
export interface ServiceContents {
  /** `KEY=VALUE`; `KEY` alone removes the image's variable. */
  readonly env: readonly string[];
  /** Of its label files and its `labels`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly { readonly file: StackFile; readonly target: string }[];
  /** `unconfined`, or the profile's JSON. */
  readonly seccomp?: string;
}

interface Reading {
  readonly model: StackModel;
  readonly name: string;
  readonly service: Service;
  readonly problems: Problems;
}

/** Reads env files, label files, secrets, configs and a seccomp profile; what is wrong goes to `problems`. */
export async function readContents(
  model: StackModel,
  name: string,
  service: Service,
  files: Pick<StackFiles, "plan">,
  problems: Problems,
): Promise<ServiceContents> {
  const reading = { model, name, service, problems };
  const seccomp = await readSeccomp(reading);
  return {
    env: await readEnvironment(reading),
    labels: await readLabels(reading),
    mounts: [
      ...(await readGrants(reading, "secrets", secretTarget, files)),
      ...(await readGrants(reading, "configs", configTarget, files)),
    ],
    ...(seccomp === undefined ? {} : { seccomp }),
  };
}

function place({ model, name }: Reading, ...path: readonly string[]): Position {
  return locate(model.tree, ["services", name, ...path]);
}

async function readEnvironment(reading: Reading): Promise<string[]> {
  const { model, service } = reading;
  const values = new Map<string, string | undefined>();
  for (const { path, required, format } of service.env_file ?? []) {
    const lines = await readEnvLines(reading, "env_file", path, required, format === "raw");
    for (const line of lines) values.set(line.name, line.value ?? model.variable(line.name));
  }
  for (const [key, value] of Object.entries(service.environment ?? {})) {
    values.set(key, value ?? model.variable(key));
  }
  return [...values].map(([key, value]) => (value === undefined ? key : `${key}=${value}`));
}

async function readLabels(reading: Reading): Promise<Record<string, string>> {
  const labels = new Map<string, string>();
  for (const path of reading.service.label_file ?? []) {
    const lines = await readEnvLines(reading, "label_file", path, true, false);
    for (const line of lines) {
      if (line.name.startsWith("com.docker.compose")) {
        reading.problems.invalid(
          place(reading, "label_file"),
          `services.${reading.name}.label_file`,
          `${path}: the label '${line.name}' is reserved`,
        );
      } else labels.set(line.name, line.value ?? "");
    }
  }
  return { ...Object.fromEntries(labels), ...reading.service.labels };
}

async function readEnvLines(
  reading: Reading,
  key: "env_file" | "label_file",
  path: string,
  required: boolean,
  raw: boolean,
) {
  const { model, name, problems } = reading;
  const content = await readSmallFile(path);
  if (content.kind === "missing" && !required) return [];
  const at = place(reading, key);
  if (content.kind !== "read") {
    const reason = content.kind === "missing" ? "is not there" : content.reason;
    problems.invalid(at, `services.${name}.${key}`, `${path} ${reason}`);
    return [];
  }
  const parsed = parseEnvFile(content.text, { raw, variable: model.variable });
  const source = { ...at.source, name: displayName(path, model.directory) };
  for (const { line, message } of parsed.problems) problems.invalid({ source, line, column: 1 }, "", message);
  return parsed.lines;
}

async function readGrants(
  reading: Reading,
  kind: "secrets" | "configs",
  targetOf: (grant: { readonly source: string; readonly target?: string }) => string,
  files: Pick<StackFiles, "plan">,
): Promise<{ file: StackFile; target: string }[]> {
  const { model, service } = reading;
  const result: { file: StackFile; target: string }[] = [];
  for (const grant of service[kind] ?? []) {
    const definition = model[kind][grant.source];
    const content = definition && (await contentOf(reading, kind, grant.source, definition));
    if (!content) continue;
    // The specification has the writable bits ignored.
    const mode = (grant.mode ?? 0o444) & ~0o222;
    const file = files.plan(model.name, { content, mode, uid: grant.uid ?? 0, gid: grant.gid ?? 0 });
    result.push({ file, target: targetOf(grant) });
  }
  return result;
}

/** What the secrets of a service's build hold, by the id that RUN asks for. */
export async function readBuildSecrets(
  model: StackModel,
  name: string,
  service: Service,
  problems: Problems,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const secrets = new Map<string, Uint8Array>();
  for (const { source, target = source } of service.build?.secrets ?? []) {
    const definition = model.secrets[source];
    const reading = { model, name, service, problems };
    const content = definition && (await contentOf(reading, "secrets", source, definition));
    if (content) secrets.set(target, content);
  }
  return secrets;
}

async function contentOf(
  { model, problems }: Reading,
  kind: "secrets" | "configs",
  key: string,
  definition: FileSource,
): Promise<Uint8Array | undefined> {
  const at = locate(model.tree, [kind, key]);
  if (definition.content !== undefined) return new TextEncoder().encode(definition.content);
  if (definition.environment !== undefined) {
    const value = model.variable(definition.environment);
    if (value !== undefined) return new TextEncoder().encode(value);
    problems.invalid(at, `${kind}.${key}.environment`, `the variable ${definition.environment} is not set`);
    return undefined;
  }
  if (definition.file === undefined) return undefined;
  const content = await readSmallFile(definition.file);
  if (content.kind === "read") return content.bytes;
  const reason = content.kind === "missing" ? "is not there" : content.reason;
  problems.invalid(at, `${kind}.${key}.file`, `${definition.file} ${reason}`);
  return undefined;
}

async function readSeccomp(reading: Reading): Promise<string | undefined> {
  const option = reading.service.security_opt?.findLast((one) => one.startsWith("seccomp="));
  const path = option?.slice("seccomp=".length);
  if (path === undefined || path === "unconfined") return path;
  const content = await readSmallFile(path);
  const problem = (message: string) =>
    reading.problems.invalid(
      place(reading, "security_opt"),
      `services.${reading.name}.security_opt`,
      `${path} ${message}`,
    );
  if (content.kind !== "read") {
    problem(content.kind === "missing" ? "is not there" : content.reason);
    return undefined;
  }
  try {
    JSON.parse(content.text);
    return content.text;
  } catch {
    problem("is not JSON");
    return undefined;
  }
}
