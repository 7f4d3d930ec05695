export { syncDirectory, sweepTemporary, writeFileAtomic, type AtomicWriteOptions } from "./atomic-file.ts";
export { makeServerCertificate, type CertificateFiles } from "./certificates.ts";
export {
  cgroupFolder,
  cgroupProcesses,
  freeze,
  isFrozen,
  oomKills,
  readCgroupFacts,
  readText,
  removeCgroup,
  thaw,
  warmUpCgroupMoves,
  type CgroupFacts,
} from "./cgroups.ts";
export { createFileCalls, fileTypes, type FileCalls, type FileStatus } from "./file-calls.ts";
export {
  diskImageProgram,
  makeDiskImage,
  mountDiskImage,
  unmountDiskImage,
  type DiskImage,
} from "./disk-image.ts";
export { lockFile } from "./file-lock.ts";
export { daemonIdentity, type DaemonIdentity } from "./identity.ts";
export {
  deleteInterfaces,
  interfaceExists,
  ipBatch,
  listInterfaces,
  listRoutes,
  type HostInterface,
  type HostRoute,
  type IpBatchOptions,
} from "./ip.ts";
export { forgetProgramText } from "./program-text.ts";
export { lengthenListenQueue } from "./listen-queue.ts";
export {
  SystemError,
  chdir,
  chroot,
  connectDatagram,
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
export { nftApply, nftBaseChains, nftTableExists, type NftBaseChain } from "./nft.ts";
export { holdPort, type HoldFailure, type PortHold } from "./port-hold.ts";
export {
  bootId,
  createSocketPair,
  isRunning,
  readProcess,
  resizeTerminalsOf,
  sealedCopy,
  signalProcess,
  type ProcessIdentity,
  type ProcessStatus,
} from "./process.ts";
export { bindHeld, openBeneath, type Held } from "./open-beneath.ts";
export { dieWithParent } from "./parent-death.ts";
export { removeTree, type RemoveOptions } from "./remove-tree.ts";
export { commandFailed, run, runChecked, type RunOptions, type RunResult } from "./spawn.ts";
export { readSysctl, writeSysctl } from "./sysctl.ts";
export { createThreadNamespaces, type ThreadNamespaces } from "./thread-namespace.ts";
export { hasUnaccepted } from "./unix-sockets.ts";
