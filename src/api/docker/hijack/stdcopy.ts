/**
 * Docker's framing of two streams on one connection: eight bytes (stream, three zeros, length as big-endian 32 bit),
 * then the payload. Used without a tty; see "Stream format" of POST /containers/{id}/attach.
 */
const streamNumber = { stdin: 0, stdout: 1, stderr: 2 } as const;

export const rawStreamType = "application/vnd.docker.raw-stream";
export const multiplexedStreamType = "application/vnd.docker.multiplexed-stream";

export function frame(stream: "stdout" | "stderr", data: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(8 + data.length);
  framed.writeUInt32BE(streamNumber[stream] * 0x1000000, 0);
  framed.writeUInt32BE(data.length, 4);
  framed.set(data, 8);
  return framed;
}
