/**
 * All results of work done side by side. When one fails, only after the others have ended: so an undo stack that
 * they share knows all there is to undo.
 */
export async function together<T extends readonly unknown[]>(
  work: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  const settled = await Promise.allSettled<unknown>(work as readonly Promise<unknown>[]);
  const failed = settled.find((one) => one.status === "rejected");
  if (failed) throw failed.reason as Error;
  return settled.map((one) => (one as PromiseFulfilledResult<unknown>).value) as unknown as T;
}
