/** @file The model's operations on the native backend, each one call of the addon (a linear map's gradient: two or
 * three). Inputs, attributes and outputs: `kernels.ts`. Shapes are checked here, elements in the addon.
 */
import type { TensorInfo } from '@tensorflow/tfjs';
import { adamwKeys, KERNEL } from '../../kernels.ts';
import { type Attrs, type Infos, type Run, requireThat, sizeOf } from './kernel.ts';
import type { NativeBackend } from './memory.ts';

const floats = (backend: NativeBackend, shape: number[]) => backend.output(shape, 'float32');

/** Rows and columns of a matrix of at least one element; throws naming the kernel else. */
function matrix(kernel: string, name: string, x: TensorInfo | undefined): [number, number] {
  const holds = x?.shape.length === 2 && x.dtype === 'float32' && x.shape[0]! > 0 && x.shape[1]! > 0;
  if (!holds)
    refuse(kernel, `${name} must be a float32 matrix with at least one row and column`, x ? { [name]: x } : {});
  return x!.shape as [number, number];
}

const refuse = (kernel: string, rule: string, tensors: Infos) => requireThat(false, kernel, rule, tensors);

function isFloatOf(shape: number[], t: TensorInfo): boolean {
  if (t.dtype !== 'float32' || t.shape.length !== shape.length) return false;
  for (let i = 0; i < shape.length; i++) if (t.shape[i] !== shape[i]) return false;
  return true;
}

/** Throws unless every tensor is float32 of the named shape. */
function same(kernel: string, shape: number[], tensors: Infos): void {
  for (const name in tensors) {
    if (isFloatOf(shape, tensors[name]!)) continue;
    refuse(kernel, `${name} must be float32 [${shape.join(', ')}]`, tensors);
  }
}

interface LinearShape {
  m: number;
  k: number;
  n: number;
  isTransposed: 0 | 1;
}

function linearShape(kernel: string, x: TensorInfo, w: TensorInfo, attrs: Attrs): LinearShape {
  const [m, k] = matrix(kernel, 'x', x);
  const [rows, columns] = matrix(kernel, 'w', w);
  const isTransposed = attrs['transpose_w'] ? 1 : 0;
  requireThat(k === (isTransposed ? columns : rows), kernel, 'x [M, K] needs w [K, N]', { x, w });
  return { m, k, n: isTransposed ? rows : columns, isTransposed };
}

/** `y = x w + b + r`. */
const linear =
  (kernel: string): Run =>
  (backend, { x, w, b, r }, attrs) => {
    const { m, k, n, isTransposed } = linearShape(kernel, x!, w!, attrs);
    if (b) same(kernel, [n], { b });
    if (r) same(kernel, [m, n], { r });
    const y = floats(backend, [m, n]);
    const at = [backend.handle(x!), backend.handle(w!), backend.handle(y)] as const;
    backend.addon.matMul(...at, m, n, k, 0, isTransposed, 0, b ? backend.handle(b) : 0, r ? backend.handle(r) : 0);
    return y;
  };

/** dx, dw and db of a linear map. */
const linearGrad: Run = (backend, { dy, x, w }, attrs) => {
  const { m, k, n, isTransposed } = linearShape(KERNEL.linearGrad, x!, w!, attrs);
  same(KERNEL.linearGrad, [m, n], { dy: dy! });
  const [dx, dw] = [floats(backend, [m, k]), floats(backend, w!.shape)];
  const { addon } = backend;
  const [at, from, weights] = [backend.handle(dy!), backend.handle(x!), backend.handle(w!)];
  addon.matMul(at, weights, backend.handle(dx), m, k, n, 0, isTransposed ? 0 : 1, 0, 0, 0);
  if (isTransposed) addon.matMul(at, from, backend.handle(dw), n, k, m, 1, 0, 0, 0, 0);
  else addon.matMul(from, at, backend.handle(dw), k, n, m, 1, 0, 0, 0, 0);
  if (!attrs['has_bias']) return [dx, dw];
  const db = floats(backend, [n]);
  addon.columnSums(at, backend.handle(db), m, n);
  return [dx, dw, db];
};

const TRIPLE = [0, 1, 2];
const named = (name: string, tensors: TensorInfo[]): Infos =>
  Object.fromEntries(tensors.map((t, i) => [`${name}${i}`, t]));

