/** @file The model in float64, in plain TypeScript: logits, loss and every gradient, to hold the real one against.
 * The same decoder as `src/model/gpt.ts`, from the same formulas, by other code: no tensor library, no kernels, no
 * tape. Learned positions, pre-LayerNorm, causal attention, GELU (tanh), tied or untied head:
 * `x = wte[token] + wpe[position]; x += attn(ln_1 x); x += mlp(ln_2 x); logits = head(ln_f x)`.
 * The gradients are checked by finite differences in `reference-gpt.test.ts`. Slow; keep models small.
 */
import type { ModelSpec } from '../../src/config/run-spec.ts';
import {
  add,
  causalAttention,
  crossEntropy,
  gelu,
  layerNorm,
  linear,
  type Matrix,
  type Tally,
  transpose,
  zeros,
} from './reference-ops.ts';

/** A parameter in float64, row-major. */
interface ReferenceParam {
  shape: number[];
  data: Float64Array;
}

/** Parameters by GPT-2's names (`wte`, `h.0.attn.c_q.w`, `ln_f.g` ...); linear weights are [in, out]. */
export type ReferenceParams = Record<string, ReferenceParam>;

/** Gradients by the parameters' names, row-major. */
export type ReferenceGradients = Record<string, Float64Array>;

/** Reads parameters as matrices and collects their gradients, which add up where a parameter is used twice. */
interface Access {
  get: (name: string) => Matrix;
  add: (name: string, gradient: Matrix) => void;
}

/** Logits [batch_size x time, vocab_size], mean cross-entropy in nats and its gradient by every parameter.
 * `inputs` and `targets` hold batch_size sequences one after the other, each of time <= n_ctx tokens.
 * Throws on a missing or misshapen parameter and on a token outside the vocabulary. */
export function referenceLossAndGradients(
  params: ReferenceParams,
  model: ModelSpec,
  inputs: Int32Array,
  targets: Int32Array,
  batch_size: number,
): { logits: Float64Array; loss: number; gradients: ReferenceGradients } {
  const { logits, loss, backward } = referenceForward(params, model, inputs, targets, batch_size);
  return { logits, loss, gradients: backward() };
}

/** The forward pass alone, with a `backward` that gives the gradients when they are wanted.
 * Matrix products add what they cost to `tally`. Arguments as `referenceLossAndGradients`. */
export function referenceForward(
  params: ReferenceParams,
  model: ModelSpec,
  inputs: Int32Array,
  targets: Int32Array,
  batch_size: number,
  tally: Tally = { flops: 0 },
): { logits: Float64Array; loss: number; backward: () => ReferenceGradients } {
  checkParams(params, model);
  checkTokens(inputs, targets, model, batch_size);
  const gradients: ReferenceGradients = {};
  for (const [name, { data }] of Object.entries(params)) gradients[name] = new Float64Array(data.length);
  const access: Access = {
    get: (name) => {
      const { shape, data } = params[name]!;
      return { rows: shape.length === 2 ? shape[0]! : 1, cols: shape.at(-1)!, data };
    },
    add: (name, gradient) => {
      gradient.data.forEach((g, i) => {
        gradients[name]![i]! += g;
      });
    },
  };

  const embedded = embed(access, model, inputs, batch_size);
  let x = embedded.x;
  const blocks: { backward: (dy: Matrix) => Matrix }[] = [];
  for (let layer = 0; layer < model.n_layer; layer++) {
    const half1 = attentionHalf(x, `h.${layer}`, access, { model, batch_size, tally });
    const half2 = mlpHalf(half1.y, `h.${layer}`, access, { model, tally });
    blocks.push(half1, half2);
    x = half2.y;
  }
  const final = layerNorm(x, access.get('ln_f.g'), access.get('ln_f.b'));
  const headWeight = model.tie_embeddings ? transpose(access.get('wte')) : access.get('lm_head.w');
  const head = linear(final.y, headWeight, null, tally);
  const { loss, backward: dLogits } = crossEntropy(head.y, targets);

  const backward = () => {
    for (const gradient of Object.values(gradients)) gradient.fill(0);
    const dHead = head.backward(dLogits());
    if (model.tie_embeddings) access.add('wte', transpose(dHead.dw));
    else access.add('lm_head.w', dHead.dw);
    const dFinal = final.backward(dHead.dx);
    access.add('ln_f.g', dFinal.dg);
    access.add('ln_f.b', dFinal.db);
    let dx = dFinal.dx;
    for (const half of blocks.toReversed()) dx = half.backward(dx);
    embedded.backward(dx);
    return gradients;
  };
  return { logits: head.y.data, loss, backward };
}

