import type { z } from "zod";
import { fail, isVirgaError } from "../../../base/index.ts";
import { overlayProcess, processOfSpec, type Container, type PathStat } from "../../../containers/index.ts";
import type { ImageProcess } from "../../../images/index.ts";
import { byteBody, jsonBody } from "../http/body.ts";
import { applyChanges } from "../../../builds/index.ts";
import { createRouter, pathParameter, type ApiRouter } from "../http/context.ts";
import { defined, filled } from "../http/defined.ts";
import { flag, requiredText, text } from "../http/query.ts";
import { streamBody } from "../http/streams.ts";
import type { ContainersBackend } from "./backend.ts";
import { createBody } from "./create/body.ts";
import { decodeConfig } from "./create/decode.ts";

/** Files of a container: archive (docker cp), export, commit. */
export function archiveRoutes(backend: ContainersBackend): ApiRouter {
  const routes = createRouter();
  const { containers } = backend;

  // Hono serves HEAD from the GET route; the archive is then not made.
  routes.get("/containers/:id/archive", async (c) => {
    const id = pathParameter(c, "id");
    const path = requiredText(c, "path");
    const told = (error: unknown) => {
      throw inContainer(id, path, error);
    };
    if (c.req.method === "HEAD") {
      const stat = await containers.statPath(id, path).catch(told);
      return c.body(null, 200, { [statHeader]: encodeStat(stat) });
    }
    const { stat, tar } = await containers.archive(id, path).catch(told);
    return streamBody(c, tar, { "Content-Type": "application/x-tar", [statHeader]: encodeStat(stat) });
  });
  routes.put("/containers/:id/archive", async (c) => {
    const [id, path] = [pathParameter(c, "id"), requiredText(c, "path")];
    const options = {
      noOverwriteDirNonDir: flag(c, "noOverwriteDirNonDir"),
      copyOwner: flag(c, "copyUIDGID"),
    };
    await containers.extract(id, path, byteBody(c), options).catch((error: unknown) => {
      throw inContainer(id, path, error);
    });
    return c.body(null, 200);
  });
  routes.get("/containers/:id/export", async (c) => {
    const tar = await containers.export(pathParameter(c, "id"));
    return streamBody(c, tar, { "Content-Type": "application/octet-stream" });
  });
  routes.post("/commit", async (c) => {
    const config = await jsonBody(c, createBody.nullable(), null);
    const container = containers.get(requiredText(c, "container"));
    const [repository, tag] = [text(c, "repo"), text(c, "tag")];
    const imageId = await containers.commit(
      container.id,
      defined({
        reference:
          repository === undefined ? undefined : `${repository}${tag === undefined ? "" : `:${tag}`}`,
        comment: text(c, "comment"),
        author: text(c, "author"),
        process: commitProcess(config, container, c.req.queries("changes") ?? []),
        pause: flag(c, "pause", true),
      }),
    );
    return c.json({ Id: imageId }, 201);
  });
  return routes;
}

/** In Docker's words, which name the container as the client did. */
function inContainer(id: string, path: string, error: unknown): unknown {
  if (!isVirgaError(error) || error.code !== "container.path-not-found") return error;
  const message = `Could not find the file ${path} in container ${id}`;
  return fail("not-found", error.code, message, { cause: error });
}

const statHeader = "X-Docker-Container-Path-Stat";

/** As docker cp reads it: JSON in base64. */
function encodeStat(stat: PathStat): string {
  const { name, size, mode, modified, linkTarget } = stat;
  return Buffer.from(
    JSON.stringify({ name, size, mode, mtime: modified.toISOString(), linkTarget }),
  ).toString("base64");
}

/**
 * As dockerd: without a body (docker commit sends none) the container's values with `changes` applied; else the body's
 * with `changes`, and what they leave open from the container.
 */
function commitProcess(
  config: z.infer<typeof createBody> | null,
  { process, spec }: Container,
  changes: readonly string[],
): ImageProcess {
  const { OnBuild: _ofItsImage, ...kept } = process;
  if (config === null) {
    return applyChanges({ ...kept, ...defined({ OnBuild: spec.onBuild }) }, changes);
  }
  const volumes = Object.keys(config.Volumes ?? {}).map((target) => [target, {}] as const);
  const asked = processOfSpec(decodeConfig(config));
  const own = applyChanges(
    {
      ...asked,
      ...defined({ Volumes: filled(Object.fromEntries(volumes)), OnBuild: filled(config.OnBuild) }),
    },
    changes,
  );
  return { ...overlayProcess(kept, own), ...defined({ OnBuild: own.OnBuild }) };
}
