import { fail } from "../../../base/index.ts";

type Attributes = Readonly<Record<string, string>>;

/** Attributes that exporters take (BuildKit's docs/exporters.md); the rest is refused by its name. */
const taken: Readonly<Record<string, readonly string[]>> = {
  image: ["name", "push"],
  moby: ["name", "push"],
  docker: ["name"],
  oci: ["name"],
  tar: ["platform-split"],
  local: ["platform-split"],
};

/** Those that ask for what happens anyway, with the values that do. */
const holds: Readonly<Record<string, readonly string[]>> = {
  "prefer-image-digest": ["true", "false"],
  "oci-mediatypes": ["true"],
  "oci-artifact": ["true", "false"],
  compression: ["uncompressed"],
  "force-compression": ["true", "false"],
  store: ["true"],
  unpack: ["true", "false"],
  tar: ["true"],
  "push-by-digest": ["false"],
  "registry.insecure": ["false"],
  "dangling-name-prefix": [""],
  "rewrite-timestamp": ["true"],
  push: ["false"],
  mode: ["copy"],
};

/** Throws `unimplemented` / `buildkit.exporter` for an attribute that would be ignored. */
export function checkExporter(type: string, attrs: Attributes): void {
  for (const [name, value] of Object.entries(attrs)) {
    if (value === "" || taken[type]?.includes(name) || holds[name]?.includes(value)) continue;
    const message = `the attribute ${name}=${value} of the exporter '${type}' is not supported`;
    throw fail("unimplemented", "buildkit.exporter", message);
  }
  if (isTrue(attrs, "push") && !attrs.name) {
    throw fail("invalid", "buildkit.exporter", "tag is needed when pushing to registry");
  }
}

export function isTrue(attrs: Attributes, name: string): boolean {
  return ["true", "1", "t", "T", "TRUE", "True"].includes(attrs[name] ?? "");
}
