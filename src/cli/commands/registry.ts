import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail, formatBytes, parseBytes } from "../../base/index.ts";
import type { WireGrant, WireRegistry } from "../../api/client/index.ts";
import { jsonOption, type Command } from "../command.ts";
import { needDaemon } from "../connection.ts";
import { table } from "../output.ts";
import { print, printJson, tell } from "../terminal.ts";

const repositoriesHelp =
  "repositories are a name or a pattern, in which * stands for any text: team/app, team/*, *";
const of = async (root: string) => (await needDaemon(root)).registry;

export const info: Command = {
  name: "registry info",
  summary: "Say what the registry holds, who may do what, and its rules",
  usage: "",
  arguments: { max: 0 },
  options: { ...jsonOption },
  async run(invocation) {
    const client = await needDaemon(invocation.root);
    const [registry, system] = await Promise.all([client.registry.info(), client.system()]);
    if (invocation.flag("json"))
      printJson({ ...registry, ...(system.registry ? { address: system.registry } : {}) });
    else print(describe(registry, system.registry));
    return 0;
  },
};

function describe(
  { totals, users, quotas, retention, protections, webhooks, caches, checked }: WireRegistry,
  address: string | undefined,
): string {
  const { repositories, manifests, tags, bytes } = totals;
  const lines = [
    `address   ${address ?? "none: virga serve --registry 127.0.0.1:5000"}`,
    `holds     ${repositories} repositories, ${manifests} manifests, ${tags} tags, ${formatBytes(bytes)}`,
    `checked   ${checked.finishedAt ?? "not yet"}`,
  ];
  const rights = users.flatMap(({ name, grants }) =>
    grants.length === 0 && name !== "anonymous"
      ? [[name, "", "nothing yet"]]
      : grants.map((one) => [name, one.repositories, one.actions.join()]),
  );
  const sections: [readonly string[], readonly (readonly string[])[]][] = [
    [["USER", "REPOSITORIES", "MAY"], rights],
    [
      ["QUOTA OF", "BYTES", "USED"],
      quotas.map((one) => [one.repositories, formatBytes(one.bytes), formatBytes(one.used)]),
    ],
    [
      ["RULE", "REPOSITORIES", "TAGS", "KEEP", "UNUSED", "UNTAGGED"],
      retention.map((one) => [
        String(one.id),
        one.repositories,
        one.tags,
        one.keepTags === undefined ? (one.unusedMs === undefined ? "all" : "-") : String(one.keepTags),
        hours(one.unusedMs),
        hours(one.untaggedMs),
      ]),
    ],
    [["PROTECTED", "TAGS"], protections.map((one) => [one.repositories, one.tags])],
    [
      ["CACHE OF", "REPOSITORIES", "BYTES", "SERVED", "FETCHED", "UPSTREAM"],
      caches.map((one) => [
        one.upstream,
        `${one.prefix}/* (${one.repositories})`,
        formatBytes(one.bytes),
        `${one.outcomes.hit + one.outcomes.stale} of ${Object.values(one.outcomes).reduce((sum, n) => sum + n)} requests`,
        formatBytes(one.fetchedBytes),
        one.failure ?? "answers",
      ]),
    ],
    [["DAMAGED", "NEEDED BY"], checked.damaged.map((one) => [one.digest, one.holders.join(", ")])],
    [["WEBHOOK", "REPOSITORIES", "URL"], webhooks.map((one) => [String(one.id), one.repositories, one.url])],
  ];
  const shown = sections.filter(([, rows]) => rows.length > 0).map(([heads, rows]) => table(heads, rows));
  return [`${lines.join("\n")}\n`, ...shown].join("\n");
}

