import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  type Stats,
} from "node:fs";
import { basename, dirname, join, posix, resolve } from "node:path";
import { fail, isVirgaError } from "../../../base/index.ts";
import { bodyOf, part, type DockerClient } from "../../../api/client/docker/index.ts";
import type { Command } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { named } from "../../nearest-name.ts";
import { byteSink } from "../../session.ts";

export const cp: Command = {
  name: "cp",
  summary: "Copy files and folders from a container or into one, running or not",
  usage: "CONTAINER:PATH FILE|FOLDER|-  or  FILE|FOLDER|- CONTAINER:PATH",
  arguments: { min: 2, max: 2 },
  options: {
    archive: { type: "boolean", short: "a", help: "keep user and group ids" },
    "follow-link": {
      type: "boolean",
      short: "L",
      help: "copy what a source that is a symbolic link leads to",
    },
    quiet: { type: "boolean", short: "q", help: "it is quiet anyway" },
  },
  completes: ["container", "container"],
  details: `As with cp -r: into a folder that is there, or else under the new name. A source that ends in /. means what is in the
folder. - is a tar archive on stdin or stdout.`,
  async run(invocation) {
    const docker = engineOf(invocation.root);
    const [source = "", target = ""] = invocation.arguments;
    const [from, to] = [inContainer(source), inContainer(target)];
    const options = { archive: invocation.flag("archive"), follow: invocation.flag("follow-link") };
    if ((from === undefined) === (to === undefined)) {
      const text = from ? "both are in a container" : "neither is in a container";
      throw fail("invalid", "cli.usage", `one place must be CONTAINER:PATH; ${text}`, {
        hint: "virga cp --help",
      });
    }
    if (from) await copyOut(docker, from, target, options);
    else await copyIn(docker, source, to!, options);
    return 0;
  },
};

interface Place {
  readonly container: string;
  readonly path: string;
}

interface CopyOptions {
  readonly archive: boolean;
  readonly follow: boolean;
}

/** `web:/etc/hosts`; a path of this machine begins with `/`, `./` or `../`, or has no colon. */
function inContainer(text: string): Place | undefined {
  const at = text.indexOf(":");
  if (at < 1 || text.startsWith("/") || text.startsWith(".")) return undefined;
  const path = text.slice(at + 1);
  return { container: text.slice(0, at), path: path.startsWith("/") ? path : `/${path}` };
}

interface PathStat {
  readonly name: string;
  readonly isFolder: boolean;
  readonly linkTarget: string;
}

/** Bits of Go's file mode. */
const goFolder = 2 ** 31;

async function statIn(docker: DockerClient, { container, path }: Place): Promise<PathStat> {
  const response = await named(docker, "container", container, () =>
    docker.transport
      .request("HEAD", `/containers/${part(container)}/archive`, { query: { path } })
      .catch((error: unknown) => {
        // An answer to HEAD has no body: only the status tells.
        if (!isVirgaError(error, "not-found")) throw error;
        throw fail("not-found", "path.not-found", `there is no ${container}:${path}`, { cause: error });
      }),
  );
  const header = response.headers.get("x-docker-container-path-stat") ?? "";
  const stat = JSON.parse(Buffer.from(header, "base64").toString()) as {
    name: string;
    mode: number;
    linkTarget: string;
  };
  return { name: stat.name, isFolder: stat.mode >= goFolder, linkTarget: stat.linkTarget };
}

async function copyOut(
  docker: DockerClient,
  from: Place,
  target: string,
  options: CopyOptions,
): Promise<void> {
  await docker
    .container(from.container)
    .catch((error: unknown) => named(docker, "container", from.container, () => Promise.reject(error)));
  const first = await statIn(docker, from);
  const place = options.follow && first.linkTarget !== "" ? { ...from, path: first.linkTarget } : from;
  const stat = place === from ? first : await statIn(docker, place);
  const get = () =>
    docker.transport.request("GET", `/containers/${part(from.container)}/archive`, {
      query: { path: place.path },
    });
  if (target === "-") {
    await using sink = byteSink(1);
    for await (const chunk of bodyOf(await get())) if (!(await sink.write(chunk))) return;
    return;
  }
  const contentOnly = /(^|\/)\.$/.test(from.path);
  const there = statOf(target);
  const unpack = async (folder: string) => await untar(folder, bodyOf(await get()), options);
  if (there?.isDirectory()) return await unpack(target);
  if (there && stat.isFolder) {
    throw fail("invalid", "cp.folder-to-file", `${target} is a file, and ${from.path} is a folder`);
  }
  if (!there && !stat.isFolder && target.endsWith("/")) {
    throw fail("invalid", "cp.no-folder", `there is no folder ${target}`, { hint: `mkdir -p ${target}` });
  }
  await unpackAs(resolve(target), contentOnly, unpack);
}

