/** @file Our training steps behind the peers' protocol (see pytorch.py): a JSON shape a line in, `step_ms` and `cpu_ms` out.
 * Usage: node bench/peers/lab.mjs BACKEND, after npm run build.
 */
import { createInterface } from 'node:readline';
import { startBackend } from '../../dist/backend/backend.js';
import { configureNative, nativeFmaPeak } from '../../dist/backend/native/native.js';
import { registerOps } from '../../dist/model/gpt.js';
import { tf } from '../../dist/tf.js';
import { createState, trainStep } from '../../dist/train/state.js';

const { name, tfjs_name } = await startBackend(process.argv[2] ?? 'native');
registerOps(tfjs_name);
const optimizer = { learning_rate: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 1 };

for await (const line of createInterface({ input: process.stdin })) {
  const { num_steps, batch_size, num_threads = 1, foreach: _, ...shape } = JSON.parse(line);
  if (name === 'native') await configureNative({ threads: num_threads });
  const extra = {
    d_ff: 4 * shape.d_model,
    tie_embeddings: false,
    bias: false,
    init_std: 0.02,
    embedding_init_std: 0.2,
  };
  const model = { ...shape, ...extra };
  const state = createState(model, 0);
  const num_params = Object.values(state.params).reduce((sum, p) => sum + p.size, 0);
  const ids = (factor) =>
    Int32Array.from({ length: batch_size * model.n_ctx }, (_, i) => (i * factor) % model.vocab_size);
  const batch = { inputs: ids(7919), targets: ids(104729) };
  let count = 0;
  const step = () => trainStep(state, model, batch, { optimizer, learning_rate: 1e-3, step: ++count });
  const finish = () => state.loss_sum.dataSync();
  for (const warm = performance.now(); performance.now() - warm < 700; ) step();
  finish();
  const [start, before] = [performance.now(), process.cpuUsage()];
  for (let i = 0; i < num_steps; i++) step();
  finish();
  const step_ms = (performance.now() - start) / num_steps;
  const { user, system } = process.cpuUsage(before);
  const cpu_ms = (user + system) / 1000 / num_steps;
  tf.dispose(state);
  const peak_gflops = name === 'native' ? await nativeFmaPeak(0.05) : null;
  console.log(JSON.stringify({ step_ms, cpu_ms, version: `lab ${name}`, num_params, peak_gflops }));
}
