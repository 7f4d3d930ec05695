import { dlopen } from "bun:ffi";

/**
 * Has the kernel kill this process when the thread that started it ends (PR_SET_PDEATHSIG, prctl(2)), so that a child
 * does not go on writing after its daemon was killed. Call it first thing; `parent` is the process id of the
 * parent that is expected: when it is gone already, the process ends here.
 */
export function dieWithParent(parent: number): void {
  const libc = dlopen("libc.so.6", { prctl: { args: ["i32", "u64"], returns: "i32" } });
  libc.symbols.prctl(1, 9);
  libc.close();
  if (process.ppid !== parent) process.exit(1);
}
