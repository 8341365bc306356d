/** @file A transformer block as one kernel of 41 TensorFlow operations forward and 53 backward, where the composed one
 * takes 63 and 95. c_q, c_k and c_v are multiplied as one matrix [D, 3 D], so that their products, transposes and
 * gradients are one operation each.
 */
import { KERNEL, type KernelAttrs, type LabKernel } from '../../kernels.ts';
import { type Handle, type Ops, opsKernel } from './ops.ts';
import {
  attend,
  attendGrad,
  fromHeads,
  gelu,
  geluGrad,
  headShape,
  normalise,
  normaliseGrad,
  toHeads,
} from './parts.ts';

type Handles = Record<string, Handle>;

const QKV = ['attn.c_q', 'attn.c_k', 'attn.c_v'];

/** What the forward pass saves, in this order. */
const SAVED = [
  ...['h_1', 'rstd_1', 'y_1', 'w_qkv', 'q', 'k', 'v', 'p', 'attended'],
  ...['h_2', 'rstd_2', 'y_2', 'hidden', 'square', 'gate', 'active'],
];

/** `x w + b` of layer `name`. */
function layer(ops: Ops, params: Handles, name: string, x: Handle): Handle {
  const y = ops.matMul(x, params[`${name}.w`]!);
  const b = params[`${name}.b`];
  return b ? ops.add(y, b) : y;
}

/** Gradient of layer `name`'s input; stores those of weight and bias. */
function layerGrad(ops: Ops, params: Handles, grads: Handles, name: string, dy: Handle, x: Handle): Handle {
  grads[`${name}.w`] = ops.matMul(x, dy, { ta: true });
  if (params[`${name}.b`]) grads[`${name}.b`] = ops.sum(dy, [0]);
  return ops.matMul(dy, params[`${name}.w`]!, { tb: true });
}

function forward(ops: Ops, { x, ...params }: Handles, attrs: KernelAttrs): Handle[] {
  const eps = attrs['eps'] as number;
  const shape = headShape(x!, attrs);
  const { b, t, h, e } = shape;
  const ln_1 = normalise(ops, x!, params['ln_1.g']!, params['ln_1.b']!, eps);
  const w_qkv = ops.concat(
    QKV.map((name) => params[`${name}.w`]!),
    1,
  );
  const product = ops.matMul(ln_1.y, w_qkv);
  const biases = QKV.flatMap((name) => params[`${name}.b`] ?? []);
  const rows = biases.length > 0 ? ops.add(product, ops.concat(biases, 0)) : product;
  const heads = ops.transpose(ops.reshape(rows, [b, t, 3, h, e]), [2, 0, 3, 1, 4]);
  const [q, k, v] = ops.unpack(heads, 3) as [Handle, Handle, Handle];
  const { y, p } = attend(ops, [q, k, v], shape);
  const attended = fromHeads(ops, y, shape);
  const middle = ops.add(layer(ops, params, 'attn.c_proj', attended), x!);
  const ln_2 = normalise(ops, middle, params['ln_2.g']!, params['ln_2.b']!, eps);
  const hidden = layer(ops, params, 'mlp.c_fc', ln_2.y);
  const active = gelu(ops, hidden);
  const out = ops.add(layer(ops, params, 'mlp.c_proj', active.y), middle);
  const first = [ln_1.h, ln_1.rstd, ln_1.y, w_qkv, q, k, v, p, attended];
  return [out, ...first, ln_2.h, ln_2.rstd, ln_2.y, hidden, active.square, active.gate, active.y];
}

/** The parameters among the inputs, in their order. */
const namesOf = (inputs: Handles) => Object.keys(inputs).filter((name) => !/^(dy|x|saved\d+)$/.test(name));

function backward(ops: Ops, inputs: Handles, attrs: KernelAttrs): Handle[] {
  const { dy, x, ...params } = inputs;
  const saved: Handles = Object.fromEntries(SAVED.map((name, i) => [name, inputs[`saved${i}`]!]));
  const shape = headShape(x!, attrs);
  const { b, t, h, e } = shape;
  const d = h * e;
  const grads: Handles = {};

  const dactive = layerGrad(ops, params, grads, 'mlp.c_proj', dy!, saved['active']!);
  const dhidden = geluGrad(ops, dactive, saved['hidden']!, { square: saved['square']!, gate: saved['gate']! });
  const dy_2 = layerGrad(ops, params, grads, 'mlp.c_fc', dhidden, saved['y_2']!);
  const ln_2 = normaliseGrad(ops, dy_2, params['ln_2.g']!, { h: saved['h_2']!, rstd: saved['rstd_2']! });
  const dmiddle = ops.add(ln_2.dx, dy!);

  const dattended = layerGrad(ops, params, grads, 'attn.c_proj', dmiddle, saved['attended']!);
  const qkv: [Handle, Handle, Handle] = [saved['q']!, saved['k']!, saved['v']!];
  const dheads = ops.pack(attendGrad(ops, toHeads(ops, dattended, shape), qkv, saved['p']!, shape));
  const drows = ops.reshape(ops.transpose(dheads, [1, 3, 0, 2, 4]), [b * t, 3 * d]);
  const thirds = (whole: Handle, axis: number, suffix: string) =>
    ops.split(whole, [d, d, d], axis).forEach((part, i) => {
      grads[QKV[i] + suffix] = part;
    });
  thirds(ops.matMul(saved['y_1']!, drows, { ta: true }), 1, '.w');
  if (params['attn.c_q.b']) thirds(ops.sum(drows, [0]), 0, '.b');
  const dy_1 = ops.matMul(drows, saved['w_qkv']!, { tb: true });
  const ln_1 = normaliseGrad(ops, dy_1, params['ln_1.g']!, { h: saved['h_1']!, rstd: saved['rstd_1']! });
  Object.assign(grads, { 'ln_1.g': ln_1.dg, 'ln_1.b': ln_1.db, 'ln_2.g': ln_2.dg, 'ln_2.b': ln_2.db });
  return [ops.add(ln_1.dx, dmiddle), ...namesOf(inputs).map((name) => grads[name]!)];
}

export const blockKernels: LabKernel[] = [opsKernel(KERNEL.block, forward), opsKernel(KERNEL.blockGrad, backward)];
