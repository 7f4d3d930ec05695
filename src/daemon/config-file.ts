import { readFileSync } from "node:fs";
import { z } from "zod";
import { errnoOf, fail, messageOf, suggestion } from "../base/index.ts";

/** The keys of `DIR/config.json`; named, and meaning, what they are in dockerd's daemon.json where it has them. */
const schema = z.strictObject({
  "registry-mirrors": z.array(z.string()).optional(),
  /** Mirrors of any registry: `{ "quay.io": ["https://mirror.example"] }`. */
  mirrors: z.record(z.string(), z.array(z.string())).optional(),
  "insecure-registries": z.array(z.string()).optional(),
  "max-concurrent-downloads": z.int().min(1).max(64).optional(),
  "max-concurrent-uploads": z.int().min(1).max(64).optional(),
  /** Where a registry is served, and with which certificate. */
  registry: z.string().optional(),
  "registry-tls-cert": z.string().optional(),
  "registry-tls-key": z.string().optional(),
  "registry-own-ca": z.boolean().optional(),
  "registry-names": z.array(z.string()).optional(),
  /** Registries whose images the registry keeps, by their domain. */
  "registry-caches": z
    .record(
      z.string(),
      z.strictObject({
        prefix: z.string().optional(),
        username: z.string().optional(),
        "password-file": z.string().optional(),
        "fresh-for": z.string().optional(),
        mirror: z.string().optional(),
      }),
    )
    .optional(),
  "registry-cache-size": z.string().optional(),
  /** The build cache, as dockerd names its settings; a share of the disk (`20%`) may stand for a size. */
  builder: z
    .strictObject({
      gc: z
        .strictObject({ enabled: z.boolean().optional(), defaultKeepStorage: z.string().optional() })
        .optional(),
    })
    .optional(),
  /** Steps of builds that work at the same time. */
  "max-concurrent-build-steps": z.int().min(1).max(256).optional(),
  /** RUN steps of builds get this machine's proxy settings and CA bundle. */
  "build-host-proxy": z.boolean().optional(),
  /** Which images may come here and run, in the form of containers-policy.json(5); `DIR/policy.json` without it. */
  "signature-policy": z.string().startsWith("/").optional(),
  /** How much containers may write that ask for no limit of their own: `["overlay2.size=10G"]`. */
  "storage-opts": z.array(z.string()).optional(),
  /** More OCI runtimes, by the name that `--runtime` takes. */
  runtimes: z
    .record(
      z.string().regex(/^[A-Za-z0-9][\w.-]*$/),
      z.strictObject({ path: z.string().startsWith("/"), runtimeArgs: z.array(z.string()).optional() }),
    )
    .optional(),
});

export type ConfigFile = z.infer<typeof schema>;

/**
 * Reads the daemon's configuration; empty when there is no file. Throws `invalid` / `config.malformed` with the file and
 * the key.
 */
export function readConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return {};
    throw fail("precondition", "config.unreadable", `${path} can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const result = schema.safeParse(parse(path, text));
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    throw malformed(path, `unknown key '${key}'${suggestion(key, Object.keys(schema.shape))}`);
  }
  const place = issue.path.length > 0 ? `${issue.path.map(String).join(".")}: ` : "";
  throw malformed(path, `${place}${issue.message}`);
}

function parse(path: string, text: string): unknown {
  try {
    return text.trim() === "" ? {} : (JSON.parse(text) as unknown);
  } catch (error) {
    throw malformed(path, `it is not JSON: ${messageOf(error)}`);
  }
}

function malformed(path: string, why: string): Error {
  return fail("invalid", "config.malformed", `${path}: ${why}`, {
    hint: "mend the file and start the daemon again; docs/daemon.md lists its keys",
  });
}
