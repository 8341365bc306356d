/** @file `verify`: silent on a whole sweep, and for each rule a damage that breaks it, named with its file. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runHash } from '../../src/config/config.ts';
import { RULES } from '../../src/log/log.ts';
import { lab } from '../support/lab.ts';
import { temporaryFolder } from '../support/run-record.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/record-v1', import.meta.url));
const FINISHED = 'tiny-d4-915dccacda';
const DIVERGED = 'tiny-d4-768976b644';
const RUN = join(FINISHED, 'run.json');
const ROWS = join(FINISHED, 'metrics.jsonl');
const CHECKPOINT = join(FINISHED, 'checkpoint-00000040.safetensors');

/** A copy of the fixture to break. */
function copy(from = FIXTURE): string {
  const dir = join(temporaryFolder(), 'study');
  cpSync(from, dir, { recursive: true });
  return dir;
}

interface Found {
  is_sound: boolean;
  num_records: number;
  num_metric_rows: number;
  num_checkpoints: number;
  counts: Record<string, number>;
  problems: { path: string; rule: string; message: string }[];
  notes: { path: string; rule: string; message: string }[];
}

async function verify(dir: string): Promise<Found & { code: number }> {
  const { code, out } = await lab('verify', dir, '--json');
  return { code, ...(JSON.parse(out) as Found) };
}

type Json = Record<string, unknown>;

function edit(path: string, change: (value: Json) => void): void {
  const value = JSON.parse(readFileSync(path, 'utf8')) as Json;
  change(value);
  writeFileSync(path, JSON.stringify(value));
}

const editLines = (path: string, change: (lines: string[]) => string[]) =>
  writeFileSync(path, `${change(readFileSync(path, 'utf8').trimEnd().split('\n')).join('\n')}\n`);

/** Keeps the checksum from hiding what a change of rows breaks. */
const dropSum = (dir: string) => edit(join(dir, RUN), (record) => delete record['metrics_sha256']);

describe('a whole sweep', () => {
  it('passes, and says what was read', async () => {
    const found = await verify(FIXTURE);
    expect(found).toMatchObject({
      code: 0,
      is_sound: true,
      counts: { finished: 1, diverged: 1 },
      ...{ num_records: 2, num_metric_rows: 46, num_checkpoints: 1, problems: [], notes: [] },
    });
    const { code, out } = await lab('verify', FIXTURE);
    expect(code).toBe(0);
    expect(out).toContain('1 finished, 1 diverged of 2 planned');
    expect(out).toContain('nothing is wrong');
  });

  it('passes as an archive', async () => {
    expect(await verify(`${FIXTURE}-archive`)).toMatchObject({ code: 0, num_records: 2, problems: [], notes: [] });
  });

  it.each(['seeds', 'learning-rate', 'quickstart'])('passes where it is committed: %s', async (name) => {
    const dir = fileURLToPath(new URL(`../../runs/reference/${name}`, import.meta.url));
    expect((await verify(dir)).problems).toEqual([]);
  });

  it('is found among others, and one that is broken counts', async () => {
    const folder = temporaryFolder();
    cpSync(FIXTURE, join(folder, 'one'), { recursive: true });
    cpSync(FIXTURE, join(folder, 'two'), { recursive: true });
    expect((await lab('verify', folder)).code).toBe(0);
    truncateSync(join(folder, 'two', CHECKPOINT), 1000);
    const { code, out } = await lab('verify', folder);
    expect(code).toBe(8);
    expect(out).toContain(`checkpoint_damaged: damaged file ${join(folder, 'two', CHECKPOINT)}`);
  });
});

