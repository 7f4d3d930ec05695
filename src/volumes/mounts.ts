import { fail } from "../base/index.ts";
import { isMountPoint, run } from "../host/index.ts";
import { mountCommand, type VolumeOptions } from "./options.ts";

/**
 * The mounts of volumes that have options: made for the first user, taken away with the last. A mount outlives the
 * daemon; whoever still uses it says so by `adopt`, and `sweep` takes the others away.
 */
export interface VolumeMounts {
  acquire(volume: MountedVolume, user: string): Promise<void>;
  release(volume: MountedVolume, user: string): Promise<void>;
  adopt(name: string, user: string): void;
  isUsed(name: string): boolean;
  /** Unmounts it when nobody uses it. */
  sweep(volume: MountedVolume): Promise<void>;
}

export interface MountedVolume {
  readonly name: string;
  readonly path: string;
  readonly options: VolumeOptions;
}

/** A server that does not answer must not hold a start for ever. */
const mountTimeoutMs = 90_000;

export function createVolumeMounts(): VolumeMounts {
  const users = new Map<string, Set<string>>();
  const sweep = async ({ name, path }: MountedVolume) => {
    if ((users.get(name)?.size ?? 0) > 0 || !isMountPoint(path)) return;
    // A program of its own: a file system that does not answer must not hold the daemon.
    const { exitCode, stderr } = await run(["umount", "--lazy", "--no-canonicalize", path]);
    if (exitCode === 0 || !isMountPoint(path)) return;
    throw fail(
      "internal",
      "volume.unmount-failed",
      `error while unmounting volume ${name}: ${stderr.trim()}`,
    );
  };
  return {
    async acquire(volume, user) {
      const own = users.get(volume.name) ?? new Set();
      if (!isMountPoint(volume.path)) await mountVolume(volume);
      own.add(user);
      users.set(volume.name, own);
    },
    async release(volume, user) {
      const own = users.get(volume.name);
      if (!own?.delete(user)) return;
      if (own.size > 0) return;
      users.delete(volume.name);
      await sweep(volume);
    },
    adopt(name, user) {
      users.set(name, (users.get(name) ?? new Set()).add(user));
    },
    isUsed: (name) => (users.get(name)?.size ?? 0) > 0,
    sweep,
  };
}

async function mountVolume({ name, path, options }: MountedVolume): Promise<void> {
  const { command, environment } = mountCommand(options, path);
  const failed = (reason: string) =>
    fail(
      "precondition",
      "volume.mount-failed",
      `error while mounting volume '${path}': failed to mount local volume: mount ${options["device"]}:${path}: ${reason}`,
      { hint: `look at its options: docker volume inspect ${name}` },
    );
  const timeout = AbortSignal.timeout(mountTimeoutMs);
  try {
    const env = { PATH: process.env["PATH"] ?? "", ...environment };
    const { exitCode, stderr } = await run(command, { env, signal: timeout });
    if (exitCode !== 0) throw failed(stderr.trim().replace(/^mount: \S+: /, "") || `exit code ${exitCode}`);
  } catch (error) {
    if (!timeout.aborted) throw error;
    throw failed(`no answer within ${mountTimeoutMs / 1000} s`);
  }
}
