import { version } from "../../../base/index.ts";
import { hostPlatform } from "../../../images/index.ts";
import type { Of } from "../wire/message.ts";
import type { workerRecord } from "../wire/worker.ts";

/** The one builder of the daemon, as clients choose among several. */
export function workerOf(): Partial<Of<typeof workerRecord>> {
  const { architecture, os } = hostPlatform();
  return {
    id: "virga",
    // The second says to buildx that results can be exported in every way, and caches too.
    labels: {
      "org.mobyproject.buildkit.worker.executor": "virga",
      "org.mobyproject.buildkit.worker.snapshotter": "overlayfs",
    },
    platforms: [{ architecture, os }],
    version: { package: "virga", version: `v${version}`, revision: "" },
  };
}
