import { z } from "zod";
import { fail } from "../../../base/index.ts";
import { credentialsFrom, credentialsFromHeader, domainOfServer } from "../../../distribution/index.ts";
import { describeRemote, normalise, parseReference } from "../../../images/index.ts";
import { jsonBody } from "../http/body.ts";
import { createRouter, pathParameter, type ApiRouter } from "../http/context.ts";
import type { RegistryBackend } from "./backend.ts";

const authBody = z.looseObject({ serveraddress: z.string().nullish() });

/** Logging in to a registry, and asking one about an image. */
export function registryRoutes({ registries }: RegistryBackend): ApiRouter {
  const routes = createRouter();

  routes.post("/auth", async (c) => {
    const body = await jsonBody(c, authBody);
    const domain = domainOfServer(body.serveraddress ?? "");
    const credentials = credentialsFrom(body);
    if (credentials === undefined) {
      throw fail(
        "invalid",
        "registry.auth-invalid",
        "a login needs a username and a password, or an identity token",
      );
    }
    const { identityToken = "" } = await registries.logIn(domain, credentials, c.req.raw.signal);
    return c.json({ Status: "Login Succeeded", IdentityToken: identityToken });
  });
  routes.get("/distribution/:name{.+}/json", async (c) => {
    const reference = parseReference(normalise(pathParameter(c, "name")));
    const credentials = credentialsFromHeader(c.req.header("x-registry-auth"));
    const { signal } = c.req.raw;
    const remote = await registries.open(reference, { credentials, signal });
    const { descriptor, platforms } = await describeRemote(remote, reference, signal);
    return c.json({ Descriptor: descriptor, Platforms: platforms });
  });
  return routes;
}
