/** @file Damaged files, held folders and full or read-only disks: earlier data stays whole, and the sweep goes on to the same bits. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownIdentity } from '../../src/lib/process-identity.ts';
import {
  listCheckpoints,
  metricsPath,
  readCheckpoint,
  readMetrics,
  readRecord,
  recordPath,
} from '../../src/log/log.ts';
import { compareSweeps, runIds } from './compare.ts';
import { until } from './processes.ts';
import { type SweepProcess, startSweep } from './sweep-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'storage-faults-'));
const config = join(folder, 'storage.yaml');
const reference = join(folder, 'undisturbed');
/** A sweep that was stopped in the middle of its one run. */
const stopped = join(folder, 'stopped');
let num_starts = 0;

const start = (out_dir: string, checkpoint_seconds = 0.1): SweepProcess =>
  startSweep(
    { config, out_dir, cache_dir: join(folder, 'cache'), backend: 'wasm', checkpoint_seconds },
    `${folder}:${++num_starts}`,
  );

/** Starts the sweep and waits for its end: exit code and all that it said. */
async function sweepToEnd(out_dir: string): Promise<{ code: number | null; said: string }> {
  const sweep = start(out_dir);
  await sweep.ended;
  return { code: sweep.exit!.code, said: saidBy(sweep) };
}

const saidBy = ({ events, text }: SweepProcess): string =>
  [...events.map((event) => JSON.stringify(event)), ...text].join('\n');

const stepOf = ({ events }: SweepProcess): number =>
  Math.max(0, ...events.map((event) => (event.event === 'run_progress' ? event.progress.step : 0)));

/** The one run of a sweep. */
const runIn = (dir: string): string => join(dir, runIds(dir)[0]!);

/** Rows of its metrics that are on the disk. */
const numRows = (dir: string): number => [...readMetrics(runIn(dir))].length;

function copyOfStopped(name: string): string {
  const dir = join(folder, name);
  cpSync(stopped, dir, { recursive: true });
  return dir;
}

/** It goes on and ends with the same bits as the sweep that nothing happened to. */
async function expectSameEnd(dir: string): Promise<string> {
  const { code, said } = await sweepToEnd(dir);
  expect(code, said).toBe(0);
  expect(compareSweeps(reference, dir)).toEqual({ faults: [], bytes_lost: 0 });
  return said;
}

beforeAll(async () => {
  writeFileSync(
    config,
    `name: storage
model: { n_ctx: 16, d_model: 32 }
data: { corpus: zipf-lexicon, alphabet: 8, val_tokens: 1024 }
train: { num_tokens: 100k, batch_tokens: 64, learning_rate: 0.01, eval_tokens: 1024, num_evals: 4 }
sweeps: [{ name: storage }]
`,
  );
  const { code, said } = await sweepToEnd(reference);
  expect(code, said).toBe(0);
  const sweep = start(stopped);
  await until(() => stepOf(sweep) > 150 || sweep.exit !== null, 60_000);
  sweep.child.kill('SIGTERM');
  await sweep.ended;
  expect(sweep.exit, saidBy(sweep)).toMatchObject({ code: 143 });
  expect(listCheckpoints(runIn(stopped))).toHaveLength(2);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a sweep that goes on over damaged files', () => {
  it('drops a torn last line of metrics.jsonl', async () => {
    const dir = copyOfStopped('torn');
    appendFileSync(metricsPath(runIn(dir)), '{"kind":"train","step":4');
    await expectSameEnd(dir);
  });

  it('goes back from a truncated checkpoint to the one before it, and says so', async () => {
    const dir = copyOfStopped('truncated');
    const [newest, older] = listCheckpoints(runIn(dir));
    truncateSync(newest!.path, statSync(newest!.path).size - 1000);
    const said = await expectSameEnd(dir);
    expect(said).toMatch(`damaged file ${newest!.path}`);
    expect(said).toMatch('going back to the checkpoint before it');
    expect(older!.step).toBeGreaterThan(0);
    expect(readRecord(runIn(dir))).toMatchObject({ num_resumes: 1 });
  });

  it('starts over where one bit of every checkpoint is wrong, and says so', async () => {
    const dir = copyOfStopped('flipped');
    for (const { path } of listCheckpoints(runIn(dir))) {
      const bytes = readFileSync(path);
      bytes[Math.floor(bytes.length / 2)]! ^= 4;
      writeFileSync(path, bytes);
    }
    const said = await expectSameEnd(dir);
    expect(said).toMatch('its checksum does not match its contents; going back to the checkpoint before it');
    expect(said).toMatch('its checksum does not match its contents; starting the run over');
    expect(readRecord(runIn(dir))).toMatchObject({ num_resumes: 0 });
  });

  it('refuses a run.json of a newer version and leaves it alone', async () => {
    const dir = copyOfStopped('newer');
    const path = recordPath(runIn(dir));
    const newer = JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), schema_version: 1000 });
    writeFileSync(path, newer);
    const { code, said } = await sweepToEnd(dir);
    expect(code).toBe(8);
    expect(said).toMatch(`cannot read ${path}: it has schema_version 1000`);
    expect(readFileSync(path, 'utf8')).toBe(newer);
    expect(listCheckpoints(runIn(dir))).toHaveLength(2);
  });
});

