/**
 * The scripts know the shell, and nothing of Chancery: each asks `chancery __complete` for every word, so that it fits
 * whichever version is installed. An answer is a line `word<TAB>what it is`, or `:files` or `:folders`.
 */

const BASH = `# chancery completion for bash
_chancery() {
  local word about typed=$2
  local IFS=$'\\n'
  COMPREPLY=()
  while IFS=$'\\t' read -r word about; do
    case $word in
      :files) compopt -o filenames; COMPREPLY+=($(compgen -f -- "$typed")) ;;
      :folders) compopt -o filenames; COMPREPLY+=($(compgen -d -- "$typed")) ;;
      *) COMPREPLY+=("$word") ;;
    esac
  done < <("\${1/#\\~/$HOME}" __complete bash "\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
}
complete -F _chancery chancery
`;

const ZSH = `#compdef chancery
# chancery completion for zsh
_chancery() {
  local line word
  local -a described
  for line in "\${(@f)$("\${(Q)words[1]}" __complete zsh "\${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}"; do
    word=\${line%%$'\\t'*}
    case $word in
      '') ;;
      :files) compset -P '--*='; _files; return ;;
      :folders) compset -P '--*='; _files -/; return ;;
      *) described+=("\${word//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  (( $#described )) && _describe chancery described
}
if [[ \${funcstack[1]} == _chancery ]]; then
  _chancery "$@"
else
  compdef _chancery chancery
fi
`;

const FISH = `# chancery completion for fish
function __chancery_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    test -n "$current"; or set current ''
    for line in (command $words[1] __complete fish $words[2..-1] $current 2>/dev/null)
        switch $line
            case ':files*'
                __fish_complete_path (string replace -r -- '^--[^=]*=' '' $current)
            case ':folders*'
                __fish_complete_directories (string replace -r -- '^--[^=]*=' '' $current)
            case '*'
                echo $line
        end
    end
end
complete -c chancery -f -a '(__chancery_complete)'
`;

export const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const;
