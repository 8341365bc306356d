/** @file An archive reads as the study it was made of, and refuses to be made of nothing or over the study. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { archiveSweep } from '../../src/log/archive.ts';
import { readSweep } from '../../src/log/log.ts';
import { makeRecord } from '../support/run-record.ts';

function study(): { dir: string; out: string } {
  const root = mkdtempSync(join(tmpdir(), 'archive-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const dir = join(root, 'study');
  const runs = [
    { run_id: 'b', status: 'finished' },
    { run_id: 'a', status: 'diverged', val_loss: null },
    { run_id: 'c', status: 'failed', val_loss: null },
  ] as const;
  for (const run of runs) {
    mkdirSync(join(dir, run.run_id), { recursive: true });
    writeFileSync(join(dir, run.run_id, 'run.json'), JSON.stringify(makeRecord(run)));
    writeFileSync(join(dir, run.run_id, 'metrics.jsonl'), '{"kind":"train"}\n');
  }
  writeFileSync(join(dir, 'plan.json'), JSON.stringify({ schema_version: 1, name: 's', runs }));
  writeFileSync(join(dir, 'study.yaml'), 'name: s\n');
  return { dir, out: join(root, 'archive') };
}

describe('archiveSweep', () => {
  it('gives the same plan and records, without those that did not end', () => {
    const { dir, out } = study();
    const { num_runs, files } = archiveSweep(dir, out);
    expect(num_runs).toBe(2);
    expect(files.map((file) => file.slice(out.length + 1))).toEqual(['runs.jsonl', 'plan.json', 'study.yaml']);
    const [before, after] = [readSweep(dir), readSweep(out)];
    expect(after.problems).toEqual([]);
    expect(after.plan).toEqual(before.plan);
    expect(after.records).toEqual(before.records.filter(({ status }) => status !== 'failed'));
    expect(readFileSync(join(out, 'study.yaml'), 'utf8')).toBe('name: s\n');
  });

  it('is itself archived to the same bytes', () => {
    const { dir, out } = study();
    archiveSweep(dir, out);
    archiveSweep(out, `${out}-2`);
    for (const name of ['runs.jsonl', 'plan.json'])
      expect(readFileSync(join(`${out}-2`, name), 'utf8')).toBe(readFileSync(join(out, name), 'utf8'));
  });

  it('names the line of a record that is damaged, and reads the others', () => {
    const { dir, out } = study();
    archiveSweep(dir, out);
    const file = join(out, 'runs.jsonl');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"run_id":"b"', '"run_id":7'));
    const { records, problems } = readSweep(out);
    expect(records.map(({ run_id }) => run_id)).toEqual(['a']);
    expect(problems[0]!.message).toMatch(/runs\.jsonl, line 1: run_id/);
  });

  it('refuses a study without finished runs, and the study itself as the place', () => {
    const { dir, out } = study();
    expect(() => archiveSweep(dir, dir)).toThrow(/is the study itself/);
    rmSync(join(dir, 'a'), { recursive: true });
    rmSync(join(dir, 'b'), { recursive: true });
    expect(() => archiveSweep(dir, out)).toThrow(/no finished runs/);
  });
});
