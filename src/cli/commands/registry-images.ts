import { fail, formatBytes } from "../../base/index.ts";
import type { WireManifest } from "../../api/client/index.ts";
import { jsonOption, type Command } from "../command.ts";
import { needDaemon } from "../connection.ts";
import { table } from "../output.ts";
import { print, printJson } from "../terminal.ts";
import { ago } from "../time.ts";

const of = async (root: string) => (await needDaemon(root)).registry;
const since = (time: string | undefined) => (time === undefined ? "-" : ago(time));

export const list: Command = {
  name: "registry ls",
  summary:
    "List the registry's repositories, or the tags of one, with sizes and when they were pushed and pulled",
  usage: "[REPOSITORY]",
  arguments: { max: 1 },
  options: {
    all: { type: "boolean", short: "a", help: "members of indexes, signatures and the like, too" },
    ...jsonOption,
  },
  completes: ["nothing"],
  async run(invocation) {
    const registry = await of(invocation.root);
    const [name] = invocation.arguments;
    if (name === undefined) {
      const all = await registry.repositories();
      if (invocation.flag("json")) printJson(all);
      else {
        const rows = all.map((one) => [
          one.name,
          String(one.tags),
          formatBytes(one.bytes),
          since(one.pushedAt),
          since(one.pulledAt),
        ]);
        print(table(["REPOSITORY", "TAGS", "SIZE", "PUSHED", "PULLED"], rows));
      }
      return 0;
    }
    const found = await registry.manifests(name);
    const shown = invocation.flag("all")
      ? found
      : found.flatMap((one) => {
          const tags = one.tags.filter((tag) => !attachedTag.test(tag));
          return tags.length === 0 ? [] : [{ ...one, tags }];
        });
    if (invocation.flag("json")) printJson(shown);
    else print(table(["TAG", "DIGEST", "TYPE", "SIZE", "PUSHED", "PULLED"], shown.flatMap(rowsOf)));
    return 0;
  },
};

/** Under such tags older clients keep what belongs to an image: `sha256-….sig`. */
const attachedTag = /^sha(256|512)-[0-9a-f]{64,}(\.[a-z]+)?$/;

function rowsOf(one: WireManifest): string[][] {
  const tags = one.tags.length === 0 ? ["-"] : one.tags;
  return tags.map((tag) => [
    tag,
    one.digest.slice(0, 19),
    typeOf(one),
    formatBytes(one.bytes),
    since(one.pushedAt),
    since(one.pulledAt),
  ]);
}

function typeOf({ mediaType, artifactType }: WireManifest): string {
  if (/index|manifest\.list/.test(mediaType)) return "index";
  const isImage =
    artifactType === undefined || /\.(image\.config\.v1|container\.image\.v1)\+json$/.test(artifactType);
  return isImage ? "image" : artifactType;
}

export const remove: Command = {
  name: "registry rm",
  summary: "Remove tags, manifests or all of a repository from the registry",
  usage: "REPOSITORY:TAG|REPOSITORY@DIGEST...",
  arguments: { min: 1 },
  options: { all: { type: "boolean", help: "all that is in the repositories that are named" } },
  completes: ["nothing"],
  details:
    "A tag goes alone; a manifest goes with its tags. What nobody needs any more is freed an hour after the last push to the\nrepository.",
  async run(invocation) {
    const registry = await of(invocation.root);
    const wanted = invocation.arguments.map((text) => parse(text, invocation.flag("all")));
    for (const { repository, ...what } of wanted) await registry.removeImage(repository, what);
    return 0;
  },
};

function parse(text: string, all: boolean) {
  const [, repository = "", tag, digest] = /^([^:@]+)(?::([^:@]+)|@(.+))?$/.exec(text) ?? [];
  const whole = tag === undefined && digest === undefined;
  if (repository !== "" && whole === all) {
    return { repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
  }
  const why = all ? "with --all only repositories are named" : "it names neither a tag nor a digest";
  throw fail("invalid", "cli.usage", `'${text}': ${why}`, {
    hint: "virga registry rm team/app:1.0, team/app@sha256:…, or --all team/app; without the registry's address",
  });
}

const protectedTags = {
  tags: { type: "string", value: "PATTERN", help: "these tags (default: all)" },
} as const;

export const protect: Command = {
  name: "registry protect",
  summary: "Protect tags: what they name can't be changed or deleted",
  usage: "REPOSITORIES",
  arguments: { min: 1, max: 1 },
  options: protectedTags,
  completes: ["nothing"],
  details:
    "A new tag may be pushed, once. Rules of virga registry keep leave protected tags alone. Repositories are a name or a\npattern, in which * stands for any text: team/app, team/*, *.",
  async run(invocation) {
    const [repositories = ""] = invocation.arguments;
    await (await of(invocation.root)).protect({ repositories, tags: invocation.text("tags") ?? "*" });
    return 0;
  },
};

export const unprotect: Command = {
  name: "registry unprotect",
  summary: "Lift the protection of tags",
  usage: "REPOSITORIES",
  arguments: { min: 1, max: 1 },
  options: protectedTags,
  completes: ["nothing"],
  async run(invocation) {
    const [repositories = ""] = invocation.arguments;
    await (await of(invocation.root)).unprotect({ repositories, tags: invocation.text("tags") ?? "*" });
    return 0;
  },
};
