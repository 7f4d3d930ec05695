import { fail, shortId } from "../../base/index.ts";
import type { Container } from "../container.ts";

/** What a tag may say about the container: Docker's template fields. */
const fields: Readonly<Record<string, (container: Container) => string>> = {
  ID: ({ id }) => shortId(id),
  FullID: ({ id }) => id,
  Name: ({ name }) => name,
  ImageName: ({ spec }) => spec.image,
  ImageID: ({ imageId }) => shortId(imageId.replace("sha256:", "")),
  ImageFullID: ({ imageId }) => imageId,
  DaemonName: () => "virga",
};
const field = /\{\{\s*\.(\w+)\s*\}\}/g;

/** Throws `invalid` / `log.option` for a tag that is no such template. */
export function checkTag(template: string): void {
  const names = [...template.matchAll(field)].map(([, name]) => name!);
  const unknown = names.find((name) => !Object.hasOwn(fields, name));
  if (unknown === undefined && !template.replace(field, "").includes("{{")) return;
  throw fail("invalid", "log.option", `invalid value for log option tag: '${template}'`, {
    hint: `it can have ${Object.keys(fields)
      .map((name) => `{{.${name}}}`)
      .join(", ")}`,
  });
}

export function tagOf(container: Container, fallback: string): string {
  const template = container.spec.log?.options?.["tag"] ?? fallback;
  return template.replace(field, (_all, name: string) => fields[name]?.(container) ?? "");
}

/** The container's labels and variables that its log options choose, and its tag: attributes of every line. */
export function logAttributes(container: Container): Readonly<Record<string, string>> {
  const { options = {} } = container.spec.log ?? {};
  const labels = container.process.Labels ?? {};
  const variables = Object.fromEntries(
    (container.process.Env ?? []).map((one) => {
      const at = one.indexOf("=");
      return at < 0 ? [one, ""] : [one.slice(0, at), one.slice(at + 1)];
    }),
  );
  const tag = options["tag"] ? { tag: tagOf(container, "") } : {};
  return {
    ...chosen(labels, options["labels"], options["labels-regex"]),
    ...chosen(variables, options["env"], options["env-regex"]),
    ...tag,
  };
}

function chosen(
  all: Readonly<Record<string, string>>,
  names: string | undefined,
  regex: string | undefined,
): Record<string, string> {
  const listed = new Set((names ?? "").split(",").filter(Boolean));
  const pattern = regex ? new RegExp(regex) : undefined;
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => listed.has(name) || (pattern?.test(name) ?? false)),
  );
}
