/** @file What run records say against a fit of their losses, before any law: runs that are missing, losses that were not
 * scored alike, parameters that never saw data, budgets counted in two ways. `judge-rates.ts` judges the learning rates.
 */
import { groupBy } from '../../lib/group-by.ts';
import { type Diagnostic, warn } from '../diagnostic.ts';
import { sizeOf } from '../point.ts';
import type { RunFacts } from '../run-facts.ts';
import { judgeRates } from './judge-rates.ts';

/** Probability below which lost cells that all lie at one edge are no chance. */
const BY_CHANCE = 0.05;
/** The outer share of the sizes or horizons that counts as an edge. */
const EDGE = 1 / 3;
/** Share of dead parameters at any size from which N misleads: 5% at the small end of one decade and none at the large
 * end tilt an exponent of N by .05/2.3 = .02, two fifths of the margin by which claims are judged. */
const DEAD = 0.05;
/** Log of validation over training loss that a shift is at least: the training loss is a mean over the last steps and
 * lies up to 2% above a validation loss of the same text (measured on runs of 200k to 800k tokens). */
const SHIFT = 0.03;
/** Runs from which their common sign means something: all of five alike happen by chance in one of 32. */
const ENOUGH_RUNS = 5;

/** Everything the records of one fit tell. `floor_error` is the standard error of the fitted E, where there is one. */
export function judgeRuns(runs: readonly RunFacts[], floor_error: number | null = null): Diagnostic[] {
  return [
    ...ofLostCells(runs),
    ...judgeRates(runs),
    ...ofDeadParameters(runs),
    ...ofBudgetCountings(runs),
    ...ofValidation(runs, floor_error),
  ];
}

const isFinished = ({ status, L }: RunFacts): boolean => status === 'finished' && L !== null;

/** `diverged_cells`: runs that diverged or failed, the cells (N by D) that no run of theirs finished, and whether
 * these lie at one edge of the grid by more than chance: then the fit sees only the survivors there. */
function ofLostCells(runs: readonly RunFacts[]): Diagnostic[] {
  const lost_runs = runs.filter(({ status }) => status === 'diverged' || status === 'failed');
  if (lost_runs.length === 0) return [];
  const labels = { N: sizeOf(runs.map(({ N }) => N)), D: sizeOf(runs.map(({ D }) => D)) };
  const cells = new Map<string, { N: number; D: number; is_lost: boolean }>();
  runs.forEach((run, i) => {
    if (run.status === 'unfinished') return;
    const [N, D] = [labels.N[i]!, labels.D[i]!];
    const is_lost = (cells.get(`${N}/${D}`)?.is_lost ?? true) && !isFinished(run);
    cells.set(`${N}/${D}`, { N, D, is_lost });
  });
  const all = [...cells.values()];
  const lost = all.filter(({ is_lost }) => is_lost);
  const edge = edgeOf(all, lost);
  const count = (status: RunFacts['status']): number => runs.filter((run) => run.status === status).length;
  const counts = (['diverged', 'failed'] as const).flatMap((s) => (count(s) > 0 ? [`${count(s)} ${s}`] : []));
  const message =
    `of ${runs.length} runs ${counts.join(', ')}: left out of every fit; ${lost.length} of ${all.length} cells (size by tokens) ` +
    `have no finished run${edge ? `, all at ${edge}: the fit sees only the survivors there` : ''}; train them again with a ` +
    'lower learning rate, or say what is missing';
  return [
    warn('diverged_cells', message, {
      runs: lost_runs.map(({ id }) => id),
      num_diverged: count('diverged'),
      num_failed: count('failed'),
      lost_cells: lost.length,
      num_cells: all.length,
      share: lost.length / Math.max(1, all.length),
      edge,
    }),
  ];
}

interface Cell {
  N: number;
  D: number;
}

/** The edge that holds all lost cells, where so few of all cells lie there that chance would not put them so. */
function edgeOf(all: readonly Cell[], lost: readonly Cell[]): string | null {
  if (lost.length < 2) return null;
  for (const [axis, names] of [
    ['N', ['the smallest sizes', 'the largest sizes']],
    ['D', ['the fewest tokens', 'the most tokens']],
  ] as const) {
    const labels = [...new Set(all.map((cell) => cell[axis]))].sort((x, y) => x - y);
    const outer = Math.max(1, Math.floor(EDGE * labels.length));
    for (const [end, name] of names.entries()) {
      const inside = new Set(end === 0 ? labels.slice(0, outer) : labels.slice(-outer));
      if (!lost.every((cell) => inside.has(cell[axis]))) continue;
      const there = all.filter((cell) => inside.has(cell[axis])).length;
      // All of k lost cells among the m of n at this edge: m (m-1) ... / n (n-1) ...
      const chance = lost.reduce((p, _, k) => (p * (there - k)) / (all.length - k), 1);
      if (chance < BY_CHANCE) return name;
    }
  }
  return null;
}