function hours(ms: number | undefined): string {
  if (ms === undefined) return "kept";
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)}m` : `${Math.round(ms / 3_600_000)}h`;
}

export const userAdd: Command = {
  name: "registry user add",
  summary: "Make a user of the registry, or give one a new password",
  usage: "NAME",
  arguments: { min: 1, max: 1 },
  options: {
    "password-stdin": {
      type: "boolean",
      help: "read the password from stdin; without it one is made and shown",
    },
  },
  completes: ["nothing"],
  details:
    "With the first user the registry of a loopback address is open to everybody no more. A new user may do nothing: see virga registry grant.",
  async run(invocation) {
    const [name] = invocation.arguments as [string];
    const given = invocation.flag("password-stdin")
      ? (await Bun.stdin.text()).replace(/\r?\n$/, "")
      : undefined;
    const password = given ?? crypto.getRandomValues(new Uint8Array(18)).toBase64({ alphabet: "base64url" });
    await (await of(invocation.root)).setUser(name, password);
    if (given === undefined) {
      tell(`the password of ${name}, shown this once:`);
      print(password);
    }
    return 0;
  },
};

export const userRemove: Command = {
  name: "registry user rm",
  summary: "Remove users of the registry, with their rights",
  usage: "NAME...",
  arguments: { min: 1 },
  options: {},
  completes: ["nothing"],
  async run(invocation) {
    const registry = await of(invocation.root);
    for (const name of invocation.arguments) await registry.remove("users", name);
    return 0;
  },
};

export const grant: Command = {
  name: "registry grant",
  summary: "Say what a user of the registry may do with repositories",
  usage: "USER REPOSITORIES pull|push|delete|none...",
  arguments: { min: 3 },
  options: {},
  completes: ["nothing"],
  details: `It takes the place of what the user had for the same pattern. The user 'anonymous' is everybody; ${repositoriesHelp}.`,
  async run(invocation) {
    const [user, repositories, ...words] = invocation.arguments as [string, string, ...string[]];
    const actions = words.flatMap((word) => word.split(",")).filter((word) => word !== "none");
    const bad = actions.find((word) => !["pull", "push", "delete"].includes(word));
    if (bad !== undefined) {
      throw fail("invalid", "cli.usage", `'${bad}' is no right: pull, push, delete or none`, {
        hint: "virga registry grant ann 'team/*' pull push",
      });
    }
    await (await of(invocation.root)).grant({ user, repositories, actions: actions as WireGrant["actions"] });
    return 0;
  },
};

export const quota: Command = {
  name: "registry quota",
  summary: "Say how many bytes repositories may hold together",
  usage: "REPOSITORIES SIZE|none",
  arguments: { min: 2, max: 2 },
  options: {},
  completes: ["nothing"],
  details: `A blob that several of them have counts once; ${repositoriesHelp}.`,
  async run(invocation) {
    const [repositories, size] = invocation.arguments as [string, string];
    const registry = await of(invocation.root);
    if (size === "none") await registry.remove("quotas", repositories);
    else await registry.setQuota({ repositories, bytes: parseBytes(size) });
    return 0;
  },
};

export const keep: Command = {
  name: "registry keep",
  summary: "Add a rule for what stays in repositories",
  usage: "REPOSITORIES",
  arguments: { min: 1, max: 1 },
  options: {
    tags: { type: "string", value: "PATTERN", help: "the tags that --last counts (default: all)" },
    last: { type: "number", value: "N", help: "keep so many of these tags, those that were pushed last" },
    unused: {
      type: "duration",
      value: "TIME",
      help: "remove those of these tags that nobody has pushed or pulled for so long, but for those that --last keeps",
    },
    untagged: {
      type: "duration",
      value: "TIME",
      help: "remove manifests without a tag so long after their push",
    },
  },
  completes: ["nothing"],
  details: `Rules are applied every ten minutes, and by virga registry gc; ${repositoriesHelp}.`,
  async run(invocation) {
    const last = invocation.number("last");
    const untagged = invocation.number("untagged");
    const unused = invocation.number("unused");
    const rule = await (
      await of(invocation.root)
    ).addRule({
      repositories: invocation.arguments[0]!,
      tags: invocation.text("tags") ?? "*",
      ...(last === undefined ? {} : { keepTags: last }),
      ...(unused === undefined ? {} : { unusedMs: unused }),
      ...(untagged === undefined ? {} : { untaggedMs: untagged }),
    });
    print(`rule ${rule.id}`);
    return 0;
  },
};

export const unkeep: Command = {
  name: "registry unkeep",
  summary: "Remove rules for what stays, by their number",
  usage: "RULE...",
  arguments: { min: 1 },
  options: {},
  completes: ["nothing"],
  async run(invocation) {
    const registry = await of(invocation.root);
    for (const id of invocation.arguments) await registry.remove("retention", id);
    return 0;
  },
};

export const webhookAdd: Command = {
  name: "registry webhook add",
  summary: "Tell a URL of every push and deletion",
  usage: "URL",
  arguments: { min: 1, max: 1 },
  options: {
    repositories: { type: "string", value: "PATTERN", help: "only of these repositories (default: *)" },
    "secret-stdin": { type: "boolean", help: "read a secret from stdin, by which each message is signed" },
  },
  completes: ["nothing"],
  async run(invocation) {
    const secret = invocation.flag("secret-stdin") ? { secret: (await Bun.stdin.text()).trim() } : {};
    const repositories = invocation.text("repositories") ?? "*";
    const registry = await of(invocation.root);
    const { id } = await registry.addWebhook({ url: invocation.arguments[0]!, repositories, ...secret });
    print(`webhook ${id}`);
    return 0;
  },
};

export const webhookRemove: Command = {
  name: "registry webhook rm",
  summary: "Remove webhooks, by their number",
  usage: "WEBHOOK...",
  arguments: { min: 1 },
  options: {},
  completes: ["nothing"],
  async run(invocation) {
    const registry = await of(invocation.root);
    for (const id of invocation.arguments) await registry.remove("webhooks", id);
    return 0;
  },
};

export const collect: Command = {
  name: "registry gc",
  summary: "Apply the registry's rules and free what nobody needs any more",
  usage: "",
  arguments: { max: 0 },
  options: {
    plan: { type: "boolean", help: "say what the rules would take, and change nothing" },
    ...jsonOption,
  },
  details:
    "It runs by itself every ten minutes. Blobs that were pushed in the last hour may wait for their manifest, and stay.",
  async run(invocation) {
    const done = await (await of(invocation.root)).collect(invocation.flag("plan"));
    if (invocation.flag("json")) printJson(done);
    else {
      for (const { repository, tag } of done.tags) print(`tag       ${repository}:${tag}`);
      for (const { repository, digest } of done.manifests) print(`manifest  ${repository}@${digest}`);
      if (!done.planned) print(`freed ${formatBytes(done.freed)}`);
    }
    return 0;
  },
};

export const check: Command = {
  name: "registry check",
  summary: "Compare all blobs of the registry and of images with their digests",
  usage: "",
  arguments: { max: 0 },
  options: { ...jsonOption },
  details:
    "It is done by itself once a week, slowly. What is damaged is set aside, and whole again with the next pull or push of it. The exit code is 1 then.",
  async run(invocation) {
    const { blobs, bytes, damaged } = await (await of(invocation.root)).check();
    if (invocation.flag("json")) printJson({ blobs, bytes, damaged });
    else {
      for (const { digest, holders } of damaged) print(`damaged  ${digest}  ${holders.join(", ")}`);
      print(`${blobs} blobs, ${formatBytes(bytes)}; ${damaged.length} damaged`);
    }
    return damaged.length > 0 ? 1 : 0;
  },
};

export const trust: Command = {
  name: "registry trust",
  summary: "Make docker and podman on this machine trust the registry's own authority",
  usage: "[HOST:PORT...]",
  arguments: {},
  options: {
    directory: { type: "string", value: "DIR", help: "where clients look (default /etc/docker/certs.d)" },
    print: {
      type: "boolean",
      help: "print the authority's certificate, for another machine, and write nothing",
    },
  },
  completes: ["nothing"],
  async run(invocation) {
    const client = await needDaemon(invocation.root);
    const [{ authority }, { registry }] = await Promise.all([client.registry.info(), client.system()]);
    if (authority === undefined || registry === undefined) {
      throw fail(
        "precondition",
        "registry.no-authority",
        "the registry is not served with an authority of its own",
        {
          hint: "virga serve --registry ADDRESS --registry-own-ca",
        },
      );
    }
    if (invocation.flag("print")) {
      print(authority);
      return 0;
    }
    const port = registry.slice(registry.lastIndexOf(":") + 1);
    const hosts =
      invocation.arguments.length > 0 ? invocation.arguments : [`localhost:${port}`, `127.0.0.1:${port}`];
    for (const host of hosts) {
      const folder = join(invocation.text("directory") ?? "/etc/docker/certs.d", host);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "ca.crt"), authority);
      print(join(folder, "ca.crt"));
    }
    return 0;
  },
};
