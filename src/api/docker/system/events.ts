import type { VirgaEvent } from "../../../events/index.ts";
import type { Filters } from "../http/filters.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";

export const eventFilters = [
  "config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret",
  "service", "type", "volume",
]; // prettier-ignore

/** What Docker has no word for is not told to its clients; nor that the daemon starts, which Docker does not tell. */
const dockerTypes: ReadonlySet<string> = new Set(["container", "image", "network", "volume", "builder"]);

/** `health_status: healthy`, `exec_create: sh`. */
function actionText(event: VirgaEvent): string {
  return event.detail === undefined ? event.action : `${event.action}: ${event.detail}`;
}

/** One event of GET /events. */
export function encodeEvent(event: VirgaEvent, version: ApiVersion) {
  const action = actionText(event);
  const legacy =
    holds(quirks.eventStatusFields, version) && (event.type === "container" || event.type === "image");
  const from = event.attributes["image"];
  return {
    ...(legacy
      ? {
          status: action,
          ...(event.id === "" ? {} : { id: event.id }),
          ...(from === undefined ? {} : { from }),
        }
      : {}),
    Type: event.type,
    Action: action,
    Actor: { ID: event.id, Attributes: event.attributes },
    scope: "local",
    time: Number(event.timeNs / 1_000_000_000n),
  };
}

/** As JSON: nanoseconds have more digits than a JavaScript number. */
export function eventLine(event: VirgaEvent, version: ApiVersion): string {
  return `${JSON.stringify(encodeEvent(event, version)).slice(0, -1)},"timeNano":${event.timeNs}}\n`;
}

export function eventSelector(filters: Filters): (event: VirgaEvent) => boolean {
  return (event) =>
    dockerTypes.has(event.type) &&
    filters.exact("type", event.type) &&
    filters.any("event", eventMatch(filters, event)) &&
    filters.exact("scope", "local") &&
    filters.labels(event.attributes) &&
    filters.any("image", (value) => concernsImage(event, value)) &&
    actorFilters.every((name) => filters.any(name, (value) => concerns(event, value)));
}

/** Asked for one of these, Docker takes each value for the beginning of an action. */
const withDetail = ["health_status", "exec_create", "exec_start"];

function eventMatch(filters: Filters, event: VirgaEvent): (value: string) => boolean {
  const action = actionText(event);
  const fuzzy = filters.all("event").some((value) => withDetail.includes(value));
  return (value) => value === action || (fuzzy && action.startsWith(value));
}

const actorFilters = [
  "daemon", "container", "plugin", "volume", "network", "node", "service", "secret", "config",
]; // prettier-ignore

/** By the beginning of the id or the name of what it happened to; of whatever type, as with Docker. */
function concerns(event: VirgaEvent, value: string): boolean {
  return event.id.startsWith(value) || event.attributes["name"]?.startsWith(value) === true;
}

/** Events of the image, and of the containers made from it; a name without a tag stands for each tag. */
function concernsImage(event: VirgaEvent, value: string): boolean {
  const name = event.attributes[event.type === "image" ? "name" : "image"] ?? "";
  return [event.id, name, withoutTag(event.id), withoutTag(name)].includes(value);
}

function withoutTag(name: string): string {
  return name.replace(/(@.*|:[^:/]+)$/, "");
}

/** How far back a stream reaches for a client that comes late. */
export const lateNs = 2_000_000_000n;

/**
 * Development containers (VS Code's, and their CLI) run `docker events --filter event=start` beside `docker run`, and
 * wait for ever when the container has started before the events were asked for; here it often has.
 * https://github.com/devcontainers/cli/blob/main/src/spec-node/singleContainer.ts
 */
export function comesLate(filters: string | undefined, userAgent: string): boolean {
  return userAgent.startsWith("Docker-Client/") && filters === '{"event":{"start":true}}';
}
