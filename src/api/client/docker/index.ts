export { createDockerClient, part, type DockerClient } from "./client.ts";
export { bodyOf, jsonLines, type Query } from "./transport.ts";
export { framedOutput, type OutputPiece } from "./frames.ts";
export type { RawConnection } from "./raw.ts";
export type {
  ContainerDetail,
  ContainerSummary,
  CpuSample,
  DiskUsage,
  EventMessage,
  HistoryEntry,
  ImageSummary,
  NetworkSummary,
  PortSummary,
  ProgressLine,
  StatsSample,
  VolumeSummary,
  WaitResult,
} from "./wire.ts";
