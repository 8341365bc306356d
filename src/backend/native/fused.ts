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

/** `y = x w + b`. */
const linear: Run = (backend, { x, w, b }, attrs) => {
  const { m, k, n, isTransposed } = linearShape(KERNEL.linear, x!, w!, attrs);
  if (b) same(KERNEL.linear, [n], { b });
  const y = floats(backend, [m, n]);
  const at = [backend.handle(x!), backend.handle(w!), backend.handle(y)] as const;
  backend.addon.matMul(...at, m, n, k, 0, isTransposed, 0, b ? backend.handle(b) : 0);
  return y;
};

/** dx, dw and db of a linear map. */
const linearGrad: Run = (backend, { dy, x, w }, attrs) => {
  const { m, k, n, isTransposed } = linearShape(KERNEL.linearGrad, x!, w!, attrs);
  same(KERNEL.linearGrad, [m, n], { dy: dy! });
  const [dx, dw] = [floats(backend, [m, k]), floats(backend, w!.shape)];
  const { addon } = backend;
  const [at, from, weights] = [backend.handle(dy!), backend.handle(x!), backend.handle(w!)];
  addon.matMul(at, weights, backend.handle(dx), m, k, n, 0, isTransposed ? 0 : 1, 0, 0);
  if (isTransposed) addon.matMul(at, from, backend.handle(dw), n, k, m, 1, 0, 0, 0);
  else addon.matMul(from, at, backend.handle(dw), k, n, m, 1, 0, 0, 0);
  if (!attrs['has_bias']) return [dx, dw];
  const db = floats(backend, [n]);
  addon.columnSums(at, backend.handle(db), m, n);
  return [dx, dw, db];
};

/** The block's parameters in the order of the addon: gains, shifts, weights, biases. */
const LAYERS = ['attn.c_q', 'attn.c_k', 'attn.c_v', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj'];
const BLOCK_PARAMS = [
  ...['ln_1.g', 'ln_2.g', 'ln_1.b', 'ln_2.b'],
  ...LAYERS.map((name) => `${name}.w`),
  ...LAYERS.map((name) => `${name}.b`),
];

/** Sizes of a block in the order of the addon, and the elements of its tape. Throws where a parameter does not fit. */
function blockSizes(kernel: string, inputs: Infos, attrs: Attrs): { sizes: number[]; tape: number } {
  const [m, d] = matrix(kernel, 'x', inputs['x']);
  const [, f] = matrix(kernel, 'mlp.c_fc.w', inputs['mlp.c_fc.w']);
  const sizes = attentionSizes(kernel, inputs['x']!, attrs);
  const [outputs, widths] = [
    [d, d, d, d, f, d],
    [d, d, d, d, d, f],
  ];
  const shapes = [
    ...[[d], [d], [d], [d]],
    ...widths.map((width, i) => [width, outputs[i]!]),
    ...outputs.map((width) => [width]),
  ];
  BLOCK_PARAMS.forEach((name, i) => {
    const t = inputs[name];
    if (t) same(kernel, shapes[i]!, { [name]: t });
    else if (i < 4 + LAYERS.length) refuse(kernel, `parameter ${name} is missing`, {});
  });
  return { sizes: [...sizes, f, attrs['eps']], tape: m * (7 * d + f + attrs['n_head'] + 4) };
}

/** Handles of the block's parameters, or of their gradients, 0 for none. */
const blockHandles = (backend: NativeBackend, tensors: Infos) =>
  BLOCK_PARAMS.map((name) => (tensors[name] ? backend.handle(tensors[name]) : 0));

const block: Run = (backend, inputs, attrs) => {
  const { sizes, tape } = blockSizes(KERNEL.block, inputs, attrs);
  const [saved, y] = [floats(backend, [tape]), floats(backend, inputs['x']!.shape)];
  const rows = [inputs['x']!, saved, y].map((t) => backend.handle(t));
  backend.addon.block(...rows, ...sizes, ...blockHandles(backend, inputs));
  return [y, saved];
};

const blockGrad: Run = (backend, { dy, saved0, ...inputs }, attrs) => {
  const { sizes, tape } = blockSizes(KERNEL.blockGrad, inputs, attrs);
  const { x, ...params } = inputs;
  same(KERNEL.blockGrad, x!.shape, { dy: dy! });
  same(KERNEL.blockGrad, [tape], { saved0: saved0! });
  const dx = floats(backend, x!.shape);
  const gradients: Infos = {};
  for (const name in params) gradients[name] = floats(backend, params[name]!.shape);
  const rows = [dy!, x!, saved0!, dx].map((t) => backend.handle(t));
  const handles = [...blockHandles(backend, inputs), ...blockHandles(backend, gradients)];
  backend.addon.blockGrad(...rows, ...sizes, ...handles);
  return [dx, ...Object.values(gradients)];
};

const layerNorm: Run = (backend, { x, g, b }, { eps }) => {
  const [m, d] = matrix(KERNEL.layerNorm, 'x', x);
  same(KERNEL.layerNorm, [d], { g: g!, b: b! });
  const outputs = [floats(backend, [m, d]), floats(backend, [m]), floats(backend, [m])];
  backend.addon.layerNorm(...[x!, g!, b!, ...outputs].map((t) => backend.handle(t)), m, d, eps);
  return outputs;
};

const layerNormGrad: Run = (backend, { dy, x, g, mean, rstd }) => {
  const [m, d] = matrix(KERNEL.layerNormGrad, 'x', x);
  same(KERNEL.layerNormGrad, [m, d], { dy: dy! });
  same(KERNEL.layerNormGrad, [d], { g: g! });
  same(KERNEL.layerNormGrad, [m], { mean: mean!, rstd: rstd! });
  const outputs = [floats(backend, [m, d]), floats(backend, [d]), floats(backend, [d])];
  const inputs = [dy!, x!, g!, mean!, rstd!];
  backend.addon.layerNormGrad(...[...inputs, ...outputs].map((t) => backend.handle(t)), m, d);
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
  [KERNEL.linear]: linear,
  [KERNEL.linearGrad]: linearGrad,
  [KERNEL.layerNorm]: layerNorm,
  [KERNEL.layerNormGrad]: layerNormGrad,
  [KERNEL.gelu]: gelu,
  [KERNEL.geluGrad]: geluGrad,
  [KERNEL.causalAttention]: causalAttention,
  [KERNEL.causalAttentionGrad]: causalAttentionGrad,
  [KERNEL.embedding]: embedding,
  [KERNEL.embeddingGrad]: embeddingGrad,
  [KERNEL.crossEntropy]: crossEntropy,
  [KERNEL.crossEntropyGrad]: crossEntropyGrad,
  [KERNEL.headLoss]: headLoss,
  [KERNEL.block]: block,
  [KERNEL.blockGrad]: blockGrad,
  [KERNEL.globalNorm]: globalNorm,
  [KERNEL.adamw]: adamw,
};
