import { createSocket } from "node:dgram";
import { existsSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { hostname } from "node:os";
import { fail, type Clock } from "../../../base/index.ts";
import type { Container } from "../../container.ts";
import { tagOf } from "../attributes.ts";
import type { LogLine } from "../../container.ts";
import { datagramSender } from "./datagram.ts";
import type { LogSink } from "./sink.ts";

/** Where syslog(3) writes; the first that is there. */
const localSockets = ["/dev/log", "/var/run/syslog", "/var/run/log"];

const facilities = [
  "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "", "", "", "",
  "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
]; // prettier-ignore
const formats = ["", "rfc3164", "rfc5424", "rfc5424micro"];

interface Target {
  readonly kind: "unixgram" | "unix" | "udp" | "tcp";
  /** Of unix sockets. */
  readonly path: string;
  readonly host: string;
  readonly port: number;
}

type Options = Readonly<Record<string, string>>;

/** Throws `invalid` / `log.option` and `log.no-syslog`, `unimplemented` for TLS. */
export function checkSyslog(options: Options, local: readonly string[] = localSockets): Target {
  const { "syslog-format": format = "", "syslog-facility": facility = "daemon" } = options;
  if (!formats.includes(format)) throw invalid("invalid syslog format");
  if (facilityNumber(facility) === undefined) throw invalid("invalid syslog facility");
  const address = options["syslog-address"];
  if (address !== undefined && address !== "") return parseAddress(address);
  const path = local.find((one) => statSync(one, { throwIfNoEntry: false })?.isSocket());
  if (path !== undefined) return { kind: "unixgram", path, host: "", port: 0 };
  throw fail("invalid", "log.no-syslog", "Unix syslog delivery error: no syslog listens on this host", {
    hint: "apt-get install rsyslog, or name another with --log-opt syslog-address=udp://HOST:514",
  });
}

function parseAddress(address: string): Target {
  const [, kind, rest = ""] = /^(unix|unixgram|udp|tcp|tcp\+tls):\/\/(.+)$/.exec(address) ?? [];
  if (kind === "tcp+tls") {
    throw fail("unimplemented", "log.option", "syslog-address: tcp+tls is not supported", {
      hint: "send to a relay on this machine, which has the keys",
    });
  }
  if (kind === "unix" || kind === "unixgram") {
    if (!existsSync(rest)) throw invalid(`syslog-address: stat ${rest}: no such file or directory`);
    return { kind, path: rest, host: "", port: 0 };
  }
  const [, host, port = "514"] = /^(\[[^\]]+\]|[^:/]+)(?::(\d{1,5}))?$/.exec(rest) ?? [];
  if ((kind !== "udp" && kind !== "tcp") || host === undefined || Number(port) > 65535) {
    throw invalid(`invalid syslog-address: '${address}'`);
  }
  return { kind, path: "", host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}

function invalid(message: string): Error {
  return fail("invalid", "log.option", message);
}

function facilityNumber(text: string): number | undefined {
  const named = text === "" ? 3 : facilities.indexOf(text);
  const number = named >= 0 ? named : Number(text);
  return Number.isInteger(number) && number >= 0 && number <= 23 ? number : undefined;
}

/** Lines as syslog messages; of streams each ends with a newline. */
export function syslogSink(container: Container, clock: Clock): LogSink {
  const options = container.spec.log?.options ?? {};
  const target = checkSyslog(options);
  const tag = tagOf(container, "{{.ID}}");
  const sender = senderTo(target, clock);
  return {
    send: (line) => sender.send(syslogMessage(line, tag, options, target)),
    [Symbol.asyncDispose]: () => sender[Symbol.asyncDispose](),
  };
}

/** RFC 3164, which the local syslog wants without the host's name, or RFC 5424. */
export function syslogMessage(
  { stream, time, data }: LogLine,
  tag: string,
  options: Options,
  { kind }: Pick<Target, "kind">,
): Uint8Array {
  const severity = stream === "stderr" ? 3 : 6;
  const priority = (facilityNumber(options["syslog-facility"] ?? "daemon") ?? 3) * 8 + severity;
  const format = options["syslog-format"] ?? "";
  const head = format.startsWith("rfc5424")
    ? `<${priority}>1 ${isoTime(time, format)} ${hostname()} ${tag} ${process.pid} ${tag} - `
    : `<${priority}>${bsdTime(time)} ${kind === "unixgram" || kind === "unix" ? "" : `${hostname()} `}${tag}[${process.pid}]: `;
  const message = data.at(-1) === 0x0a ? data.subarray(0, -1) : data;
  const end = kind === "udp" || kind === "unixgram" ? [] : [Buffer.of(0x0a)];
  return Buffer.concat([Buffer.from(head), message, ...end]);
}

function isoTime(time: string, format: string): string {
  return format === "rfc5424micro" ? time.replace(/(\.\d{6})\d*/, "$1") : time.replace(/\.\d+/, "");
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `Jan  2 15:04:05`, in the host's own time. */
function bsdTime(time: string): string {
  const date = new Date(time);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const day = String(date.getDate()).padStart(2, " ");
  return `${months[date.getMonth()]} ${day} ${clock.map((one) => String(one).padStart(2, "0")).join(":")}`;
}

interface Sender extends AsyncDisposable {
  send(message: Uint8Array): Promise<void>;
}

function senderTo(target: Target, clock: Clock): Sender {
  if (target.kind === "unixgram") return datagramSender(target.path, clock);
  return target.kind === "udp" ? udpSender(target) : streamSender(target);
}

function udpSender({ host, port }: Target): Sender {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.unref();
  return {
    send: (message) =>
      new Promise((resolve, reject) => {
        socket.send(message, port, host, (error) => (error ? reject(error) : resolve()));
      }),
    async [Symbol.asyncDispose]() {
      socket.close();
    },
  };
}

function streamSender(target: Target): Sender {
  let open: Promise<Socket> | undefined;
  const opened = () =>
    new Promise<Socket>((resolve, reject) => {
      const socket =
        target.kind === "unix" ? connect(target.path) : connect({ host: target.host, port: target.port });
      socket.once("connect", () => resolve(socket));
      socket.once("error", reject);
      // Connected anew for the next line.
      socket.once("close", () => (open = undefined));
      socket.on("error", () => {});
      socket.unref();
    });
  return {
    async send(message) {
      open ??= opened();
      const socket = await open.catch((error: unknown) => {
        open = undefined;
        throw error;
      });
      await new Promise<void>((resolve, reject) => {
        socket.write(message, (error) => (error ? reject(error) : resolve()));
      });
    },
    async [Symbol.asyncDispose]() {
      const socket = await open?.catch(() => undefined);
      if (socket) await new Promise<void>((resolve) => socket.end(() => resolve()));
    },
  };
}
