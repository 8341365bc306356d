/** @file Limited-memory BFGS with a strong Wolfe line search.
 * Source: Nocedal & Wright, Numerical Optimization, 2nd ed., algorithms 7.4, 7.5 (two-loop recursion), 3.5, 3.6
 * (bracketing and zoom), with safeguarded cubic interpolation in the zoom. A trial point where the function is
 * not finite counts as infinitely high. It stops on the caller's test of the gradient or when no step along the
 * search direction lowers the function any more; it never claims convergence itself. Nothing is allocated on the way.
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

/** A point met: where, how far along the direction, how high, and how steep along it. */
interface Trial {
  t: number;
  x: Float64Array;
  gradient: Float64Array;
  value: number;
  slope: number;
}

const emptyTrial = (size: number): Trial => ({
  t: 0,
  x: new Float64Array(size),
  gradient: new Float64Array(size),
  value: Number.POSITIVE_INFINITY,
  slope: 0,
});

/** Minimises `f` from `start`. `done` sees arrays that are valid until it returns. */
export function lbfgs(f: Differentiable, start: Float64Array, options: LbfgsOptions): LbfgsResult {
  const { done, max_iterations = 500, memory = 10 } = options;
  const size = start.length;
  const pairs = new CurvaturePairs(size, memory);
  const search = new LineSearch(f, size);
  const direction = new Float64Array(size);
  let now = emptyTrial(size);
  let spare = emptyTrial(size);
  now.x.set(start);
  now.value = f(now.x, now.gradient);
  const ended = (iterations: number, reason: LbfgsResult['reason']): LbfgsResult => {
    return { x: Float64Array.from(now.x), value: now.value, iterations, reason };
  };
  for (let iteration = 0; iteration < max_iterations; iteration++) {
    if (!Number.isFinite(now.value)) return ended(iteration, 'stalled');
    if (done(now.x, now.value, now.gradient)) return ended(iteration, 'done');
    pairs.descent(now.gradient, direction);
    now.slope = dot(direction, now.gradient);
    if (!(now.slope < 0)) {
      pairs.clear();
      pairs.descent(now.gradient, direction);
      now.slope = dot(direction, now.gradient);
    }
    // Without curvature pairs the gradient's length says nothing about the step: move a tenth of a unit.
    const first = pairs.isEmpty() ? 0.1 / Math.sqrt(-now.slope) : 1;
    const next = search.run(now, direction, first, spare);
    if (!next) {
      if (pairs.isEmpty()) return ended(iteration, 'stalled');
      pairs.clear();
      continue;
    }
    pairs.add(now, next);
    [now, spare] = [next, now];
  }
  return ended(max_iterations, 'limit');
}

/** The last steps s and changes of the gradient y, and what they say of the inverse Hessian. */
class CurvaturePairs {
  private readonly s: Float64Array[];
  private readonly y: Float64Array[];
  private readonly rho: Float64Array;
  private readonly alpha: Float64Array;
  private count = 0;
  private oldest = 0;

  constructor(size: number, memory: number) {
    this.s = Array.from({ length: memory }, () => new Float64Array(size));
    this.y = Array.from({ length: memory }, () => new Float64Array(size));
    this.rho = new Float64Array(memory);
    this.alpha = new Float64Array(memory);
  }

  isEmpty(): boolean {
    return this.count === 0;
  }

  clear(): void {
    this.count = 0;
    this.oldest = 0;
  }

  /** Keeps the pair where it has positive curvature, in place of the oldest one. */
  add(from: Trial, to: Trial): void {
    const memory = this.rho.length;
    const at = (this.oldest + this.count) % memory;
    // The place of the oldest pair may be overwritten and then not used: only a full memory does so.
    const [s, y] = [this.s[at]!, this.y[at]!];
    let [sy, ss, yy] = [0, 0, 0];
    for (let k = 0; k < s.length; k++) {
      const step = to.x[k]! - from.x[k]!;
      const change = to.gradient[k]! - from.gradient[k]!;
      sy += step * change;
      ss += step * step;
      yy += change * change;
    }
    if (!(sy > 1e-14 * Math.sqrt(ss * yy))) return;
    for (let k = 0; k < s.length; k++) {
      s[k] = to.x[k]! - from.x[k]!;
      y[k] = to.gradient[k]! - from.gradient[k]!;
    }
    this.rho[at] = 1 / sy;
    if (this.count < memory) this.count++;
    else this.oldest = (this.oldest + 1) % memory;
  }

