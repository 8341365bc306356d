/** @file zod's issues -> problems that a person can read: one line each, with the place, the received value and the
 * nearest name that would have been right. zod reports a failed union as the failures of all its members; here the
 * member that was meant is told by its keys, else the union's own message is shown.
 */
import { z } from 'zod';
import { type Problem, printValue } from './problems.ts';
import { suggest } from './suggest.ts';
import { keyOriginOf, originOf, type Tree } from './yaml-tree.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** The problems of `tree` against `schema`, whose plain form `value` failed with `issues`. */
export function explainIssues(schema: z.ZodType, tree: Tree, value: unknown, issues: readonly Issue[]): Problem[] {
  return issues.flatMap((issue) => explain(schema, tree, value, { ...issue, path: [...issue.path] }));
}

function explain(schema: z.ZodType, tree: Tree, root: unknown, issue: Issue): Problem[] {
  const { path } = issue;
  const value = valueAt(root, path);
  const dotted = printPath(path);
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, root, path);
    return issue.keys.map((key) => ({
      at: keyOriginOf(tree, [...path, key]),
      path: printPath([...path, key]),
      problem: unknownKey(key, dotted, value),
      suggestion: inSection(schema, key) ?? suggest(key, known) ?? atTop(schema, key),
    }));
  }
  if (issue.code === 'invalid_union' && !('discriminator' in issue && issue.discriminator)) {
    const branch = meantBranch(issue.errors);
    if (branch !== undefined) {
      return branch.flatMap((inner) => explain(schema, tree, root, { ...inner, path: [...path, ...inner.path] }));
    }
  }
  const missing = value === undefined;
  const problem: Problem = {
    at: missing ? originOf(tree, path.slice(0, -1)) : originOf(tree, path),
    path: dotted,
    problem: missing ? `missing; ${expectation(issue)}` : expectation(issue),
  };
  if (missing) return [problem];
  const suggestion = suggestValue(issue, value) ?? suggestKey(value, keysAt(schema, root, path));
  return [{ ...problem, got: printValue(value), suggestion }];
}

/** Why a key is unknown, with what would help. */
function unknownKey(key: string, dotted: string, block: unknown): string {
  if (key.startsWith('data.') && dotted.startsWith('sweeps')) {
    return "the corpus cannot vary inside a block; give the block its own 'data'";
  }
  const corpus = valueAt(block, ['corpus']);
  return typeof corpus === 'string' ? `unknown key for corpus ${corpus}` : 'unknown key';
}

/** What was expected, as a phrase. */
function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return issue.origin === 'array' || issue.origin === 'string'
        ? 'must not be empty'
        : `must be ${issue.inclusive ? 'at least' : 'above'} ${issue.minimum}`;
    case 'too_big':
      return `must be ${issue.inclusive ? 'at most' : 'below'} ${issue.maximum}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `expected ${String(issue.values[0])}`
        : `expected one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_union':
      return 'options' in issue && issue.options ? `expected one of ${issue.options.join(', ')}` : issue.message;
    default:
      return issue.message;
  }
}

const TYPE_NAMES: Record<string, string> = {
  number: 'a number',
  int: 'a whole number',
  string: 'a text',
  boolean: 'true or false',
  object: 'a mapping (key: value)',
  record: 'a mapping (key: value)',
  array: 'a list',
};

/** The member of a failed union that was meant: the one whose issues all lie inside the value, fewest first. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const inside = branches.filter((issues) => issues.every((issue) => issue.path.length > 0));
  return inside.sort((a, b) => a.length - b.length)[0];
}

/** The allowed name nearest to a text that is not allowed. */
function suggestValue(issue: Issue, value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const names: string[] = [];
  const collect = (i: Issue): void => {
    if (i.code === 'invalid_value') names.push(...i.values.map(String));
    if (i.code === 'invalid_union') {
      if ('options' in i && i.options) names.push(...i.options.map(String));
      for (const inner of i.errors.flat()) if (inner.path.length === 0) collect(inner);
    }
  };
  collect(issue);
  return suggest(value, names);
}

/** The allowed key nearest to the first one of a mapping that is not allowed. */
function suggestKey(value: unknown, known: readonly string[]): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const wrong = Object.keys(value).find((key) => !known.includes(key));
  return wrong === undefined ? undefined : suggest(wrong, known);
}

/** The dotted name of `key` when another section has it: `d_model` at the top -> `model.d_model`. */
function inSection(schema: z.ZodType, key: string): string | undefined {
  const section = ['model', 'train', 'fit'].find((name) => keysAt(schema, {}, [name]).includes(key));
  return section === undefined ? undefined : `${section}.${key}`;
}

function atTop(schema: z.ZodType, key: string): string | undefined {
  return keysAt(schema, {}, []).includes(key) ? `${key} at the top level` : undefined;
}

/** The keys that the mapping at `path` may have; where a union decides, the member that `root` chose. */
function keysAt(schema: z.ZodType, root: unknown, path: Path): string[] {
  let here: z.ZodType | undefined = schema;
  let value = root;
  for (const key of path) {
    here = unwrap(here, value);
    if (here instanceof z.ZodObject) here = here.shape[String(key)] as z.ZodType | undefined;
    else if (here instanceof z.ZodArray) here = here.element as z.ZodType;
    else return [];
    value = valueAt(value, [key]);
  }
  const object = unwrap(here, value);
  if (object instanceof z.ZodObject) return Object.keys(object.shape);
  if (!(object instanceof z.ZodUnion)) return [];
  return object.options.flatMap((option) => (option instanceof z.ZodObject ? Object.keys(option.shape) : []));
}

/** `schema` without the layers that do not change its keys; of a discriminated union the member `value` chose. */
function unwrap(schema: z.ZodType | undefined, value: unknown): z.ZodType | undefined {
  let here = schema;
  while (here instanceof z.ZodOptional || here instanceof z.ZodDefault || here instanceof z.ZodPrefault) {
    here = here.unwrap() as z.ZodType;
  }
  if (!(here instanceof z.ZodDiscriminatedUnion)) return here;
  const discriminator = here.def.discriminator;
  const chosen = valueAt(value, [discriminator]);
  return here.options.find((option) => {
    const literal = option instanceof z.ZodObject ? option.shape[discriminator] : undefined;
    return literal instanceof z.ZodLiteral && literal.values.has(chosen as string);
  }) as z.ZodType | undefined;
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** A path in print: `sweeps.0.set.model.d_model`. */
export function printPath(path: Path): string {
  return path.map(String).join('.');
}