/** `x = wte[token] + wpe[position]`; backward adds each row's gradient to the rows looked up. */
function embed(access: Access, { d_model }: ModelSpec, inputs: Int32Array, batch_size: number) {
  const time = inputs.length / batch_size;
  const wte = access.get('wte');
  const wpe = access.get('wpe');
  const x = zeros(inputs.length, d_model);
  inputs.forEach((token, i) => {
    for (let c = 0; c < d_model; c++) {
      x.data[i * d_model + c] = wte.data[token * d_model + c]! + wpe.data[(i % time) * d_model + c]!;
    }
  });
  const backward = (dx: Matrix) => {
    const dwte = zeros(wte.rows, d_model);
    const dwpe = zeros(wpe.rows, d_model);
    inputs.forEach((token, i) => {
      for (let c = 0; c < d_model; c++) {
        dwte.data[token * d_model + c]! += dx.data[i * d_model + c]!;
        dwpe.data[(i % time) * d_model + c]! += dx.data[i * d_model + c]!;
      }
    });
    access.add('wte', dwte);
    access.add('wpe', dwpe);
  };
  return { x, backward };
}

/** A linear layer by name, its gradients collected. */
function namedLinear(x: Matrix, name: string, access: Access, { bias, tally }: { bias: boolean; tally: Tally }) {
  const { y, backward } = linear(x, access.get(`${name}.w`), bias ? access.get(`${name}.b`) : null, tally);
  return {
    y,
    backward: (dy: Matrix): Matrix => {
      const { dx, dw, db } = backward(dy);
      access.add(`${name}.w`, dw);
      if (bias) access.add(`${name}.b`, db);
      return dx;
    },
  };
}

/** A LayerNorm by name, its gradients collected. */
function namedLayerNorm(x: Matrix, name: string, access: Access) {
  const { y, backward } = layerNorm(x, access.get(`${name}.g`), access.get(`${name}.b`));
  return {
    y,
    backward: (dy: Matrix): Matrix => {
      const { dx, dg, db } = backward(dy);
      access.add(`${name}.g`, dg);
      access.add(`${name}.b`, db);
      return dx;
    },
  };
}

/** `y = x + c_proj(attention(c_q(n), c_k(n), c_v(n)))` with `n = ln_1(x)` */
function attentionHalf(
  x: Matrix,
  block: string,
  access: Access,
  { model, batch_size, tally }: { model: ModelSpec; batch_size: number; tally: Tally },
) {
  const options = { bias: model.bias, tally };
  const norm = namedLayerNorm(x, `${block}.ln_1`, access);
  const q = namedLinear(norm.y, `${block}.attn.c_q`, access, options);
  const k = namedLinear(norm.y, `${block}.attn.c_k`, access, options);
  const v = namedLinear(norm.y, `${block}.attn.c_v`, access, options);
  const attention = causalAttention(q.y, k.y, v.y, { batch_size, n_head: model.n_head, tally });
  const projection = namedLinear(attention.y, `${block}.attn.c_proj`, access, options);
  const backward = (dy: Matrix): Matrix => {
    const { dq, dk, dv } = attention.backward(projection.backward(dy));
    const dNorm = add(add(q.backward(dq), k.backward(dk)), v.backward(dv));
    return add(dy, norm.backward(dNorm));
  };
  return { y: add(x, projection.y), backward };
}

