import { buildEndpoints } from "./build/endpoints.ts";
import { containerEndpoints } from "./containers/endpoints.ts";
import { execEndpoints } from "./exec/endpoints.ts";
import type { EndpointTable } from "./http/endpoint.ts";
import { imageEndpoints } from "./images/endpoints.ts";
import { networkEndpoints } from "./networks/endpoints.ts";
import { swarmEndpoints } from "./swarm/endpoints.ts";
import { systemEndpoints } from "./system/endpoints.ts";
import { volumeEndpoints } from "./volumes/endpoints.ts";

/** Every endpoint of the Docker Engine API, those that are refused too, with its parameters and fields. */
export const endpoints: EndpointTable = {
  ...systemEndpoints,
  ...containerEndpoints,
  ...execEndpoints,
  ...imageEndpoints,
  ...buildEndpoints,
  ...networkEndpoints,
  ...volumeEndpoints,
  ...swarmEndpoints,
};
