/** @file Several laws on the same runs, by hold-out error and by information criterion.
 * The likelihood is the one whose maximum the fit finds: residuals of log loss with density proportional to
 * `exp(-rho_delta(r)/s2)`, normal for mse, Laplace for lad, Huber's between them, its dispersion s2 fitted too (Huber
 * 1964, Ann. Math. Stat. 35). AICc after Hurvich & Tsai 1989 (Biometrika 76), BIC after Schwarz 1978. Both take runs as
 * independent and reward a form only where the data lie; the hold-out score asks about where they do not, and comes
 * first.
 */
import { attempt } from '../lib/attempt.ts';
import { LabError } from '../lib/errors.ts';
import { fitLaw, type LawFit } from './approach3.ts';
import type { CurveFit } from './curve.ts';
import { type HoldoutOptions, type HoldoutReport, holdOut } from './holdout.ts';
import { normalCdf } from './math/normal.ts';
import type { FitPoint } from './point.ts';

export interface CompareOptions extends Omit<HoldoutOptions, 'law'> {
  /** Names of the laws; two or more. */
  laws: readonly string[];
}

/** One law among several. */
export interface ComparedLaw<Fit extends LawFit | CurveFit = LawFit> {
  law: string;
  formula: string;
  fit: Fit | null;
  holdout: HoldoutReport<Fit> | null;
  /** Why there is no fit, or no hold-out score. */
  refused: string | null;
  /** Free constants, and the dispersion. */
  num_constants: number | null;
  log_likelihood: number | null;
  aicc: number | null;
  bic: number | null;
  /** AICc less the least one, and Akaike's weight among the laws compared. */
  delta_aicc: number | null;
  akaike_weight: number | null;
}

export interface Comparison<Fit extends LawFit | CurveFit = LawFit> {
  held_out: string;
  /** By hold-out error where there is one, then by AICc; refused laws last. */
  laws: ComparedLaw<Fit>[];
}

/** Fits every law to all points and to those that are not held out.
 * @throws LabError('usage') for fewer than two laws, an unknown law or bad options; LabError('too_little_data') where
 * no law can be fitted.
 */
export function compareLaws(points: readonly FitPoint[], options: CompareOptions): Comparison {
  const { laws, holdout = 'largest', ...rest } = options;
  return compareBy(laws, holdout, {
    fit: (law) => fitLaw(points, { ...rest, law, bootstrap: 0 }),
    holdOut: (law) => holdOut(points, { ...rest, law, holdout }),
    num_free: ({ num_free }) => num_free,
  });
}

/** How one law of a comparison is fitted and scored. */
export interface Compared<Fit extends LawFit | CurveFit> {
  fit(law: string): Fit;
  holdOut(law: string): HoldoutReport<Fit>;
  num_free(fit: Fit): number;
}

/** The comparison of whatever `how` makes of the laws. @throws LabError as `compareLaws`. */
export function compareBy<Fit extends LawFit | CurveFit>(
  laws: readonly string[],
  holdout: string,
  how: Compared<Fit>,
): Comparison<Fit> {
  const names = [...new Set(laws)];
  if (names.length < 2) throw new LabError('usage', `invalid --compare: ${laws.join()} is not two laws or more`);
  const rows = names.map((law) => {
    const { value: fit, refused: why } = attempt(() => how.fit(law));
    const scored = fit ? attempt(() => how.holdOut(law)) : null;
    return { law, fit, holdout: scored?.value ?? null, refused: why ?? scored?.refused ?? null };
  });
  if (rows.every(({ fit }) => fit === null))
    throw new LabError('too_little_data', rows.map(({ law, refused }) => `${law}: ${refused}`).join('; '));
  const compared = rows.map((row): ComparedLaw<Fit> => {
    const formula = row.fit?.formula ?? '';
    const none = { num_constants: null, log_likelihood: null, aicc: null, bic: null };
    return {
      ...row,
      formula,
      ...(row.fit ? criteria({ ...row.fit, num_free: how.num_free(row.fit) }) : none),
      delta_aicc: null,
      akaike_weight: null,
    };
  });
  weigh(compared);
  const rank = (row: ComparedLaw<Fit>): [number, number] => [row.holdout?.rms ?? Infinity, row.aicc ?? Infinity];
  compared.sort((x, y) => {
    const [[xh, xa], [yh, ya]] = [rank(x), rank(y)];
    return xh === yh ? (xa === ya ? 0 : xa - ya) : xh - yh;
  });
  return { held_out: holdout, laws: compared };
}

/** Log likelihood at its maximum over constants and dispersion, and the criteria; AICc is null where n <= k + 1. */
export function criteria(fit: Pick<LawFit, 'objective' | 'loss' | 'num_points' | 'num_free'>): {
  num_constants: number;
  log_likelihood: number;
  aicc: number | null;
  bic: number;
} {
  const n = fit.num_points;
  const k = fit.num_free + 1;
  const log_likelihood = maximumLikelihood(fit.objective, n, fit.loss.delta ?? Infinity);
  return {
    num_constants: k,
    log_likelihood,
    aicc: n > k + 1 ? -2 * log_likelihood + (2 * k * n) / (n - k - 1) : null,
    bic: -2 * log_likelihood + k * Math.log(n),
  };
}

/** `max over s2 of -F/s2 - n log Z(s2)`, with Z the integral of `exp(-rho/s2)`; F the summed rho of n residuals. */
function maximumLikelihood(F: number, n: number, delta: number): number {
  const at = (log_s2: number): number => -F / Math.exp(log_s2) - n * logNorm(Math.exp(log_s2), delta);
  // Concave in log s2 for these densities; the search spans all residuals from rounding to far too large.
  let [low, high] = [-80, 20];
  for (let round = 0; round < 200; round++) {
    const [left, right] = [low + (high - low) / 3, high - (high - low) / 3];
    if (at(left) < at(right)) low = left;
    else high = right;
  }
  return at((low + high) / 2);
}

/** Log of the integral of `exp(-rho_delta(r)/s2)`: a normal core and two exponential tails. */
function logNorm(s2: number, delta: number): number {
  const s = Math.sqrt(s2);
  const root = Math.sqrt(2 * Math.PI);
  if (!Number.isFinite(delta)) return Math.log(s * root);
  const core = s * root * (2 * normalCdf(delta / s) - 1);
  const tails = ((2 * s2) / delta) * Math.exp((-delta * delta) / (2 * s2));
  return Math.log(core + tails);
}

function weigh(rows: Pick<ComparedLaw, 'aicc' | 'delta_aicc' | 'akaike_weight'>[]): void {
  const least = Math.min(...rows.map(({ aicc }) => aicc ?? Infinity));
  const total = rows.reduce((sum, { aicc }) => sum + (aicc === null ? 0 : Math.exp((least - aicc) / 2)), 0);
  for (const row of rows)
    if (row.aicc !== null) {
      row.delta_aicc = row.aicc - least;
      row.akaike_weight = Math.exp((least - row.aicc) / 2) / total;
    }
}