/** What breaks which rule, and in which file. */
const DAMAGES: { rule: keyof typeof RULES; file: string; damage: (dir: string) => void }[] = [
  { rule: 'plan_missing', file: 'plan.json', damage: (dir) => rmSync(join(dir, 'plan.json')) },
  { rule: 'plan_unreadable', file: 'plan.json', damage: (dir) => truncateSync(join(dir, 'plan.json'), 500) },
  {
    rule: 'plan_ids',
    file: 'plan.json',
    damage: (dir) =>
      edit(join(dir, 'plan.json'), (plan) => (plan['runs'] as Json[]).push((plan['runs'] as Json[])[0]!)),
  },
  {
    rule: 'plan_ids',
    file: 'plan.json',
    damage: (dir) =>
      edit(join(dir, 'plan.json'), (plan) => (plan['runs'] as Json[]).push({ run_id: '../../etc/passwd' })),
  },
  {
    rule: 'plan_identity',
    file: 'plan.json',
    damage: (dir) =>
      edit(join(dir, 'plan.json'), (plan) => {
        (plan['runs'] as { spec: { data_seed: number } }[])[0]!.spec.data_seed = 7;
      }),
  },
  {
    rule: 'plan_counts',
    file: 'plan.json',
    damage: (dir) => edit(join(dir, 'plan.json'), (plan) => ((plan['totals'] as Json)['num_tokens'] = 1)),
  },
  { rule: 'record_missing', file: RUN, damage: (dir) => rmSync(join(dir, RUN)) },
  { rule: 'record_unreadable', file: RUN, damage: (dir) => truncateSync(join(dir, RUN), 900) },
  {
    rule: 'record_unreadable',
    file: RUN,
    damage: (dir) => edit(join(dir, RUN), (record) => (record['schema_version'] = 2)),
  },
  {
    rule: 'record_place',
    file: join('copy-of-run', 'run.json'),
    damage: (dir) => cpSync(join(dir, FINISHED), join(dir, 'copy-of-run'), { recursive: true }),
  },
  {
    rule: 'record_unplanned',
    file: join('other', 'run.json'),
    damage: (dir) => {
      renameSync(join(dir, FINISHED), join(dir, 'other'));
      edit(join(dir, 'other/run.json'), (record) => (record['run_id'] = 'other'));
    },
  },
  {
    rule: 'record_plan',
    file: RUN,
    damage: (dir) => edit(join(dir, RUN), (record) => (record['group'] = 'another')),
  },
  {
    rule: 'record_spec',
    file: RUN,
    damage: (dir) => edit(join(dir, RUN), (record) => ((record['spec'] as Json)['batch_size'] = 0)),
  },
  {
    rule: 'record_identity',
    file: RUN,
    damage: (dir) => edit(join(dir, RUN), (record) => ((record['spec'] as Json)['init_seed'] = 9)),
  },
  {
    rule: 'record_repeats',
    file: RUN,
    damage: (dir) => edit(join(dir, RUN), (record) => ((record['model'] as Json)['n_layer'] = 2)),
  },
  {
    rule: 'record_counts',
    file: RUN,
    damage: (dir) => edit(join(dir, RUN), (record) => ((record['num_params'] as Json)['non_embedding'] = 193)),
  },
  {
    rule: 'record_status',
    file: RUN,
    damage: (dir) => edit(join(dir, RUN), (record) => (record['step'] = 39)),
  },
  {
    rule: 'record_status',
    file: RUN,
    damage: (dir) => edit(join(dir, RUN), (record) => (record['val_loss'] = 3.85)),
  },
  {
    rule: 'rows_unreadable',
    file: ROWS,
    damage: (dir) => editLines(join(dir, ROWS), (lines) => [lines[0]!, '{"kind":"tr', ...lines.slice(1)]),
  },
  {
    rule: 'rows_order',
    file: ROWS,
    damage: (dir) => editLines(join(dir, ROWS), ([a, b, c, ...rest]) => [c!, b!, a!, ...rest]),
  },
  {
    rule: 'rows_doubled',
    file: ROWS,
    damage: (dir) => editLines(join(dir, ROWS), ([a, ...rest]) => [a!, a!, ...rest]),
  },
  { rule: 'rows_missing', file: ROWS, damage: (dir) => editLines(join(dir, ROWS), ([, ...rest]) => rest) },
  { rule: 'rows_missing', file: ROWS, damage: (dir) => editLines(join(dir, ROWS), (lines) => lines.slice(0, -1)) },
  { rule: 'rows_missing', file: ROWS, damage: (dir) => rmSync(join(dir, ROWS)) },
  {
    rule: 'rows_unexpected',
    file: ROWS,
    damage: (dir) =>
      editLines(join(dir, ROWS), (lines) => [...lines, '{"kind":"train","step":41,"tokens":2624,"loss":1}']),
  },
  {
    rule: 'rows_tokens',
    file: ROWS,
    damage: (dir) => editLines(join(dir, ROWS), ([a, ...rest]) => [a!.replace('"tokens":64', '"tokens":65'), ...rest]),
  },
  {
    rule: 'rows_nonfinite',
    file: ROWS,
    damage: (dir) =>
      editLines(join(dir, ROWS), ([a, ...rest]) => [
        a!.replace(/"loss":[\d.]+/, '"loss":null,"nonfinite":"nan"'),
        ...rest,
      ]),
  },
  {
    rule: 'rows_record',
    file: ROWS,
    damage: (dir) =>
      editLines(join(dir, ROWS), (lines) => lines.with(-1, lines.at(-1)!.replace('3.8430233001708984', '3.8430233'))),
  },
  {
    rule: 'rows_checksum',
    file: ROWS,
    damage: (dir) =>
      editLines(join(dir, ROWS), ([a, ...rest]) => [a!.replace(/"grad_norm":0\.3/, '"grad_norm":0.4'), ...rest]),
  },
  {
    rule: 'checkpoint_damaged',
    file: CHECKPOINT,
    damage: (dir) => {
      const bytes = readFileSync(join(dir, CHECKPOINT));
      bytes[bytes.length - 5]! ^= 1;
      writeFileSync(join(dir, CHECKPOINT), bytes);
    },
  },
  {
    rule: 'checkpoint_foreign',
    file: join(FINISHED, 'checkpoint-00000039.safetensors'),
    damage: (dir) => renameSync(join(dir, CHECKPOINT), join(dir, FINISHED, 'checkpoint-00000039.safetensors')),
  },
  {
    rule: 'checkpoint_foreign',
    file: join(DIVERGED, 'checkpoint-00000040.safetensors'),
    damage: (dir) => cpSync(join(dir, CHECKPOINT), join(dir, DIVERGED, 'checkpoint-00000040.safetensors')),
  },
  {
    rule: 'claims_hash',
    file: 'claims.json',
    damage: (dir) => edit(join(dir, 'claims.json'), (value) => ((value['claims'] as Json[])[0]!['margin'] = 0.5)),
  },
  {
    rule: 'forecasts_hash',
    file: 'forecasts.json',
    damage: (dir) =>
      writeFileSync(
        join(dir, 'forecasts.json'),
        JSON.stringify({ schema_version: 1, sha256: '0'.repeat(64), forecasts: [{ group: 'a', runs: [] }] }),
      ),
  },
  {
    rule: 'study_unreadable',
    file: 'study.yaml',
    damage: (dir) => writeFileSync(join(dir, 'study.yaml'), 'name: [half'),
  },
  { rule: 'fit_unreadable', file: 'fit.json', damage: (dir) => writeFileSync(join(dir, 'fit.json'), '{"groups": [') },
  {
    rule: 'leftover_file',
    file: join(FINISHED, '.run.json.77.0badcafe.tmp'),
    damage: (dir) => writeFileSync(join(dir, FINISHED, '.run.json.77.0badcafe.tmp'), '{'),
  },
  {
    rule: 'leftover_lock',
    file: 'sweep.lock',
    damage: (dir) =>
      writeFileSync(
        join(dir, 'sweep.lock'),
        JSON.stringify({ pid: 2 ** 30, host: hostname(), boot_id: null, start_ticks: null, started_at: '' }),
      ),
  },
  {
    rule: 'leftover_lock',
    file: 'sweep.lock.takeover',
    damage: (dir) => {
      writeFileSync(join(dir, 'sweep.lock.takeover'), '77\n');
      utimesSync(join(dir, 'sweep.lock.takeover'), new Date(0), new Date(0));
    },
  },
  {
    rule: 'archive_status',
    file: 'runs.jsonl, line 1',
    damage: (dir) => {
      const record = JSON.parse(readFileSync(join(dir, RUN), 'utf8'));
      rmSync(join(dir, FINISHED), { recursive: true });
      writeFileSync(
        join(dir, 'runs.jsonl'),
        JSON.stringify({ ...record, status: 'failed', val_loss: null, error: 'x' }),
      );
    },
  },
];

