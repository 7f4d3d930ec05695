export { syncDirectory, sweepTemporary, writeFileAtomic, type AtomicWriteOptions } from "./atomic-file.ts";
export { type CgroupFacts } from "./cgroups.ts";
export { daemonIdentity, type DaemonIdentity } from "./identity.ts";
export {
  SystemError,
  chdir,
  chroot,
  connectSeqPacket,
  getXattr,
  lchown,
  listXattrs,
  makeDevice,
  mknod,
  mount,
  mountFlags,
  namespaceFlags,
  removeXattr,
  setTimes,
  setUmask,
  setXattr,
  setns,
  splitDevice,
  tryLock,
  unmount,
  unshare,
} from "./libc.ts";
export {
  bindMount,
  isMountPoint,
  listMounts,
  mountOverlay,
  mountsBelow,
  parseMountInfo,
  unmountAll,
  type BindOptions,
  type MountEntry,
  type OverlayOptions,
} from "./mounts.ts";
export { removeTree, type RemoveOptions } from "./remove-tree.ts";
export { commandFailed, run, runChecked, type RunOptions, type RunResult } from "./spawn.ts";
export { createThreadNamespaces, type ThreadNamespaces } from "./thread-namespace.ts";
