/** @file Ours against the peers: whole training steps of the four shapes, taken in turn (ours, peer, ours, peer, ...),
 * medians of the time and of the CPU time (the one to read where other programs run). Prints a table to stderr and JSON to stdout. A peer that cannot be imported is left out with its reason.
 * Usage: node bench/peers/compare.mjs [--rounds 5] [--threads 1] [--foreach] [--peer "python3 bench/peers/pytorch.py"]...
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const PEERS = ['/usr/bin/python3 bench/peers/pytorch.py', '/usr/bin/python3 bench/peers/jax_gpt.py'];
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '1' },
    peer: { type: 'string', multiple: true, default: PEERS },
    backend: { type: 'string', default: 'native' },
    foreach: { type: 'boolean', default: false },
  },
});
const num_threads = Number(values.threads);
const shapes = [
  [2, 32, 2, 40],
  [4, 64, 4, 12],
  [4, 128, 4, 5],
  [4, 256, 4, 3],
].map(([n_layer, d_model, n_head, num_steps]) => ({
  ...{ n_layer, d_model, n_head, num_steps, num_threads, foreach: values.foreach },
  ...{ n_ctx: 64, vocab_size: 256, batch_size: 16 },
}));

/** A peer's process; `ask` resolves to its answer, or null once it has ended. */
function start(command) {
  const [program, ...args] = command.split(' ');
  const env = { ...process.env, OMP_NUM_THREADS: values.threads, OPENBLAS_NUM_THREADS: values.threads };
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (data) => {
    complaint += data;
  });
  child.stdin.on('error', () => {});
  const waiting = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(JSON.parse(line)));
  child.on('error', (error) => {
    complaint = error.message;
  });
  child.on('close', () => {
    for (const resolve of waiting) resolve(null);
  });
  return {
    command,
    why: () => complaint.trim().split('\n').at(-1),
    stop: () => child.kill(),
    ask: (shape) =>
      child.exitCode !== null
        ? Promise.resolve(null)
        : new Promise((resolve) => {
            waiting.push(resolve);
            child.stdin.write(`${JSON.stringify(shape)}\n`);
          }),
  };
}

const median = (x) => x.toSorted((a, b) => a - b)[Math.floor(x.length / 2)];
const runners = [`${process.execPath} bench/peers/lab.mjs ${values.backend}`, ...values.peer].map(start);
const results = [];
for (const shape of shapes) {
  const times = runners.map(() => []);
  const facts = runners.map(() => null);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [i, runner] of runners.entries()) {
      const answer = await runner.ask(shape);
      if (answer === null) continue;
      times[i].push(answer);
      facts[i] = answer;
    }
  }
  if (facts[0] === null) throw new Error(`ours did not run: ${runners[0].why()}`);
  const { num_params, peak_gflops } = facts[0];
  const tokens = shape.n_ctx * shape.batch_size;
  for (const [i, runner] of runners.entries()) {
    if (facts[i] === null) {
      if (shape === shapes[0]) process.stderr.write(`left out: ${runner.command}: ${runner.why()}\n`);
      continue;
    }
    const [step_ms, cpu_ms] = ['step_ms', 'cpu_ms'].map((key) => median(times[i].map((t) => t[key])));
    const gflops = (6 * num_params * tokens) / cpu_ms / 1e6;
    const ratio = (key) => (median(times[i].map((t) => t[key])) / median(times[0].map((t) => t[key]))).toFixed(2);
    const share = peak_gflops ? gflops / peak_gflops : null;
    const { n_layer, d_model, n_head } = shape;
    const who = facts[i].version;
    results.push({ n_layer, d_model, n_head, who, step_ms, cpu_ms, gflops, share_of_peak: share, times: times[i] });
    const times_ms = `${step_ms.toFixed(1)} ms (CPU ${cpu_ms.toFixed(1)})`.padStart(22);
    const verdict = i
      ? `ours is ${ratio('step_ms')}x as fast (CPU time ${ratio('cpu_ms')}x)`
      : `${((share ?? 0) * 100).toFixed(0)}% of the peak, ${peak_gflops?.toFixed(0)}`;
    const rate = `${gflops.toFixed(1).padStart(6)} GFLOP/s`;
    process.stderr.write(
      `${[n_layer, d_model, n_head].join().padEnd(9)} ${who.padEnd(20)} ${times_ms} ${rate} ${verdict}\n`,
    );
  }
}
for (const runner of runners) runner.stop();
console.log(JSON.stringify({ rounds: Number(values.rounds), num_threads, results }));