/** `dead_parameters`: N counts rows of tokens that never occur, by a share that falls with the size. */
function ofDeadParameters(runs: readonly RunFacts[]): Diagnostic[] {
  const shares = runs.map(({ N, dead_params }) => dead_params / N);
  const most = Math.max(0, ...shares);
  if (most <= DEAD) return [];
  const least = Math.min(...shares);
  const percent = (x: number): string => `${(100 * x).toFixed(0)}%`;
  return [
    warn(
      'dead_parameters',
      `${percent(least)} to ${percent(most)} of N are rows of tokens that never occur: they see no data, and inflate small ` +
        'models most, which tilts every exponent of N; count live parameters, or use a tokenizer without dead entries',
      { most, least, limit: DEAD },
    ),
  ];
}

/** `mixed_countings`: the plan solved D from budgets of one counting for some runs and of another for others. */
function ofBudgetCountings(runs: readonly RunFacts[]): Diagnostic[] {
  const countings = [...new Set(runs.flatMap(({ budget_counting }) => budget_counting ?? []))];
  if (countings.length < 2) return [];
  const message =
    `the isoFLOP budgets were counted in ${countings.length} ways (${countings.join(', ')}): runs of one budget have not ` +
    'one compute, and valleys as planned hold those of one counting only';
  return [warn('mixed_countings', message, { countings })];
}

/** `val_shift`: losses of one fit scored on different tokens; a validation set unlike the training data, by the gap
 * between the two losses of runs that saw no token twice; or a sample whose true loss is off the language's entropy by
 * more than the fit's error of E, which E then carries. */
function ofValidation(runs: readonly RunFacts[], floor_error: number | null): Diagnostic[] {
  const finished = runs.filter(isFinished);
  const found: Diagnostic[] = [];
  const sets = [...new Set(finished.map(({ validation }) => validation))];
  if (sets.length > 1)
    found.push(
      warn(
        'val_shift',
        `the runs were scored on ${sets.length} different validation sets (${sets.join('; ')}): their losses are not ` +
          'of one scale; fit each set by itself, or score all runs on one',
        { sets, runs: sets.map((set) => finished.filter(({ validation }) => validation === set).length) },
      ),
    );
  // Runs that end on the same batches share what those tokens are like: they count as one.
  const compared = finished.filter(({ train_loss, epochs }) => (train_loss ?? 0) > 0 && (epochs ?? 0) <= 1);
  const byBatches = groupBy(compared, ({ last_batches }) => last_batches);
  const gaps = [...byBatches.values()].map(
    (own) => own.reduce((sum, { L, train_loss }) => sum + Math.log(L! / train_loss!), 0) / own.length,
  );
  const sorted = [...gaps].sort((x, y) => x - y);
  const typical = sorted[Math.floor(sorted.length / 2)] ?? 0;
  // A quarter of the gaps may have the other sign: in sound runs half of them have.
  const same = gaps.filter((gap) => gap > 0).length;
  if (gaps.length >= ENOUGH_RUNS && typical > SHIFT && same >= 0.75 * gaps.length && isNoChance(same, gaps.length))
    found.push(
      warn(
        'val_shift',
        `validation losses lie ${(100 * Math.expm1(typical)).toFixed(0)}% above training losses in the median of ${gaps.length} ` +
          'runs that saw no token twice and ended on different ones: the validation text is of another kind; the floor and the exponents are those ' +
          'of the shifted text; hold out a random share instead',
        { median_log_ratio: typical, num_runs: gaps.length, above: same, limit: SHIFT },
      ),
    );
  const { entropy, true_loss } = finished.find((run) => run.entropy !== null && run.true_loss !== null) ?? {};
  if (typeof entropy === 'number' && typeof true_loss === 'number' && floor_error !== null) {
    const off = true_loss - entropy;
    if (Math.abs(off) > floor_error)
      found.push(
        warn(
          'val_shift',
          `the tokens scored have a true loss of ${true_loss.toFixed(4)}, the language an entropy of ${entropy.toFixed(4)}: more ` +
            `apart than the error of E (${floor_error.toPrecision(2)}); hold E against the true loss, or score more tokens`,
          { entropy, true_loss, off, floor_error },
        ),
      );
  }
  return found;
}

/** Whether `k` or more heads of `n` are rarer than 5%: the sign test. */
function isNoChance(k: number, n: number): boolean {
  let term = 0.5 ** n;
  let tail = 0;
  for (let i = 0; i <= n; i++) {
    if (i >= k) tail += term;
    term *= (n - i) / (i + 1);
  }
  return tail < BY_CHANCE;
}
