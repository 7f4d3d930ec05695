/** The JSON shapes of Virga's own API (`/v1`, on virga.sock). Times are RFC 3339. */

export interface WireError {
  readonly kind: string;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface WireSystem {
  readonly version: string;
  readonly root: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly dockerSocket: string;
  readonly logFile: string;
  readonly containers: { readonly total: number; readonly running: number };
  readonly images: number;
}

export interface WireStackSource {
  readonly directory: string;
  readonly files: readonly string[];
  readonly projectName?: string;
  readonly profiles: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly envFiles?: readonly string[];
}

/** A stack by its files, or by its name alone. */
export type WireStackTarget = WireStackSource | { readonly name: string };

export interface WireUpOptions {
  readonly services: readonly string[];
  readonly build?: "missing" | "always" | "never";
  readonly forceRecreate?: boolean;
  readonly removeOrphans?: boolean;
  readonly noStart?: boolean;
  readonly wait?: boolean;
  readonly scale?: Readonly<Record<string, number>>;
}

export interface WireDownOptions {
  readonly volumes?: boolean;
  readonly removeOrphans?: boolean;
  readonly images?: "all" | "local";
  readonly timeout?: number;
}

export interface WireServiceStatus {
  readonly service: string;
  readonly container: string;
  readonly containerId: string;
  readonly image: string;
  readonly state: string;
  readonly health?: "starting" | "healthy" | "unhealthy";
  readonly createdAt: string;
  readonly ports: readonly string[];
  readonly urls: readonly string[];
}

export interface WireStackStatus {
  readonly name: string;
  readonly services: readonly WireServiceStatus[];
  readonly warnings: readonly string[];
}

export interface WireStackSummary {
  readonly name: string;
  readonly services: number;
  readonly running: number;
}

export interface WireLogLine {
  readonly service: string;
  readonly container: string;
  readonly stream: "stdout" | "stderr";
  readonly time: string;
  readonly text: string;
}

export interface WireOperation {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly startedAt: string;
  readonly status: "running" | "succeeded" | "failed" | "cancelled";
  readonly endedAt?: string;
  readonly result?: unknown;
  readonly error?: WireError;
}

export interface WireStopOptions {
  /** Seconds until SIGKILL; -1 waits without end. */
  readonly timeout?: number;
  readonly signal?: string;
}

export interface WireStopResult {
  /** It did not run, so nothing was done. */
  readonly alreadyStopped: boolean;
  /** It had to be killed: why. */
  readonly explanation?: WireStopExplanation;
}

export interface WireStopExplanation {
  /** `SIGTERM` */
  readonly signal: string;
  readonly waitedSeconds: number;
  readonly reason: "no-handler" | "ignored" | "blocked" | "shell" | "frozen" | "hangs" | "slow";
  /** One sentence for people. */
  readonly message: string;
  /** What can be changed, the best first. */
  readonly advice: readonly string[];
}

export interface WirePruneOptions {
  /** Only say what would go. */
  readonly plan?: boolean;
  /** Also images that have a name, when no container uses them, and the whole build cache. */
  readonly all?: boolean;
  /** Also volumes that were made without a name and that no container uses. Not together with `until`. */
  readonly volumes?: boolean;
  /** Only what was made before (RFC 3339). */
  readonly until?: string;
  /** Nothing but these, as `KIND ID`: what somebody has seen in a plan. */
  readonly only?: readonly string[];
}

export interface WirePruneItem {
  readonly kind: "container" | "network" | "volume" | "image" | "build-cache";
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
}

export interface WirePruneReport {
  /** Nothing has gone yet. */
  readonly planned: boolean;
  readonly items: readonly WirePruneItem[];
  readonly bytes: number;
}
