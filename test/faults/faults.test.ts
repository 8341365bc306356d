/** @file Sweeps killed and frozen at random moments, a few times; scripts/faults.mjs asks for hundreds. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { injectFaults } from './harness.ts';

/** The long version (scripts/faults.mjs) asks for more. */
const num_faults = Number(process.env['FAULTS'] ?? 8);
const seed = Number(process.env['FAULTS_SEED'] ?? 0);
const num_lanes = Number(process.env['FAULTS_LANES'] ?? 1);
const max_seconds = Number(process.env['FAULTS_SECONDS'] ?? 240);
const backend = process.env['FAULTS_BACKEND'] ?? 'wasm';
const report_file = process.env['FAULTS_REPORT'];

describe('a sweep that is killed and frozen at random moments', () => {
  // Processes are found by what /proc says of them.
  it.skipIf(process.platform !== 'linux')(
    'trains the same bits as one that was left alone, nothing twice, and leaves nothing behind',
    async () => {
      const dir = mkdtempSync(join(tmpdir(), 'faults-'));
      const onFault = (line: string) => report_file && process.stderr.write(`${line}\n`);
      const report = await injectFaults({ dir, backend, num_faults, seed, num_lanes, max_seconds, onFault });
      if (report_file) writeFileSync(report_file, JSON.stringify(report));
      expect(report.violations).toEqual([]);
      expect(report.bytes_lost).toBe(0);
      expect(report.num_faults).toBeGreaterThan(0);
      rmSync(dir, { recursive: true });
    },
    1000 * (max_seconds + 600),
  );
});
