import type { WireBuild } from "../../../api/client/index.ts";
import { isVirgaError, newId } from "../../../base/index.ts";
import type { Invocation } from "../../command.ts";
import { engineOf } from "../../connection.ts";
import { errorText } from "../../output.ts";
import { isTerminal, tell } from "../../terminal.ts";

/** Builds; when a RUN fails, opens a shell on its files, with its variables, and fails afterwards all the same. */
export async function debugBuild(
  invocation: Invocation,
  request: WireBuild,
  build: (request: WireBuild) => Promise<number>,
): Promise<number> {
  const image = `virga-debug/${newId().slice(0, 12)}:failed`;
  try {
    return await build({ ...request, debugImage: image });
  } catch (error) {
    if (!isVirgaError(error, "invalid") || error.code !== "build.step-failed") throw error;
    tell(errorText(error));
    tell("virga: this is a shell in the failed step; leave it with exit");
    try {
      await shell(invocation.root, image, request.networkMode);
    } finally {
      const { transport } = engineOf(invocation.root);
      await transport.json("DELETE", `/images/${image}`, { query: { force: true } });
    }
    return 2;
  }
}

async function shell(root: string, image: string, network: string | undefined): Promise<void> {
  const [program = "", main = ""] = process.argv;
  const options = [
    "--rm",
    "-i",
    ...(isTerminal(0) ? ["-t"] : []),
    ...(network ? ["--network", network] : []),
  ];
  const child = Bun.spawn([program, main, "run", "--root", root, ...options, image], {
    stdio: ["inherit", "inherit", "inherit"],
    env: process.env,
  });
  await child.exited;
}
