/** @file AdamW with a global-norm clip in float64, to hold the trained one against.
 * Loshchilov & Hutter 2019 (decoupled decay, here scaled by the learning rate as PyTorch does), Kingma & Ba 2015
 * (bias correction). Unlike PyTorch's `clip_grad_norm_`, no 1e-6 is added to the norm.
 * Which parameters decay is the caller's rule; ours is the weight matrices of the linear layers.
 */
import type { OptimizerSpec } from '../../src/config/run-spec.ts';
import type { ReferenceGradients, ReferenceParams } from './reference-gpt.ts';

/** Running means of the gradient (`m`) and of its square (`v`). */
type ReferenceMoments = Record<string, { m: Float64Array; v: Float64Array }>;

/** Moments before the first step: zeros. */
export function zeroMoments(params: ReferenceParams): ReferenceMoments {
  return Object.fromEntries(
    Object.entries(params).map(([name, { data }]) => [
      name,
      { m: new Float64Array(data.length), v: new Float64Array(data.length) },
    ]),
  );
}

/** True for the weights of linear layers, the untied head included; not embeddings, norms or biases. */
export function isDecayed(name: string): boolean {
  return name.endsWith('.w');
}

/** One AdamW step; returns new parameters and moments, the arguments stay as they were.
 * `g *= min(1, grad_clip / |g|)` over all gradients together (grad_clip 0: off), `m = beta1 m + (1 - beta1) g`,
 * `v = beta2 v + (1 - beta2) g^2`, `p -= learning_rate [ m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + eps)
 * + weight_decay p ]`, the last term where `decayed(name)`. `step` counts from 1; `grad_norm` is before the clip. */
export function referenceAdamwStep(
  params: ReferenceParams,
  grads: ReferenceGradients,
  moments: ReferenceMoments,
  options: OptimizerSpec & { step: number; decayed: (name: string) => boolean },
): { params: ReferenceParams; moments: ReferenceMoments; grad_norm: number } {
  const { learning_rate, beta1, beta2, eps, weight_decay, grad_clip, step, decayed } = options;
  let squares = 0;
  for (const gradient of Object.values(grads)) for (const g of gradient) squares += g * g;
  const grad_norm = Math.sqrt(squares);
  const clip = grad_clip > 0 ? Math.min(1, grad_clip / grad_norm) : 1;

  const newParams: ReferenceParams = {};
  const newMoments: ReferenceMoments = {};
  for (const [name, { shape, data }] of Object.entries(params)) {
    const p = Float64Array.from(data);
    const m = Float64Array.from(moments[name]!.m);
    const v = Float64Array.from(moments[name]!.v);
    for (let i = 0; i < p.length; i++) {
      const g = grads[name]![i]! * clip;
      m[i] = beta1 * m[i]! + (1 - beta1) * g;
      v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
      const mHat = m[i]! / (1 - beta1 ** step);
      const vHat = v[i]! / (1 - beta2 ** step);
      const decay = decayed(name) ? weight_decay * p[i]! : 0;
      p[i] = p[i]! - learning_rate * (mHat / (Math.sqrt(vHat) + eps) + decay);
    }
    newParams[name] = { shape, data: p };
    newMoments[name] = { m, v };
  }
  return { params: newParams, moments: newMoments, grad_norm };
}
