/**
 * The name of a step's result: a digest of the key of everything before it and of all that the step's outcome depends
 * on. A change of what goes into a key changes `version`, and old entries are never found again.
 */
const version = 3;

export function stepKey(parent: string, kind: string, inputs: readonly unknown[]): string {
  return digest([version, parent, kind, ...inputs]);
}

/**
 * The key of everything up to and with a step. `text` is the instruction with its variables replaced, `diffId` the
 * layer it made: when a step had to run again and came out different, what stands on it runs again as well.
 */
export function chainKey(parent: string, text: string, diffId: string | undefined): string {
  return digest([version, parent, text, diffId ?? null]);
}

function digest(value: unknown): string {
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(value)).digest("hex");
}