describe('the lock of a folder', () => {
  it('keeps a second sweep out, which says who holds it, and is taken over from another boot', async () => {
    const dir = copyOfStopped('locked');
    const lock = join(dir, 'sweep.lock');
    writeFileSync(lock, JSON.stringify({ ...ownIdentity(), boot_id: 'another boot', started_at: 'then' }));
    const first = start(dir);
    await until(() => first.events.some(({ event }) => event === 'worker_ready') || first.exit !== null, 60_000);
    // Frozen, so that it holds the folder however long the second takes to start.
    first.child.kill('SIGSTOP');
    const second = await sweepToEnd(dir);
    first.child.kill('SIGCONT');
    expect(first.exit, saidBy(first)).toBeNull();
    expect(second.code).toBe(7);
    expect(second.said).toMatch(`folder ${dir} is held by another sweep (process ${first.pid} on ${hostname()}`);
    await first.ended;
    expect(first.exit, saidBy(first)).toMatchObject({ code: 0 });
    expect(compareSweeps(reference, dir)).toEqual({ faults: [], bytes_lost: 0 });
  });
});

/** Whether this process may mount; a container or a user without rights may not. */
function mayMount(): boolean {
  if (process.platform !== 'linux') return false;
  const dir = join(folder, 'may-mount');
  try {
    mkdirSync(dir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', dir], { stdio: 'ignore' });
    execFileSync('umount', [dir]);
    return true;
  } catch {
    return false;
  }
}

const hasMount = mayMount();

describe.skipIf(!hasMount)(`a small disk${hasMount ? '' : ' (skipped: mounting is not allowed here)'}`, () => {
  const disks: string[] = [];
  afterAll(() => {
    for (const disk of disks) execFileSync('umount', [disk]);
  });

  function newDisk(name: string, options: string): string {
    const disk = join(folder, name);
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]);
    disks.push(disk);
    return disk;
  }

  const fillerOf = (disk: string) => join(disk, 'filler');

  /** Leaves about `spare` bytes free. */
  function fill(disk: string, spare: number): void {
    writeFileSync(fillerOf(disk), '');
    try {
      for (;;) appendFileSync(fillerOf(disk), Buffer.alloc(4096));
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' });
    }
    truncateSync(fillerOf(disk), Math.max(0, statSync(fillerOf(disk)).size - spare));
  }

  /** Takes every file that can still be made. */
  function useUpInodes(disk: string): void {
    mkdirSync(fillerOf(disk), { recursive: true });
    try {
      for (let i = readdirSync(fillerOf(disk)).length; ; i++) writeFileSync(join(fillerOf(disk), String(i)), '');
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' });
    }
  }

  it.each([
    ['appending metrics', 'size=2m', 1000, (disk: string) => fill(disk, 0)],
    ['writing a checkpoint', 'size=2m', 0.1, (disk: string) => fill(disk, 60_000)],
    ['making the file that is renamed', 'size=2m,nr_inodes=40', 0.1, useUpInodes],
  ])('is full when %s: stops with the reason, keeps what is there, goes on once there is room', async (...given) => {
    const [what, options, checkpoint_seconds, use] = given;
    const disk = newDisk(what.replaceAll(' ', '-'), options);
    const dir = join(disk, 'sweep');
    const sweep = start(dir, checkpoint_seconds);
    await until(() => (stepOf(sweep) > 50 && numRows(dir) > 0) || sweep.exit !== null, 60_000);
    use(disk);
    // A checkpoint that was half way is renamed, and the one before it deleted: that leaves room for the next.
    const again = use === useUpInodes ? setInterval(() => use(disk), 20) : undefined;
    await sweep.ended;
    clearInterval(again);
    const said = saidBy(sweep);
    expect(sweep.exit, said).toMatchObject({ code: 8 });
    expect(said).toMatch(/cannot write .*: no space is left on the device; free space or choose another folder/);
    expect(said).not.toMatch(/\n {4}at /);
    expect(readRecord(runIn(dir))?.step).toBeGreaterThanOrEqual(0);
    expect(numRows(dir)).toBeGreaterThan(0);
    for (const { path } of listCheckpoints(runIn(dir))) expect(readCheckpoint(path).state.step).toBeGreaterThan(0);
    rmSync(fillerOf(disk), { recursive: true });
    await expectSameEnd(dir);
  });

  it('is read-only: says so and changes nothing', async () => {
    const disk = newDisk('read-only', 'size=2m');
    const dir = join(disk, 'sweep');
    cpSync(stopped, dir, { recursive: true });
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    const { code, said } = await sweepToEnd(dir);
    expect(code).toBe(8);
    expect(said).toMatch(/cannot write .*read-only file system.*choose another folder \(--out, --figure\)/);
    expect(existsSync(join(dir, 'sweep.lock'))).toBe(false);
    execFileSync('mount', ['-o', 'remount,rw', disk]);
    await expectSameEnd(dir);
  });
});