/** `y = x + c_proj(gelu(c_fc(ln_2(x))))` */
function mlpHalf(x: Matrix, block: string, access: Access, { model, tally }: { model: ModelSpec; tally: Tally }) {
  const options = { bias: model.bias, tally };
  const norm = namedLayerNorm(x, `${block}.ln_2`, access);
  const hidden = namedLinear(norm.y, `${block}.mlp.c_fc`, access, options);
  const activated = gelu(hidden.y);
  const projection = namedLinear(activated.y, `${block}.mlp.c_proj`, access, options);
  const backward = (dy: Matrix): Matrix =>
    add(dy, norm.backward(hidden.backward(activated.backward(projection.backward(dy)))));
  return { y: add(x, projection.y), backward };
}

/** Name -> shape of every parameter of `model`: the reference's own list, made without `src/model/size.ts`. */
export function referenceParamShapes(model: ModelSpec): Record<string, number[]> {
  const { n_layer, d_model, d_ff, n_ctx, vocab_size, bias, tie_embeddings } = model;
  const shapes: Record<string, number[]> = { wte: [vocab_size, d_model], wpe: [n_ctx, d_model] };
  for (let layer = 0; layer < n_layer; layer++) {
    const block = `h.${layer}`;
    for (const norm of ['ln_1', 'ln_2']) {
      shapes[`${block}.${norm}.g`] = [d_model];
      shapes[`${block}.${norm}.b`] = [d_model];
    }
    const widths: [string, number, number][] = [
      ['attn.c_q', d_model, d_model],
      ['attn.c_k', d_model, d_model],
      ['attn.c_v', d_model, d_model],
      ['attn.c_proj', d_model, d_model],
      ['mlp.c_fc', d_model, d_ff],
      ['mlp.c_proj', d_ff, d_model],
    ];
    for (const [name, from, to] of widths) {
      shapes[`${block}.${name}.w`] = [from, to];
      if (bias) shapes[`${block}.${name}.b`] = [to];
    }
  }
  shapes['ln_f.g'] = [d_model];
  shapes['ln_f.b'] = [d_model];
  if (!tie_embeddings) shapes['lm_head.w'] = [d_model, vocab_size];
  return shapes;
}

/** Throws unless `params` are exactly those of `model`, in name, shape and length. */
function checkParams(params: ReferenceParams, model: ModelSpec): void {
  const expected = referenceParamShapes(model);
  for (const name of new Set([...Object.keys(expected), ...Object.keys(params)])) {
    const want = expected[name];
    const have = params[name];
    if (!want || !have) throw new Error(`parameter ${name} is ${have ? 'not one of this model' : 'missing'}`);
    const size = want.reduce((a, b) => a * b, 1);
    if (have.shape.join() !== want.join() || have.data.length !== size) {
      throw new Error(`parameter ${name} is [${have.shape}] with ${have.data.length} values, must be [${want}]`);
    }
  }
}

/** Throws unless the batch is whole sequences of tokens of the vocabulary, no longer than the context. */
function checkTokens(inputs: Int32Array, targets: Int32Array, model: ModelSpec, batch_size: number): void {
  const time = inputs.length / batch_size;
  if (inputs.length !== targets.length || !Number.isInteger(time) || time < 1 || time > model.n_ctx) {
    throw new Error(
      `${inputs.length} inputs and ${targets.length} targets are not ${batch_size} sequences of 1 to ${model.n_ctx}`,
    );
  }
  for (const token of [...inputs, ...targets]) {
    if (token < 0 || token >= model.vocab_size) throw new Error(`token ${token} is outside 0..${model.vocab_size - 1}`);
  }
}