const projections: Run = (backend, inputs) => {
  const { m, k, n } = linearShape(KERNEL.projections, inputs['x']!, inputs['w0']!, {});
  const [weights, biases] = [TRIPLE.map((i) => inputs[`w${i}`]!), TRIPLE.map((i) => inputs[`b${i}`])];
  same(KERNEL.projections, [k, n], named('w', weights));
  for (const b of biases) if (b) same(KERNEL.projections, [n], { b });
  const outputs = TRIPLE.map(() => floats(backend, [m, n]));
  const handles = [inputs['x'], ...weights, ...biases, ...outputs].map((t) => (t ? backend.handle(t) : 0));
  backend.addon.projections(...handles, m, k, n);
  return outputs;
};

const projectionsGrad: Run = (backend, inputs, { has_bias }) => {
  const { m, k, n } = linearShape(KERNEL.projectionsGrad, inputs['x']!, inputs['w0']!, {});
  const [dys, weights] = [TRIPLE.map((i) => inputs[`dy${i}`]!), TRIPLE.map((i) => inputs[`w${i}`]!)];
  same(KERNEL.projectionsGrad, [m, n], named('dy', dys));
  same(KERNEL.projectionsGrad, [k, n], named('w', weights));
  const outputs = [floats(backend, [m, k]), ...TRIPLE.map(() => floats(backend, [k, n]))];
  if (has_bias) outputs.push(...TRIPLE.map(() => floats(backend, [n])));
  const handles = [...dys, inputs['x']!, ...weights, ...outputs].map((t) => backend.handle(t));
  backend.addon.projectionsGrad(...handles, ...(has_bias ? [] : [0, 0, 0]), m, k, n);
  return outputs;
};

const mlp: Run = (backend, { x, w_fc, b_fc, w_proj, b_proj, r }) => {
  const { m, k: d, n: f } = linearShape(KERNEL.mlp, x!, w_fc!, {});
  same(KERNEL.mlp, [f, d], { w_proj: w_proj! });
  same(KERNEL.mlp, [m, d], { r: r! });
  if (b_fc) same(KERNEL.mlp, [f], { b_fc });
  if (b_proj) same(KERNEL.mlp, [d], { b_proj });
  const [y, hidden] = [floats(backend, [m, d]), floats(backend, [m, f])];
  const handles = [x, w_fc, b_fc, w_proj, b_proj, r, hidden, y].map((t) => (t ? backend.handle(t) : 0));
  backend.addon.mlp(...handles, m, d, f);
  return [y, hidden];
};

/** Makes GELU of `hidden` anew, in the cache, in place of reading it from memory. */
const mlpGrad: Run = (backend, { dy, x, hidden, w_fc, w_proj }, { has_bias }) => {
  const { m, k: d, n: f } = linearShape(KERNEL.mlpGrad, x!, w_fc!, {});
  same(KERNEL.mlpGrad, [f, d], { w_proj: w_proj! });
  same(KERNEL.mlpGrad, [m, d], { dy: dy! });
  same(KERNEL.mlpGrad, [m, f], { hidden: hidden! });
  const [dx, dw_fc, dw_proj] = [floats(backend, [m, d]), floats(backend, [d, f]), floats(backend, [f, d])];
  const [db_fc, db_proj] = has_bias ? [floats(backend, [f]), floats(backend, [d])] : [];
  const handles = [dy, x, hidden, w_fc, w_proj, dx, dw_fc, db_fc, dw_proj, db_proj];
  backend.addon.mlpGrad(...handles.map((t) => (t ? backend.handle(t) : 0)), m, d, f);
  return [dx, dw_fc, dw_proj, ...(has_bias ? [db_fc!, db_proj!] : [])];
};

const layerNorm: Run = (backend, { x, g, b }, { eps }) => {
  const [m, d] = matrix(KERNEL.layerNorm, 'x', x);
  same(KERNEL.layerNorm, [d], { g: g!, b: b! });
  const outputs = [floats(backend, [m, d]), floats(backend, [m]), floats(backend, [m])];
  backend.addon.layerNorm(...[x!, g!, b!, ...outputs].map((t) => backend.handle(t)), m, d, eps);
  return outputs;
};

/** dx (+ r), dg and db. */
const layerNormGrad =
  (kernel: string): Run =>
  (backend, { dy, x, g, mean, rstd, r }) => {
    const [m, d] = matrix(kernel, 'x', x);
    same(kernel, [m, d], { dy: dy! });
    if (r) same(kernel, [m, d], { r });
    same(kernel, [d], { g: g! });
    same(kernel, [m], { mean: mean!, rstd: rstd! });
    const outputs = [floats(backend, [m, d]), floats(backend, [d]), floats(backend, [d])];
    const inputs = [dy!, x!, g!, mean!, rstd!].map((t) => backend.handle(t));
    const around = r ? backend.handle(r) : 0;
    backend.addon.layerNormGrad(...inputs, around, ...outputs.map((t) => backend.handle(t)), m, d);
    return outputs;
  };

