export type { EventActions, EventFilter, Events, EventType, VirgaEvent } from "./event.ts";
export { createEvents, eventMigrations } from "./events.ts";
