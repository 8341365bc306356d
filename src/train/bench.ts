/** @file Whole training steps timed on the current backend: forward, backward, clip and AdamW, on random tokens.
 * Throughput is counted as `6 N tokens / time` with N all parameters, the field's convention and not the work that a
 * backend really does, so that backends and frameworks compare.
 */
import { type BackendInfo, numLaunches } from '../backend/backend.ts';
import type { ModelSpec, OptimizerSpec } from '../config/config.ts';
import { randomInt, rngStream } from '../lib/rng.ts';
import { registerOps, type TokenBatch } from '../model/gpt.ts';
import { countParams } from '../model/size.ts';
import { tf } from '../tf.ts';
import { createState, takeLossSum, trainStep } from './state.ts';

/** One timed shape. */
export interface BenchShape {
  n_layer: number;
  d_model: number;
  n_head: number;
  n_ctx: number;
  vocab_size: number;
  batch_size: number;
  num_params: number;
  /** Median wall time of a step. */
  step_ms: number;
  tokens_per_second: number;
  gflops: number;
  /** What the backend is asked to do for a step: TensorFlow's operations, or a GPU's programs; null where unknown. */
  launches_per_step: number | null;
}

/** A model to time. */
export type BenchModel = Pick<BenchShape, 'n_layer' | 'd_model' | 'n_head'>;

/** The shapes of the ladder that speed is judged by. */
const BENCH_SHAPES: readonly BenchModel[] = [
  { n_layer: 2, d_model: 32, n_head: 2 },
  { n_layer: 4, d_model: 64, n_head: 4 },
  { n_layer: 4, d_model: 128, n_head: 4 },
  { n_layer: 4, d_model: 256, n_head: 4 },
];

const N_CTX = 64;
const VOCAB_SIZE = 256;
const BATCH_SIZE = 16;
const OPTIMIZER: OptimizerSpec = {
  learning_rate: 1e-3,
  beta1: 0.9,
  beta2: 0.95,
  eps: 1e-8,
  weight_decay: 0.1,
  grad_clip: 1,
};

/** Steps before timing: kernels compile, memory pools fill. */
const WARMUP_STEPS = 3;
/** Timed steps: at least this many, and at least for this long. */
const MIN_STEPS = 7;
const MIN_SECONDS = 1;

/** Times one shape. Tensors left after it: none. */
async function benchShape(shape: BenchModel): Promise<BenchShape> {
  const model: ModelSpec = {
    ...shape,
    d_ff: 4 * shape.d_model,
    n_ctx: N_CTX,
    vocab_size: VOCAB_SIZE,
    tie_embeddings: false,
    bias: false,
    init_std: 0.02,
    embedding_init_std: 0.2,
  };
  const batch = randomTokens();
  const state = createState(model, 0);
  const times: number[] = [];
  const startMs = performance.now();
  let launches_per_step: number | null = null;
  for (let step = 1; ; step++) {
    const stepMs = performance.now();
    const launches = numLaunches();
    trainStep(state, model, batch, { optimizer: OPTIMIZER, learning_rate: OPTIMIZER.learning_rate, step });
    launches_per_step = launches === null ? null : numLaunches()! - launches;
    // Reading the loss back waits for the step to have really happened.
    await takeLossSum(state);
    const now = performance.now();
    if (step > WARMUP_STEPS) times.push(now - stepMs);
    if (times.length >= MIN_STEPS && now - startMs > 1000 * MIN_SECONDS) break;
  }
  tf.dispose(state as unknown as tf.TensorContainer);
  times.sort((a, b) => a - b);
  const step_ms = times[Math.floor(times.length / 2)]!;
  const tokens = BATCH_SIZE * N_CTX;
  const num_params = countParams(model, VOCAB_SIZE).total;
  return {
    ...shape,
    n_ctx: N_CTX,
    vocab_size: VOCAB_SIZE,
    batch_size: BATCH_SIZE,
    num_params,
    step_ms,
    tokens_per_second: (1000 * tokens) / step_ms,
    gflops: (6 * num_params * tokens) / step_ms / 1e6,
    launches_per_step,
  };
}

/** Times every shape, those of the ladder by default, on `backend`; `onShape` is told of each as it is done. */
export async function benchBackend(
  backend: BackendInfo,
  onShape: (shape: BenchShape) => void = () => {},
  models: readonly BenchModel[] = BENCH_SHAPES,
): Promise<BenchShape[]> {
  registerOps(backend.tfjs_name);
  const shapes: BenchShape[] = [];
  for (const shape of models) {
    const timed = await benchShape(shape);
    onShape(timed);
    shapes.push(timed);
  }
  return shapes;
}

function randomTokens(): TokenBatch {
  const rng = rngStream(0, 'bench');
  const draw = () => Int32Array.from({ length: BATCH_SIZE * N_CTX }, () => randomInt(rng, VOCAB_SIZE));
  return { inputs: draw(), targets: draw() };
}
