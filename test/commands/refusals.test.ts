/** @file Commands that find nothing to do, or a name that is not there: they say so and leave nothing behind. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { makeSweepFolder, temporaryFolder } from '../support/run-record.ts';

describe('export', () => {
  it.each(['csv', 'parquet', 'tensorboard'])(
    'as %s of a folder without runs exits 4 and writes nothing',
    async (format) => {
      const dir = makeSweepFolder([]);
      const { code, out, err } = await lab('export', dir, '--format', format);
      expect(code).toBe(4);
      expect(out).toBe('');
      expect(err).toContain(`${dir} holds no runs: there is nothing to export`);
      expect(existsSync(join(dir, format === 'tensorboard' ? 'tensorboard' : 'export'))).toBe(false);
    },
  );
});

describe('schema', () => {
  it('writes into a folder that is there, and makes none', async () => {
    const dir = temporaryFolder();
    expect((await lab('schema', join(dir, 'schema.json'))).code).toBe(0);
    expect(JSON.parse(readFileSync(join(dir, 'schema.json'), 'utf8'))).toHaveProperty('properties');
    const { code, err } = await lab('schema', join(dir, 'absent', 'schema.json'));
    expect(code).toBe(2);
    expect(err).toContain(`there is no folder ${join(dir, 'absent')}`);
    expect(existsSync(join(dir, 'absent'))).toBe(false);
  });
});

describe('sweep', () => {
  it('with a backend that is not there leaves no folder', async () => {
    const dir = temporaryFolder();
    const study = join(dir, 'study.yaml');
    const sweep = '  - { name: a, grid: { model.d_model: [8], train.num_tokens: [2k] } }';
    writeFileSync(study, `name: x\ndata: { corpus: zipf-lexicon }\nsweeps:\n${sweep}\n`);
    const { code, err } = await lab('sweep', study, '--out', join(dir, 'runs'), '--backend', 'cudda');
    expect(code).toBe(2);
    expect(err).toContain('unknown backend: cudda; one of auto, cuda');
    expect(existsSync(join(dir, 'runs'))).toBe(false);
  });
});
