/** @file What the points alone say against a fit, before any law: how they were counted, repeated, grouped and spread.
 * Thresholds are the lab's own where no source is named, each with its reason. What only run records tell (rates, lost
 * cells, validation sets) is judged in `judge-runs.ts`.
 */
import { type Diagnostic, warn } from '../diagnostic.ts';
import { byLabel, extent, type FitPoint, numDistinct, sizeOf } from '../point.ts';

/** Decades of an input below which its exponent and the floor trade against each other. */
const MIN_DECADES = 1;
/** Below this many sizes or horizons an interval rests on a handful of numbers. */
const FEW = 5;
/** Relative departure of C/(N D) from its mean beyond which one factor k in C = k N D is too coarse for optima. */
const UNEVEN = 0.1;
/** C = 6 N D to this share was computed so: a count of matrix products does not meet it at two sizes by chance. */
const EXACTLY_SIX = 1e-6;
/** Correlation of two log inputs beyond which their terms cannot be told apart. */
const COLLINEAR = 0.97;
/** Epochs up to which repeated tokens are worth nearly as much as fresh ones (Muennighoff et al. 2023, arXiv
 * 2305.16264). */
const NEARLY_FRESH = 4;

/** What is found in points that one fit takes together, whatever the fit: groups, countings, repetition.
 * `inputs` are the columns that the fit reads: a law that reads U models repetition. */
export function judgeTogether(points: readonly FitPoint[], inputs: readonly string[]): Diagnostic[] {
  return [...ofGroups(points), ...ofCountings(points), ...ofRepeats(points, inputs)];
}

function ofGroups(points: readonly FitPoint[]): Diagnostic[] {
  const groups = [...new Set(points.map((p) => p.group ?? ''))];
  if (groups.length < 2) return [];
  return [
    warn('mixed_groups', `points of ${groups.length} groups are fitted as one law; fit each by itself`, { groups }),
  ];
}

/** Whether C and N of all points can come from one counting: C/(N D) is 6 for all, or a smooth function of the size. */
function ofCountings(points: readonly FitPoint[]): Diagnostic[] {
  const ratios = points.map((p) => p.C / (p.N * p.D));
  const sizes = sizeOf(points.map((p) => p.N));
  const spread = byLabel(ratios, sizes).reduce((most, own) => {
    const [low, high] = extent(own);
    return Math.max(most, high / low - 1);
  }, 0);
  const sizesWhere = (holds: (ratio: number) => boolean): number =>
    new Set(sizes.filter((_, i) => holds(ratios[i]!))).size;
  const six = sizesWhere((ratio) => Math.abs(ratio / 6 - 1) <= EXACTLY_SIX);
  const other = sizesWhere((ratio) => Math.abs(ratio / 6 - 1) > UNEVEN);
  const is_split = six >= 2 && other >= 2;
  if (!is_split && spread <= UNEVEN) return [];
  const how = is_split
    ? `C is 6 N D at ${six} sizes and more than ${100 * UNEVEN}% off it at ${other}`
    : `C/(N D) differs by ${(100 * spread).toFixed(0)}% among runs of one size`;
  return [
    warn('mixed_countings', `${how}: N or C is not counted alike in all rows; bring them to one counting first`, {
      sizes_at_six: six,
      sizes_elsewhere: other,
      spread_within_size: spread,
      limit: UNEVEN,
    }),
  ];
}

function ofRepeats(points: readonly FitPoint[], inputs: readonly string[]): Diagnostic[] {
  if (inputs.includes('U')) return [];
  const epochs = points.map((p) => (p.U === undefined ? 1 : p.D / p.U));
  const count = epochs.filter((e) => e > NEARLY_FRESH).length;
  if (count === 0) return [];
  const [, most] = extent(epochs);
  return [
    warn(
      'repeated_tokens',
      `${count} of ${points.length} runs saw their tokens more than ${NEARLY_FRESH} times (up to ${most.toPrecision(2)}): ` +
        'repeated tokens are worth less than this fit takes them for; leave these runs out or fit data_constrained',
      { count, most, limit: NEARLY_FRESH },
    ),
  ];
}

/** Whether C/(N D) differs too much among the points for one factor in the optima; `mixed_countings` says why, where
 * it is that. */
export function judgeEvenness({ mean, spread }: { mean: number; spread: number }): Diagnostic[] {
  if (spread <= UNEVEN) return [];
  const message = `C/(N D) differs by up to ${(100 * spread).toFixed(0)}% among the points: optima take its mean`;
  return [warn('uneven_flops', message, { mean, spread })];
}

/** Whether two inputs of the law vary together. */
export function judgeDesign(points: readonly FitPoint[], inputs: readonly (keyof FitPoint & string)[]): Diagnostic[] {
  const [x, y] = inputs;
  if (x === undefined || y === undefined) return [];
  const logs = (input: keyof FitPoint): number[] => points.map((p) => Math.log(p[input] as number));
  const r = correlation(logs(x), logs(y));
  if (!(Math.abs(r) > COLLINEAR)) return [];
  const message = `log ${x} and log ${y} correlate at ${r.toFixed(3)}: their two terms cannot be told apart`;
  return [warn('collinear_design', message, { correlation: r })];
}

/** Whether an input takes enough values over a wide enough range for its exponent. */
export function judgeInput(input: string, values: readonly number[]): Diagnostic[] {
  const found: Diagnostic[] = [];
  const distinct = numDistinct(values);
  if (distinct < FEW)
    found.push(
      warn(
        input === 'D' || input === 'S' || input === 'U'
          ? 'too_few_horizons'
          : input === 'C'
            ? 'too_few_budgets'
            : 'too_few_sizes',
        `only ${distinct} distinct ${input}; ${FEW} or more are advised for an exponent`,
        { input, distinct, advised: FEW },
      ),
    );
  const [low, high] = extent(values);
  const decades = Math.log10(high / low);
  if (decades < MIN_DECADES)
    found.push(
      warn(
        'range_too_small',
        `${input} spans ${decades.toFixed(2)} decades; its exponent needs ${MIN_DECADES} or more`,
        { input, decades, advised: MIN_DECADES },
      ),
    );
  return found;
}

function correlation(x: readonly number[], y: readonly number[]): number {
  const mean = (v: readonly number[]): number => v.reduce((sum, a) => sum + a, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xx, yy, xy] = [0, 0, 0];
  x.forEach((a, i) => {
    xx += (a - mx) ** 2;
    yy += (y[i]! - my) ** 2;
    xy += (a - mx) * (y[i]! - my);
  });
  return xy / Math.sqrt(xx * yy);
}
