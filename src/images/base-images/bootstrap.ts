import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fail, formatBytes, type Report } from "../../base/index.ts";
import { formatEntry } from "../../layers/index.ts";
import type { Mirrors } from "./mirrors.ts";
import type { Wanted } from "./releases.ts";
import { containerFiles, slimExcludes } from "./rootfs-files.ts";

/** What a root filesystem is made of. */
export interface BootstrapPlan {
  readonly wanted: Wanted;
  readonly mirrors: Mirrors;
  /** `amd64`, as Debian counts. */
  readonly architecture: string;
  /** Lines of apt.conf(5) that hold for the making only: proxies, CA files. */
  readonly hostSettings: readonly string[];
  /** Lines of apt.conf(5) that belong to the mirror and also go into the image. */
  readonly mirrorSettings: readonly string[];
  /** `http_proxy` and the like. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * All times in an image are cut to this one, so that the same packages give the same digest: 2025-01-01T00:00:00Z.
 * The release file's date would not do, since it moves daily.
 */
export const sourceDateEpoch = 1_735_689_600;

/** Free bytes that a bootstrap wants to begin with; debian:bookworm needs 330 MB at its peak. */
const wantedSpace = 500 << 20;
/** Less than this left at any moment, and a failure is put down to a full disk. */
const fullDisk = 8 << 20;

const hookDirectory = "/usr/share/mmdebstrap/hooks/maybe-merged-usr";

/**
 * Makes a root filesystem with mmdebstrap below `directory` and gives its tar stream to `consume`. The stream fails
 * when mmdebstrap does, so a broken tar is never taken for a whole one. mmdebstrap runs in mount and PID namespaces
 * of its own: when it is cancelled, or the daemon dies, everything in there ends and is unmounted.
 *
 * Throws `exhausted` / `image.disk-full`, `unavailable` / `image.mirror-unreachable`, `internal` /
 * `image.bootstrap-failed`.
 */
export async function bootstrap<T>(
  plan: BootstrapPlan,
  directory: string,
  options: { readonly report: Report; readonly task: string; readonly signal: AbortSignal },
  consume: (tar: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  await using undo = new AsyncDisposableStack();
  await mkdir(directory, { recursive: true });
  await requireSpace(directory);
  const work = await mkdtemp(join(directory, "bootstrap-"));
  undo.defer(() => rm(work, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  await writeFiles(plan, work);
  options.signal.throwIfAborted();

  const child = Bun.spawn(bootstrapCommand(plan), {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    cwd: work,
    env: { ...plan.environment, ...fixedEnvironment, TMPDIR: join(work, "tmp"), VIRGA_WORK: work },
  });
  const watch = watchProgress(child.stderr, work, options);
  const kill = () => child.kill("SIGKILL");
  options.signal.addEventListener("abort", kill, { once: true });
  undo.defer(async () => {
    options.signal.removeEventListener("abort", kill);
    kill();
    await child.exited;
    // Every process in the namespaces holds this pipe, so its end is their end; only then may the files go.
    await watch.ended;
  });

  return await consume(wholeOrFailing(child, plan, watch, options.signal));
}

const fixedEnvironment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C.UTF-8",
  SOURCE_DATE_EPOCH: String(sourceDateEpoch),
};

/** The command line; the tar goes to stdout. */
export function bootstrapCommand({ wanted, mirrors, architecture }: BootstrapPlan): string[] {
  const { codename } = wanted.release;
  const lines = mirrors.archives.flatMap(({ uri, suites }) =>
    suites.map(
      (suite) => `deb [signed-by="${mirrors.keyring}"] ${uri} ${suite} ${mirrors.components.join(" ")}`,
    ),
  );
  const excludes = wanted.slim ? slimExcludes.map((line) => `--dpkgopt=${line.replace(" ", "=")}`) : [];
  return [
    ...["setpriv", "--pdeathsig", "KILL"],
    ...["unshare", "--mount", "--pid", "--fork", "--kill-child"],
    ...["mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar"],
    `--architectures=${architecture}`,
    "--skip=check/qemu,check/signed-by,chroot/policy-rc.d,cleanup/apt,output/dev",
    `--include=${mirrors.keyringPackage}`,
    `--setup-hook=${setupHook}`,
    ...(needsMergeHook(wanted) ? [`--hook-directory=${hookDirectory}`] : []),
    `--extract-hook=${extractHook}`,
    `--customize-hook=${customizeHook}`,
    ...excludes,
    ...[codename, "-", ...lines],
  ];
}

/**
 * Since Debian 13 and Ubuntu 24.04 base-files brings /bin, /lib and /sbin as links. Before, the hook makes them; without it
 * the package usrmerge comes, and with it all of Perl.
 */
function needsMergeHook({ release: { distribution, version } }: Wanted): boolean {
  const first = distribution === "debian" ? 13 : 24;
  return version !== undefined && Number.parseInt(version, 10) < first && existsSync(hookDirectory);
}

const setupHook = `set -e
cp "$VIRGA_WORK/apt.conf" "$1/etc/apt/apt.conf.d/00virga-host"
mkdir -p "$1/etc/dpkg/dpkg.cfg.d"
echo force-unsafe-io > "$1/etc/dpkg/dpkg.cfg.d/docker-apt-speedup"`;

/** Ours instead of mmdebstrap's own, which it takes away at the end. */
const extractHook = `install -D -m 0755 "$VIRGA_WORK/files/usr/sbin/policy-rc.d" "$1/usr/sbin/policy-rc.d"`;

/** Takes away what tells of this host or of the moment, then adds the files of `containerFiles`. */
const customizeHook = `set -e
rm -f "$1/etc/apt/apt.conf.d/00virga-host" "$1/etc/apt/sources.list" "$1/etc/hostname" "$1/etc/resolv.conf"
rm -f "$1"/var/cache/debconf/*-old "$1"/var/lib/dpkg/*-old "$1"/etc/passwd- "$1"/etc/group- "$1"/etc/shadow- "$1"/etc/gshadow- "$1"/etc/subuid- "$1"/etc/subgid-
rm -f "$1/var/cache/ldconfig/aux-cache" "$1/var/log/bootstrap.log"
rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/cache/apt/archives/*.deb
# Whose it is depends on whether apt's user could enter the work directory.
chroot "$1" sh -c 'owner=root; if id _apt > /dev/null 2>&1; then owner=_apt; fi; install -d -o "$owner" -g root -m 0700 /var/cache/apt/archives/partial'
if test -e "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"; then mv "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$1/etc/dpkg/dpkg.cfg.d/docker"; fi
cp -dR --preserve=mode "$VIRGA_WORK/files/." "$1/"`;

async function writeFiles(plan: BootstrapPlan, work: string): Promise<void> {
  // mkdtemp's 0700 would keep apt's own unprivileged user out.
  await mkdir(join(work, "tmp"), { mode: 0o755 });
  await chmod(work, 0o755);
  const settings = [...plan.hostSettings, ...plan.mirrorSettings, 'Acquire::Languages "none";'];
  await writeFile(join(work, "apt.conf"), settings.map((line) => `${line}\n`).join(""), { mode: 0o600 });
  for (const file of containerFiles(plan.wanted, plan.mirrors, plan.mirrorSettings)) {
    const path = join(work, "files", file.path);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeFile(path, file.content);
    await chmod(path, file.mode ?? 0o644);
  }
}

interface Watch {
  /** When no process holds the pipe any more. */
  readonly ended: Promise<void>;
  /** The last step told of. */
  step(): Step;
  /** The last lines that are not of mmdebstrap's progress. */
  tail(): string;
  leastSpace(): number;
}

/** What mmdebstrap says (`I: …`), in our words; what comes before `unpack` needs the mirror. */
type Step = "update" | "download" | "unpack" | "install" | "pack";
const steps: readonly { readonly starts: string; readonly step: Step; readonly message: string }[] = [
  { starts: "I: running --setup-hook", step: "update", message: "Reading the package lists" },
  { starts: "I: running apt-get update", step: "update", message: "Reading the package lists" },
  { starts: "I: downloading packages", step: "download", message: "Downloading packages" },
  { starts: "I: extracting archives", step: "unpack", message: "Unpacking packages" },
  { starts: "I: installing essential", step: "install", message: "Installing essential packages" },
  { starts: "I: installing remaining", step: "install", message: "Installing packages" },
  { starts: "I: creating tarball", step: "pack", message: "Packing the root filesystem" },
];

function watchProgress(
  stderr: ReadableStream<Uint8Array>,
  directory: string,
  { report, task }: { readonly report: Report; readonly task: string },
): Watch {
  let step: Step = "update";
  let told = "";
  let least = Number.POSITIVE_INFINITY;
  const tail: string[] = [];
  const onLine = async (line: string) => {
    const known = steps.find(({ starts }) => line.startsWith(starts));
    if (known && known.message !== told) {
      ({ step, message: told } = known);
      report({ task, message: told });
    }
    if (!line.startsWith("I:") && line.trim() !== "") tail.push(line);
    if (tail.length > 12) tail.shift();
    least = Math.min(least, await freeSpace(directory));
  };
  const ended = (async () => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const bytes of stderr) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split(/[\r\n]+/);
      rest = lines.pop()!.slice(-4096);
      for (const line of lines) await onLine(line);
    }
    await onLine(rest);
  })();
  // The failure of the reading shows as that of the child; nobody may be waiting yet.
  ended.catch(() => {});
  return { ended, step: () => step, tail: () => tail.join("\n"), leastSpace: () => least };
}

