/** @file Completion scripts for bash, zsh and fish, made from the program's own verbs, options and choices.
 * The program is flattened to one table: what may follow at a place, for each place on a command line. The three
 * scripts carry that table as a `case` of their shell and walk the words before the cursor in the same way: find the
 * verb, skip the values of options, count the positional arguments. So no script starts the lab, and nothing is
 * offered that the program does not take. Commander (version 14) has no completion of its own.
 */
import type { Argument, Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What may stand at a place: the words given, or the paths of files or folders. */
interface Choice {
  words: { word: string; about: string }[];
  paths: 'no' | 'files' | 'folders';
}

/** Place -> choice. A place is the verbs so far, each after a space, then a space and what is asked for: `@commands`,
 * `@options`, an option's flag (its value), the index of a positional argument, or `+` for all further ones. */
type Table = Map<string, Choice>;

/** The script that a shell is to read, for instance by `source <(scaling-lab completion bash)`. */
export function completionScript(program: Command, shell: Shell): string {
  const table: Table = new Map();
  addCommand(table, program, { verbs: '', inherited: [] });
  const names = { program: program.name(), id: program.name().replace(/[^A-Za-z0-9]/g, '_') };
  const render = { bash: renderBash, zsh: renderZsh, fish: renderFish }[shell];
  return `${render(table, names)}\n`;
}

function addCommand(table: Table, command: Command, place: { verbs: string; inherited: Option[] }): void {
  const { verbs } = place;
  const help = command.createHelp();
  const own = help.visibleOptions(command);
  const options = [...own, ...place.inherited.filter((option) => !own.some((mine) => mine.long === option.long))];
  const flags = options.flatMap((option) => {
    const both = [option.long, option.short].filter((flag) => flag !== undefined);
    if (option.required) for (const flag of both) table.set(`${verbs} ${flag}`, optionValue(option));
    return both.map((word) => ({ word, about: oneLine(option.description) }));
  });
  table.set(`${verbs} @options`, { words: flags, paths: 'no' });
  const commands = help.visibleCommands(command);
  const verbWords = commands.map((verb) => ({
    word: verb.name(),
    about: oneLine(verb.summary() || verb.description()),
  }));
  if (commands.length > 0) table.set(`${verbs} @commands`, { words: verbWords, paths: 'no' });
  command.registeredArguments.forEach((argument, i) => {
    table.set(`${verbs} ${argument.variadic ? '+' : i}`, positional(argument));
  });
  for (const verb of commands) {
    for (const name of [verb.name(), ...verb.aliases()]) {
      addCommand(table, verb, { verbs: `${verbs} ${name}`, inherited: options });
    }
    // Commander's own help verb takes the name of another one.
    const isHelp = !command.commands.includes(verb);
    if (isHelp) table.set(`${verbs} ${verb.name()} 0`, { words: verbWords, paths: 'no' });
  }
}

function optionValue(option: Option): Choice {
  const placeholder = /[<[]([^>\].]+)/.exec(option.flags)?.[1]?.toLowerCase() ?? '';
  if (option.argChoices) return wordsOnly(option.argChoices);
  const paths = isFolder(placeholder) ? 'folders' : /^(file|path)$/.test(placeholder) ? 'files' : 'no';
  return { words: [], paths };
}

function positional(argument: Argument): Choice {
  if (argument.argChoices) return wordsOnly(argument.argChoices);
  return { words: [], paths: isFolder(argument.name().toLowerCase()) ? 'folders' : 'files' };
}

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim();

const isFolder = (name: string) => /^(dir|folder)$/.test(name);

const wordsOnly = (words: readonly string[]): Choice => ({
  words: words.map((word) => ({ word, about: '' })),
  paths: 'no',
});

interface Names {
  program: string;
  id: string;
}

/** bash and zsh: nothing is special between single quotes but the quote itself. */
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function renderBash(table: Table, { program, id }: Names): string {
  const cases = [...table].map(([place, { words, paths }]) => {
    const list = words.map(({ word }) => quote(word)).join(' ');
    return `    ${quote(place)}) words=(${list}) paths=${paths} ;;`;
  });
  return `# bash completion for ${program}; read it with: source <(${program} completion bash)
_${id}_table() {
  case "$1 $2" in
${cases.join('\n')}
    *) return 1 ;;
  esac
}
_${id}() {
  local current=\${COMP_WORDS[COMP_CWORD]} verbs='' flag='' prefix='' count=0 is_rest=0 words=() paths=no i word
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # "=" breaks words in bash: --flag=value arrives as three.
    if [[ $word == '=' ]]; then continue
    elif [[ -n $flag ]]; then flag=''
    elif [[ $is_rest == 1 ]]; then count=$((count + 1))
    elif [[ $word == '--' ]]; then is_rest=1
    elif [[ $word == -* ]]; then _${id}_table "$verbs" "$word" && flag=$word
    elif [[ $count == 0 ]] && _${id}_table "$verbs $word" @options; then verbs="$verbs $word"
    else count=$((count + 1)); fi
  done
  [[ $current == '=' ]] && current=''
  if [[ -z $flag && $is_rest == 0 && $current == --*=* ]]; then
    flag=\${current%%=*} prefix="\${current%%=*}=" current=\${current#*=}
  fi
  words=() paths=no
  COMPREPLY=()
  if [[ -n $flag ]]; then _${id}_table "$verbs" "$flag"
  elif [[ $is_rest == 0 && $current == -* ]]; then _${id}_table "$verbs" @options
  elif [[ $count == 0 ]] && _${id}_table "$verbs" @commands; then :
  else _${id}_table "$verbs" "$count" || _${id}_table "$verbs" +; fi
  for word in "\${words[@]}"; do
    [[ $word == "$current"* ]] && COMPREPLY+=("$prefix$word")
  done
  [[ $paths == no ]] && return 0
  compopt -o filenames 2>/dev/null
  local kind=-f
  [[ $paths == folders ]] && kind=-d
  while IFS= read -r word; do COMPREPLY+=("$prefix$word"); done < <(compgen "$kind" -- "$current")
  return 0
}
complete -F _${id} ${program}`;
}

function renderZsh(table: Table, { program, id }: Names): string {
  const cases = [...table].map(([place, { words, paths }]) => {
    const list = words
      .map(({ word, about }) => quote(`${word.replaceAll(':', '\\:')}${about && `:${about}`}`))
      .join(' ');
    return `    ${quote(place)}) choices=(${list}); paths=${paths} ;;`;
  });
  return `#compdef ${program}
# zsh completion for ${program}; put it as _${program} into a folder of $fpath, or: source <(${program} completion zsh)
_${id}_table() {
  case "$1 $2" in
${cases.join('\n')}
    *) return 1 ;;
  esac
}
_${id}() {
  local verbs='' flag='' paths=no word
  local -a choices
  integer count=0 is_rest=0 i
  for ((i = 2; i < CURRENT; i++)); do
    word=\${(Q)words[i]}
    if [[ -n $flag ]]; then flag=''
    elif ((is_rest)); then ((count += 1))
    elif [[ $word == -- ]]; then is_rest=1
    elif [[ $word == -* ]]; then _${id}_table "$verbs" "$word" && flag=$word
    elif ((count == 0)) && _${id}_table "$verbs $word" @options; then verbs="$verbs $word"
    else ((count += 1)); fi
  done
  if [[ -z $flag && $is_rest == 0 && $PREFIX == --*=* ]]; then
    flag=\${PREFIX%%=*}
    compset -P '*='
  fi
  choices=() paths=no
  local what=value
  if [[ -n $flag ]]; then _${id}_table "$verbs" "$flag"
  elif [[ $is_rest == 0 && $PREFIX == -* ]]; then what=option; _${id}_table "$verbs" @options
  elif ((count == 0)) && _${id}_table "$verbs" @commands; then what=command
  else _${id}_table "$verbs" "$count" || _${id}_table "$verbs" +; fi
  if [[ $paths == files ]]; then _files
  elif [[ $paths == folders ]]; then _files -/
  elif [[ $what == option ]]; then _describe -o "$what" choices
  else _describe "$what" choices; fi
}
if [[ \${funcstack[1]} == _${id} || \${funcstack[1]} == _${program} ]]; then _${id} "$@"
else compdef _${id} ${program}; fi`;
}

function renderFish(table: Table, { program, id }: Names): string {
  const fishQuote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const cases = [...table].map(([place, { words, paths }]) => {
    const list = words.map(({ word, about }) => ` ${fishQuote(`${word}\t${about}`)}`).join('');
    const print = paths === 'no' ? `string join -- \\n${list}` : `echo @${paths}`;
    return `        case ${fishQuote(place)}\n            ${list === '' && paths === 'no' ? 'return 0' : print}\n            return 0`;
  });
  return `# fish completion for ${program}; read it with: ${program} completion fish | source
function __${id}_table
    switch "$argv[1] $argv[2]"
${cases.join('\n')}
    end
    return 1
end
function __${id}
    set -l verbs ''
    set -l flag ''
    set -l prefix ''
    set -l count 0
    set -l is_rest 0
    set -l current (commandline -ct)
    set -l before (commandline -opc)
    for word in $before[2..-1]
        if test -n "$flag"
            set flag ''
        else if test $is_rest = 1
            set count (math $count + 1)
        else if test "$word" = --
            set is_rest 1
        else if string match -q -- '-*' "$word"
            __${id}_table "$verbs" "$word" >/dev/null; and set flag $word
        else if test $count = 0; and __${id}_table "$verbs $word" @options >/dev/null
            set verbs "$verbs $word"
        else
            set count (math $count + 1)
        end
    end
    if test -z "$flag"; and test $is_rest = 0; and string match -q -- '--*=*' "$current"
        set flag (string replace -r -- '=.*$' '' "$current")
        set prefix "$flag="
        set current (string replace -r -- '^[^=]*=' '' "$current")
    end
    set -l found
    if test -n "$flag"
        set found (__${id}_table "$verbs" "$flag")
    else if test $is_rest = 0; and string match -q -- '-*' "$current"
        set found (__${id}_table "$verbs" @options)
    else if test $count = 0; and __${id}_table "$verbs" @commands >/dev/null
        set found (__${id}_table "$verbs" @commands)
    else
        set found (__${id}_table "$verbs" $count; or __${id}_table "$verbs" +)
    end
    if test "$found" = @files
        set found (__fish_complete_path "$current")
    else if test "$found" = @folders
        set found (__fish_complete_directories "$current")
    end
    for line in $found
        echo $prefix$line
    end
end
complete -c ${program} -f -a '(__${id})'`;
}
