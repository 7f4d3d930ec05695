import type { WireStopExplanation } from "../api/client/index.ts";

/** Why a container had to be killed, and what helps. */
export function explanationText({ message, advice }: WireStopExplanation): string {
  const [first, ...others] = advice;
  return [
    message,
    ...(first === undefined ? [] : [`  next: ${first}`]),
    ...others.map((one) => `    or: ${one}`),
  ].join("\n");
}
