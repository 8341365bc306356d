/** @file What training changes: parameters, AdamW's moments and the running loss, all on the device.
 * Moments are keyed by the parameter's name. The running loss is summed on the device, so that a step reads nothing
 * back; it is read once a logging interval.
 */
import type { ModelSpec, OptimizerSpec } from '../config/config.ts';
import { LabError } from '../lib/errors.ts';
import type { StoredTensor } from '../log/log.ts';
import { createVariables, initParams, lossAndGradients, type Params, type TokenBatch } from '../model/gpt.ts';
import { adamw } from '../model/ops/adamw.ts';
import { globalNorm } from '../model/ops/global-norm.ts';
import { paramShapes } from '../model/size.ts';
import { tf } from '../tf.ts';

export interface TrainState {
  params: Params;
  m: Params;
  v: Params;
  /** Scalar: training loss summed since `takeLossSum`. */
  loss_sum: tf.Variable;
  /** Scalar: global gradient norm of the last step. */
  grad_norm: tf.Variable;
}

const zerosOf = (values: number[]) => new Float32Array(values.reduce((a, b) => a * b, 1));
const scalarVariable = (value: number) => tf.tidy(() => tf.variable(tf.scalar(value)));

/** A fresh model at step 0. Dispose of it with `tf.dispose`. */
export function createState(model: ModelSpec, init_seed: number): TrainState {
  const zeros = () => createVariables(paramShapes(model), (_, shape) => zerosOf(shape));
  return {
    params: initParams(model, init_seed),
    m: zeros(),
    v: zeros(),
    loss_sum: scalarVariable(0),
    grad_norm: scalarVariable(0),
  };
}

/** The state that `storeState` stored. Throws `storage` where a tensor is missing or has another shape. */
export function restoreState(model: ModelSpec, tensors: Record<string, StoredTensor>, loss_sum: number): TrainState {
  const read = (prefix: string) =>
    createVariables(paramShapes(model), (name, shape) => {
      const stored = tensors[prefix + name];
      if (!stored || stored.shape.join() !== shape.join()) {
        const wanted = `${prefix}${name} of shape [${shape.join(', ')}]`;
        throw new LabError(
          'storage',
          `damaged checkpoint: it has no tensor ${wanted}; delete the run's folder to redo it`,
        );
      }
      return stored.values;
    });
  return {
    params: read(''),
    m: read('adamw.m.'),
    v: read('adamw.v.'),
    loss_sum: scalarVariable(loss_sum),
    grad_norm: scalarVariable(0),
  };
}

/** Parameters and moments, read back from the device. */
export async function storeState(state: TrainState): Promise<Record<string, StoredTensor>> {
  const tensors: Record<string, StoredTensor> = {};
  for (const [prefix, params] of [
    ['', state.params],
    ['adamw.m.', state.m],
    ['adamw.v.', state.v],
  ] as const) {
    for (const [name, p] of Object.entries(params)) {
      tensors[prefix + name] = { shape: p.shape, values: (await p.data()) as Float32Array };
    }
  }
  return tensors;
}

/** The loss summed over the steps since the last call, and the last gradient norm; starts the sum anew. */
export async function takeLossSum(state: TrainState): Promise<{ loss_sum: number; grad_norm: number }> {
  const [loss_sum, grad_norm] = await Promise.all([state.loss_sum.data(), state.grad_norm.data()]);
  const read = { loss_sum: loss_sum[0]!, grad_norm: grad_norm[0]! };
  tf.tidy(() => state.loss_sum.assign(tf.scalar(0)));
  return read;
}

/** Weight decay applies to the matrices of linear layers: not to embeddings, gains or biases. */
const isDecayed = (name: string) => name.endsWith('.w');

/** One update: loss and gradients, clip, AdamW at `learning_rate`. `step` counts from 1. Reads nothing back. */
export function trainStep(
  state: TrainState,
  model: ModelSpec,
  batch: TokenBatch,
  { optimizer, learning_rate, step }: { optimizer: OptimizerSpec; learning_rate: number; step: number },
): void {
  tf.tidy(() => {
    const { params, m, v } = state;
    const { loss, gradients } = lossAndGradients(params, model, batch);
    const names = Object.keys(params);
    const norm = globalNorm(names.map((name) => gradients[name]!)) as tf.Scalar;
    const slots = names.map((name) => ({
      p: params[name]!,
      g: gradients[name]!,
      m: m[name]!,
      v: v[name]!,
      is_decayed: isDecayed(name),
    }));
    adamw(slots, norm, { ...optimizer, learning_rate, step });
    state.loss_sum.assign(tf.add(state.loss_sum, loss));
    state.grad_norm.assign(norm);
  });
}
