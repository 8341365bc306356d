/** @file Every regular expression of src/, found in the syntax tree, on 100,000 characters of what it is slow on: repeated pieces
 * of its own characters with an end that does not fit. One that backtracks quadratically takes minutes there; the limit is five seconds.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, Script } from 'node:vm';
import ts from 'typescript';
import { expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** Long enough that 1e10 steps are out of reach, and every linear scan is quick. */
const LENGTH = 1e5;

/** Milliseconds of wall time at which a match is ended: other work must not fail it. */
const TIMEOUT_MS = 5000;

const COMMON = [
  ...'a01 \t_-.,"\'/<>()[]{}=#:\n',
  'é',
  'ab',
  'a ',
  'a,',
  'a=',
  ' =',
  '. ',
  '\r\n',
  'a\n',
  '0e',
  '1.',
  '\u001b',
];
const ENDS = ['', '!', '\n', 'x', '0'];

interface Literal {
  place: string;
  text: string;
}

function literals(): Literal[] {
  const found: Literal[] = [];
  for (const file of readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))) {
    const source = ts.createSourceFile(file, readFileSync(join(SRC, file), 'utf8'), ts.ScriptTarget.Latest);
    const visit = (node: ts.Node): void => {
      if (ts.isRegularExpressionLiteral(node)) {
        const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
        found.push({ place: `src/${file}:${line + 1}`, text: node.text });
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return found;
}

/** Pieces to repeat: the usual ones, and runs of the pattern's own letters. */
function piecesOf(text: string): string[] {
  const own = text.match(/[A-Za-z]{2,}/g) ?? [];
  return [...COMMON, ...own, ...own.map((word) => `${word} `)];
}

const context = createContext({ input: '' });

/** The input on which the pattern does not come to an end in time, or null. */
function slowOn(text: string): string | null {
  // All matches: what a global pattern does, and the worst of any other.
  const global = /g[a-z]*$/.test(text.slice(text.lastIndexOf('/'))) ? text : `${text}g`;
  const script = new Script(`for (const _ of input.matchAll(${global}));`);
  for (const piece of piecesOf(text)) {
    const body = piece.repeat(LENGTH / piece.length);
    for (const end of ENDS) {
      const input = body + end;
      try {
        context['input'] = input;
        script.runInContext(context, { timeout: TIMEOUT_MS });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
        return `${JSON.stringify(piece)} repeated, then ${JSON.stringify(end)}`;
      }
    }
  }
  return null;
}

const all = literals();

it('are found', () => {
  expect(all.length).toBeGreaterThan(80);
});

it('see a pattern that is slow', () => {
  expect(slowOn('/(a+)+$/')).not.toBeNull();
  expect(slowOn('/\\s+$/')).not.toBeNull();
  expect(slowOn('/^\\s+$/')).toBeNull();
}, 60_000);

it.each(all.map(({ place, text }) => [place, text]))(
  '%s %s is quick',
  (_, text) => {
    expect(slowOn(text)).toBeNull();
  },
  120_000,
);
