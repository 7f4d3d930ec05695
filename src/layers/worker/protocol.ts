import type { ErrorKind } from "../../base/index.ts";

/**
 * What the daemon and a tree worker (a child process) say to each other over the child's stdin and stdout.
 * A frame is one byte for its kind, four bytes for the length (little-endian), and the payload.
 *
 * ```text
 * daemon → worker   job     JSON, a Job
 *                   data    bytes of the job's input        (extract; unpack of a growing blob: its size so far, as text)
 *                   end     the input is complete
 *                   answer  JSON: boolean[]                 (create, after a question)
 * worker → daemon   data    bytes of the job's output       (create)
 *                   ask     JSON: string[], paths to be excluded or not
 *                   result  JSON: the result; the worker is free for the next job
 *                   failure JSON, a Failure; the worker is ended, because its input may be half read
 * ```
 */
export const frameKinds = {
  job: 1,
  data: 2,
  end: 3,
  answer: 4,
  ask: 5,
  result: 6,
  failure: 7,
} as const;

export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

export const frameHeaderSize = 5;

export interface Limits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

export type Job =
  | {
      readonly kind: "unpack";
      readonly blob: string;
      /** Where a blob that has become complete meanwhile is. */
      readonly complete: string;
      readonly target: string;
      readonly limits: Limits;
      /** The blob grows: the input says how far. */
      readonly follow: boolean;
    }
  | {
      readonly kind: "pack";
      readonly upper: string;
      readonly output: string;
      /** The directory becomes a layer as it is: bring it to what its archive says. */
      readonly settle: boolean;
      readonly sourceDateEpoch?: number;
      /** Nanoseconds, which JSON can't hold as a number. */
      readonly since?: string;
    }
  | {
      readonly kind: "extract";
      readonly root: string;
      readonly directory: string;
      readonly limits: Limits;
      readonly owner?: { readonly uid: number; readonly gid: number };
      readonly noOverwriteDirNonDir: boolean;
      readonly makeDirectories: boolean;
      readonly stripLeadingSlashes: boolean;
      /** Files of this size and more are hashed as they are written. */
      readonly hashFrom?: number;
    }
  | {
      readonly kind: "create";
      readonly root: string;
      readonly path: string;
      readonly name?: string;
      readonly ask: boolean;
    }
  | { readonly kind: "changes"; readonly upper: string; readonly lower: readonly string[] }
  | { readonly kind: "flush"; readonly path: string };

export interface UnpackResult {
  /** Digest of the uncompressed archive. */
  readonly diffId: `sha256:${string}`;
  readonly entries: number;
  /** Bytes of the files. */
  readonly size: number;
}

export interface PackResult {
  readonly digest: `sha256:${string}`;
  /** Bytes of the archive. */
  readonly archiveSize: number;
  readonly size: number;
}

export interface ExtractResult {
  readonly entries: number;
  readonly bytes: number;
  /** SHA-256 of the files that were hashed, by their absolute path in the root. */
  readonly digests: Readonly<Record<string, string>>;
}

export interface Failure {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}
