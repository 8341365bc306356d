/** @file AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) over all parameters at once.
 * `g <- g min(1, grad_clip / norm)`; `m <- beta1 m + (1 - beta1) g`; `v <- beta2 v + (1 - beta2) g^2`;
 * `p <- p - lr (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + wd p)`, wd on the matrices of the linear
 * layers only. tfjs's own Adam keys its moments by position and has no decoupled decay. A backend's fused
 * kernel changes p, m and v in place; else each is assigned anew, tensor by tensor.
 */
import { adamwKeys, KERNEL } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { requireShapes, runOp } from './kernel.ts';

/** One parameter with its gradient, its moments and whether weight decay applies to it. */
export interface AdamWSlot {
  p: tf.Variable;
  g: tf.Tensor;
  m: tf.Variable;
  v: tf.Variable;
  is_decayed: boolean;
}

/** Hyper-parameters of one step; `step` counts from 1; `grad_clip` 0 switches clipping off. */
export interface AdamWStep {
  learning_rate: number;
  beta1: number;
  beta2: number;
  eps: number;
  weight_decay: number;
  grad_clip: number;
  step: number;
}

function isLike(t: tf.Tensor, { shape }: tf.Tensor): boolean {
  if (t.shape.length !== shape.length) return false;
  for (let i = 0; i < shape.length; i++) if (t.shape[i] !== shape[i]) return false;
  return true;
}

/** Updates every slot by one step. `norm` is the scalar global gradient norm. Throws on a shape mismatch. */
export function adamw(slots: AdamWSlot[], norm: tf.Tensor, hyper: AdamWStep): void {
  for (const { p, g, m, v } of slots) {
    const same = isLike(g, p) && isLike(m, p) && isLike(v, p) && norm.size === 1;
    if (!same) requireShapes(same, KERNEL.adamw, 'p, g, m, v need one shape and norm a scalar', { p, g, m, v, norm });
  }
  if (tf.getKernel(KERNEL.adamw, tf.getBackend())) runFused(slots, norm, hyper);
  else tf.tidy(() => runComposed(slots, norm, hyper));
}

/** Inputs p0, g0, m0, v0, p1, ...; attrs: the hyper-parameters, `count`, and `decay{i}` for each slot. */
function runFused(slots: AdamWSlot[], norm: tf.Tensor, hyper: AdamWStep): void {
  const inputs: Record<string, tf.Tensor> = { norm };
  const attrs: Record<string, number> = { ...hyper, count: slots.length };
  slots.forEach(({ p, g, m, v, is_decayed }, i) => {
    const keys = adamwKeys(i);
    inputs[keys.p] = p;
    inputs[keys.g] = g;
    inputs[keys.m] = m;
    inputs[keys.v] = v;
    attrs[keys.decay] = is_decayed ? hyper.weight_decay : 0;
  });
  runOp(KERNEL.adamw, inputs, attrs);
}

function runComposed(slots: AdamWSlot[], norm: tf.Tensor, hyper: AdamWStep): void {
  const { learning_rate, beta1, beta2, eps, weight_decay, grad_clip, step } = hyper;
  const scale = grad_clip > 0 ? tf.minimum(tf.div(grad_clip, tf.maximum(norm, 1e-30)), 1) : tf.scalar(1);
  const correction1 = 1 - beta1 ** step;
  const correction2 = 1 - beta2 ** step;
  for (const { p, g, m, v, is_decayed } of slots) {
    const clipped = tf.mul(g, scale);
    m.assign(tf.add(tf.mul(m, beta1), tf.mul(clipped, 1 - beta1)) as tf.Variable);
    v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(clipped), 1 - beta2)) as tf.Variable);
    const denominator = tf.add(tf.sqrt(tf.div(v, correction2)), eps);
    const update = tf.mul(tf.div(tf.div(m, correction1), denominator), learning_rate);
    const kept = is_decayed && weight_decay > 0 ? tf.mul(p, 1 - learning_rate * weight_decay) : p;
    p.assign(tf.sub(kept, update) as tf.Variable);
  }
}
