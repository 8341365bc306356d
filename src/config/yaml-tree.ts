/** @file YAML text -> a tree whose every value remembers where it was written.
 * Reads the YAML 1.2 core schema through the `yaml` package. Mappings become Maps, so that no key, `__proto__`
 * included, can reach an object's prototype. Aliases are followed with a bound on the size of the result; tags, several
 * documents and keys that are not scalars are refused. First step of loading: text in, tree or problems out.
 */
import type { Alias, ParsedNode } from 'yaml';
import { lateModule } from '../lib/late-module.ts';
import type { Problem } from './problems.ts';

/** Where a value was written. `line` 0: it has no place in a file, `source` (`--set x=1`) says it all. */
export interface Origin {
  source: string;
  /** Position of the source among those given; problems are sorted by it. */
  source_index: number;
  line: number;
  col: number;
}

type Scalar = string | number | boolean | null;

/** A value with its origin. A map entry also knows where its key stands. */
export type Tree =
  | { kind: 'scalar'; value: Scalar; at: Origin }
  | { kind: 'list'; items: Tree[]; at: Origin }
  | { kind: 'map'; entries: Map<string, Entry>; at: Origin };

export interface Entry {
  key_at: Origin;
  value: Tree;
}

/** One named text: a file, or one `--set` (`in_file` false: positions inside mean nothing to the user). */
export interface Source {
  name: string;
  index: number;
  text: string;
  in_file: boolean;
}

const yaml = lateModule<typeof import('yaml')>('yaml');

const MAX_VALUES = 20_000;
const MAX_DEPTH = 32;

/** A value is about five: indent, key, colon, space, text. */
const MAX_LEXEMES = 5 * MAX_VALUES;

/** A mistake found while walking the document; turned into a problem at its place. */
class TreeError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** The tree of one YAML text, or undefined with the reasons pushed onto `problems`. An empty text is a problem. */
export function parseYaml(source: Source, problems: Problem[]): Tree | undefined {
  const lines = new yaml.LineCounter();
  const at = (offset: number): Origin => {
    const { line, col } = source.in_file ? lines.linePos(offset) : { line: 0, col: 0 };
    return { source: source.name, source_index: source.index, line, col };
  };
  try {
    const excess = excessOf(source.text);
    if (excess !== null) {
      lines.addNewLine(0);
      for (const { index } of source.text.matchAll(/\n/g)) lines.addNewLine(index + 1);
      throw excess;
    }
    const doc = yaml.parseDocument(source.text, {
      lineCounter: lines,
      prettyErrors: false,
      stringKeys: true,
      // Found below: the library compares every key with every other.
      uniqueKeys: false,
      resolveKnownTags: false,
    });
    for (const error of [...doc.errors, ...doc.warnings]) {
      problems.push({ at: at(error.pos[0]), path: '', problem: syntaxMessage(error) });
    }
    if (doc.errors.length + doc.warnings.length > 0) return undefined;
    if (doc.contents === null) {
      problems.push({ at: at(0), path: '', problem: source.in_file ? 'the file is empty' : 'no value is given' });
      return undefined;
    }
    let numValues = 0;
    // The library looks for an anchor through the whole document.
    const targets = new Map<Alias, ParsedNode | undefined>();
    const walk = (node: ParsedNode | Alias, depth: number): Tree => {
      const offset = node.range?.[0] ?? 0;
      if (++numValues > MAX_VALUES) {
        throw new TreeError(`more than ${MAX_VALUES} values; aliases that multiply count each time`, offset);
      }
      if (depth > MAX_DEPTH) throw new TreeError(`nested more than ${MAX_DEPTH} levels deep`, offset);
      if (yaml.isAlias(node)) {
        if (!targets.has(node)) targets.set(node, (node as Alias).resolve(doc) as ParsedNode | undefined);
        const target = targets.get(node);
        if (target === undefined) throw new TreeError(`unknown alias *${node.source}`, offset);
        return walk(target, depth + 1);
      }
      if (yaml.isScalar(node)) return { kind: 'scalar', value: node.value as Scalar, at: at(offset) };
      if (yaml.isSeq(node)) {
        return { kind: 'list', items: node.items.map((item) => walk(item as ParsedNode, depth + 1)), at: at(offset) };
      }
      const entries = new Map<string, Entry>();
      if (yaml.isMap(node)) {
        for (const { key, value } of node.items) {
          const name = String((key as { value: unknown }).value);
          const key_at = at((key as ParsedNode).range[0]);
          // What an alias repeats is told once, where it stands.
          const isTold = () => problems.some(({ at: told }) => told.line === key_at.line && told.col === key_at.col);
          if (entries.has(name) && !isTold()) {
            problems.push({ at: key_at, path: '', problem: `duplicate key ${name}; each key may be given once` });
          }
          const tree: Tree =
            value === null ? { kind: 'scalar', value: null, at: key_at } : walk(value as ParsedNode, depth + 1);
          entries.set(name, { key_at, value: tree });
        }
      }
      return { kind: 'map', entries, at: at(offset) };
    };
    const numBefore = problems.length;
    const tree = walk(doc.contents, 0);
    return problems.length > numBefore ? undefined : tree;
  } catch (error) {
    if (error instanceof TreeError) problems.push({ at: at(error.offset), path: '', problem: error.message });
    else if (error instanceof RangeError) problems.push({ at: at(0), path: '', problem: 'nested too deeply' });
    else throw error;
    return undefined;
  }
}

