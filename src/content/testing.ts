import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";

/**
 * The JSON schemas of the OCI specifications, which are not part of this project: VIRGA_OCI_SCHEMAS names a folder that has
 * them in `oci-image` and `oci-runtime`, as the specifications' repositories do in `schema`.
 */
const folder = process.env["VIRGA_OCI_SCHEMAS"];

export const hasSchemas = folder !== undefined;

/** Says what a schema (`image-manifest-schema`) finds wrong with a document; undefined for nothing. */
export function schemaOf(specification: "oci-image" | "oci-runtime", name: string) {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const directory = join(folder!, specification);
  const files = new Map(
    readdirSync(directory)
      .filter((file) => file.endsWith(".json"))
      .map((file) => [`${file.replace(/(\.schema)?\.json$/, "")}.json`, join(directory, file)]),
  );
  for (const [id, path] of files) {
    const schema = plain(JSON.parse(readFileSync(path, "utf8")), new Set(files.keys())) as object;
    ajv.addSchema({ ...schema, $id: id });
  }
  const validate = ajv.getSchema(`${name}.json`);
  if (!validate) throw new Error(`there is no schema ${name} in ${directory}`);
  return (document: unknown): string | undefined =>
    validate(document) === true ? undefined : ajv.errorsText(validate.errors);
}

/** Draft 04 as draft 07 reads it, without names and without what is for other systems and not there. */
function plain(value: unknown, files: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((one) => plain(one, files));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key, one]) => {
    if (typeof one !== "string") return true;
    const isAway = key === "$ref" && /^[^#]/.test(one) && !files.has(one.split("#")[0]!);
    return key !== "$schema" && key !== "id" && !isAway;
  });
  return Object.fromEntries(kept.map(([key, one]) => [key, plain(one, files)]));
}
