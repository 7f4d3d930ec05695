export type {
  AttachedEndpoint,
  Endpoint,
  EndpointSpec,
  Network,
  Networks,
  NetworkSpec,
  PortMapping,
  RunningSandboxes,
  Sandbox,
  Subnet,
} from "./network.ts";
