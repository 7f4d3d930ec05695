/**
 * A Bun socket of a file descriptor that is a connected, non-blocking socket. The socket owns the descriptor from
 * then on. Bun documents `fd` for `listen` and `connect`; its types have it for neither.
 */
export async function socketOfFd(fd: number, handler: Bun.SocketHandler): Promise<Bun.Socket> {
  const options: unknown = { fd, socket: { binaryType: "buffer", ...handler } };
  return await Bun.connect(options as Bun.UnixSocketOptions);
}
