import type { Duplex } from "node:stream";
import type { Builds, CacheRecord } from "../../builds/index.ts";
import type { Images } from "../../images/index.ts";
import { createRpcServer } from "./rpc/server.ts";
import { auxiliaryMethods } from "./services/health.ts";
import { cacheMethods } from "./services/cache.ts";
import { controlMethods, type ControlDependencies } from "./services/control.ts";
import { gatewayMethods } from "./services/gateway.ts";
import { createKeptFolders } from "./sessions/kept-folders.ts";
import { pruneFolders } from "./sessions/folder-records.ts";
import { createSessions } from "./sessions/sessions.ts";
import { createLeftovers } from "./solve/leftovers.ts";
import { createSolves } from "./solve/solves.ts";

export type BuildkitDependencies = Pick<ControlDependencies, "clock" | "logger" | "layers" | "archives"> & {
  readonly builds: Builds;
  readonly images: Images;
  /** Where clients' folders are kept. */
  readonly directory: string;
};

/** BuildKit's API: gRPC on connections that clients of the Docker API have upgraded. */
export interface BuildkitApi {
  /** POST /grpc: the client asks. Resolves when the connection is over. */
  serveCalls(socket: Duplex): Promise<void>;
  /** POST /session: the daemon asks the client for files, secrets and credentials. */
  serveSession(socket: Duplex, headers: Headers): Promise<void>;
  /** At the daemon's start: takes away what is left of builds that were cut. */
  recover(): Promise<void>;
  /** Takes away those of the files that clients have sent which `select` accepts and no build uses. */
  pruneFolders(
    select: (record: CacheRecord) => boolean,
  ): Promise<{ readonly removed: readonly string[]; readonly freed: number }>;
  /** Ends every connection. */
  close(): void;
}

export function createBuildkitApi({ directory, ...services }: BuildkitDependencies): BuildkitApi {
  const sessions = createSessions();
  const folders = createKeptFolders(directory, services.clock);
  const leftovers = createLeftovers(services);
  const dependencies = { ...services, sessions, folders, leftovers, solves: createSolves() };
  const server = createRpcServer(
    {
      ...controlMethods(dependencies),
      ...cacheMethods(dependencies),
      ...gatewayMethods(dependencies),
      ...auxiliaryMethods(),
    },
    services.logger,
  );
  return {
    serveCalls: (socket) => server.serve(socket),
    serveSession: (socket, headers) => sessions.serve(socket, headers),
    recover: () => folders.sweep(),
    pruneFolders: (select) => pruneFolders(folders, select),
    close() {
      server.close();
      sessions.close();
    },
  };
}
