/** What a build check found (docs.docker.com/reference/build-checks). Lines count from 1. */
export interface LintWarning {
  /** Docker's name of the check, such as `JSONArgsRecommended`. */
  readonly rule: string;
  /** What the check is about, whatever it found. */
  readonly description: string;
  readonly url: string;
  /** What it found here. */
  readonly message: string;
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

/** For people: `Dockerfile:3: StageNameCasing: …`. */
export function formatLint({ file, start, rule, message }: LintWarning): string {
  return `${file}:${start}: ${rule}: ${message}`;
}