const gelu: Run = (backend, { x }) => {
  same(KERNEL.gelu, x!.shape, { x: x! });
  const y = floats(backend, x!.shape);
  backend.addon.gelu(backend.handle(x!), backend.handle(y), sizeOf(x!.shape));
  return y;
};

const geluGrad: Run = (backend, { dy, x }) => {
  same(KERNEL.geluGrad, x!.shape, { dy: dy!, x: x! });
  const dx = floats(backend, x!.shape);
  backend.addon.geluGrad(backend.handle(dy!), backend.handle(x!), backend.handle(dx), sizeOf(x!.shape));
  return dx;
};

/** batch, n_ctx, n_head, d_head of rows [batch n_ctx, n_head d_head]. */
function attentionSizes(kernel: string, q: TensorInfo, { n_ctx, n_head }: Attrs): [number, number, number, number] {
  const [m, d] = matrix(kernel, 'q', q);
  const holds = n_ctx > 0 && n_head > 0 && m % n_ctx === 0 && d % n_head === 0;
  requireThat(holds, kernel, `q must be [B x ${n_ctx}, ${n_head} x d_head]`, { q });
  return [m / n_ctx, n_ctx, n_head, d / n_head];
}

const causalAttention: Run = (backend, { q, k, v }, attrs) => {
  const sizes = attentionSizes(KERNEL.causalAttention, q!, attrs);
  same(KERNEL.causalAttention, q!.shape, { k: k!, v: v! });
  const outputs = [floats(backend, q!.shape), floats(backend, [q!.shape[0]! * sizes[2]])];
  backend.addon.causalAttention(...[q!, k!, v!, ...outputs].map((t) => backend.handle(t)), ...sizes);
  return outputs;
};

const causalAttentionGrad: Run = (backend, { dy, q, k, v, y, saved }, attrs) => {
  const sizes = attentionSizes(KERNEL.causalAttentionGrad, q!, attrs);
  same(KERNEL.causalAttentionGrad, q!.shape, { dy: dy!, k: k!, v: v!, y: y! });
  same(KERNEL.causalAttentionGrad, [q!.shape[0]! * sizes[2]], { saved: saved! });
  const outputs = [0, 1, 2].map(() => floats(backend, q!.shape));
  const handles = [dy!, q!, k!, v!, saved!, ...outputs].map((t) => backend.handle(t));
  backend.addon.causalAttentionGrad(...handles, ...sizes);
  return outputs;
};

const embedding: Run = (backend, { tokens, wte, wpe }) => {
  const [vocab_size, d] = matrix(KERNEL.embedding, 'wte', wte);
  const [n_ctx] = matrix(KERNEL.embedding, 'wpe', wpe);
  same(KERNEL.embedding, [n_ctx, d], { wpe: wpe! });
  const m = sizeOf(tokens!.shape);
  const holds = tokens!.dtype === 'int32' && m > 0 && m % n_ctx === 0;
  requireThat(holds, KERNEL.embedding, `tokens must be int32 [B x ${n_ctx}], B at least 1`, { tokens: tokens! });
  const x = floats(backend, [m, d]);
  const handles = [tokens!, wte!, wpe!, x].map((t) => backend.handle(t));
  backend.addon.embedding(...handles, m, vocab_size, n_ctx, d);
  return x;
};

const embeddingGrad: Run = (backend, { dx, tokens }, { vocab_size, n_ctx }) => {
  const [m, d] = matrix(KERNEL.embeddingGrad, 'dx', dx);
  const holds = tokens!.dtype === 'int32' && sizeOf(tokens!.shape) === m;
  requireThat(holds, KERNEL.embeddingGrad, 'dx [M, D] needs int32 tokens [M]', { dx: dx!, tokens: tokens! });
  const outputs = [floats(backend, [vocab_size, d]), floats(backend, [n_ctx, d])];
  const handles = [dx!, tokens!, ...outputs].map((t) => backend.handle(t));
  backend.addon.embeddingGrad(...handles, m, vocab_size, n_ctx, d);
  return outputs;
};

