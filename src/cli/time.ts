/** `2 minutes ago`; of seconds since 1970, or a time as RFC 3339 has it. */
export function ago(when: number | string, now = Date.now()): string {
  const time = typeof when === "number" ? when * 1000 : Date.parse(when);
  if (Number.isNaN(time) || time <= 0) return "";
  return `${lasting(now - time)} ago`;
}

const steps = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [7, "day"],
  [4.35, "week"],
  [12, "month"],
  [Number.POSITIVE_INFINITY, "year"],
] as const;

/** `2 minutes`, of milliseconds. */
export function lasting(ms: number): string {
  let amount = Math.max(0, ms / 1000);
  if (amount < 1) return "less than a second";
  for (const [many, unit] of steps) {
    // Up to two of the next unit: `90 minutes` says more than `1 hour`.
    if (amount < many * 2 || many === Number.POSITIVE_INFINITY) {
      const whole = Math.floor(amount);
      if (whole < many || many === Number.POSITIVE_INFINITY || unit !== "second") {
        return `${whole} ${unit}${whole === 1 ? "" : "s"}`;
      }
    }
    amount /= many;
  }
  return "";
}
