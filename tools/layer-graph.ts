import { folders } from "./layers.json";

/** The layer table as a Mermaid graph: only arrows that do not follow from others are drawn. */
export function layerGraph(): string {
  const table: Readonly<Record<string, readonly string[]>> = folders;
  const reaches = (from: string, to: string): boolean =>
    (table[from] ?? []).some((next) => next === to || reaches(next, to));
  const arrows = Object.entries(table).flatMap(([from, targets]) =>
    targets
      .filter((to) => !targets.some((other) => other !== to && reaches(other, to)))
      .map((to) => `  ${node(from)} --> ${node(to)}`),
  );
  return `\`\`\`mermaid\ngraph TD\n${arrows.join("\n")}\n\`\`\`\n`;
}

function node(folder: string): string {
  return `${folder.replace("/", "-")}["${folder}"]`;
}
