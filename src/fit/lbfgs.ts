/** @file Limited-memory BFGS with a strong Wolfe line search.
 * Source: Nocedal & Wright, Numerical Optimization, 2nd ed., algorithms 7.4, 7.5 (two-loop recursion), 3.5, 3.6
 * (bracketing and zoom), with safeguarded cubic interpolation in the zoom. A trial point where the function is
 * not finite counts as infinitely high. It stops on the caller's test of the gradient or when no step along the
 * search direction lowers the function any more; it never claims convergence itself.
 */

/** Returns f(x) and writes its gradient. */
export type Differentiable = (x: Float64Array, gradient: Float64Array) => number;

export interface LbfgsOptions {
  /** Called at every accepted point; true ends the search. */
  done(x: Float64Array, value: number, gradient: Float64Array): boolean;
  max_iterations?: number;
  /** Pairs kept; more than the number of coordinates gains nothing here. */
  memory?: number;
}

export interface LbfgsResult {
  x: Float64Array;
  value: number;
  iterations: number;
  /** `done` said so; `stalled`: the line search found no lower point; `limit`: max_iterations. */
  reason: 'done' | 'stalled' | 'limit';
}

/** Wolfe constants: sufficient decrease and curvature, the usual ones for quasi-Newton directions. */
const C1 = 1e-4;
const C2 = 0.9;
const MAX_TRIALS = 25;

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
};

/** Minimises `f` from `start`. */
export function lbfgs(f: Differentiable, start: Float64Array, options: LbfgsOptions): LbfgsResult {
  const { done, max_iterations = 500, memory = 10 } = options;
  let x: Float64Array = Float64Array.from(start);
  let gradient: Float64Array = new Float64Array(x.length);
  let value = f(x, gradient);
  const pairs: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  for (let iteration = 0; iteration < max_iterations; iteration++) {
    if (!Number.isFinite(value)) return { x, value, iterations: iteration, reason: 'stalled' };
    if (done(x, value, gradient)) return { x, value, iterations: iteration, reason: 'done' };
    let direction = descent(gradient, pairs);
    let slope = dot(direction, gradient);
    if (!(slope < 0)) {
      pairs.length = 0;
      direction = gradient.map((g) => -g);
      slope = dot(direction, gradient);
    }
    // Without curvature pairs the gradient's length says nothing about the step: move a tenth of a unit.
    const first = pairs.length === 0 ? 0.1 / Math.sqrt(-slope) : 1;
    const next = lineSearch(f, x, value, direction, slope, first);
    if (!next) {
      if (pairs.length === 0) return { x, value, iterations: iteration, reason: 'stalled' };
      pairs.length = 0;
      continue;
    }
    const s = next.x.map((v, k) => v - x[k]!);
    const y = next.gradient.map((v, k) => v - gradient[k]!);
    const sy = dot(s, y);
    if (sy > 1e-14 * Math.sqrt(dot(s, s) * dot(y, y))) {
      pairs.push({ s, y, rho: 1 / sy });
      if (pairs.length > memory) pairs.shift();
    }
    ({ x, gradient, value } = next);
  }
  return { x, value, iterations: max_iterations, reason: 'limit' };
}

/** The two-loop recursion: minus the approximate inverse Hessian times the gradient. */
function descent(gradient: Float64Array, pairs: { s: Float64Array; y: Float64Array; rho: number }[]): Float64Array {
  const q = gradient.map((g) => -g);
  const alphas = new Array<number>(pairs.length);
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { s, y, rho } = pairs[i]!;
    const alpha = rho * dot(s, q);
    alphas[i] = alpha;
    for (let k = 0; k < q.length; k++) q[k]! -= alpha * y[k]!;
  }
  const last = pairs.at(-1);
  if (last) {
    const gamma = 1 / (last.rho * dot(last.y, last.y));
    for (let k = 0; k < q.length; k++) q[k]! *= gamma;
  }
  for (let i = 0; i < pairs.length; i++) {
    const { s, y, rho } = pairs[i]!;
    const beta = rho * dot(y, q);
    for (let k = 0; k < q.length; k++) q[k]! += s[k]! * (alphas[i]! - beta);
  }
  return q;
}

interface Trial {
  t: number;
  x: Float64Array;
  gradient: Float64Array;
  value: number;
  /** Derivative along the direction. */
  slope: number;
}

/** A point that meets the strong Wolfe conditions, else the lowest point met below the start, else null. */
function lineSearch(
  f: Differentiable,
  x: Float64Array,
  value: number,
  direction: Float64Array,
  slope: number,
  first: number,
): Trial | null {
  let best: Trial | null = null;
  let trials = 0;
  const at = (t: number): Trial => {
    trials++;
    const point = x.map((v, k) => v + t * direction[k]!);
    const gradient = new Float64Array(x.length);
    const raw = f(point, gradient);
    const usable = Number.isFinite(raw) && gradient.every(Number.isFinite);
    const trial = {
      t,
      x: point,
      gradient,
      value: usable ? raw : Infinity,
      slope: usable ? dot(gradient, direction) : 0,
    };
    if (trial.value < (best?.value ?? value)) best = trial;
    return trial;
  };
  const enough = (trial: Trial): boolean => trial.value <= value + C1 * trial.t * slope;
  const flat = (trial: Trial): boolean => Math.abs(trial.slope) <= -C2 * slope;

  let low: Trial = { t: 0, x, gradient: new Float64Array(0), value, slope };
  let high: Trial | null = null;
  for (let t = first; trials < MAX_TRIALS; t *= 4) {
    const trial = at(t);
    if (!enough(trial) || (low.t > 0 && trial.value >= low.value)) {
      high = trial;
      break;
    }
    if (flat(trial)) return trial;
    if (trial.slope >= 0) {
      high = low;
      low = trial;
      break;
    }
    low = trial;
  }
  while (high && trials < MAX_TRIALS) {
    const t = between(low, high);
    if (t === low.t || t === high.t) break;
    const trial = at(t);
    if (!enough(trial) || trial.value >= low.value) high = trial;
    else {
      if (flat(trial)) return trial;
      if (trial.slope * (high.t - low.t) >= 0) high = low;
      low = trial;
    }
  }
  return best;
}

/** The minimum of the cubic through both ends, kept a tenth away from them; the middle where it has none. */
function between(low: Trial, high: Trial): number {
  const width = high.t - low.t;
  const middle = low.t + width / 2;
  if (!Number.isFinite(high.value)) return low.t + width / 10;
  const d1 = low.slope + high.slope - (3 * (low.value - high.value)) / (low.t - high.t);
  const square = d1 * d1 - low.slope * high.slope;
  if (!(square >= 0)) return middle;
  const d2 = Math.sign(width) * Math.sqrt(square);
  const t = high.t - (width * (high.slope + d2 - d1)) / (high.slope - low.slope + 2 * d2);
  const share = (t - low.t) / width;
  return share > 0.1 && share < 0.9 ? t : middle;
}
