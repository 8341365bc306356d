/** @file The reference model's operations in float64: each forward with its backward beside it.
 * Written straight from the formulas with plain loops, independently of `src/model/ops`, so that a mistake
 * made there is not made here too. Every operation returns its output and a `backward` that takes the
 * gradient of the loss by that output (`dy`) and returns the gradients by its inputs.
 * Shapes: rows are positions (batch x time), columns are features. Every matrix product adds the FLOPs it
 * really spends to a tally, a multiply-add counting as 2; nothing else is counted.
 */

/** A row-major matrix; vectors have one row. */
export interface Matrix {
  rows: number;
  cols: number;
  data: Float64Array;
}

/** What the matrix products cost so far. */
export interface Tally {
  flops: number;
}

/** A matrix of zeros. */
export function zeros(rows: number, cols: number): Matrix {
  return { rows, cols, data: new Float64Array(rows * cols) };
}

/** `a + b`, element by element. */
export function add(a: Matrix, b: Matrix): Matrix {
  return { rows: a.rows, cols: a.cols, data: a.data.map((v, i) => v + b.data[i]!) };
}

/** `a^T` */
export function transpose(a: Matrix): Matrix {
  const y = zeros(a.cols, a.rows);
  for (let i = 0; i < a.rows; i++) for (let j = 0; j < a.cols; j++) y.data[j * a.rows + i] = a.data[i * a.cols + j]!;
  return y;
}

/** `y[i,j] = sum_k a[i,k] b[k,j]` */
function matmul(a: Matrix, b: Matrix, tally: Tally): Matrix {
  if (a.cols !== b.rows) throw new Error(`cannot multiply ${a.rows}x${a.cols} by ${b.rows}x${b.cols}`);
  const y = zeros(a.rows, b.cols);
  const { data: left, cols: inner } = a;
  const { data: right, cols } = b;
  const out = y.data;
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < inner; k++) {
      const aik = left[i * inner + k]!;
      for (let j = 0; j < cols; j++) out[i * cols + j]! += aik * right[k * cols + j]!;
      tally.flops += 2 * cols;
    }
  }
  return y;
}

/** `y = x W + b` with x [m, in], W [in, out], b [1, out] or none.
 * Backward: `dx = dy W^T`, `dW = x^T dy`, `db = sum of dy over rows`. */
export function linear(x: Matrix, w: Matrix, b: Matrix | null, tally: Tally) {
  const y = matmul(x, w, tally);
  if (b)
    y.data.forEach((v, i) => {
      y.data[i] = v + b.data[i % y.cols]!;
    });
  const backward = (dy: Matrix) => {
    const db = zeros(1, dy.cols);
    dy.data.forEach((v, i) => {
      db.data[i % dy.cols]! += v;
    });
    return { dx: matmul(dy, transpose(w), tally), dw: matmul(transpose(x), dy, tally), db };
  };
  return { y, backward };
}

/** `xhat = (x - mean) / sqrt(var + 1e-5)`, `y = g xhat + b`; mean and (biased) variance over a row.
 * Backward, with `d = dy g`: `dx = (d - mean(d) - xhat mean(d xhat)) / sqrt(var + 1e-5)`,
 * `dg = sum of dy xhat over rows`, `db = sum of dy over rows`. */
export function layerNorm(x: Matrix, g: Matrix, b: Matrix) {
  const { rows, cols } = x;
  const xhat = zeros(rows, cols);
  const y = zeros(rows, cols);
  const inverseStd = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    const row = x.data.subarray(i * cols, (i + 1) * cols);
    const mean = row.reduce((s, v) => s + v, 0) / cols;
    const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / cols;
    inverseStd[i] = 1 / Math.sqrt(variance + 1e-5);
    for (let j = 0; j < cols; j++) {
      xhat.data[i * cols + j] = (row[j]! - mean) * inverseStd[i]!;
      y.data[i * cols + j] = g.data[j]! * xhat.data[i * cols + j]! + b.data[j]!;
    }
  }
  const backward = (dy: Matrix) => {
    const dx = zeros(rows, cols);
    const dg = zeros(1, cols);
    const db = zeros(1, cols);
    for (let i = 0; i < rows; i++) {
      let meanD = 0;
      let meanDXhat = 0;
      for (let j = 0; j < cols; j++) {
        const at = i * cols + j;
        dg.data[j]! += dy.data[at]! * xhat.data[at]!;
        db.data[j]! += dy.data[at]!;
        const d = dy.data[at]! * g.data[j]!;
        meanD += d / cols;
        meanDXhat += (d * xhat.data[at]!) / cols;
      }
      for (let j = 0; j < cols; j++) {
        const at = i * cols + j;
        dx.data[at] = (dy.data[at]! * g.data[j]! - meanD - xhat.data[at]! * meanDXhat) * inverseStd[i]!;
      }
    }
    return { dx, dg, db };
  };
  return { y, backward };
}

/** `y = x (1 + tanh u) / 2` with `u = sqrt(2/pi) (x + 0.044715 x^3)`: GELU's tanh approximation.
 * Backward: `dx = dy [ (1 + tanh u) / 2 + x (1 - tanh^2 u) u' / 2 ]`, `u' = sqrt(2/pi) (1 + 0.134145 x^2)`. */
