import { bytes, integer, map, message, one, text } from "./message.ts";

/**
 * Of the services that a client offers the daemon over its session: session/{auth,secrets,sshforward,upload,filesync}
 * of BuildKit.
 */
export const bytesMessage = message({ data: one(1, bytes) });

export const credentialsRequest = message({ host: one(1, text) });
export const credentialsResponse = message({ username: one(1, text), secret: one(2, text) });

export const getSecretRequest = message({ id: one(1, text), annotations: map(2, text) });
export const getSecretResponse = message({ data: one(1, bytes) });

export const checkAgentRequest = message({ id: one(1, text) });

/** grpc/health/v1/health.proto */
export const healthRequest = message({ service: one(1, text) });
export const healthResponse = message({ status: one(1, integer) });
