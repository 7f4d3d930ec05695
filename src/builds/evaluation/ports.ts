import { dockerfileError, type SourcePlace } from "../dockerfile/dockerfile-error.ts";

/**
 * `80`, `80/udp`, `8000-8010/tcp` as `80/tcp`, … An address or a host's port before it is left out, as Docker does (and
 * a build check says so). Throws `dockerfile.port`.
 */
export function parsePorts(place: SourcePlace, word: string): string[] {
  const match =
    /^(?:(?:(?:\d+\.){3}\d+|\[[0-9a-fA-F:.]+\]):)?(?:(?:\d{1,5}(?:-\d{1,5})?)?:)?(\d{1,5})(?:-(\d{1,5}))?(?:\/([a-zA-Z]*))?$/.exec(
      word,
    );
  const protocol = (match?.[3] || "tcp").toLowerCase();
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  const fits = match !== null && first >= 1 && last <= 65535 && first <= last;
  if (!fits || !["tcp", "udp", "sctp"].includes(protocol)) {
    const hint = "write it like 80, 53/udp or 8000-8010/tcp; host ports are chosen when a container is made";
    throw dockerfileError("dockerfile.port", place, `'${word}' is not a port`, hint);
  }
  return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${protocol}`);
}