/** What of a text no study can need: nesting or length, with its offset; null where it may be read. Asked before a
 * document is composed: that recurses, and a stack that runs out inside a regular expression ends the whole process. */
function excessOf(text: string): TreeError | null {
  const parser = new yaml.Parser();
  let offset = 0;
  let numLexemes = 0;
  for (const lexeme of new yaml.Lexer().lex(text)) {
    for (const _ of parser.next(lexeme));
    offset += lexeme.length;
    // A level is one entry of the parser's stack; the document and a scalar are two more.
    if (parser.stack.length > MAX_DEPTH + 2) {
      return new TreeError(`nested more than ${MAX_DEPTH} levels deep`, Math.min(offset, text.length) - 1);
    }
    if (++numLexemes > MAX_LEXEMES) return new TreeError(`more than ${MAX_LEXEMES} words and signs`, offset);
  }
  return null;
}

/** One line that says what is wrong with the syntax, in words for people who do not know YAML's terms. */
function syntaxMessage(error: { code: string; message: string }): string {
  if (error.code === 'MULTIPLE_DOCS') return 'several documents in one file (a line ---); give one';
  if (error.code === 'TAB_AS_INDENT') return 'a tab where spaces are needed; YAML indents with spaces';
  if (error.code === 'TAG_RESOLVE_FAILED') return 'tags (!name) have no meaning in a config; remove it';
  if (error.code === 'NON_STRING_KEY') return 'a key must be a plain name';
  if (error.message.includes('call stack')) return 'nested too deeply';
  const message = error.message.replaceAll(/\s+/g, ' ').trim();
  return `not valid YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

/** The tree as plain data. Objects have no prototype. */
export function toPlain(tree: Tree): unknown {
  if (tree.kind === 'scalar') return tree.value;
  if (tree.kind === 'list') return tree.items.map(toPlain);
  const object: Record<string, unknown> = Object.create(null);
  for (const [key, entry] of tree.entries) object[key] = toPlain(entry.value);
  return object;
}

/** The value at `path`, or undefined where nothing was written. */
export function treeAt(tree: Tree, path: readonly PropertyKey[]): Tree | undefined {
  let node: Tree | undefined = tree;
  for (const key of path) {
    if (node === undefined || node.kind === 'scalar') return undefined;
    node = node.kind === 'list' ? node.items[Number(key)] : node.entries.get(String(key))?.value;
  }
  return node;
}

/** Origin of the value at `path`, or of the nearest enclosing value that was written. */
export function originOf(tree: Tree, path: readonly PropertyKey[]): Origin {
  for (let length = path.length; length > 0; length--) {
    const node = treeAt(tree, path.slice(0, length));
    if (node !== undefined) return node.at;
  }
  return tree.at;
}

/** Origin of the key at the end of `path`, or of its value where the parent is a list. */
export function keyOriginOf(tree: Tree, path: readonly PropertyKey[]): Origin {
  const parent = treeAt(tree, path.slice(0, -1));
  const entry = parent?.kind === 'map' ? parent.entries.get(String(path.at(-1))) : undefined;
  return entry?.key_at ?? originOf(tree, path);
}
