export type {
  AttachedEndpoint,
  Endpoint,
  EndpointSpec,
  Network,
  Networks,
  NetworkSpec,
  PortMapping,
  PrivateName,
  RunningSandboxes,
  Sandbox,
  Subnet,
} from "./network.ts";
export { createNetworks, type NetworksDependencies } from "./networks.ts";
export { networkMigrations } from "./store.ts";
