/** @file The rules that hold over the whole of src/: which folder may import what (Biome must fail on the rest), no
 * randomness but from seeded streams, every file introduced and short.
 * Biome runs with the project's own settings on a folder of probe files, each of which tries every import there is.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const CONFIG = 'config/config.ts';
const BACKEND = 'backend/backend.ts';
const PLAN = 'plan/plan.ts';
const MODEL = 'model/gpt.ts';
const SIZE = 'model/size.ts';
const DATA = 'data/data.ts';
const LOG = 'log/log.ts';
const RECORD = 'log/record.ts';
const TRAIN = 'train/train.ts';
const SWEEP = 'sweep/sweep.ts';
const FIT = 'fit/fit.ts';
const STUDY = 'study/study.ts';
const REPORT = 'report/report.ts';
const FS = ['node:fs', 'node:fs/promises'];
const TENSORFLOW = ['@tensorflow/tfjs', '@tensorflow/tfjs-core/dist/engine', '@tensorflow/tfjs-backend-wasm'];

/** For each folder, everything it may import beside lib/ and its own files. What is not here must be an error. */
const MAY_IMPORT: Record<string, string[]> = {
  lib: FS,
  config: [RECORD, ...FS],
  backend: [CONFIG, 'tf.ts', 'kernels.ts', ...TENSORFLOW, ...FS],
  plan: [CONFIG, SIZE, RECORD],
  model: [CONFIG, RECORD, 'tf.ts', 'kernels.ts'],
  data: [CONFIG, ...FS],
  log: [CONFIG, ...FS],
  train: [
    ...[CONFIG, BACKEND, DATA, MODEL, SIZE, LOG, RECORD, 'tf.ts', ...FS],
    ...['model/ops/adamw.ts', 'model/ops/global-norm.ts'],
  ],
  sweep: [CONFIG, PLAN, TRAIN, BACKEND, LOG, RECORD, ...FS],
  fit: [],
  study: [CONFIG, PLAN, SWEEP, LOG, RECORD, FIT, REPORT, SIZE, ...FS],
  report: [CONFIG, LOG, RECORD, FIT, ...FS],
  serve: [CONFIG, PLAN, SWEEP, LOG, RECORD, FIT, STUDY, REPORT, SIZE, ...FS],
  commands: [...[CONFIG, BACKEND, PLAN, MODEL, SIZE, DATA, LOG, RECORD, TRAIN, SWEEP, FIT, STUDY, REPORT], ...FS],
};

/** Everything that could be imported: doors, the files open besides, one inner file of each folder, packages. */
const TARGETS = [
  ...['lib/rng.ts', 'tf.ts', 'kernels.ts', 'cli.ts'],
  ...[CONFIG, BACKEND, PLAN, MODEL, SIZE, DATA, LOG, RECORD, TRAIN, SWEEP, FIT, STUDY, REPORT, 'serve/serve.ts'],
  ...['config/schema.ts', 'backend/wasm/heap.ts', 'plan/ladder.ts', 'model/block.ts', 'model/ops/linear.ts'],
  ...['model/ops/adamw.ts', 'model/ops/global-norm.ts', 'data/windows.ts', 'log/writer.ts', 'train/schedule.ts'],
  ...['sweep/supervisor.ts', 'fit/laws/kaplan.ts', 'study/analyse.ts', 'report/figures/residuals.ts'],
  ...['serve/web/page.ts', 'commands/program.ts', ...FS, ...TENSORFLOW],
];

/** Every way to import. */
const FORMS = {
  'import from': (from: string) => `import { x } from '${from}';`,
  'import type from': (from: string) => `import type { X } from '${from}';`,
  'import for effect': (from: string) => `import '${from}';`,
  'export from': (from: string) => `export { x } from '${from}';`,
  'import()': (from: string) => `await import('${from}');`,
};

/** From the folder's own files, and from a folder inside it. */
const DEPTHS = [
  { place: 'files', inner: '', up: '../' },
  { place: 'inner folders', inner: 'inner/', up: '../../' },
];

const is_file = (target: string) => target.endsWith('.ts');

let folder = '';
/** `path:line` of every import that Biome refuses in the probe files. */
let refused: Set<string>;

const probe = (owner: string, inner: string) => `src/${owner}/${inner}probe.ts`;

/** Imports of a probe file, one a line: every target in every form, but for the folder's own files. */
function importsOf(owner: string, up: string) {
  const targets = TARGETS.filter((target) => !target.startsWith(`${owner}/`));
  return targets.flatMap((target) =>
    Object.entries(FORMS).map(([form, write]) => {
      return { target, form, line: write(is_file(target) ? up + target : target) };
    }),
  );
}

