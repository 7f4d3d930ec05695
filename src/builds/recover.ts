import { existsSync, readdirSync } from "node:fs";
import { messageOf } from "../base/index.ts";
import { removeTree, unmountAll } from "../host/index.ts";
import type { BuildsDependencies } from "./build-run.ts";
import { cacheMountsFolder } from "./cache/mount-cache.ts";

/** Takes away what builds of a daemon that was killed have left: processes, addresses, mounts, folders. */
export async function sweepBuilds({ identity, layers, steps, logger }: BuildsDependencies): Promise<void> {
  const home = identity.path("builds");
  if (!existsSync(home)) return;
  for (const build of readdirSync(home)) {
    if (build === cacheMountsFolder) continue;
    const folder = identity.path("builds", build);
    try {
      const parts = readdirSync(folder);
      await steps.sweep(parts.flatMap((part) => /^run-(.+)$/.exec(part)?.[1] ?? []));
      for (const part of parts.filter((one) => /^(step|from)-/.test(one)))
        await layers.unmount(`${folder}/${part}`);
      for (const part of parts.filter((one) => one.startsWith("secrets-"))) unmountAll(`${folder}/${part}`);
      await removeTree(folder, { within: home });
      logger.info("an interrupted build was cleared away", { build });
    } catch (error) {
      logger.warn("an interrupted build could not be cleared away", { build, error: messageOf(error) });
    }
  }
}
