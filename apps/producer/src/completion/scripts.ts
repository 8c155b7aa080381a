/*
 * The scripts that shells run when the Tab key is pressed. They call the hidden command
 * `fetchfleet __complete` with the words as they were typed, the last one up to the cursor. They
 * never evaluate a typed word, and what they offer is quoted where it is inserted: bash does it in
 * the script, zsh and fish by themselves. The first line of the answer is its kind (`values`,
 * `files ENDING…` or `directories`); every other line is a candidate: value, tab, description.
 */

export type Shell = 'bash' | 'zsh' | 'fish';

/** For bash 3.2 and later, without the bash-completion package. */
const BASH = String.raw`# bash completion for fetchfleet:  source <(fetchfleet completion bash)

_fetchfleet() {
  local line=\${COMP_LINE:0:COMP_POINT} words=() word count=0 at
  # Bash splits words at ":" and "=", and origins contain both: join what no space separates.
  for ((at = 0; at <= COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    if ((at == 0)) || [[ $line == [[:space:]]* ]]; then
      count=$((count + 1))
      line=\${line#"\${line%%[![:space:]]*}"}
    fi
    # Cut the last word at the cursor.
    ((at == COMP_CWORD)) && word=$line
    words[count - 1]=\${words[count - 1]}$word
    line=\${line#"$word"}
  done
  local current=\${words[count - 1]} program=\${words[0]/#\~/$HOME}
  current=\${current#[\"\']}
  words[count - 1]=$current

  # Bash replaces only the text after its last word break.
  local keep="" head mark
  for mark in : =; do
    [[ $COMP_WORDBREAKS == *"$mark"* && $current == *"$mark"* ]] || continue
    head=\${current%"$mark"*}$mark
    ((\${#head} > \${#keep})) && keep=$head
  done

  local kind="" value about path ending
  COMPREPLY=()
  while IFS=$'\t' read -r value about; do
    if [[ -z $kind ]]; then
      kind=$value
    elif [[ $value == "$current"* ]]; then
      value=\${value#"$keep"}
      # Bash inserts it as it is, and would run what is in it.
      [[ -z $value ]] || printf -v value %q "$value"
      COMPREPLY+=("$value")
    fi
  done < <("$program" __complete -- "\${words[@]:1}" 2>/dev/null)

  local rest=$current
  [[ $rest == -*=* ]] && rest=\${rest#*=}
  case $kind in
    directories)
      compopt -o filenames 2>/dev/null
      while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen -d -- "$rest")
      ;;
    files*)
      compopt -o filenames 2>/dev/null
      while IFS= read -r path; do
        if [[ -d $path || $kind == files ]]; then
          COMPREPLY+=("$path")
        else
          for ending in \${kind#files }; do
            [[ $path == *."$ending" ]] && COMPREPLY+=("$path")
          done
        fi
      done < <(compgen -f -- "$rest")
      ;;
  esac
}

complete -F _fetchfleet fetchfleet
`;

/** For zsh, sourced or as `_fetchfleet` in a folder of `fpath`. */
const ZSH = String.raw`#compdef fetchfleet
# zsh completion for fetchfleet:  source <(fetchfleet completion zsh)

_fetchfleet() {
  local -a lines entries
  local kind line value about tab=$'\t'
  lines=("\${(@f)$("\${(Q)words[1]/#\~/$HOME}" __complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  kind=\${lines[1]}
  for line in "\${(@)lines[2,-1]}"; do
    value=\${line%%$tab*}
    about=\${line#*$tab}
    value=\${value//\\/\\\\}
    value=\${value//:/\\:}
    [[ -n $value ]] && entries+=("$value\${about:+:$about}")
  done
  local found=1
  (( $#entries )) && _describe -V fetchfleet entries && found=0
  [[ $kind == (files*|directories) && $PREFIX == -*=* ]] && compset -P '*='
  case $kind in
    directories) _files -/ && found=0 ;;
    files) _files && found=0 ;;
    files\ *) _files -g "*.(\${\${kind#files }// /|})(-.)" && found=0 ;;
  esac
  return $found
}

if [[ \${funcstack[1]-} == _fetchfleet ]]; then
  _fetchfleet "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _fetchfleet fetchfleet
fi
`;

const FISH = String.raw`# fish completion for fetchfleet:  fetchfleet completion fish | source

function __fetchfleet_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' "$HOME" -- $words[1])
    set -e words[1]
    set -l lines ($program __complete -- $words "$current" 2>/dev/null)
    set -l kind (string split ' ' -- $lines[1])
    set -e lines[1]
    printf '%s\n' $lines
    contains -- "$kind[1]" files directories; or return
    set -l attached (string match -r -- '^-[^=]*=' "$current")
    set -l typed (string replace -r -- '^-[^=]*=' '' "$current")
    # For an unknown command, fish offers paths.
    for path in (complete -C "__fetchfleet_paths "(string escape -- "$typed"))
        set path (string split -f 1 \t -- $path)
        if string match -q -- '*/' $path
            printf '%s%s\n' "$attached" $path
        else if test "$kind[1]" = files
            if test (count $kind) -eq 1; or contains -- (string split -r -m 1 . -- $path)[-1] $kind[2..-1]
                printf '%s%s\n' "$attached" $path
            end
        end
    end
end

complete -c fetchfleet -e
complete -c fetchfleet -f -k -a '(__fetchfleet_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

/** The script that makes a shell complete command lines of fetchfleet. */
export function completionScript(shell: Shell): string {
  // The backslash keeps JavaScript from replacing the shell's own ${…}.
  return SCRIPTS[shell].replaceAll('\\$', '$');
}