  /** The two-loop recursion: minus the approximate inverse Hessian times the gradient. */
  descent(gradient: Float64Array, q: Float64Array): void {
    const memory = this.rho.length;
    for (let k = 0; k < q.length; k++) q[k] = -gradient[k]!;
    for (let i = this.count - 1; i >= 0; i--) {
      const at = (this.oldest + i) % memory;
      const [s, y] = [this.s[at]!, this.y[at]!];
      const alpha = this.rho[at]! * dot(s, q);
      this.alpha[at] = alpha;
      for (let k = 0; k < q.length; k++) q[k]! -= alpha * y[k]!;
    }
    if (this.count > 0) {
      const last = (this.oldest + this.count - 1) % memory;
      const gamma = 1 / (this.rho[last]! * dot(this.y[last]!, this.y[last]!));
      for (let k = 0; k < q.length; k++) q[k]! *= gamma;
    }
    for (let i = 0; i < this.count; i++) {
      const at = (this.oldest + i) % memory;
      const [s, y] = [this.s[at]!, this.y[at]!];
      const beta = this.rho[at]! * dot(y, q);
      for (let k = 0; k < q.length; k++) q[k]! += s[k]! * (this.alpha[at]! - beta);
    }
  }
}

/** The line search, with the two trials whose places it needs at a time: the one at hand and the lowest one. */
class LineSearch {
  private readonly f: Differentiable;
  private trial: Trial;
  private best: Trial;

  constructor(f: Differentiable, size: number) {
    this.f = f;
    this.trial = emptyTrial(size);
    this.best = emptyTrial(size);
  }

  /** Evaluates at t, keeps the lowest point met; the trial's arrays are reused by the next one. */
  private at(from: Trial, direction: Float64Array, t: number): Trial {
    const { trial } = this;
    const { x, gradient } = trial;
    for (let k = 0; k < x.length; k++) x[k] = from.x[k]! + t * direction[k]!;
    const value = this.f(x, gradient);
    const slope = dot(gradient, direction);
    let usable = Number.isFinite(value) && Number.isFinite(slope);
    for (let k = 0; k < x.length && usable; k++) usable = Number.isFinite(gradient[k]!);
    trial.t = t;
    trial.value = usable ? value : Number.POSITIVE_INFINITY;
    trial.slope = usable ? slope : 0;
    if (trial.value < this.best.value) [this.trial, this.best] = [this.best, this.trial];
    return trial;
  }

  private given(found: Trial, spare: Trial): Trial {
    if (found === this.best) this.best = spare;
    else this.trial = spare;
    return found;
  }

  /** A point that meets the strong Wolfe conditions, else the lowest point met below the start, else null.
   * `from.slope` is the derivative along the direction. The caller keeps the point, and the search `spare` for it. */
  run(from: Trial, direction: Float64Array, first: number, spare: Trial): Trial | null {
    this.best.t = 0;
    this.best.value = from.value;
    let low = { t: 0, value: from.value, slope: from.slope };
    let high: typeof low | null = null;
    let trials = 0;
    for (let t = first; trials < MAX_TRIALS; t *= 4) {
      const trial = this.at(from, direction, t);
      trials++;
      if (!isEnough(from, trial) || (low.t > 0 && trial.value >= low.value)) {
        high = { t, value: trial.value, slope: trial.slope };
        break;
      }
      if (isFlat(from, trial)) return this.given(trial, spare);
      const here = { t, value: trial.value, slope: trial.slope };
      if (trial.slope >= 0) {
        [high, low] = [low, here];
        break;
      }
      low = here;
    }
    while (high && trials < MAX_TRIALS) {
      const t = between(low, high);
      if (t === low.t || t === high.t) break;
      const trial = this.at(from, direction, t);
      trials++;
      const here = { t, value: trial.value, slope: trial.slope };
      if (!isEnough(from, trial) || trial.value >= low.value) high = here;
      else {
        if (isFlat(from, trial)) return this.given(trial, spare);
        if (trial.slope * (high.t - low.t) >= 0) high = low;
        low = here;
      }
    }
    return this.best.t > 0 ? this.given(this.best, spare) : null;
  }
}

const isEnough = (from: Trial, trial: Trial): boolean => trial.value <= from.value + C1 * trial.t * from.slope;
const isFlat = (from: Trial, trial: Trial): boolean => Math.abs(trial.slope) <= -C2 * from.slope;

interface End {
  t: number;
  value: number;
  slope: number;
}

/** The minimum of the cubic through both ends, kept a tenth away from them; the middle where it has none. */
function between(low: End, high: End): number {
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
