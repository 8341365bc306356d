/** @file Reads a study: YAML files left to right, then `--set` overrides, checked as a whole.
 * Everything that is wrong, in any file, is reported at once with its place. First the syntax of all sources (a text
 * that cannot be read cannot be merged), then the merged study against the schema and the rules together.
 */
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { explainIssues } from './issues.ts';
import { applySet, merge } from './override.ts';
import { type Problem, throwProblems } from './problems.ts';
import { checkRules } from './rules.ts';
import { type DataConfig, type StudyConfig, studySchema } from './schema.ts';
import { originOf, parseYaml, type Tree, toPlain } from './yaml-tree.ts';

/** A study with the place of every value that was written. */
export interface LoadedConfig {
  config: StudyConfig;
  /** What was written, with origins; values that are not here are defaults. */
  tree: Tree;
}

/** A config is a page of text; a file larger than this, bytes, is something else. */
const MAX_FILE_BYTES = 1 << 20;

/** The study that `files` and `sets` (`path=value`) describe.
 * Throws a `usage` error with one line for each problem: a file that cannot be read, YAML syntax, unknown keys, wrong
 * types, broken rules. */
export function loadConfig(files: readonly string[], sets: readonly string[] = []): LoadedConfig {
  const problems: Problem[] = [];
  const sources = files.map((name, index) => {
    const text = readText(name, index, problems);
    return { name, text: text ?? '' };
  });
  throwProblems(problems);
  return parseConfig(sources, sets);
}

/** As `loadConfig`, for texts already read; `name` stands for the file in messages and relative paths. */
export function parseConfig(
  sources: readonly { name: string; text: string }[],
  sets: readonly string[] = [],
): LoadedConfig {
  const problems: Problem[] = [];
  const trees: Tree[] = [];
  sources.forEach(({ name, text }, index) => {
    const tree = parseYaml({ name, index, text, in_file: true }, problems);
    if (tree?.kind === 'map') trees.push(tree);
    else if (tree !== undefined) {
      problems.push({ at: tree.at, path: '', problem: 'a study is a mapping (key: value)', got: kindOf(tree) });
    }
  });
  const start = { source: '--set', source_index: sources.length, line: 0, col: 0 };
  let tree: Tree = trees.reduce(
    (base, over) => merge(base, over),
    trees[0] ?? { kind: 'map', entries: new Map(), at: start },
  );
  sets.forEach((assignment, i) => {
    tree = applySet(tree, assignment, sources.length + i, problems);
  });
  throwProblems(problems);

  const value = toPlain(tree);
  const result = studySchema.safeParse(value);
  if (!result.success) problems.push(...explainIssues(studySchema, tree, value, result.error.issues));
  problems.push(...checkRules(tree, value));
  throwProblems(problems);
  if (!result.success) throw new TypeError(`a config failed without a problem: ${result.error.message}`);
  return { config: withPaths(result.data, tree), tree };
}

function kindOf(tree: Tree): string {
  if (tree.kind === 'list') return 'a list';
  return tree.kind === 'scalar' && tree.value === null ? 'nothing' : 'a single value';
}

function readText(name: string, index: number, problems: Problem[]): string | undefined {
  const report = (problem: string): undefined => {
    problems.push({ at: { source: name, source_index: index, line: 0, col: 0 }, path: '', problem });
    return undefined;
  };
  let bytes: Buffer;
  try {
    bytes = readFileSync(name);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return report('no such file');
    if (code === 'EISDIR') return report('a folder, not a config file');
    return report(`cannot be read: ${(error as Error).message}`);
  }
  if (bytes.length > MAX_FILE_BYTES) return report(`${bytes.length} bytes: too large for a config file`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return report('not UTF-8 text');
  }
}

/** The study with corpus paths relative to the file that gives them, rather than to the working folder. */
function withPaths(config: StudyConfig, tree: Tree): StudyConfig {
  const located = <D extends DataConfig | undefined>(data: D, path: (string | number)[]): D => {
    if (data?.corpus !== 'text' || isAbsolute(data.path)) return data;
    const at = originOf(tree, [...path, 'path']);
    return at.line === 0 ? data : { ...data, path: join(dirname(at.source), data.path) };
  };
  return {
    ...config,
    data: located(config.data, ['data']),
    sweeps: config.sweeps.map((sweep, i) =>
      sweep.data === undefined ? sweep : { ...sweep, data: located(sweep.data, ['sweeps', i, 'data']) },
    ),
  };
}
