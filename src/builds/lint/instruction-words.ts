import type { StageInstruction } from "../dockerfile/instruction.ts";

/**
 * The words of an instruction in which the builder replaces variables, all at once (reference, "Environment
 * replacement"). Those of ARG are replaced one after the other.
 */
export function wordsOf(instruction: StageInstruction): readonly string[] {
  switch (instruction.kind) {
    case "ENV":
    case "LABEL":
      return instruction.pairs.flatMap(({ name, value }) => [name, value]);
    case "EXPOSE":
    case "VOLUME":
      return instruction.words;
    case "WORKDIR":
    case "USER":
    case "STOPSIGNAL":
      return [instruction.value];
    case "RUN":
      return instruction.mounts.flatMap(({ fields }) => [...fields.values()]);
    case "COPY":
    case "ADD": {
      const { sources, destination, chown, chmod, checksum } = instruction;
      const words = sources.map((source) => {
        if (source.kind === "path") return source.path;
        if (source.kind !== "text") return source.url;
        return source.heredoc.expand ? source.heredoc.content : "";
      });
      return [...words, destination, chown ?? "", chmod ?? "", checksum ?? ""];
    }
    default:
      return [];
  }
}
