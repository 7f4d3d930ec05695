/** The part of Bun's built-in module `ws` that is used here; Bun's own types leave it out. */
declare module "ws" {
  import type { IncomingMessage } from "node:http";
  import type { Duplex } from "node:stream";

  export interface WebSocket {
    readonly bufferedAmount: number;
    on(event: "message", listener: (data: Buffer | string, isBinary: boolean) => void): this;
    on(event: "error" | "close", listener: () => void): this;
    send(data: Uint8Array | string, sent: (error?: Error | null) => void): void;
    close(code?: number, reason?: string): void;
    terminate(): void;
  }

  export class WebSocketServer {
    constructor(options: {
      readonly noServer: true;
      readonly maxPayload?: number;
      readonly perMessageDeflate?: boolean;
    });
    handleUpgrade(
      request: IncomingMessage,
      socket: Duplex,
      head: Buffer,
      accepted: (socket: WebSocket) => void,
    ): void;
  }
}