describe('damage', () => {
  it.each(DAMAGES.map((one) => [one.rule, one.file, one] as const))(
    'breaks %s in %s',
    async (rule, file, { damage }) => {
      const dir = copy();
      damage(dir);
      const { code, is_sound, problems } = await verify(dir);
      expect({ code, is_sound }).toEqual({ code: 8, is_sound: false });
      expect(problems).toContainEqual(expect.objectContaining({ rule, path: join(dir, file) }));
    },
  );

  it('breaks checkpoint_rows where the log is not the one that was checkpointed', async () => {
    const dir = copy();
    dropSum(dir);
    editLines(join(dir, ROWS), ([a, ...rest]) => [a!.replace('"step":1,', '"step": 1,'), ...rest]);
    const { problems } = await verify(dir);
    expect(problems).toEqual([expect.objectContaining({ rule: 'checkpoint_rows', path: join(dir, CHECKPOINT) })]);
  });

  it('breaks checkpoint_shapes where the model is another', async () => {
    const dir = copy();
    edit(join(dir, RUN), (record) => {
      (record['spec'] as { model: Json }).model['bias'] = true;
    });
    expect((await verify(dir)).problems.map(({ rule }) => rule)).toContain('checkpoint_shapes');
  });

  it('is covered rule by rule', () => {
    const broken = new Set<string>([...DAMAGES.map(({ rule }) => rule), 'checkpoint_rows', 'checkpoint_shapes']);
    expect(Object.keys(RULES).filter((rule) => !rule.startsWith('note_') && !broken.has(rule))).toEqual([]);
  });

  it('is told to people with its file and rule', async () => {
    const dir = copy();
    writeFileSync(join(dir, '.plan.json.1.00000000.tmp'), '');
    const { code, out } = await lab('verify', dir);
    expect(code).toBe(8);
    expect(out).toContain(`leftover_file: ${join(dir, '.plan.json.1.00000000.tmp')}: left by a process`);
    expect(out).toContain(`rule: ${RULES.leftover_file}`);
    expect(out).toContain('1 problems');
  });
});

