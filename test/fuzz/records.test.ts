/** @file What runs left on disk under fuzz: run.json, metrics.jsonl, plan.json, claims.json, an archive. Readers give what is
 * sound and name the rest; no name in them points outside its folder.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkRunSpec } from '../../src/config/config.ts';
import { LabError } from '../../src/lib/errors.ts';
import {
  exportSweep,
  readMetrics,
  readRecord,
  readSweep,
  runPath,
  statusLines,
  sweepPath,
  sweepStatus,
  verifySweep,
} from '../../src/log/log.ts';
import { countFlops, countParams, paramShapes } from '../../src/model/size.ts';
import { pointsOf } from '../../src/study/study.ts';
import { temporaryFolder } from '../support/run-record.ts';
import { bentJson, bentText, documented, expectReadable, FUZZ_TIMEOUT, fuzz, fuzzAsync } from './hostile.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/record-v1', import.meta.url));
const FINISHED = 'tiny-d4-915dccacda';
const textOf = (file: string) => readFileSync(join(FIXTURE, file), 'utf8');
const RECORD = textOf(join(FINISHED, 'run.json'));
const PLAN = textOf('plan.json');
const CLAIMS = textOf('claims.json');
const ROWS = textOf(join(FINISHED, 'metrics.jsonl'));

const counter = { countFlops, countParams, paramShapes };

/** A file as text: bent as text, or as JSON. */
const bentFile = (text: string) =>
  fc.oneof(
    bentText(text),
    bentJson(JSON.parse(text)).map((value) => JSON.stringify(value)),
  );

/** A copy of the fixture, whose `file` is written anew for each case. */
function sweepWith(file: string): { dir: string; write: (text: string) => void } {
  const dir = join(temporaryFolder(), 'sweep');
  cpSync(FIXTURE, dir, { recursive: true });
  mkdirSync(join(dir, '..', 'outside'));
  return { dir, write: (text) => writeFileSync(join(dir, file), text) };
}

/** Reads a sweep in every way; nothing but errors for people. */
function readAll(dir: string): void {
  const sweep = documented(() => readSweep(dir));
  for (const { message } of sweep?.problems ?? []) expectReadable(message);
  const status = documented(() => sweepStatus(dir));
  if (status) documented(() => statusLines(status, { nowMs: 0 }));
  const found = documented(() => verifySweep(dir, counter));
  for (const { message } of [...(found?.problems ?? []), ...(found?.notes ?? [])]) expectReadable(message);
  const finished = (sweep?.records ?? []).filter((record) => record.status === 'finished');
  documented(() => pointsOf(finished, { params: 'total', flops: '6nd' }));
}

describe.each([
  [6, 'run.json', RECORD, join(FINISHED, 'run.json')],
  [4, 'plan.json', PLAN, 'plan.json'],
  [2, 'claims.json', CLAIMS, 'claims.json'],
  [2, 'runs.jsonl', `${JSON.stringify(JSON.parse(RECORD))}\n`, 'runs.jsonl'],
] as const)('%i%% of cases', (share, name, text, file) => {
  it(
    `${name} is read, or named with what is wrong`,
    () => {
      const { dir, write } = sweepWith(file);
      fuzz(share, bentFile(text), (bent) => {
        write(bent);
        readAll(dir);
      });
      expect(readdirSync(join(dir, '..')).sort()).toEqual(['outside', 'sweep']);
      expect(readdirSync(join(dir, '..', 'outside'))).toEqual([]);
    },
    FUZZ_TIMEOUT,
  );
});

it(
  'metrics.jsonl gives rows, or names the line',
  () => {
    const { dir, write } = sweepWith(join(FINISHED, 'metrics.jsonl'));
    fuzz(6, bentText(ROWS), (bent) => {
      write(bent);
      documented(() => [...readMetrics(join(dir, FINISHED))]);
      documented(() => verifySweep(dir, counter));
      documented(() => sweepStatus(dir));
    });
  },
  FUZZ_TIMEOUT,
);

it(
  'a record is exported inside the folder, or not at all',
  async () => {
    const { dir, write } = sweepWith(join(FINISHED, 'run.json'));
    const outside = resolve(dir, '..');
    const before = readdirSync(outside);
    const record = JSON.parse(RECORD);
    const group = fc.oneof(
      fc.constantFrom('../outside', '..', '/tmp/x', 'a/../../outside/x', 'a\0b', '.'),
      fc.string(),
    );
    await fuzzAsync(1, fc.tuple(group, bentJson(record)), async ([name, bent]) => {
      for (const value of [{ ...record, group: name }, bent]) {
        write(JSON.stringify(value));
        for (const format of ['csv', 'tensorboard'] as const) {
          await exportSweep({ dir, format }).catch((error: unknown) => {
            if (!(error instanceof LabError)) throw error;
            expectReadable(error.message);
          });
        }
      }
      expect(readdirSync(outside)).toEqual(before);
    });
  },
  FUZZ_TIMEOUT,
);

it(
  'a spec is one that can be trained, or is refused',
  () => {
    fuzz(4, bentJson(JSON.parse(RECORD).spec), (value) => {
      const checked = documented(() => checkRunSpec(value))!;
      if ('spec' in checked) documented(() => countParams(checked.spec.model, 64));
      else expectReadable(checked.faults.join('; '));
    });
  },
  FUZZ_TIMEOUT,
);

it('no run or sweep name leaves its folder', () => {
  const names = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.constantFrom('..', '.', '', '../x', 'a/..', 'a\\..\\b', '\0', 'x\n', 'con', 'a.', '-x', 'é', '%2e%2e%2f', '~'),
    bentText('tiny-d4-915dccacda'),
  );
  fuzz(3, names, (name) => {
    for (const inside of [runPath, sweepPath]) {
      const path = documented(() => inside('/runs/sweep', name));
      if (path !== undefined) expect(resolve(path)).toBe(`/runs/sweep${sep}${name}`);
    }
  });
});

it('nesting of a hundred thousand levels is damage, not a crash', () => {
  const { dir, write } = sweepWith(join(FINISHED, 'run.json'));
  for (const text of ['['.repeat(1e5), '{"a":'.repeat(1e5), `${'['.repeat(1e5)}${']'.repeat(1e5)}`]) {
    write(text);
    expect(() => readRecord(join(dir, FINISHED))).toThrow(LabError);
    const deep = RECORD.replace('"init_seed"', `"x": ${'['.repeat(5e4)}${']'.repeat(5e4)}, "init_seed"`);
    write(deep);
    readAll(dir);
    write(deep.replace('"spec": {', `"spec": { "deep": ${'['.repeat(5e4)}${']'.repeat(5e4)},`));
    readAll(dir);
  }
  expect(existsSync(dir)).toBe(true);
});
