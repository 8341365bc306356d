/** @file Neighbouring operations as one kernel, where a backend can finish the second while the first one's result is
 * in its cache: a linear map and the residual sum after it, the three linear maps that read the same rows, a whole MLP,
 * and the same places on the way back. The composed versions run the operations in turn, so that every backend has them.
 */
import { KERNEL, type KernelInputs, type LabKernel } from '../../kernels.ts';
import { tf } from '../../tf.ts';
import { gelu, geluGrad } from './gelu.ts';
import { hasShape, requireShapes, runOp } from './kernel.ts';
import { type LayerNormSaved, layerNormGrad } from './layer-norm.ts';
import { linear, linearGrad } from './linear.ts';

const optional = (b: tf.Tensor | null | undefined): { b: tf.Tensor } | undefined => (b ? { b } : undefined);

/** `y_MN = x_MK w_KN + b_N + r_MN`: a linear map that ends a residual branch. Throws on a shape mismatch. */
export function linearAdd(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor | null, r: tf.Tensor): tf.Tensor {
  const holds = w.rank === 2 && hasShape(x, x.shape[0], w.shape[0]) && hasShape(r, x.shape[0], w.shape[1]);
  requireShapes(holds, KERNEL.linearAdd, 'x [M, K] and w [K, N] need r [M, N]', { x, w, r });
  return runOp(KERNEL.linearAdd, { x, w, ...optional(b), r }, { transpose_w: false })[0]!;
}

/** Three weights, and three biases or null, in the order of the maps. */
export type Triple<T> = [T, T, T];

/** Three linear maps of the same rows: `y_i = x_MK w_i + b_i`, each w [K, N]. Throws on a shape mismatch. */
export function projections(x: tf.Tensor, w: Triple<tf.Tensor>, b: Triple<tf.Tensor | null>): Triple<tf.Tensor> {
  const [k, n] = w[0].shape;
  const holds = hasShape(x, x.shape[0], k) && w.every((t) => hasShape(t, k, n)) && b.every((t) => !t || hasShape(t, n));
  const inputs: KernelInputs = { x, w0: w[0], w1: w[1], w2: w[2] };
  b.forEach((t, i) => {
    if (t) inputs[`b${i}`] = t;
  });
  requireShapes(holds, KERNEL.projections, 'x [M, K] needs three w [K, N] and b [N]', inputs);
  return runOp(KERNEL.projections, inputs) as Triple<tf.Tensor>;
}

/** Gradients of `projections` from those of its three results; `dx` is the sum over the three. */
export function projectionsGrad(
  dy: Triple<tf.Tensor>,
  x: tf.Tensor,
  w: Triple<tf.Tensor>,
  { has_bias }: { has_bias: boolean },
): { dx: tf.Tensor; dw: Triple<tf.Tensor>; db: Triple<tf.Tensor> | null } {
  const [k, n] = w[0].shape;
  const fits = hasShape(x, x.shape[0], k) && w.every((t) => hasShape(t, k, n));
  const holds = fits && dy.every((t) => hasShape(t, x.shape[0], n));
  const inputs = { dy0: dy[0], dy1: dy[1], dy2: dy[2], x, w0: w[0], w1: w[1], w2: w[2] };
  requireShapes(holds, KERNEL.projectionsGrad, 'x [M, K] and three w [K, N] need three dy [M, N]', inputs);
  const [dx, ...rest] = runOp(KERNEL.projectionsGrad, inputs, { has_bias });
  const [dw, db] = [rest.slice(0, 3) as Triple<tf.Tensor>, rest.slice(3) as Triple<tf.Tensor>];
  return { dx: dx!, dw, db: has_bias ? db : null };
}

/** Weights of an MLP's two linear maps, with their biases or none. */
export interface MlpWeights {
  w_fc: tf.Tensor;
  b_fc: tf.Tensor | null;
  w_proj: tf.Tensor;
  b_proj: tf.Tensor | null;
}

/** What `mlp` keeps for its backward pass. */
export interface MlpSaved {
  /** [M, F], before GELU. */
  hidden: tf.Tensor;
  /** The kernel's own; the composed one keeps GELU of `hidden`. */
  saved: tf.Tensor | null;
}

const mlpInputs = (weights: MlpWeights): KernelInputs =>
  Object.fromEntries(Object.entries(weights).filter(([, t]) => t !== null));

/** Whether rows x and the weights chain: x [M, D], w_fc [D, F], w_proj [F, D]. */
const chains = (x: tf.Tensor, { w_fc, w_proj }: MlpWeights) =>
  w_fc.rank === 2 && hasShape(x, x.shape[0], w_fc.shape[0]) && hasShape(w_proj, w_fc.shape[1], w_fc.shape[0]);

/** `y = gelu(x w_fc + b_fc) w_proj + b_proj + r`: a residual branch. Throws on a shape mismatch. */
export function mlp(x: tf.Tensor, weights: MlpWeights, r: tf.Tensor): MlpSaved & { y: tf.Tensor } {
  const { b_fc, b_proj } = weights;
  const [d, f] = weights.w_fc.shape;
  const holds = chains(x, weights) && hasShape(r, x.shape[0], d) && (!b_fc || hasShape(b_fc, f));
  const inputs = { x, ...mlpInputs(weights), r };
  const rule = 'x [M, D], w_fc [D, F] and w_proj [F, D] need b_fc [F], b_proj [D] and r [M, D]';
  requireShapes(holds && (!b_proj || hasShape(b_proj, d)), KERNEL.mlp, rule, inputs);
  const [y, hidden, saved] = runOp(KERNEL.mlp, inputs);
  return { y: y!, hidden: hidden!, saved: saved ?? null };
}

