/** One thing that was looked at. `next` is the command or action that mends a warning or a failure. */
export type CheckResult =
  | { readonly name: string; readonly status: "pass"; readonly detail: string }
  | {
      readonly name: string;
      readonly status: "warn" | "fail";
      readonly detail: string;
      readonly next: string;
    };

export function pass(name: string, detail: string): CheckResult {
  return { name, status: "pass", detail };
}

export function warn(name: string, detail: string, next: string): CheckResult {
  return { name, status: "warn", detail, next };
}

export function failed(name: string, detail: string, next: string): CheckResult {
  return { name, status: "fail", detail, next };
}
