/** @file Several sources into one: files merged left to right, then `--set path=value` overrides.
 * Mappings merge key by key; lists and scalars are replaced. Two mappings are replaced whole, because their keys
 * exclude each other: a `data` block whose `corpus` changes, and `train.warmup`. Origins travel with the values.
 */
import type { Problem } from './problems.ts';
import { type Entry, type Origin, parseYaml, type Tree } from './yaml-tree.ts';

/** `base` with `over` laid on top; neither is changed. */
export function merge(base: Tree, over: Tree, path: readonly string[] = []): Tree {
  if (base.kind !== 'map' || over.kind !== 'map' || isReplacedWhole(base, over, path)) return over;
  const entries = new Map(base.entries);
  for (const [key, entry] of over.entries) {
    const before = entries.get(key);
    entries.set(
      key,
      before === undefined ? entry : { ...entry, value: merge(before.value, entry.value, [...path, key]) },
    );
  }
  return { kind: 'map', entries, at: over.at };
}

function isReplacedWhole(base: Tree & { kind: 'map' }, over: Tree & { kind: 'map' }, path: readonly string[]): boolean {
  const joined = path.join('.');
  if (joined === 'train.warmup') return true;
  if (joined !== 'data') return false;
  const corpus = over.entries.get('corpus')?.value;
  const before = base.entries.get('corpus')?.value;
  return corpus?.kind === 'scalar' && before?.kind === 'scalar' && corpus.value !== before.value;
}

/** `tree` with one `path=value` laid on top. The value is read as YAML (`2M`, `[0, 1]`, `{steps: 10}`) and replaces
 * what was there; a number in the path is an index into a list (its length: append). Below `set`, `grid`, `list.N` and
 * `exclude.N` of a sweep the rest of the path is one dotted key. What is wrong is pushed onto `problems`. */
export function applySet(tree: Tree, assignment: string, source_index: number, problems: Problem[]): Tree {
  const name = `--set ${assignment}`;
  const at: Origin = { source: name, source_index, line: 0, col: 0 };
  const equals = assignment.indexOf('=');
  const dotted = assignment.slice(0, Math.max(equals, 0)).trim();
  const path = splitPath(dotted);
  if (equals < 1 || path.some((part) => part === '')) {
    problems.push({ at, path: '', problem: 'expected path=value, as in train.num_tokens=2M' });
    return tree;
  }
  const text = assignment.slice(equals + 1);
  const value = parseYaml({ name, index: source_index, text, in_file: false }, problems);
  if (value === undefined) return tree;
  const [section, block, kind] = path;
  if (section !== 'train' || block !== 'warmup' || kind === undefined) {
    return setAt(tree, path, value, dotted, at, problems);
  }
  const warmup = setAt(emptyMap(at), path.slice(2), value, dotted, at, problems);
  return setAt(tree, [section, block], warmup, dotted, at, problems);
}

function splitPath(dotted: string): string[] {
  const match = /^(sweeps\.\d+\.(?:set|grid|(?:list|exclude)\.\d+))\.(.+)$/.exec(dotted);
  return match === null ? dotted.split('.') : [...match[1]!.split('.'), match[2]!];
}

function setAt(tree: Tree, path: string[], value: Tree, dotted: string, at: Origin, problems: Problem[]): Tree {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (tree.kind === 'list') {
    const index = Number(key);
    if (!/^\d+$/.test(key) || index > tree.items.length) {
      const rule = tree.items.length === 0 ? 'the list is empty' : `the list has entries 0 to ${tree.items.length - 1}`;
      problems.push({ at, path: dotted, problem: `no entry ${key}: ${rule}` });
      return tree;
    }
    const items = [...tree.items];
    items[index] = setAt(items[index] ?? emptyMap(at), rest, value, dotted, at, problems);
    return { ...tree, items };
  }
  const entries = new Map<string, Entry>(tree.kind === 'map' ? tree.entries : []);
  const before = entries.get(key);
  entries.set(key, {
    key_at: before?.key_at ?? at,
    value: setAt(before?.value ?? emptyMap(at), rest, value, dotted, at, problems),
  });
  return { kind: 'map', entries, at: tree.kind === 'map' ? tree.at : at };
}

function emptyMap(at: Origin): Tree {
  return { kind: 'map', entries: new Map(), at };
}