/** Gradients of `mlp` from that of its result, the path through r left out. Throws on a shape mismatch. */
export function mlpGrad(dy: tf.Tensor, x: tf.Tensor, weights: MlpWeights, { hidden, saved }: MlpSaved) {
  const { w_fc, w_proj } = weights;
  const has_bias = weights.b_fc !== null;
  const [d, f] = w_fc.shape;
  const holds = chains(x, weights) && hasShape(dy, x.shape[0], d) && hasShape(hidden, x.shape[0], f);
  const inputs = { dy, x, hidden, ...(saved ? { saved } : {}), w_fc, w_proj };
  requireShapes(holds, KERNEL.mlpGrad, 'x [M, D] and w_fc [D, F] need dy [M, D], hidden [M, F]', inputs);
  const [dx, dw_fc, dw_proj, db_fc, db_proj] = runOp(KERNEL.mlpGrad, inputs, { has_bias });
  return { dx: dx!, dw_fc: dw_fc!, dw_proj: dw_proj!, db_fc: db_fc ?? null, db_proj: db_proj ?? null };
}

/** `layerNormGrad` with `dx + r` in place of dx: r is the gradient of the residual path around the norm. */
export function layerNormGradAdd(
  dy: tf.Tensor,
  x: tf.Tensor,
  g: tf.Tensor,
  { mean, rstd, r }: LayerNormSaved & { r: tf.Tensor },
) {
  const same = [dy, r].every((t) => hasShape(t, x.shape[0], x.shape[1]));
  requireShapes(same, KERNEL.layerNormGradAdd, 'dy, x and r need one shape [M, D]', { dy, x, r });
  const [dx, dg, db] = runOp(KERNEL.layerNormGradAdd, { dy, x, g, mean, rstd, r });
  return { dx: dx!, dg: dg!, db: db! };
}

export const joinedKernels: LabKernel[] = [
  { name: KERNEL.linearAdd, run: ({ x, w, b, r }) => [tf.add(linear(x!, w!, b ?? null), r!)] },
  {
    name: KERNEL.projections,
    run: (inputs) => [0, 1, 2].map((i) => linear(inputs['x']!, inputs[`w${i}`]!, inputs[`b${i}`] ?? null)),
  },
  {
    name: KERNEL.projectionsGrad,
    run: (inputs, { has_bias }) => {
      const each = [0, 1, 2].map((i) =>
        linearGrad(inputs[`dy${i}`]!, inputs['x']!, inputs[`w${i}`]!, { has_bias: has_bias as boolean }),
      );
      const dx = each.map((t) => t.dx).reduce((sum, t) => tf.add(sum, t));
      return [dx, ...each.map(({ dw }) => dw), ...(has_bias ? each.map(({ db }) => db!) : [])];
    },
  },
  {
    name: KERNEL.mlp,
    run: ({ x, w_fc, b_fc, w_proj, b_proj, r }) => {
      const hidden = linear(x!, w_fc!, b_fc ?? null);
      const active = gelu(hidden);
      return [tf.add(linear(active, w_proj!, b_proj ?? null), r!), hidden, active];
    },
  },
  {
    name: KERNEL.mlpGrad,
    run: ({ dy, x, hidden, saved: active, w_fc, w_proj }, attrs) => {
      const has_bias = attrs['has_bias'] as boolean;
      const outer = linearGrad(dy!, active!, w_proj!, { has_bias });
      const inner = linearGrad(geluGrad(outer.dx, hidden!), x!, w_fc!, { has_bias });
      return [inner.dx, inner.dw, outer.dw, ...(has_bias ? [inner.db!, outer.db!] : [])];
    },
  },
  {
    name: KERNEL.layerNormGradAdd,
    run: ({ dy, x, g, mean, rstd, r }) => {
      const { dx, dg, db } = layerNormGrad(dy!, x!, g!, { mean: mean!, rstd: rstd! });
      return [tf.add(dx, r!), dg, db];
    },
  },
];

tf.registerGradient({
  kernelName: KERNEL.linearAdd,
  inputsToSave: ['x', 'w'],
  gradFunc: (dys, [x, w]) => {
    const dy = dys as tf.Tensor;
    const grads = () => linearGrad(dy, x!, w!, { has_bias: true });
    return { x: () => grads().dx, w: () => grads().dw, b: () => grads().db!, r: () => dy.clone() };
  },
});

tf.registerGradient({
  kernelName: KERNEL.projections,
  inputsToSave: ['x', 'w0', 'w1', 'w2'],
  gradFunc: (dys, [x, ...w]) => {
    const grads = () =>
      projectionsGrad(dys as unknown as Triple<tf.Tensor>, x!, w as Triple<tf.Tensor>, { has_bias: true });
    const each = [0, 1, 2].flatMap((i) => [[`w${i}`, () => grads().dw[i]!] as const, [`b${i}`, () => grads().db![i]!]]);
    return { x: () => grads().dx, ...Object.fromEntries(each) };
  },
});

tf.registerGradient({
  kernelName: KERNEL.mlp,
  inputsToSave: ['x', 'w_fc', 'b_fc', 'w_proj', 'b_proj'],
  outputsToSave: [false, true, true],
  gradFunc: (dys, [x, w_fc, b_fc, w_proj, b_proj, hidden, saved]) => {
    const dy = (dys as tf.Tensor[])[0]!;
    const weights = { w_fc: w_fc!, b_fc: b_fc!, w_proj: w_proj!, b_proj: b_proj! };
    const grads = () => mlpGrad(dy, x!, weights, { hidden: hidden!, saved: saved ?? null });
    return {
      ...{ x: () => grads().dx, r: () => dy.clone() },
      ...{ w_fc: () => grads().dw_fc, b_fc: () => grads().db_fc!, w_proj: () => grads().dw_proj },
      b_proj: () => grads().db_proj!,
    };
  },
});