/** Imports that lie outside the folders, or go another way round: file, line, whether it is refused. */
const OTHER_PROBES = [
  { file: 'src/probe.ts', line: "import '@tensorflow/tfjs';", is_refused: true },
  { file: 'src/probe.ts', line: "import './tf.ts';", is_refused: false },
  { file: 'src/tf.ts', line: "export * as tf from '@tensorflow/tfjs';", is_refused: false },
  { file: 'test/probe.test.ts', line: "import '@tensorflow/tfjs';", is_refused: true },
  { file: 'test/probe.test.ts', line: "import '../src/model/ops/linear.ts';", is_refused: false },
  { file: 'bench/probe.ts', line: "await import('@tensorflow/tfjs-core');", is_refused: true },
  { file: 'src/fit/detour.ts', line: "import './../plan/plan.ts';", is_refused: true },
  { file: 'src/fit/detour.ts', line: "import './laws/../../plan/plan.ts';", is_refused: true },
  { file: 'src/fit/detour.ts', line: "import './laws/registry.ts';", is_refused: false },
  { file: 'src/fit/laws/own.ts', line: "import '../loss.ts';", is_refused: false },
  { file: 'src/fit/laws/own.ts', line: "import '../../fit/loss.ts';", is_refused: true },
  { file: 'src/sweep/worker.ts', line: "import('../train/train.ts').then((m) => m.trainRun);", is_refused: false },
  { file: 'src/sweep/worker.ts', line: "import('../model/gpt.ts').then((m) => m.loss);", is_refused: true },
];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'boundaries-'));
  for (const file of ['biome.json', '.gitignore']) cpSync(join(ROOT, file), join(folder, file));
  const files: Record<string, string[]> = {};
  for (const owner of Object.keys(MAY_IMPORT)) {
    for (const { inner, up } of DEPTHS) files[probe(owner, inner)] = importsOf(owner, up).map(({ line }) => line);
  }
  for (const { file, line } of OTHER_PROBES) files[file] = [...(files[file] ?? []), line];
  for (const [file, lines] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), `${lines.join('\n')}\n`);
  }

  const biome = join(ROOT, 'node_modules/.bin/biome');
  const args = [biome, 'lint', '--reporter=github', '--diagnostic-level=error', '--max-diagnostics=none', '.'];
  const options = { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 } as const;
  const { stdout, stderr, status } = spawnSync(process.execPath, args, options);
  expect(status, stderr).toBe(1);
  const found = stdout.matchAll(/^::error title=lint\/style\/noRestrictedImports,file=(.*?),line=(\d+),/gm);
  refused = new Set([...found].map(([, file, line]) => `${file!.replace(/^.*?\/(?=(src|test|bench)\/)/, '')}:${line}`));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('import boundaries', () => {
  it('are stated for every folder of src/', () => {
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(Object.keys(MAY_IMPORT)).toEqual(expect.arrayContaining(folders.map(({ name }) => name)));
  });

  const rows = Object.keys(MAY_IMPORT).flatMap((owner) =>
    DEPTHS.map(({ place, ...depth }) => [`${owner}/, its ${place}`, { owner, ...depth }] as const),
  );
  it.each(rows)('hold in %s, whatever the form of the import', (_, { owner, inner, up }) => {
    const may = ['lib/rng.ts', ...MAY_IMPORT[owner]!];
    const describeImport = ({ form, target }: { form: string; target: string }) => `${form} ${target}`;
    const imports = importsOf(owner, up);
    const actual = imports.filter((_, i) => refused.has(`${probe(owner, inner)}:${i + 1}`));
    const expected = imports.filter(({ target }) => !may.includes(target));
    expect(actual.map(describeImport)).toEqual(expected.map(describeImport));
  });

  const others = OTHER_PROBES.map((other) => [other.is_refused ? 'refuse' : 'let through', other.line, other] as const);
  it.each(others)('%s %s', (_verdict, _line, { file, line, is_refused }) => {
    const lines = OTHER_PROBES.filter((other) => other.file === file).map((other) => other.line);
    expect(refused.has(`${file}:${lines.indexOf(line) + 1}`)).toBe(is_refused);
  });
});

describe('files of src/', () => {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|tsx|cc|h)$/.test(file))
    .sort()
    .map((file) => ({ file: `src/${file}`, text: readFileSync(join(ROOT, 'src', file), 'utf8') }));
  /** `file:line` of the code, comments left out, that matches. */
  const find = (pattern: RegExp) =>
    sources.flatMap(({ file, text }) =>
      text
        .split('\n')
        .map((line, i) => ({ line: line.trimStart(), at: `${file}:${i + 1}` }))
        .filter(({ line }) => !/^(\/\*|\*|\/\/)/.test(line) && pattern.test(line))
        .map(({ at }) => at),
    );

  it('are there', () => {
    expect(sources.length).toBeGreaterThan(100);
  });

  it('use no Math.random, nor Math in a way that could hide it', () => {
    expect(find(/\bMath\s*\.\s*random\b/)).toEqual([]);
    expect(find(/\bMath\b(?!\.\w)/)).toEqual([]);
  });

  it('name what they import() in place, where Biome sees it', () => {
    expect(find(/\bimport\((?!')/)).toEqual([]);
    // `import('x').Name` as a type is an import that Biome does not see.
    expect(find(/\bimport\('[^']*'\)\.(?!then\b)/)).toEqual([]);
  });

  it('begin with /** @file', () => {
    const without = sources.filter(({ text }) => !/^(#!.*\n)?\/\*\* @file \S/.test(text));
    expect(without.map(({ file }) => file)).toEqual([]);
  });

  it('have at most 400 lines', () => {
    const long = sources.filter(({ text }) => text.trimEnd().split('\n').length > 400);
    expect(long.map(({ file }) => file)).toEqual([]);
  });
});