export function gelu(x: Matrix) {
  const c = Math.sqrt(2 / Math.PI);
  const tanhU = (v: number) => Math.tanh(c * (v + 0.044715 * v ** 3));
  const y = { ...x, data: x.data.map((v) => 0.5 * v * (1 + tanhU(v))) };
  const derivative = (v: number) =>
    0.5 * (1 + tanhU(v)) + 0.5 * v * (1 - tanhU(v) ** 2) * c * (1 + 3 * 0.044715 * v ** 2);
  const backward = (dy: Matrix): Matrix => ({ ...x, data: dy.data.map((d, i) => d * derivative(x.data[i]!)) });
  return { y, backward };
}

/** Causal multi-head attention of q, k, v [batch x time, d_model]; head h owns columns h d_head .. (h+1) d_head.
 * Query i attends to keys j <= i of its own sequence: `s_j = q_i . k_j / sqrt(d_head)`, `p = softmax(s)`,
 * `y_i = sum_j p_j v_j`. Backward: `dv_j += p_j dy_i`, `dp_j = dy_i . v_j`, `ds_j = p_j (dp_j - sum_l p_l dp_l)`,
 * `dq_i += ds_j k_j / sqrt(d_head)`, `dk_j += ds_j q_i / sqrt(d_head)`. Pairs with j > i are never touched. */
export function causalAttention(
  q: Matrix,
  k: Matrix,
  v: Matrix,
  { batch_size, n_head, tally }: { batch_size: number; n_head: number; tally: Tally },
) {
  const d_model = q.cols;
  const d_head = d_model / n_head;
  const time = q.rows / batch_size;
  const scale = 1 / Math.sqrt(d_head);
  const probabilities: Float64Array[] = [];

  /** `a . b` over one head's columns that begin at `at` and `bt`. */
  const dot = (a: Matrix, at: number, b: Matrix, bt: number) => {
    let sum = 0;
    for (let c = 0; c < d_head; c++) sum += a.data[at + c]! * b.data[bt + c]!;
    tally.flops += 2 * d_head;
    return sum;
  };
  /** `y += factor x` over one head's columns. */
  const addScaled = (y: Matrix, yt: number, factor: number, x: Matrix, xt: number) => {
    for (let c = 0; c < d_head; c++) y.data[yt + c]! += factor * x.data[xt + c]!;
    tally.flops += 2 * d_head;
  };
  /** Calls `visit` for every query with where it and its keys 0 .. i begin. */
  const forEachQuery = (visit: (query: number, keys: number[], index: number) => void) => {
    let index = 0;
    for (let sequence = 0; sequence < batch_size; sequence++) {
      for (let head = 0; head < n_head; head++) {
        const start = (t: number) => (sequence * time + t) * d_model + head * d_head;
        for (let i = 0; i < time; i++) {
          const keys = Array.from({ length: i + 1 }, (_, j) => start(j));
          visit(start(i), keys, index++);
        }
      }
    }
  };

  const y = zeros(q.rows, d_model);
  forEachQuery((query, keys, index) => {
    const p = softmax(Float64Array.from(keys, (key) => scale * dot(q, query, k, key)));
    probabilities[index] = p;
    keys.forEach((key, j) => {
      addScaled(y, query, p[j]!, v, key);
    });
  });

  const backward = (dy: Matrix) => {
    const dq = zeros(q.rows, d_model);
    const dk = zeros(q.rows, d_model);
    const dv = zeros(q.rows, d_model);
    forEachQuery((query, keys, index) => {
      const p = probabilities[index]!;
      const dp = keys.map((key) => dot(dy, query, v, key));
      const mean = dp.reduce((s, d, j) => s + p[j]! * d, 0);
      keys.forEach((key, j) => {
        const ds = p[j]! * (dp[j]! - mean) * scale;
        addScaled(dv, key, p[j]!, dy, query);
        addScaled(dq, query, ds, k, key);
        addScaled(dk, key, ds, q, query);
      });
    });
    return { dq, dk, dv };
  };
  return { y, backward };
}

/** Mean of `-ln softmax(logits)[target]` over rows, in nats. Backward: `(softmax - onehot) / rows`. */
export function crossEntropy(logits: Matrix, targets: Int32Array) {
  const { rows, cols } = logits;
  const probabilities = zeros(rows, cols);
  let loss = 0;
  for (let i = 0; i < rows; i++) {
    const row = logits.data.subarray(i * cols, (i + 1) * cols);
    probabilities.data.set(softmax(row), i * cols);
    loss += (logSumExp(row) - row[targets[i]!]!) / rows;
  }
  const backward = (): Matrix => {
    const d = probabilities.data.map((p) => p / rows);
    targets.forEach((target, i) => {
      d[i * cols + target]! -= 1 / rows;
    });
    return { rows, cols, data: d };
  };
  return { loss, backward };
}

/** `ln sum_i e^x_i`, shifted by the maximum so that nothing overflows. */
function logSumExp(x: Float64Array): number {
  const max = x.reduce((a, b) => Math.max(a, b), -Infinity);
  return max + Math.log(x.reduce((s, v) => s + Math.exp(v - max), 0));
}

function softmax(x: Float64Array): Float64Array {
  const total = logSumExp(x);
  return x.map((v) => Math.exp(v - total));
}
