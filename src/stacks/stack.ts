import type { Report } from "../base/index.ts";
import type { CredentialsOf } from "../distribution/index.ts";

/**
 * A stack is what one Compose project describes: services, networks, volumes, secrets and configs, with one name.
 *
 * `up` reads and checks the files (a wrong one changes nothing), makes a plan against what is there and carries it
 * out; `down` takes it away, volumes only when asked. There is no record of a stack beside its parts: everything a
 * stack owns carries the labels `com.docker.compose.project`, `.service` and `.config-hash`, so that docker compose
 * and Virga see the same thing, and a crash in the middle of `up` is mended by the next `up`.
 */
export interface StackSource {
  /** The project directory, absolute: relative paths in the files start here. */
  readonly directory: string;
  /** Compose files, later ones over earlier ones; empty: compose.yaml, compose.yml, docker-compose.yaml or .yml. */
  readonly files: readonly string[];
  /** Overrides the name in the file and the directory's. */
  readonly projectName?: string;
  readonly profiles: readonly string[];
  /** The caller's environment, for interpolation; `.env` of the directory lies under it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly envFiles?: readonly string[];
}

export interface UpOptions {
  /** Only these and what they depend on; empty: all of the active profiles. */
  readonly services: readonly string[];
  readonly build?: "missing" | "always" | "never";
  readonly forceRecreate?: boolean;
  readonly removeOrphans?: boolean;
  readonly noStart?: boolean;
  /** Wait until every service runs (and is healthy, where it has a check). Default true. */
  readonly wait?: boolean;
  readonly scale?: Readonly<Record<string, number>>;
}

export interface DownOptions {
  readonly volumes?: boolean;
  readonly removeOrphans?: boolean;
  readonly images?: "all" | "local";
  /** Seconds. */
  readonly timeout?: number;
}

export interface StackStatus {
  readonly name: string;
  readonly services: readonly ServiceStatus[];
  readonly warnings: readonly string[];
}

export interface ServiceStatus {
  readonly service: string;
  readonly container: string;
  readonly containerId: string;
  readonly image: string;
  /** `running`, `exited (0)`, … */
  readonly state: string;
  readonly health?: "starting" | "healthy" | "unhealthy";
  readonly createdAt: Date;
  readonly ports: readonly string[];
  /** Where a browser gets an answer: `http://127.0.0.1:8080`. */
  readonly urls: readonly string[];
}

export interface StackLogLine {
  readonly service: string;
  readonly container: string;
  readonly stream: "stdout" | "stderr";
  readonly time: string;
  readonly text: string;
}

export interface Stacks {
  up(
    source: StackSource,
    options: UpOptions,
    context: {
      readonly report: Report;
      readonly signal: AbortSignal;
      /** Who the caller is at registries. */
      readonly credentials?: CredentialsOf;
    },
  ): Promise<StackStatus>;
  /** With a source, or by name alone when the files are gone. */
  down(
    target: StackSource | { readonly name: string },
    options: DownOptions,
    context: { readonly report: Report; readonly signal: AbortSignal },
  ): Promise<void>;
  /** What `up` would do, as lines for a person; changes nothing. */
  plan(source: StackSource, options: UpOptions): Promise<readonly string[]>;
  /** The checked, interpolated and merged file, in canonical form. */
  config(source: StackSource): Promise<unknown>;
  status(target: StackSource | { readonly name: string }): Promise<StackStatus>;
  list(): { readonly name: string; readonly services: number; readonly running: number }[];
  logs(
    target: StackSource | { readonly name: string },
    options: {
      readonly services: readonly string[];
      readonly follow: boolean;
      readonly tail?: number;
      readonly sinceNs?: bigint;
      readonly untilNs?: bigint;
    },
    signal: AbortSignal,
  ): AsyncIterableIterator<StackLogLine>;
}