describe('states that are no damage', () => {
  it('a run that was killed: rows after its record, a torn line', async () => {
    const dir = copy();
    edit(join(dir, RUN), (record) => {
      Object.assign(record, { status: 'running', step: 0, val_loss: null, train_loss: null, eval_curve: [] });
      delete record['metrics_sha256'];
    });
    truncateSync(join(dir, ROWS), readFileSync(join(dir, ROWS)).length - 20);
    rmSync(join(dir, CHECKPOINT));
    const { code, notes } = await verify(dir);
    expect(code).toBe(0);
    expect(notes.map(({ rule }) => rule).sort()).toEqual(['note_not_running', 'note_torn_row', 'note_unfinished']);
  });

  it('a sweep that runs: its lock and temporary files', async () => {
    const dir = copy();
    const lock = { pid: process.pid, host: hostname(), boot_id: null, start_ticks: null, started_at: '' };
    writeFileSync(join(dir, 'sweep.lock'), JSON.stringify(lock));
    writeFileSync(join(dir, FINISHED, '.run.json.1.00000000.tmp'), '{');
    const { code, notes } = await verify(dir);
    expect({ code, notes: notes.map(({ rule }) => rule) }).toEqual({ code: 0, notes: ['note_running'] });
  });

  it('folders that are no runs', async () => {
    const dir = copy();
    mkdirSync(join(dir, 'export'));
    writeFileSync(join(dir, 'export', 'runs.csv'), 'run_id\n');
    expect((await verify(dir)).code).toBe(0);
  });

  it('a folder that is no study is a usage error', async () => {
    const { code, err } = await lab('verify', temporaryFolder());
    expect(code).toBe(2);
    expect(err).toContain('holds no study');
    expect((await lab('verify', '/nowhere/at/all')).code).toBe(2);
  });
});

it('checks 1,000 runs in little time', () => {
  const dir = copy();
  const record = JSON.parse(readFileSync(join(dir, RUN), 'utf8'));
  const plan = JSON.parse(readFileSync(join(dir, 'plan.json'), 'utf8'));
  const planned = plan.runs.find(({ run_id }: { run_id: string }) => run_id === FINISHED);
  const rows = readFileSync(join(dir, ROWS));
  rmSync(join(dir, FINISHED), { recursive: true });
  rmSync(join(dir, DIVERGED), { recursive: true });
  const runs = Array.from({ length: 1000 }, (_, i) => {
    const spec = { ...record.spec, data_seed: i };
    return { ...planned, spec, config_hash: runHash(spec), run_id: `run-${i}` };
  });
  for (const { spec, config_hash, run_id } of runs) {
    const own = { ...record, spec, config_hash, run_id, data_seed: spec.data_seed };
    mkdirSync(join(dir, run_id));
    writeFileSync(join(dir, run_id, 'run.json'), JSON.stringify(own));
    writeFileSync(join(dir, run_id, 'metrics.jsonl'), rows);
  }
  const sum = (value: (run: typeof planned) => number) => runs.reduce((total, run) => total + value(run), 0);
  const totals = {
    num_runs: runs.length,
    num_tokens: sum(({ spec }) => spec.num_tokens),
    flops: { exact: sum(({ flops }) => flops.exact) },
  };
  writeFileSync(join(dir, 'plan.json'), JSON.stringify({ ...plan, runs, totals }));
  const cli = new URL('../../dist/cli.js', import.meta.url).href;
  const script =
    `import('${cli}').then(async ({ main }) => { const code = await main(['verify', '${dir}']);` +
    ' const { userCPUTime, maxRSS } = process.resourceUsage(); console.log(JSON.stringify({ code, userCPUTime, maxRSS })) })';
  const out = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  const { code, userCPUTime, maxRSS } = JSON.parse(out.trim().split('\n').at(-1)!);
  expect(out).toContain('1000 finished of 1000 planned; read 1000 records, 44000 metric rows');
  expect(code).toBe(0);
  expect(userCPUTime / 1e6).toBeLessThan(4);
  expect(maxRSS / 1024).toBeLessThan(300);
});
