import { fail, parseBytes } from "../../base/index.ts";
import { checkTag } from "./attributes.ts";
import type { LogDriver, LogSpec } from "../spec.ts";

const ofLines = ["labels", "labels-regex", "env", "env-regex", "tag"];
const ofFiles = ["max-size", "max-file", "compress"];
/** Which options each driver takes, by Docker's names. `none` takes all, as with Docker, and heeds none. */
const options: Readonly<Record<Exclude<LogDriver, "none">, readonly string[]>> = {
  "json-file": [...ofFiles, ...ofLines],
  local: ofFiles,
  journald: ofLines,
  syslog: [...ofLines, "syslog-address", "syslog-facility", "syslog-format"],
};
/** Of all drivers. The log is a file: nobody waits for it, in either mode. */
const common = ["mode", "max-buffer-size"];
const tls = /^syslog-tls-/;

export const logDrivers: readonly LogDriver[] = ["json-file", "local", "none", "journald", "syslog"];

/** A driver and its options, as Docker has them. Throws `invalid` / `log.driver` and `log.option`, in Docker's words. */
export function parseLogOptions(name: string, given: Readonly<Record<string, string>>): LogSpec {
  const driver = logDrivers.find((one) => one === name);
  if (driver === undefined) {
    throw fail("invalid", "log.driver", `logger: no log driver named '${name}' is registered`, {
      hint: `there are ${logDrivers.join(", ")}`,
    });
  }
  const asked = Object.keys(given).length > 0 ? { options: given } : {};
  if (driver === "none") return { driver, ...asked };
  for (const option of Object.keys(given)) checkName(driver, option);
  checkMode(given);
  if (given["tag"] !== undefined) checkTag(given["tag"]);
  for (const option of ["labels-regex", "env-regex"]) checkRegex(option, given[option]);
  const { "max-size": size, "max-file": files, compress } = given;
  const spec: LogSpec = {
    driver,
    ...asked,
    // -1 is Docker's default of json-file, without an end; ours has one.
    ...(size === undefined || size === "-1" ? {} : { maxBytes: parseBytes(size) }),
    ...(files === undefined ? {} : { maxFiles: count(files) }),
    ...(compress === undefined ? {} : { compress: truth(compress) }),
  };
  if (spec.compress && spec.maxFiles === 1) {
    throw invalid("compress cannot be true when max-file is less than 2 or max-size is not set");
  }
  return spec;
}

function checkName(driver: Exclude<LogDriver, "none">, option: string): void {
  if (options[driver].includes(option) || common.includes(option)) return;
  if (driver === "syslog" && tls.test(option)) {
    throw fail("unimplemented", "log.option", `log option '${option}' is not supported`, {
      hint: "send to a relay on this machine, which has the keys",
    });
  }
  throw invalid(`unknown log opt '${option}' for ${driver} log driver`);
}

function checkMode({ mode = "blocking", "max-buffer-size": buffer }: Readonly<Record<string, string>>): void {
  if (mode !== "" && mode !== "blocking" && mode !== "non-blocking") {
    throw invalid(`logger: logging mode not supported: ${mode}`);
  }
  if (buffer === undefined) return;
  if (mode !== "non-blocking") {
    throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  }
  parseBytes(buffer);
}

function checkRegex(option: string, text: string | undefined): void {
  if (text === undefined) return;
  try {
    void new RegExp(text);
  } catch {
    throw invalid(`invalid value for log option ${option}: '${text}' is no regular expression`);
  }
}

function count(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1) return number;
  throw Number.isInteger(number)
    ? invalid("max-file cannot be less than 1")
    : invalid(`invalid value for log option max-file: '${text}'`);
}

function truth(text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw invalid(`invalid value for log option compress: '${text}'`);
}

function invalid(message: string): Error {
  return fail("invalid", "log.option", message);
}
