import { fail } from "../../../base/index.ts";
import type { AttestRequest } from "../../../builds/index.ts";

/** Fields of `attest:sbom` and `attest:provenance` that change nothing here. */
const withoutEffect: ReadonlySet<string> = new Set([
  "type",
  "reproducible", // a claim about the Dockerfile
]);

/**
 * What `--sbom`, `--provenance` and `--attest` ask for. Without them an image gets both, as from any other client. Throws
 * `unimplemented` / `buildkit.attribute`.
 */
export function attestRequest(given: Readonly<Record<string, string>>): AttestRequest {
  const sbom = given["attest:sbom"];
  const provenance = given["attest:provenance"];
  return {
    ...(sbom === undefined ? {} : { sbom: !fieldsOf("sbom", sbom, []).has("disabled") }),
    ...(provenance === undefined ? {} : provenanceRequest(provenance)),
  };
}

function provenanceRequest(text: string): AttestRequest {
  const fields = fieldsOf("provenance", text, ["mode", "builder-id", "version", "inline-only"]);
  // Nobody has asked: buildx writes this when its user says nothing.
  if (fields.get("inline-only") === "true") return {};
  if (fields.has("disabled")) return { provenance: false };
  const mode = fields.get("mode") ?? "max";
  if (mode !== "min" && mode !== "max") throw notSupported("provenance", `mode=${mode}`);
  const version = fields.get("version") ?? "v1";
  if (version !== "v1" && version !== "v1.0") throw notSupported("provenance", `version=${version}`);
  const builderId = fields.get("builder-id");
  return { provenance: mode, ...(builderId ? { builderId } : {}) };
}

/** `disabled` is there when it is true. */
function fieldsOf(kind: string, text: string, known: readonly string[]): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const part of text.split(",").filter(Boolean)) {
    const [name = "", ...rest] = part.split("=");
    const value = rest.join("=");
    if (withoutEffect.has(name)) continue;
    if (name === "disabled") {
      if (/^(1|t|true)?$/i.test(value)) fields.set(name, "true");
    } else if (known.includes(name)) fields.set(name, value);
    else throw notSupported(kind, part);
  }
  return fields;
}

function notSupported(kind: string, what: string): Error {
  return fail("unimplemented", "buildkit.attribute", `attest:${kind} with ${what} is not supported`);
}
