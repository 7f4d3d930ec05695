import { dirname, resolve } from "node:path";
import { LineCounter, parseDocument, type Document } from "yaml";
import { z } from "zod";
import { fail, messageOf, suggestion } from "../../base/index.ts";
import type { KeySource, Policy, Requirement, SignedIdentity } from "./policy.ts";

const text = z.string().min(1, "is empty");
const identity = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("matchExact") }),
  z.strictObject({ type: z.literal("matchRepoDigestOrExact") }),
  z.strictObject({ type: z.literal("matchRepository") }),
  z.strictObject({ type: z.literal("exactReference"), dockerReference: text }),
  z.strictObject({ type: z.literal("exactRepository"), dockerRepository: text }),
  z.strictObject({ type: z.literal("remapIdentity"), prefix: text, signedPrefix: text }),
  z.strictObject({ type: z.literal("matchDigest") }),
]);

const keyFields = ["keyPath", "keyPaths", "keyData", "keyDatas"] as const;
/** Of the transparency log and of certificates: known, and not supported. */
const otherTrust = [
  "fulcio",
  "pki",
  "rekorPublicKeyPath",
  "rekorPublicKeyPaths",
  "rekorPublicKeyData",
  "rekorPublicKeyDatas",
] as const;
const anything = Object.fromEntries(otherTrust.map((key) => [key, z.unknown().optional()])) as Record<
  (typeof otherTrust)[number],
  z.ZodOptional<z.ZodUnknown>
>;

const signed = z
  .strictObject({
    type: z.literal("sigstoreSigned"),
    keyPath: text.optional(),
    keyPaths: z.array(text).min(1).optional(),
    keyData: z.base64().optional(),
    keyDatas: z.array(z.base64()).min(1).optional(),
    signedIdentity: identity.optional(),
    ...anything,
  })
  .refine((one) => otherTrust.some((key) => one[key] !== undefined) || givenKeys(one) === 1, {
    error: `wants exactly one of ${keyFields.join(", ")}`,
  });

/** GPG; its own fields are not looked at. */
const signedBy = z.looseObject({ type: z.literal("signedBy") });
const requirement = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("insecureAcceptAnything") }),
  z.strictObject({ type: z.literal("reject") }),
  signed,
  signedBy,
]);
const requirements = z.array(requirement).min(1, "needs at least one requirement");
const schema = z.strictObject({
  default: requirements,
  transports: z.record(z.string(), z.record(z.string(), requirements)).optional(),
});

function givenKeys(one: Partial<Record<(typeof keyFields)[number], unknown>>): number {
  return keyFields.filter((key) => one[key] !== undefined).length;
}

/** Reads a policy. Throws `invalid` / `policy.malformed` with the file, line and column, and the key. */
export function readPolicy(path: string, content: string): Policy {
  const lines = new LineCounter();
  // JSON is YAML: its parser knows where things are, and finds keys that are there twice.
  const document = parseDocument(content, { lineCounter: lines, uniqueKeys: true });
  const at = (offset: number | undefined) => {
    if (offset === undefined) return path;
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    const place = document.errors[0]?.pos[0];
    throw malformed(`${at(place)}: it is not JSON: ${messageOf(error)}`);
  }
  const twice = document.errors.find((one) => one.code === "DUPLICATE_KEY");
  if (twice) throw malformed(`${at(twice.pos[0])}: ${twice.message.split(" at line")[0]}`);
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const { place, path: keys } = describeIssue(parsed.error.issues[0]!);
    throw malformed(`${at(offsetOf(document, keys))}: ${place}`);
  }
  const transports = Object.entries(parsed.data.transports ?? {}).map(([transport, scopes]) => {
    const rules = Object.entries(scopes).map(([scope, list]) => {
      checkScope(transport, scope, at(offsetOf(document, ["transports", transport, scope])));
      return [scope, list.map((one) => toRequirement(path, one))] as const;
    });
    return [transport, new Map(rules)] as const;
  });
  return {
    path,
    default: parsed.data.default.map((one) => toRequirement(path, one)),
    transports: new Map(transports),
  };
}

const knownTypes = ["insecureAcceptAnything", "reject", "sigstoreSigned", "signedBy"];
const knownKeys = ["default", "transports", "type", ...keyFields, "signedIdentity"];

function describeIssue(issue: z.core.$ZodIssue): { place: string; path: PropertyKey[] } {
  const where = issue.path.length > 0 ? `${issue.path.map(String).join(".")}: ` : "";
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    return {
      place: `${where}unknown key '${key}'${suggestion(key, knownKeys)}`,
      path: [...issue.path, key],
    };
  }
  const noType = issue.code === "invalid_union" && issue.path.at(-1) === "type";
  const wanted = issue.path.includes("signedIdentity") ? "a kind of identity" : knownTypes.join(", ");
  return { place: `${where}${noType ? `is none of ${wanted}` : issue.message}`, path: [...issue.path] };
}

/** Where a key is in the file; the nearest thing around it when it is not there. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as { readonly range?: [number] } | undefined;
    if (node?.range) return node.range[0];
  }
  return undefined;
}

function checkScope(transport: string, scope: string, place: string): void {
  if (transport !== "docker" || scope === "") return;
  const shape = scope.replace(/^\*\./, "");
  const wrong = (why: string) => malformed(`${place}: transports.docker: the scope '${scope}' ${why}`);
  if (/^[a-z+]+:\/\//.test(scope)) throw wrong("is a URL: leave the scheme away");
  if (scope.endsWith("/")) throw wrong("ends with a slash: leave it away");
  if (shape.includes("*"))
    throw wrong("has a * that is not '*.' before the end of a host name: *.example.com");
  if (/\s/.test(scope)) throw wrong("has a space in it");
  if (scope !== shape && shape.includes("/")) throw wrong("has a path behind a wildcard");
}

function toRequirement(path: string, given: z.infer<typeof requirement>): Requirement {
  if (given.type === "insecureAcceptAnything" || given.type === "reject") return { type: given.type };
  if (given.type === "signedBy") return { type: "unsupported", what: "signedBy (GPG signatures)" };
  const other = otherTrust.find((key) => given[key] !== undefined);
  if (other) return { type: "unsupported", what: `sigstoreSigned with ${other} (keyless, transparency log)` };
  const files = [given.keyPath ?? [], given.keyPaths ?? []].flat();
  const data = [given.keyData ?? [], given.keyDatas ?? []].flat();
  const keys: KeySource[] = [
    ...files.map((file) => ({ path: resolve(dirname(path), file) })),
    ...data.map((base64) => ({ pem: Buffer.from(base64, "base64").toString("utf8") })),
  ];
  const signedIdentity: SignedIdentity = given.signedIdentity ?? { type: "matchRepoDigestOrExact" };
  return { type: "sigstoreSigned", keys, identity: signedIdentity };
}

function malformed(message: string): Error {
  return fail("invalid", "policy.malformed", message, {
    hint: "mend the policy; until then it refuses every image (docs/signatures.md, containers-policy.json(5))",
  });
}
