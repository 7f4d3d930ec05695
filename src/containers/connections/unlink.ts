import { fail } from "../../base/index.ts";
import type { Engine } from "../engine.ts";
import { setContainer, type Entry } from "../registry.ts";
import { rewriteEtcFiles } from "./etc-files.ts";
import { parseLink } from "./link.ts";
import { linkedTo } from "./links.ts";

/** `web/db`: the link of `web` that it calls `db`. Throws `conflict` / `link.own-name` for a container's own name. */
export function parseLinkName(link: string): { readonly parent: string; readonly alias: string } {
  const [, parent, alias] = /^\/?([^/]+)\/([^/]+)$/.exec(link) ?? [];
  if (parent !== undefined && alias !== undefined) return { parent, alias };
  throw fail("conflict", "link.own-name", "Conflict, cannot remove the default link name of the container", {
    hint: "name a link: CONTAINER/ALIAS",
  });
}

/** The container forgets the other's alias, at once when it runs; variables of a running one stay. */
export async function removeLink(engine: Engine, entry: Entry, alias: string): Promise<void> {
  const { container } = entry.record;
  const { network } = container.spec;
  const links = (network?.links ?? []).filter((text) => parseLink(text).alias !== alias);
  if (links.length === (network?.links ?? []).length) {
    throw fail("not-found", "link.not-found", `No such container: ${container.name}/${alias}`);
  }
  const spec = { ...container.spec, network: { ...network, links } };
  engine.store.save({ ...entry.record, container: { ...container, spec } });
  setContainer(entry, { spec });
  if (container.state.status !== "running") return;
  const alive = links.filter((text) => runs(engine, parseLink(text).target));
  const now = { ...container, spec: { ...spec, network: { ...network, links: alive } } };
  await rewriteEtcFiles(container, engine.networks, linkedTo(now, engine).hosts);
}

function runs({ registry }: Engine, id: string): boolean {
  return registry.entries.get(id)?.record.container.state.status === "running";
}
