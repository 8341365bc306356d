/** @file The model's operations outside the block in TensorFlow's operations, and the list of all kernels of this backend.
 * Cross-entropy is LogSoftmax and OneHot, not SparseSoftmaxCrossEntropyWithLogits, which is one operation for loss and
 * gradient: that one refuses to run on a GPU under TF_DETERMINISTIC_OPS, and what runs there should be what is tested.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { blockKernels } from './block.ts';
import { type Handle, type Ops, opsKernel } from './ops.ts';
import { optimizerKernels } from './optimizer.ts';
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

function linearGrad(ops: Ops, dy: Handle, x: Handle, w: Handle, transpose_w: boolean): [Handle, Handle] {
  const dw = transpose_w ? ops.matMul(dy, x, { ta: true }) : ops.matMul(x, dy, { ta: true });
  return [ops.matMul(dy, w, { tb: !transpose_w }), dw];
}

/** Place of each row in its sequence. */
function positions(ops: Ops, m: number, n_ctx: number): Handle {
  const make = () =>
    ops.upload(
      [m],
      Int32Array.from({ length: m }, (_, i) => i % n_ctx),
    );
  return ops.constant(`positions ${m} ${n_ctx}`, make);
}

/** Loss `-mean logp[target]`, the log-probabilities, and `-1/M` at the targets. */
function crossEntropy(ops: Ops, logits: Handle, targets: Handle) {
  const [m, v] = logits.shape as [number, number];
  const logp = ops.run('LogSoftmax', [logits]);
  const picked = ops.oneHot(targets, v, -1 / m);
  return { loss: ops.sum(ops.mul(logp, picked), [0, 1]), logp, picked };
}

/** `softmax / M` less `1/M` at the targets. */
function crossEntropyGrad(ops: Ops, logp: Handle, picked: Handle): Handle {
  return ops.add(ops.scale(ops.run('Exp', [logp]), 1 / logp.shape[0]!), picked);
}

const column = (ops: Ops, x: Handle) => ops.reshape(x, [-1, 1]);

export const fusedKernels: LabKernel[] = [
  ...blockKernels,
  ...optimizerKernels,
  opsKernel(KERNEL.linear, (ops, { x, w, b }, { transpose_w }) => {
    const y = ops.matMul(x!, w!, { tb: transpose_w as boolean });
    return [b ? ops.add(y, b) : y];
  }),
  opsKernel(KERNEL.linearGrad, (ops, { dy, x, w }, { transpose_w, has_bias }) => {
    const grads = linearGrad(ops, dy!, x!, w!, transpose_w as boolean);
    return has_bias ? [...grads, ops.sum(dy!, [0])] : grads;
  }),
  opsKernel(KERNEL.layerNorm, (ops, { x, g, b }, { eps }) => {
    const { y, mean, rstd } = normalise(ops, x!, g!, b!, eps as number);
    return [y, ops.reshape(mean, [-1]), ops.reshape(rstd, [-1])];
  }),
  opsKernel(KERNEL.layerNormGrad, (ops, { dy, x, g, mean, rstd }) => {
    const deviation = column(ops, rstd!);
    const h = ops.mul(ops.sub(x!, column(ops, mean!)), deviation);
    const { dx, dg, db } = normaliseGrad(ops, dy!, g!, { h, rstd: deviation });
    return [dx, dg, db];
  }),
  opsKernel(KERNEL.gelu, (ops, { x }) => [gelu(ops, x!).y]),
  opsKernel(KERNEL.geluGrad, (ops, { dy, x }) => [geluGrad(ops, dy!, x!, gelu(ops, x!))]),
  opsKernel(KERNEL.causalAttention, (ops, { q, k, v }, attrs) => {
    const shape = headShape(q!, attrs);
    const { y, p } = attend(ops, [toHeads(ops, q!, shape), toHeads(ops, k!, shape), toHeads(ops, v!, shape)], shape);
    return [fromHeads(ops, y, shape), p];
  }),
  opsKernel(KERNEL.causalAttentionGrad, (ops, { dy, q, k, v, saved: p }, attrs) => {
    const shape = headShape(q!, attrs);
    const heads = (x: Handle) => toHeads(ops, x, shape);
    const grads = attendGrad(ops, heads(dy!), [heads(q!), heads(k!), heads(v!)], p!, shape);
    return grads.map((grad) => fromHeads(ops, grad, shape));
  }),
  opsKernel(KERNEL.embedding, (ops, { tokens, wte, wpe }) => {
    const at = positions(ops, tokens!.shape[0]!, wpe!.shape[0]!);
    return [ops.add(ops.gather(wte!, tokens!), ops.gather(wpe!, at))];
  }),
  opsKernel(KERNEL.embeddingGrad, (ops, { dx, tokens }, { vocab_size, n_ctx }) => {
    const at = positions(ops, tokens!.shape[0]!, n_ctx as number);
    return [ops.sumById(dx!, tokens!, vocab_size as number), ops.sumById(dx!, at, n_ctx as number)];
  }),
  opsKernel(KERNEL.crossEntropy, (ops, { logits, targets }) => {
    const { loss, logp } = crossEntropy(ops, logits!, targets!);
    return [loss, logp];
  }),
  opsKernel(KERNEL.crossEntropyGrad, (ops, { logits, targets, saved: logp }) => {
    const [m, v] = logits!.shape as [number, number];
    return [crossEntropyGrad(ops, logp!, ops.oneHot(targets!, v, -1 / m))];
  }),
  opsKernel(KERNEL.headLoss, (ops, { x, w, targets }, attrs) => {
    const transpose_w = attrs['transpose_w'] as boolean;
    const { loss, logp, picked } = crossEntropy(ops, ops.matMul(x!, w!, { tb: transpose_w }), targets!);
    return [loss, ...linearGrad(ops, crossEntropyGrad(ops, logp, picked), x!, w!, transpose_w)];
  }),
];
