/** @file The transformer block on webgpu: 7 dispatches forward and 12 backward without biases. What follows a product is
 * done where its values are stored: residuals, GELU and its slope. The forward pass keeps, in this order, for each of
 * the two LayerNorms its output and statistics, then q, k, v, attention output, log-sum-exp, middle, hidden, active.
 */
import { KERNEL, type KernelInputs, type LabKernel } from '../../kernels.ts';
import type { tf } from '../../tf.ts';
import { type AttentionShape, attend, attendGrad } from './causal-attention.ts';
import { GELU } from './gelu.ts';
import { normalise, normaliseGrad } from './layer-norm.ts';
import { biasGrad, linear, linearInputGrad, linearWeightGrads } from './linear.ts';
import { multiply } from './product.ts';
import { empty } from './program.ts';

const QKV = ['attn.c_q', 'attn.c_k', 'attn.c_v'];

/** `x w (+ bias) + residual`. */
function linearPlus(x: tf.Tensor, w: tf.Tensor, bias: tf.Tensor | undefined, residual: tf.Tensor): tf.Tensor {
  const y = empty(residual.shape);
  multiply({
    name: bias ? 'bias residual' : 'residual',
    a: { tensors: [x] },
    b: { tensors: [w] },
    y: [y],
    epilogue: `y0[i] = value + residual[i]${bias ? ' + bias[col]' : ''};`,
    reads: { residual, ...(bias && { bias }) },
  });
  return y;
}

/** `[h, gelu(h)]`, `h = x w (+ bias)`. */
function linearGelu(x: tf.Tensor, w: tf.Tensor, bias: tf.Tensor | undefined): [tf.Tensor, tf.Tensor] {
  const shape = [x.shape[0]!, w.shape[1]!];
  const [hidden, active] = [empty(shape), empty(shape)];
  multiply({
    name: bias ? 'bias gelu' : 'gelu',
    a: { tensors: [x] },
    b: { tensors: [w] },
    y: [hidden],
    functions: GELU,
    epilogue: `let h = value${bias ? ' + bias[col]' : ''}; y0[i] = h; y1[i] = gelu(h);`,
    reads: { ...(bias && { bias }) },
    writes: { y1: active },
  });
  return [hidden, active];
}

/** q, k and v: one dispatch, or three with biases, which would be too many buffers. */
function queriesKeysValues(x: tf.Tensor, params: KernelInputs): tf.Tensor[] {
  const weights = QKV.map((name) => params[`${name}.w`]!);
  if (params['attn.c_q.b']) return QKV.map((name, i) => linear(x, weights[i]!, params[`${name}.b`]));
  const y = weights.map((w) => empty([x.shape[0]!, w.shape[1]!]));
  multiply({ a: { tensors: [x] }, b: { tensors: weights }, y });
  return y;
}

function forward({ x, ...params }: KernelInputs, shape: AttentionShape, eps: number): tf.Tensor[] {
  const rows = x!.shape[0]!;
  const [stats_1, stats_2] = [empty([rows, 2]), empty([rows, 2])];
  const y_1 = normalise(x!, params['ln_1.g']!, params['ln_1.b']!, eps, { stats: stats_1 });
  const [q, k, v] = queriesKeysValues(y_1, params) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const [y, lse] = attend(q, k, v, shape);
  const middle = linearPlus(y, params['attn.c_proj.w']!, params['attn.c_proj.b'], x!);
  const y_2 = normalise(middle, params['ln_2.g']!, params['ln_2.b']!, eps, { stats: stats_2 });
  const [hidden, active] = linearGelu(y_2, params['mlp.c_fc.w']!, params['mlp.c_fc.b']);
  const out = linearPlus(active, params['mlp.c_proj.w']!, params['mlp.c_proj.b'], middle);
  return [out, y_1, stats_1, y_2, stats_2, q, k, v, y, lse, middle, hidden, active];
}

/** `(dy w^T) gelu'(hidden)`. */
function geluInputGrad(dy: tf.Tensor, w: tf.Tensor, hidden: tf.Tensor): tf.Tensor {
  const dhidden = empty(hidden.shape);
  multiply({
    name: 'gelu slope',
    a: { tensors: [dy] },
    b: { tensors: [w], transposed: true },
    y: [dhidden],
    functions: GELU,
    epilogue: 'y0[i] = value * gelu_slope(hidden[i]);',
    reads: { hidden },
  });
  return dhidden;
}

function backward({ dy, x, ...inputs }: KernelInputs, shape: AttentionShape): tf.Tensor[] {
  const saved = Array.from({ length: 12 }, (_, i) => inputs[`saved${i}`]!);
  const [y_1, stats_1, y_2, stats_2, q, k, v, y, lse, middle, hidden, active] = saved as [tf.Tensor, ...tf.Tensor[]];
  const weight = (name: string) => inputs[`${name}.w`]!;
  const dhidden = geluInputGrad(dy!, weight('mlp.c_proj'), hidden!);
  const dy_2 = linearInputGrad([dhidden], [weight('mlp.c_fc')]);
  const [dmiddle, dg_2, db_2] = normaliseGrad(dy_2, middle!, inputs['ln_2.g']!, { stats: stats_2! }, dy!);
  const dattn = linearInputGrad([dmiddle], [weight('attn.c_proj')]);
  const tape = { q: q!, k: k!, v: v!, y: y!, lse: lse! };
  const dqkv = attendGrad(dattn, tape, shape);
  const dy_1 = linearInputGrad(dqkv, QKV.map(weight));
  const [dx, dg_1, db_1] = normaliseGrad(dy_1, x!, inputs['ln_1.g']!, { stats: stats_1! }, dmiddle);
  const grads = (x: tf.Tensor, dys: tf.Tensor[]) => {
    const dw = linearWeightGrads(x, dys);
    return inputs['attn.c_q.b'] ? dys.flatMap((dy, i) => [dw[i]!, biasGrad(dy)]) : dw;
  };
  return [
    ...[dx, dg_1, db_1, ...grads(y_1, dqkv), ...grads(y!, [dmiddle])],
    ...[dg_2, db_2, ...grads(y_2!, [dhidden]), ...grads(active!, [dy!])],
  ];
}

export const blockKernels: LabKernel[] = [
  {
    name: KERNEL.block,
    run: (inputs, attrs) => forward(inputs, attrs as unknown as AttentionShape, attrs['eps'] as number),
  },
  { name: KERNEL.blockGrad, run: (inputs, attrs) => backward(inputs, attrs as unknown as AttentionShape) },
];
