/** @file Breaks small sweeps at random moments, many times, and prints what came of it: faults by kind, runs compared
 * with undisturbed ones, bytes lost. The long version of test/faults/faults.test.ts; Linux only. Exits 1 where anything
 * was lost, doubled, left behind or trained twice.
 * Usage: npm run build && node scripts/faults.mjs [--faults 200] [--seed 0] [--lanes 2] [--backend wasm] [--minutes 60]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

/** A worker may outlive its supervisor so long; the short version, which runs beside other tests, allows twice that. */
const ORPHAN_SECONDS = 5;

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '200' },
    seed: { type: 'string', default: '0' },
    lanes: { type: 'string', default: '2' },
    backend: { type: 'string', default: 'wasm' },
    minutes: { type: 'string', default: '60' },
  },
});
const folder = mkdtempSync(path.join(os.tmpdir(), 'faults-report-'));
const file = path.join(folder, 'report.json');
const { status, stdout } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'test/faults/faults.test.ts', '--no-color'],
  {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      FAULTS: values.faults,
      FAULTS_SEED: values.seed,
      FAULTS_LANES: values.lanes,
      FAULTS_BACKEND: values.backend,
      FAULTS_SECONDS: String(60 * Number(values.minutes)),
      FAULTS_REPORT: file,
    },
  },
);
if (!existsSync(file)) {
  process.stdout.write(stdout);
  process.exit(1);
}
const report = JSON.parse(readFileSync(file, 'utf8'));
rmSync(folder, { recursive: true });

for (const [kind, count] of Object.entries(report.by_kind)) console.log(`${String(count).padStart(5)}  ${kind}`);
const facts = [
  [report.num_faults, `faults injected (of ${values.faults} asked for, seed ${values.seed})`],
  [report.num_starts, 'starts'],
  [report.num_sweeps, 'sweeps brought to their end'],
  [report.num_runs, 'runs compared with undisturbed ones'],
  [report.bytes_lost, 'bytes lost'],
  [report.violations.length, 'violations'],
];
console.log('');
for (const [count, what] of facts) console.log(`${String(count).padStart(5)}  ${what}`);
const [orphan, minutes] = [report.longest_orphan_seconds.toFixed(1), (report.seconds / 60).toFixed(1)];
console.log(`\nlongest life of a worker after its supervisor ${orphan} s; ${minutes} minutes in all`);
for (const violation of report.violations) console.log(`violation: ${violation}`);
const outlived = report.longest_orphan_seconds > ORPHAN_SECONDS;
if (outlived) console.log(`violation: a worker outlived its supervisor by ${orphan} s, more than ${ORPHAN_SECONDS}`);
process.exit(status || (outlived ? 1 : 0));
