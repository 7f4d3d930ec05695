import { fail } from "../../base/index.ts";
import type { Command } from "../command.ts";
import { candidates, type CompletionSource } from "../complete.ts";
import { engineOf } from "../connection.ts";
import { print } from "../terminal.ts";

export const completion: Command = {
  name: "completion",
  summary: "Print a script that makes a shell complete virga's commands, options and names",
  usage: "bash|zsh|fish",
  arguments: { min: 1, max: 1 },
  options: {},
  details: `bash:  virga completion bash > /etc/bash_completion.d/virga
zsh:   virga completion zsh > /usr/local/share/zsh/site-functions/_virga
fish:  virga completion fish > ~/.config/fish/completions/virga.fish
For this shell only: source <(virga completion bash)`,
  run(invocation) {
    const [shell = ""] = invocation.arguments;
    const script = scripts[shell];
    if (script === undefined) return Promise.reject(unknownShell(shell));
    print(script);
    return Promise.resolve(0);
  },
};

function unknownShell(shell: string): Error {
  return fail("invalid", "cli.usage", `there is no completion for '${shell}'`, {
    hint: "virga completion bash, zsh or fish",
  });
}

/** `virga __complete -- WORDS…`: a candidate a line, with a tab and a help text. */
export function completeAmong(commands: Omit<CompletionSource, "docker">): Command {
  return {
    name: "__complete",
    summary: "What may stand for the last word",
    usage: "-- WORD...",
    options: {},
    async run(invocation) {
      const docker = engineOf(invocation.root);
      const found = await candidates(invocation.arguments, { ...commands, docker });
      print(found.map(({ word, help }) => (help === undefined ? word : `${word}\t${help}`)).join("\n"));
      return 0;
    },
  };
}

const bash = String.raw`# bash completion for virga
_virga() {
  local line="${"$"}{COMP_LINE:0:COMP_POINT}" words cur prefix candidate
  read -ra words <<<"$line"
  [[ "$line" == *[[:space:]] ]] && words+=("")
  cur="${"$"}{words[${"$"}{#words[@]}-1]}"
  # bash completes only what follows the last of these in a word
  prefix="${"$"}{cur%"${"$"}{cur##*[:=]}"}"
  COMPREPLY=()
  while IFS= read -r candidate; do
    candidate="${"$"}{candidate%%$'\t'*}"
    case "$candidate" in
      "") ;;
      :files) compopt -o filenames; mapfile -t -O "${"$"}{#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur") ;;
      :folders) compopt -o filenames; mapfile -t -O "${"$"}{#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$cur") ;;
      *) COMPREPLY+=("${"$"}{candidate#"$prefix"}") ;;
    esac
  done < <("${"$"}{words[0]}" __complete -- "${"$"}{words[@]:1}" 2>/dev/null)
}
complete -F _virga virga`;

const zsh = String.raw`#compdef virga
_virga() {
  local line
  local -a names
  for line in "${"$"}{(@f)$("${"$"}{words[1]}" __complete -- "${"$"}{(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      "") ;;
      :files) _files ;;
      :folders) _files -/ ;;
      *$'\t'*) names+=("${"$"}{${"$"}{line%%$'\t'*}//:/\\:}:${"$"}{line#*$'\t'}") ;;
      *) names+=("${"$"}{line//:/\\:}") ;;
    esac
  done
  (( ${"$"}{#names} )) && _describe virga names
}
if [ "$funcstack[1]" = "_virga" ]; then _virga "$@"; else compdef _virga virga; fi`;

const fish = String.raw`# fish completion for virga
function __virga_complete
  set -l words (commandline -opc)
  set -l current "$(commandline -ct)"
  for line in ($words[1] __complete -- $words[2..] $current 2>/dev/null)
    switch $line
      case ':files'
        __fish_complete_path $current
      case ':folders'
        __fish_complete_directories $current
      case '*'
        echo $line
    end
  end
end
complete -c virga -f -a '(__virga_complete)'`;

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish };
