/** Where the programs of this installation are; absolute paths. */
export interface Installation {
  readonly node: string;
  readonly launcher: string;
  readonly main: string;
}

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/**
 * What a shell reads to complete the words of `waggle`: it asks `waggle complete` with the words up to the cursor and gets a word
 * and its description, with a tab in between, per line. Where there is no command `waggle`, it is made: it is a clone that is used.
 */
export function toScript(shell: Shell, { node, launcher, main }: Installation): string {
  const command = [node, launcher, main].map(quote).join(' ');
  return { bash: toBash, zsh: toZsh, fish: toFish }[shell](command);
}

/** Good in all three. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Bash takes `:`, `@` and `=` for ends of words: what stands before the last of them is on the line already. */
function toBash(command: string): string {
  return `# Completion of waggle for bash: eval "$(waggle completion bash)" in ~/.bashrc
type waggle >/dev/null 2>&1 || waggle() { ${command} "$@"; }
_waggle() {
  local line="\${COMP_LINE:0:COMP_POINT}" words word kept candidate
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  word="\${words[\${#words[@]}-1]}"
  kept="\${word%"\${word##*[:=@]}"}"
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    COMPREPLY+=("\${candidate#"$kept"}")
  done < <(waggle complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _waggle waggle
`;
}

function toZsh(command: string): string {
  return `#compdef waggle
# Completion of waggle for zsh: eval "$(waggle completion zsh)" in ~/.zshrc
type waggle >/dev/null 2>&1 || waggle() { ${command} "$@" }
_waggle() {
  local -a given shown
  local line
  for line in "\${(@f)$(waggle complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] || continue
    given+=("\${line%%$'\\t'*}")
    shown+=("\${line/$'\\t'/  }")
  done
  (( $#given )) && compadd -l -d shown -a given || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _waggle waggle
`;
}

function toFish(command: string): string {
  return `# Completion of waggle for fish: waggle completion fish | source in ~/.config/fish/config.fish
type -q waggle; or function waggle
    ${command} $argv
end
function __waggle_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    waggle complete -- $words[2..] "$word" 2>/dev/null
end
complete -c waggle -f -a '(__waggle_complete)'
`;
}