/** Unpacks beside the target, then moves the one thing that came to its name. */
async function unpackAs(
  target: string,
  contentOnly: boolean,
  unpack: (folder: string) => Promise<void>,
): Promise<void> {
  const parent = dirname(target);
  if (!statOf(parent)?.isDirectory()) {
    throw fail("invalid", "cp.no-folder", `there is no folder ${parent}`, { hint: `mkdir -p ${parent}` });
  }
  const folder = mkdtempSync(join(parent, ".virga-cp-"));
  try {
    await unpack(folder);
    const [only = "", ...others] = readdirSync(folder);
    if (contentOnly || others.length > 0 || only === "") renameSync(folder, target);
    else renameSync(join(folder, only), target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function copyIn(docker: DockerClient, source: string, to: Place, options: CopyOptions): Promise<void> {
  const { container } = to;
  const stat = await resolveIn(docker, to);
  const put = (folder: string, body: NonNullable<RequestInit["body"]>) =>
    docker.transport.request("PUT", `/containers/${part(container)}/archive`, {
      query: { path: folder, noOverwriteDirNonDir: true, copyUIDGID: options.archive },
      headers: { "content-type": "application/x-tar" },
      body,
    });
  if (source === "-") {
    if (!stat?.isFolder) {
      throw fail("invalid", "cp.no-folder", `there is no folder ${container}:${to.path} to unpack in`);
    }
    await put(stat.path, Bun.stdin.stream());
    return;
  }
  const local = statOf(source, options.follow);
  if (!local) throw fail("invalid", "cli.no-such-file", `there is no file or folder ${source}`);
  if (stat && !stat.isFolder && local.isDirectory()) {
    throw fail(
      "invalid",
      "cp.folder-to-file",
      `${container}:${to.path} is a file, and ${source} is a folder`,
    );
  }
  if (!stat && !local.isDirectory() && to.path.endsWith("/")) {
    throw fail("invalid", "cp.no-folder", `there is no folder ${container}:${to.path}`, {
      hint: `virga exec ${container} mkdir -p ${to.path}`,
    });
  }
  const contentOnly = /(^|\/)\.$/.test(source) && source !== ".";
  const path = options.follow ? realpathSync(source) : resolve(source);
  const into = stat?.isFolder === true;
  const name =
    into && contentOnly ? "." : into ? basename(resolve(source)) : posix.basename(stat?.path ?? to.path);
  const folder = into ? stat.path : posix.dirname(stat?.path ?? to.path.replace(/\/+$/, ""));
  const tar = packed(path, name);
  await put(folder, tar.stdout);
  await tar.done;
}

/** What a path in the container leads to; undefined when nothing is there. */
async function resolveIn(
  docker: DockerClient,
  place: Place,
): Promise<{ readonly path: string; readonly isFolder: boolean } | undefined> {
  await docker
    .container(place.container)
    .catch((error: unknown) => named(docker, "container", place.container, () => Promise.reject(error)));
  try {
    const stat = await statIn(docker, place);
    if (stat.linkTarget === "") return { path: place.path, isFolder: stat.isFolder };
    const target = posix.resolve(posix.dirname(place.path), stat.linkTarget);
    return await resolveIn(docker, { container: place.container, path: target });
  } catch (error) {
    if (isVirgaError(error, "not-found") && error.code === "path.not-found") return undefined;
    throw error;
  }
}

function statOf(path: string, follow = true): Stats | undefined {
  return follow || path.endsWith("/")
    ? statSync(path, { throwIfNoEntry: false })
    : lstatSync(path, { throwIfNoEntry: false });
}

/** A tar archive of a file or folder under another name; `.` is the content of a folder. */
function packed(path: string, name: string) {
  const base = basename(path);
  const [folder, member, rename] =
    name === "."
      ? [path, ".", []]
      : [
          dirname(path),
          `./${base}`,
          base === name ? [] : [`--transform=s,^\\./${escaped(base)},./${replacement(name)},rSh`],
        ];
  const child = Bun.spawn(
    ["tar", "-c", "-C", folder, "--numeric-owner", "--format=pax", ...rename, "--", member],
    {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const done = (async () => {
    const [said, code] = await Promise.all([child.stderr.text(), child.exited]);
    if (code !== 0) throw fail("invalid", "cp.tar-failed", `${path} cannot be read: ${said.trim()}`);
  })();
  done.catch(() => {});
  return { stdout: child.stdout, done };
}

function escaped(name: string): string {
  return name.replaceAll(/[\\.[\]*^$,]/g, String.raw`\$&`);
}

function replacement(name: string): string {
  return name.replaceAll(/[\\&,]/g, String.raw`\$&`);
}

async function untar(folder: string, source: AsyncIterable<Uint8Array>, options: CopyOptions): Promise<void> {
  const owner = options.archive ? "--same-owner" : "--no-same-owner";
  const child = Bun.spawn(["tar", "-x", "-C", folder, "-p", "--numeric-owner", owner, "-f", "-"], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "pipe",
  });
  const said = child.stderr.text();
  try {
    for await (const chunk of source) {
      await child.stdin.write(chunk);
      await child.stdin.flush();
    }
  } finally {
    await child.stdin.end();
  }
  const code = await child.exited;
  if (code !== 0) {
    throw fail("internal", "cp.tar-failed", `not everything could be unpacked: ${(await said).trim()}`);
  }
}
