/** @file The command line as a user meets it: the built program in a temporary folder, on small real studies. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/training.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CLI = path.join(ROOT, 'dist/cli.js');
let folder: string;
let remove: () => void;

beforeAll(() => {
  ({ folder, remove } = temporaryFolder());
});
afterAll(() => remove());

/** Corpora are cached in the temporary folder, not in the user's. */
const environment = () => ({ ...process.env, SCALING_LAB_CACHE: path.join(folder, 'cache') });

/** Runs the program in the temporary folder. */
function lab(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: environment(),
  });
  return { status, stdout, stderr };
}

const STUDY = `
name: small
data: { corpus: zipf-lexicon, val_tokens: 4096 }
train: { batch_tokens: 256, learning_rate: lexicon, eval_tokens: 1024, num_evals: 3 }
backend: wasm
sweeps:
  - name: small
    grid: { model.d_model: [8, 12], train.num_tokens: [2k, 4k] }
`;

/** Writes a study file and returns its name. */
function study(name: string, text: string): string {
  writeFileSync(path.join(folder, name), text);
  return name;
}

describe('study', () => {
  it('trains, fits, reports, and finds everything done the second time', () => {
    const file = study('small.yaml', STUDY);
    const first = lab('study', file);
    expect(first.stderr).toContain('4 finished');
    expect(first.status).toBe(0);
    expect(first.stdout).toMatch(/small: 4 of 4 runs finished/);
    expect(first.stdout).toMatch(/report: runs\/small\/report\.html/);
    const html = readFileSync(path.join(folder, 'runs/small/report.html'), 'utf8');
    expect(html).toContain('small-d8-');
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);

    const second = lab('study', file, '--json', '--quiet');
    expect(second.status).toBe(0);
    expect(second.stderr).toBe('');
    const result = JSON.parse(second.stdout) as { schema_version: number; groups: { num_runs: number }[] };
    expect(result.schema_version).toBe(1);
    expect(result.groups.map(({ num_runs }) => num_runs)).toEqual([4]);
  });

  it('is shown by status, exported, reported again and planned with what is done', () => {
    expect(lab('status', 'runs/small').stdout).toMatch(/small\s+4\s+4/);
    const csv = lab('export', 'runs/small', '--format', 'csv');
    expect(csv.status).toBe(0);
    const [file] = csv.stdout.trim().split('\n');
    expect(readFileSync(path.resolve(folder, file!), 'utf8').trim().split('\n')).toHaveLength(5);
    expect(lab('report', 'runs/small').stdout).toContain('4 of 4 runs finished');
    const plan = JSON.parse(lab('plan', 'small.yaml', '--json').stdout) as { runs: object[]; finished: string[] };
    expect(plan.finished).toHaveLength(plan.runs.length);
  });

  it('stops on Ctrl-C with 130, keeps what was done, and goes on to the same losses', async () => {
    const text = STUDY.replace('name: small\n', 'name: stopped\n').replace('[2k, 4k]', '[40k, 80k]');
    const file = study('stopped.yaml', text);
    const child = spawn(process.execPath, [CLI, 'sweep', file], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: environment(),
    });
    let stderr = '';
    const status = await new Promise<number | null>((resolve) => {
      child.stderr.on('data', (chunk) => {
        stderr += chunk;
        if (stderr.includes('10% of') && !child.killed) child.kill('SIGINT');
      });
      child.on('close', resolve);
    });
    expect(status, stderr).toBe(130);
    expect(lab('status', 'runs/stopped').stdout).toMatch(/cancelled/);
    expect(lab('sweep', file).status).toBe(0);
    const whole = lab('sweep', file, '--out', 'runs/whole', '--workers', '1', '--json');
    const losses = (text: string) =>
      Object.fromEntries(
        (JSON.parse(text) as { records: { run_id: string; val_loss: number }[] }).records.map((r) => [
          r.run_id,
          r.val_loss,
        ]),
      );
    const resumed = lab('sweep', file, '--json');
    expect(losses(resumed.stdout)).toEqual(losses(whole.stdout));
  });
});

describe('fit and predict', () => {
  const law = (N: number, D: number) => 1.5 + 20 / N ** 0.4 + 30 / D ** 0.35;

  it('recovers a known law from a table and predicts from it', () => {
    const rows = [1e3, 3e3, 1e4, 3e4, 1e5].flatMap((N) => [1e5, 3e5, 1e6, 3e6].map((D) => [N, D, law(N, D)].join(',')));
    study('points.csv', `size,tokens,loss\n${rows.join('\n')}\n`);
    const args = ['--columns', 'N=size,D=tokens,L=loss', '--bootstrap', '20', '--out', 'fit.json', '--json'];
    const { status, stdout } = lab('fit', 'points.csv', ...args);
    expect(status).toBe(0);
    const fit = JSON.parse(stdout) as { params: Record<string, number>; exponents: { a: number } };
    expect(fit.params['alpha']).toBeCloseTo(0.4, 3);
    expect(fit.params['E']).toBeCloseTo(1.5, 3);
    expect(fit.exponents.a).toBeCloseTo(0.35 / 0.75, 3);
    const predicted = JSON.parse(lab('predict', 'fit.json', '--params', '5e3', '--tokens', '5e5', '--json').stdout);
    expect(predicted.L).toBeCloseTo(law(5e3, 5e5), 4);
    expect(lab('predict', 'fit.json', '--compute', '1e15').stdout).toMatch(/extrapolated .* decades/);
  });

  it('names every bad cell of a table, with exit code 2', () => {
    study('bad.csv', 'size,tokens,loss\n1e3,1e5,abc\n-4,1e5,2\n1e3,0,2\n');
    const { status, stderr } = lab('fit', 'bad.csv', '--columns', 'N=size,D=tokens,L=loss');
    expect(status).toBe(2);
    expect(stderr).toMatch(/bad\.csv:2:\d+: L: .*abc/);
    expect(stderr).toMatch(/bad\.csv:3:\d+: N: .*-4/);
    expect(stderr).toMatch(/bad\.csv:4:\d+: D: .*0/);
    const missing = lab('fit', 'bad.csv', '--columns', 'N=sise,D=tokens,L=loss');
    expect(missing.status).toBe(2);
    expect(missing.stderr).toMatch(/sise.*size/s);
  });

  it('says that three points are too few, with exit code 4', () => {
    study('few.csv', 'N,D,L\n1e3,1e5,2\n2e3,1e5,1.9\n4e3,1e5,1.8\n');
    expect(lab('fit', 'few.csv').status).toBe(4);
  });
});