/** Rows and vocabulary of logits whose targets fit. */
function lossShape(kernel: string, logits: TensorInfo, targets: TensorInfo): [number, number] {
  const [m, v] = matrix(kernel, 'logits', logits);
  const holds = targets.dtype === 'int32' && sizeOf(targets.shape) === m;
  requireThat(holds, kernel, 'logits [M, V] need int32 targets [M]', { logits, targets });
  return [m, v];
}

const crossEntropy: Run = (backend, { logits, targets }) => {
  const [m, v] = lossShape(KERNEL.crossEntropy, logits!, targets!);
  const outputs = [floats(backend, []), floats(backend, [m])];
  backend.addon.crossEntropy(...[logits!, targets!, ...outputs].map((t) => backend.handle(t)), m, v);
  return outputs;
};

const crossEntropyGrad: Run = (backend, { logits, targets, saved }) => {
  const [m, v] = lossShape(KERNEL.crossEntropyGrad, logits!, targets!);
  same(KERNEL.crossEntropyGrad, [m], { saved: saved! });
  const dz = floats(backend, [m, v]);
  backend.addon.crossEntropyGrad(...[logits!, targets!, saved!, dz].map((t) => backend.handle(t)), m, v);
  return dz;
};

const headLoss: Run = (backend, { x, w, targets }, attrs) => {
  const { m, k: d, n: v, isTransposed } = linearShape(KERNEL.headLoss, x!, w!, attrs);
  const holds = targets!.dtype === 'int32' && sizeOf(targets!.shape) === m;
  if (!holds) refuse(KERNEL.headLoss, 'x [M, D] needs int32 targets [M]', { x: x!, targets: targets! });
  const outputs = [floats(backend, []), floats(backend, [m, d]), floats(backend, w!.shape)];
  const handles = [x!, w!, targets!, ...outputs].map((t) => backend.handle(t));
  backend.addon.headLoss(...handles, m, d, v, isTransposed);
  return outputs;
};

const globalNorm: Run = (backend, gradients) => {
  const norm = floats(backend, []);
  const numbers = [backend.handle(norm)];
  for (const name in gradients) {
    const g = gradients[name]!;
    same(KERNEL.globalNorm, g.shape, { g });
    numbers.push(backend.handle(g), sizeOf(g.shape));
  }
  backend.addon.globalNorm(...numbers);
  return norm;
};

const adamw: Run = (backend, inputs, attrs) => {
  const { learning_rate, beta1, beta2, eps, grad_clip, step, count } = attrs as Record<string, number>;
  const numbers = [backend.handle(inputs['norm']!), learning_rate!, beta1!, beta2!, eps!, grad_clip!, step!];
  for (let i = 0; i < count!; i++) {
    const keys = adamwKeys(i);
    const [p, g, m, v] = [inputs[keys.p]!, inputs[keys.g]!, inputs[keys.m]!, inputs[keys.v]!];
    if (![p, g, m, v].every((t) => isFloatOf(p.shape, t))) same(KERNEL.adamw, p.shape, { p, g, m, v });
    numbers.push(backend.handle(p), backend.handle(g), backend.handle(m), backend.handle(v));
    numbers.push(sizeOf(p.shape), attrs[keys.decay]);
  }
  backend.addon.adamw(...numbers);
  return [];
};

export const fusedKernels: Record<string, Run> = {
  [KERNEL.linear]: linear(KERNEL.linear),
  [KERNEL.linearAdd]: linear(KERNEL.linearAdd),
  [KERNEL.linearGrad]: linearGrad,
  [KERNEL.projections]: projections,
  [KERNEL.projectionsGrad]: projectionsGrad,
  [KERNEL.mlp]: mlp,
  [KERNEL.mlpGrad]: mlpGrad,
  [KERNEL.layerNorm]: layerNorm,
  [KERNEL.layerNormGrad]: layerNormGrad(KERNEL.layerNormGrad),
  [KERNEL.layerNormGradAdd]: layerNormGrad(KERNEL.layerNormGradAdd),
  [KERNEL.gelu]: gelu,
  [KERNEL.geluGrad]: geluGrad,
  [KERNEL.causalAttention]: causalAttention,
  [KERNEL.causalAttentionGrad]: causalAttentionGrad,
  [KERNEL.embedding]: embedding,
  [KERNEL.embeddingGrad]: embeddingGrad,
  [KERNEL.crossEntropy]: crossEntropy,
  [KERNEL.crossEntropyGrad]: crossEntropyGrad,
  [KERNEL.headLoss]: headLoss,
  [KERNEL.globalNorm]: globalNorm,
  [KERNEL.adamw]: adamw,
};
