import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { newId } from "../../base/index.ts";
import type { TaskSpec } from "../../runtimes/index.ts";
import { openRuntimeBench, readAll, type RuntimeBench } from "../../runtimes/testing.ts";
import type { ContainerSpec } from "../spec.ts";
import { buildOciConfig, mergeProcess, readHostFacts, resolveUser, type OciConfigInput } from "./index.ts";

export interface Ran {
  readonly output: string;
  readonly exitCode: number;
  readonly warnings: readonly string[];
}

export type Extra = Partial<
  Pick<OciConfigInput, "mounts" | "etc" | "network" | "initPath" | "pidOf" | "sharedMemory">
>;
type Asked = Omit<ContainerSpec, "image">;

/** Containers as they are made of a specification, run by a real runtime on a busybox root filesystem. */
export interface ConfigBench extends AsyncDisposable {
  readonly bench: RuntimeBench;
  configured(spec: Asked, extra?: Extra): { task: TaskSpec; warnings: readonly string[] };
  /** Runs `sh -c SCRIPT` to its end. */
  run(script: string, spec?: Asked, extra?: Extra): Promise<Ran>;
  output(script: string, spec?: Asked, extra?: Extra): Promise<string>;
}

export async function openConfigBench(runtime = "crun"): Promise<ConfigBench> {
  const bench = await openRuntimeBench();
  const host = readHostFacts();
  const etc = join(bench.rootfs, "etc");
  writeFileSync(
    join(etc, "passwd"),
    "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:App:/home/app:/bin/sh\n",
  );
  writeFileSync(join(etc, "group"), "root:x:0:\napp:x:1000:\nwheel:x:10:app\nvideo:x:44:\n");

  const configured: ConfigBench["configured"] = (spec, extra = {}) => {
    const id = newId();
    const full = { image: "busybox", ...spec };
    const process = mergeProcess({ Env: ["PATH=/bin:/sbin"] }, full);
    const { config, warnings } = buildOciConfig({
      id, spec: full, process,
      user: resolveUser(bench.rootfs, process.User ?? "", spec.security?.groupAdd ?? []),
      rootfs: bench.rootfs,
      mounts: [], etc: {}, network: { kind: "new" }, pidOf: () => undefined,
      cgroupPath: `${bench.identity.cgroupParent}/${id}`,
      host,
      ...extra,
    }); // prettier-ignore
    return {
      task: { ...bench.spec([], { id, tty: spec.tty ?? false, stdin: true }), runtime, config },
      warnings,
    };
  };
  const run: ConfigBench["run"] = async (script, spec = {}, extra = {}) => {
    const { task, warnings } = configured({ command: ["sh", "-c", script], ...spec }, extra);
    const { runtime } = bench;
    const exited = new Promise<number>((resolve) => {
      runtime.onExit((id, exit) => void (id === task.id && resolve(exit.exitCode)));
    });
    await runtime.create(task);
    const streams = await runtime.attach(task.id);
    await runtime.start(task.id);
    const output = (await readAll(streams.output)).trim();
    const exitCode = await exited;
    await runtime.delete(task.id);
    return { output, exitCode, warnings };
  };
  return {
    bench,
    configured,
    run,
    output: async (script, spec = {}, extra = {}) => (await run(script, spec, extra)).output,
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  };
}
