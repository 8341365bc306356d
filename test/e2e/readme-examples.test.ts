/** @file README.md's examples of fitting, run as a reader would: every `fit` and `predict` line in a folder with
 * such files, and the library example against the package's exports, with its types.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { normal, rngStream } from '../../src/lib/rng.ts';
import { lab } from '../support/lab.ts';
import { temporaryFolder } from '../support/training.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const README = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
let folder: string;
let remove: () => void;

beforeAll(() => {
  ({ folder, remove } = temporaryFolder());
  writeTables();
  cpSync(path.join(ROOT, 'runs/reference/quickstart'), path.join(folder, 'runs/quickstart'), { recursive: true });
  mkdirSync(path.join(folder, 'node_modules'));
  symlinkSync(ROOT, path.join(folder, 'node_modules/scaling-lab'));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(ROOT);
  remove();
});

/** What stands between the marks of an example. */
function example(name: string): string {
  const [, text] = new RegExp(`<!-- example:${name} -->\n([\\s\\S]*?)<!-- /example:${name} -->`).exec(README) ?? [];
  expect(text, name).toBeDefined();
  return text!;
}

function write(name: string, header: string, rows: readonly (readonly (number | string)[])[]): void {
  writeFileSync(path.join(folder, name), `${[header, ...rows.map((row) => row.join(','))].join('\n')}\n`);
}

/** The files that the examples name, from known laws with half a percent of noise. */
function writeTables(): void {
  const rng = rngStream(0, 'test');
  const noisy = (L: number): number => L * (1 + 0.005 * normal(rng));
  const law = (N: number, D: number): number => 1.5 + 20 / N ** 0.4 + 30 / D ** 0.35;
  const grid = [1e4, 4e4, 1.6e5, 6.4e5, 2.5e6, 1e7].flatMap((N) =>
    [1e6, 4e6, 1.6e7, 6.4e7].flatMap((D) => [0, 1].map(() => [N, D, noisy(law(N, D))])),
  );
  write('points.csv', 'N,D,L', grid);
  write(
    'paper.csv',
    'Model Size,Training FLOP,loss',
    grid.map(([N, D, L]) => [N!, 6 * N! * D!, L!]),
  );
  write(
    'curve.csv',
    'S,L',
    Array.from({ length: 24 }, (_, i) => {
      const S = 100 * 1.4 ** i;
      return [S, noisy(1 + 10 * S ** -0.1 * (1 + (S / 5e3) ** 4) ** -0.06)];
    }),
  );
  const batches = [1e5, 4e5, 1.6e6].flatMap((N) =>
    [1024, 8192, 65536].flatMap((B) =>
      Array.from({ length: 16 }, (_, k) => {
        const S = 40 * 1.5 ** k;
        return [N, B, S, (1e9 / N) ** 0.08 + (300 / (S / (1 + 2e4 / B))) ** 0.7];
      }),
    ),
  );
  write('batches.csv', 'N,B,S,L', batches);
  const repeated = [1e7, 1e8, 1e9].flatMap((N) =>
    [1e8, 1e9, 1e10].flatMap((U) =>
      [1, 4, 16, 60].map((epochs) => {
        const tokens = U * (1 + 15 * (1 - Math.exp(-(epochs - 1) / 15)));
        return [N, epochs * U, epochs, noisy(1.8 + 500 / N ** 0.35 + 1500 / tokens ** 0.35)];
      }),
    ),
  );
  write('repeated.csv', 'N,D,epochs,L', repeated);
}

/** Words of a command line; double quotes hold one together. */
function wordsOf(line: string): string[] {
  const [command = ''] = line.split(/\s+#/);
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}

describe('the commands', () => {
  const lines = example('commands')
    .split('\n')
    .filter((line) => line.trim() !== '');

  it('are those of fit and predict', () => {
    expect(lines.length).toBeGreaterThan(15);
    for (const line of lines) expect(line).toMatch(/^ {4}npx scaling-lab (fit|predict) /);
  });

  it.each(lines.map((line) => line.trim()))('%s', { timeout: 60_000 }, async (line) => {
    const [, , ...own] = wordsOf(line);
    // Ten replicates show as well as 200 that the line runs.
    const args = own[0] === 'fit' && !own.includes('--bootstrap') ? [...own, '--bootstrap', '10'] : own;
    const { code, out, err } = await lab(...args);
    expect(code, err).toBe(0);
    expect(out.split('\n').length).toBeGreaterThan(1);
    expect(out).not.toMatch(/NaN|undefined|NOT converged/);
  });
});

describe('the library', () => {
  const [, code] = /```js\n([\s\S]*?)```/.exec(example('library')) ?? [];

  it('is exported, with types, by files that the package holds', () => {
    const { exports, files } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      exports: Record<string, string | { types: string; default: string }>;
      files: string[];
    };
    for (const entry of Object.values(exports))
      for (const target of typeof entry === 'string' ? [entry] : [entry.types, entry.default]) {
        expect(existsSync(path.join(ROOT, target)), target).toBe(true);
        expect(target === './package.json' || files.some((name) => target.startsWith(`./${name}/`)), target).toBe(true);
      }
  });

  it("runs on a reader's table and recovers its law", () => {
    const rows = readFileSync(path.join(folder, 'points.csv'), 'utf8').replace('N,D,L', 'params,tokens,val_loss');
    const own = path.join(folder, 'own');
    mkdirSync(own, { recursive: true });
    writeFileSync(path.join(own, 'points.csv'), rows);
    writeFileSync(path.join(own, 'example.mjs'), code!);
    const { status, stdout, stderr } = spawnSync(process.execPath, ['example.mjs'], { cwd: own, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^L = E \+ A\/N\^alpha \+ B\/D\^beta \{\n/);
    const [, a] = /a = (0\.\d+) in \[ 0\.\d+, 0\.\d+ \]/.exec(stdout) ?? [];
    expect(Number(a)).toBeCloseTo(0.35 / 0.75, 1);
    expect(stdout).toMatch(/at 1e15 FLOPs: N = \d+.*, D = \d+.*, loss 1\.\d+ \{/);
  });

  it('type-checks in strict TypeScript, declarations of the package included', { timeout: 60_000 }, () => {
    writeFileSync(path.join(folder, 'example.mts'), code!);
    const strict = [
      '--noEmit',
      '--strict',
      '--exactOptionalPropertyTypes',
      '--module',
      'nodenext',
      '--target',
      'es2023',
    ];
    const types = ['--types', 'node', '--typeRoots', path.join(ROOT, 'node_modules/@types')];
    const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...strict, ...types, 'example.mts'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(status, stdout).toBe(0);
  });
});