describe('bad input', () => {
  const bad = (name: string, text: string, ...args: string[]) => lab('plan', study(name, text), ...args);

  it('reports all the errors of a study at once, with places and suggestions', () => {
    const text = STUDY.replace('num_evals: 3', 'num_evls: 3').replace('lexicon, eval', 'lexikon, eval');
    const { status, stderr } = bad('typo.yaml', text.replace('backend: wasm', 'backend: wsam'));
    expect(status).toBe(2);
    expect(stderr).toMatch(/typo\.yaml:4:\d+: train\.num_evls.*num_evals/);
    expect(stderr).toMatch(/lexikon.*lexicon/);
    expect(stderr).toMatch(/typo\.yaml:5:\d+: backend.*wsam.*wasm/);
  });

  it('refuses d_model that n_head does not divide, and a budget smaller than one step', () => {
    expect(bad('heads.yaml', STUDY, '--set', 'model.n_head=3').stderr).toMatch(/n_head.*3.*d_model 8/);
    const isoflop = STUDY.replace(/grid: .*/, 'isoflop: { budgets: [1e3], d_model: [8] }');
    const { status, stderr } = bad('budget.yaml', isoflop);
    expect(status).toBe(2);
    expect(stderr).toMatch(/budget.*1e3/);
  });

  it('refuses a corpus that is missing, empty or shorter than one context', () => {
    const text = (file: string) => STUDY.replace(/data: .*/, `data: { corpus: text, path: ${file} }`);
    writeFileSync(path.join(folder, 'empty.txt'), '');
    writeFileSync(path.join(folder, 'short.txt'), 'too short');
    for (const file of ['absent.txt', 'empty.txt', 'short.txt']) {
      const { status, stderr } = bad('corpus.yaml', text(file));
      expect(status, stderr).toBe(2);
      expect(stderr).toContain(file);
    }
  });

  it('refuses a plan over the limit with 6, and an unavailable backend with 5', () => {
    expect(lab('plan', 'small.yaml', '--out', 'runs/none', '--max-flops', '1e6').status).toBe(6);
    const { status, stderr } = lab('sweep', 'small.yaml', '--backend', 'cuda', '--out', 'runs/cuda');
    expect(status).toBe(5);
    expect(stderr).toMatch(/cuda is not available/);
  });

  it('says that the runs folder cannot be written, with 8, and leaves nothing behind', () => {
    mkdirSync(path.join(folder, 'blocked'), { recursive: true });
    writeFileSync(path.join(folder, 'blocked/runs'), 'a file in the way');
    const { status, stderr } = lab('sweep', 'small.yaml', '--out', 'blocked/runs/small');
    expect(status).toBe(8);
    expect(stderr).toContain('blocked/runs');
  });

  it('asks only for what is left of a plan', () => {
    expect(lab('plan', 'small.yaml', '--max-flops', '1e6').status).toBe(0);
  });

  it('takes no unknown options, and suggests the right one', () => {
    const { status, stderr } = lab('plan', 'small.yaml', '--max-flop', '1e6');
    expect(status).toBe(2);
    expect(stderr).toMatch(/--max-flops/);
    expect(lab('plann').status).toBe(2);
  });
});

describe('other verbs', () => {
  it('print the config with origins, the schema, the doctor, a completion script', () => {
    const { stdout } = lab('plan', 'small.yaml', '--print-config', '--set', 'model.n_layer=1');
    expect(stdout).toMatch(/n_layer: 1 .*--set/);
    expect(stdout).toMatch(/n_ctx: 64 .*default/);
    expect(JSON.parse(lab('schema').stdout)).toHaveProperty('properties');
    const doctor = JSON.parse(lab('doctor', '--json').stdout) as {
      backends: { name: string; is_available: boolean }[];
    };
    expect(doctor.backends.find(({ name }) => name === 'wasm')!.is_available).toBe(true);
    expect(lab('completion', 'bash').stdout).toContain('scaling-lab');
  });

  it('write a corpus in nanoGPT’s format', () => {
    expect(lab('corpus', 'small.yaml', '--out', 'corpus', '--train-tokens', '8000').status).toBe(0);
    expect(readFileSync(path.join(folder, 'corpus/train.bin')).byteLength).toBe(16_000);
    expect(existsSync(path.join(folder, 'corpus/tokenizer.json'))).toBe(true);
  });
});