async function* wholeOrFailing(
  child: { readonly stdout: ReadableStream<Uint8Array>; readonly exited: Promise<number> },
  plan: BootstrapPlan,
  watch: Watch,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  // Left out of the output are the device nodes, and with them the directory that they are in.
  yield formatEntry({
    ...{ path: "./dev", type: "directory", mode: 0o755, uid: 0, gid: 0, size: 0 },
    modifiedNs: BigInt(sourceDateEpoch) * 1_000_000_000n,
  });
  yield* child.stdout;
  const [exitCode] = await Promise.all([child.exited, watch.ended]);
  signal.throwIfAborted();
  if (exitCode !== 0) throw bootstrapFailed(plan, watch, exitCode);
}

function bootstrapFailed(plan: BootstrapPlan, watch: Watch, exitCode: number): Error {
  const { codename } = plan.wanted.release;
  const said = watch.tail() || "(it said nothing)";
  if (watch.leastSpace() < fullDisk) return diskFull(`the disk became full while ${codename} was made`);
  if (watch.step() === "update" || watch.step() === "download") {
    const uris = [...new Set(plan.mirrors.archives.map((archive) => archive.uri))].join(" and ");
    return fail("unavailable", "image.mirror-unreachable", `${uris} did not give ${codename}: ${said}`, {
      hint: "check the network, and that the mirror in /etc/apt has this release: apt-get update",
    });
  }
  return fail("internal", "image.bootstrap-failed", `mmdebstrap failed with exit code ${exitCode}: ${said}`);
}

async function requireSpace(directory: string): Promise<void> {
  const free = await freeSpace(directory);
  if (free < wantedSpace) throw diskFull(`${directory} has only ${formatBytes(free)} free`);
}

function diskFull(message: string): Error {
  return fail(
    "exhausted",
    "image.disk-full",
    `${message}; making a base image needs ${formatBytes(wantedSpace)}`,
    {
      hint: "free some space, for example: virga prune",
    },
  );
}

async function freeSpace(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
