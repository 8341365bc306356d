/** @file A worker that trains nothing: a real process which behaves as the name of its run says.
 * It lets the tests of `sweep/` crash, hang and stop workers at will, in milliseconds. It speaks the same messages as
 * the lab's worker and writes run.json with the compiled lab (`npm test` builds first).
 * Runs: ok, slow, crash-once, crash-always, throw, storage, hang, diverge, oom-once, oom-always, oom-crash-once. Each start
 * is a line of starts.jsonl, with the card that the environment names and the workers that live on it at that moment.
 * Backends: `absent` and `dies` do not start; nor does any on card 9, nor a second one on card 8.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { endedRecord } = await import(new URL('../../dist/sweep/end-record.js', import.meta.url).href);
const { recordPath, writeJsonAtomic } = await import(new URL('../../dist/log/log.js', import.meta.url).href);

let start;
let stopReason = null;
let isBusy = false;

process.on('message', async (message) => {
  if (message.type === 'start') return startUp(message);
  if (message.type === 'run') return train(message);
  stopReason = message.reason;
  if (!isBusy) process.exit(0);
});
process.on('disconnect', () => process.exit(0));

function startUp(message) {
  start = message;
  if (message.backend === 'dies') {
    console.error('the library does not load');
    process.exit(7);
  }
  const isSecond = card() === '8' && !isFirstOf('8-once', '8-once', start.cache_dir);
  if (message.backend === 'absent' || card() === '9' || isSecond) {
    const error = { exit: 'no_backend', message: 'backend absent is not available', stack: null };
    console.error('CUDA_ERROR_NO_DEVICE, says the library');
    return process.send({ type: 'start_failed', error }, () => process.exit(1));
  }
  const name = message.backend === 'auto' ? 'scripted' : message.backend;
  const backend = { name, tfjs_name: name, device: 'test', instruction_set: 'none', versions: {} };
  appendFileSync(join(start.cache_dir, 'workers.jsonl'), line({ pid: process.pid, card: card() }));
  process.send({ type: 'ready', backend });
}

async function train({ run, run_dir }) {
  isBusy = true;
  const { run_id } = run;
  const record = { run_id, pid: process.pid, card: card(), neighbours: neighbours() };
  appendFileSync(join(start.cache_dir, 'starts.jsonl'), line(record));
  if (run_id.startsWith('oom-crash')) crash(run_id, run, run_dir);
  if (run_id.startsWith('crash')) crash(run_id, run, run_dir);
  if (run_id.startsWith('hang')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  if (run_id.startsWith('throw')) fail(run_id, { exit: null, message: 'a bug', stack: 'Error: a bug\n    at here' });
  else if (run_id.startsWith('storage')) fail(run_id, { exit: 'storage', message: 'no space is left', stack: null });
  else if (isFirstOf('oom', run_id, run_dir))
    await sleep(300).then(() => fail(run_id, { exit: null, message: OOM, stack: null }));
  else await takeSteps(run, run_dir);
  isBusy = false;
  if (stopReason !== null) process.send({ type: 'heartbeat' }, () => process.exit(0));
}

/** What TensorFlow says when its allocator finds no room on a card. */
const OOM =
  'OOM when allocating tensor with shape[4096,50257] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc';

const line = (value) => `${JSON.stringify(value)}\n`;

/** As nvidia-smi's stand-in counts them, whose UUIDs hold the index. */
const card = () => process.env.CUDA_VISIBLE_DEVICES?.replace(/^GPU-5f0a7a6e-000(.)-.*$/, '$1') ?? null;

/** The other workers of this sweep that live on this worker's card. */
function neighbours() {
  const workers = readFileSync(join(start.cache_dir, 'workers.jsonl'), 'utf8').trim().split('\n').map(JSON.parse);
  const isAlive = (pid) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  return workers.filter((w) => w.card === card() && w.pid !== process.pid && isAlive(w.pid)).map((w) => w.pid);
}

/** Whether a run named after `what` shall do it: always, or `-once`, which a file in its folder remembers. */
function isFirstOf(what, run_id, run_dir) {
  if (!run_id.startsWith(what)) return false;
  const marker = join(run_dir, 'met');
  if (run_id.includes('-once') && existsSync(marker)) return false;
  mkdirSync(run_dir, { recursive: true });
  writeFileSync(marker, '');
  return true;
}

function crash(run_id, run, run_dir) {
  const isMemory = run_id.startsWith('oom');
  if (!isFirstOf(isMemory ? 'oom' : 'crash', run_id, run_dir)) return;
  write(run, run_dir, { status: 'running', step: 1 });
  console.error(isMemory ? 'failed to allocate 2.5G from device: CUDA_ERROR_OUT_OF_MEMORY' : 'out of luck');
  process.kill(process.pid, 'SIGSEGV');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function fail(run_id, error) {
  process.send({ type: 'failed', run_id, error });
}

async function takeSteps(run, run_dir) {
  const { num_steps } = run.spec;
  let step = 0;
  while (stopReason === null && (step < num_steps || run.run_id.startsWith('slow'))) {
    step++;
    const progress = { step, num_steps, tokens: step, train_loss: 3, val_loss: null, tokens_per_second: 100 };
    process.send({ type: 'progress', run_id: run.run_id, progress });
    await sleep(2);
  }
  const status = stopReason ?? (run.run_id.startsWith('diverge') ? 'diverged' : 'finished');
  const val_loss = status === 'finished' ? 2.5 : null;
  const record = write(run, run_dir, { status, step: Math.min(step, num_steps), val_loss });
  process.send({ type: 'done', run_id: run.run_id, record });
}

function write(run, run_dir, changes) {
  const record = { ...endedRecord(run, run_dir, 'running', ''), error: null, ...changes };
  writeJsonAtomic(recordPath(run_dir), record);
  return record;
}
