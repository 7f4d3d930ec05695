/** A connection after the switch from HTTP to raw bytes. */
export interface RawConnection {
  /** What the client sends, until it ends its half. Throws when the connection breaks. */
  readonly input: AsyncIterable<Uint8Array>;
  /** Resolves when there is room for more; false when the client is gone. */
  write(data: Uint8Array): Promise<boolean>;
  /** Ends the daemon's half, after what was written. */
  end(): void;
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal;
}
