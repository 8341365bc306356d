/** @file Runs the checks of the model's operations on every backend that starts here and prints a table of check by
 * backend: tests passed, `!` where one failed, `-` where the backend is missing, with the reason below. webgpu runs on
 * the software adapter of Debian's chromium, or on the one that SCALING_LAB_TEST_ADAPTER names.
 * Usage: npm run test:backends
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describeBackends } from '../dist/backend/backend.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'backends-'));
const report = path.join(folder, 'report.json');
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'test/model', 'test/backend', '--reporter=json', `--outputFile=${report}`],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
rmSync(folder, { recursive: true });

// Suites that run on every backend are called "... on NAME".
const rows = new Map();
const failures = [];
for (const { assertionResults } of testResults) {
  for (const { ancestorTitles, title, status } of assertionResults) {
    const [, check, backend] = /^(.*) on (\w+)/.exec(ancestorTitles[0] ?? '') ?? [];
    if (status === 'failed') failures.push([...ancestorTitles, title].join(' > '));
    if (!check) continue;
    if (!rows.has(check)) rows.set(check, new Map());
    const cell = rows.get(check).get(backend) ?? { passed: 0, failed: 0, skipped: 0 };
    cell[status === 'passed' || status === 'failed' ? status : 'skipped']++;
    rows.get(check).set(backend, cell);
  }
}

const described = await describeBackends({ adapter: process.env.SCALING_LAB_TEST_ADAPTER ?? 'swiftshader' });
const backends = described.map(({ name }) => name);
const width = Math.max(...[...rows.keys()].map((check) => check.length));
const show = (cell) =>
  !cell || (cell.passed === 0 && cell.failed === 0) ? '-' : `${cell.passed}${cell.failed ? ' !' : ''}`;
console.log([''.padEnd(width), ...backends.map((name) => name.padStart(11))].join(''));
for (const [check, cells] of rows) {
  console.log([check.padEnd(width), ...backends.map((name) => show(cells.get(name)).padStart(11))].join(''));
}
for (const { name, reason } of described) if (reason) console.log(`${name}: ${reason}`);
for (const failure of failures) console.log(`failed: ${failure}`);
process.exit(status ?? 1);
