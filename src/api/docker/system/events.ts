import type { VirgaEvent } from "../../../events/index.ts";
import type { Filters } from "../http/filters.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";

export const eventFilters = [
  "config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret",
  "service", "type", "volume",
]; // prettier-ignore

/** Things that Docker has no word for are not told to its clients. */
const dockerTypes: ReadonlySet<string> = new Set([
  "container",
  "image",
  "network",
  "volume",
  "builder",
  "daemon",
]);

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
    ...(legacy ? { status: action, id: event.id, ...(from === undefined ? {} : { from }) } : {}),
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
    filters.any("event", (value) => value === event.action || value === actionText(event)) &&
    filters.exact("scope", "local") &&
    filters.labels(event.attributes) &&
    filters.any("container", (value) => concerns(event, "container", value, event.attributes["name"])) &&
    filters.any("image", (value) => concernsImage(event, value)) &&
    filters.any("network", (value) => concerns(event, "network", value, event.attributes["name"])) &&
    filters.any("volume", (value) => concerns(event, "volume", value, event.attributes["name"])) &&
    filters.any("daemon", (value) => concerns(event, "daemon", value, event.attributes["name"])) &&
    ["node", "plugin", "secret", "service", "config"].every((name) => !filters.has(name));
}

function concerns(event: VirgaEvent, type: string, value: string, name: string | undefined): boolean {
  return event.type === type && (event.id === value || event.id.startsWith(value) || name === value);
}

/** Events of the image, and of the containers made from it; a name without a tag stands for each tag. */
function concernsImage(event: VirgaEvent, value: string): boolean {
  const names =
    event.type === "image"
      ? [event.id, event.attributes["name"]]
      : [event.type === "container" ? event.attributes["image"] : undefined];
  return names.some(
    (name) => name !== undefined && (name === value || name.replace(/:[^:/]+$/, "") === value),
  );
}
