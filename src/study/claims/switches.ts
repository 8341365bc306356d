/** @file Sequences of protocols or countings that differ by one thing each: what turns one paper's exponent into the
 * other's. Each step has its exponent, and its difference from the step before with an interval of its own: where both
 * resampled the same sizes, by replicate, so that what the sizes share does not count.
 */
import type { Switches } from '../../config/config.ts';
import type { Interval } from '../../fit/fit.ts';
import { formatFixed, formatInterval, MISSING } from '../../lib/format.ts';
import { exponentsFigure, type ReportFigure, type Table } from '../../report/report.ts';
import { countingName } from '../record-points.ts';
import { captionedLines } from '../table-lines.ts';
import { exponentByCounting } from './counting-argument.ts';
import { errorOf, sumOf } from './sum.ts';
import type { RecordsOf, TermFitter } from './term.ts';
import { valleyCut } from './term-fits.ts';
import { interval90 } from './verdict.ts';

/** A number with its 90% interval. */
interface Estimate {
  value: number;
  interval: Interval;
}

export interface SwitchStep {
  label: string;
  group: string;
  counting: string;
  ours: Estimate | null;
  /** Why there is no number. */
  refused: string | null;
  /** Ours minus the step before's; null for the first, and where one of the two is missing. */
  difference: (Estimate & { is_paired: boolean }) | null;
  /** What this counting must give by the law of the same runs; null with all parameters counted, and without a law. */
  predicted: number | null;
  theirs: number | null;
}

export interface SwitchSequence {
  name: string;
  title: string;
  steps: SwitchStep[];
}

/** Follows every sequence, by the study's fitter of terms. */
export function followSwitches(
  sequences: readonly Switches[],
  fitOf: TermFitter,
  recordsOf: RecordsOf,
): SwitchSequence[] {
  return sequences.map(({ name, title, steps }) => {
    const fits = steps.map(({ ours }) => fitOf({ ...ours, quantity: 'a', times: 1 }, { is_shown_only: true })!);
    return {
      name,
      title,
      steps: steps.map(({ label, ours: term, theirs = null }, i) => {
        const [before, own] = [fits[i - 1], fits[i]!];
        const pair = before ? [own, before] : [];
        const signs = [{ times: 1 }, { times: -1 }];
        const { standard_error, is_paired } = before ? errorOf(signs, pair) : { standard_error: null, is_paired: null };
        const change = before
          ? estimateOf(
              sumOf(
                signs,
                pair.map(({ value }) => value),
              ),
              standard_error,
            )
          : null;
        return {
          label,
          group: term.group,
          counting: countingName(term),
          ours: estimateOf(own.value, own.standard_error),
          refused: own.refused,
          difference: change && { ...change, is_paired: is_paired === true },
          predicted: predictedOf(term, recordsOf),
          theirs,
        };
      }),
    };
  });
}

const ALL_PARAMETERS = { params: 'total', flops: '6nd' } as const;

/** Pearce and Song's argument on the runs of a step. */
function predictedOf(term: Switches['steps'][number]['ours'], recordsOf: RecordsOf): number | null {
  if (term.params === ALL_PARAMETERS.params && term.flops === ALL_PARAMETERS.flops) return null;
  const records = (recordsOf(term.study) ?? []).filter(({ group }) => group === term.group);
  const budgets = valleyCut(records, term).points.map(({ C }) => C);
  if (budgets.length === 0) return null;
  const { points } = valleyCut(records, { ...term, ...ALL_PARAMETERS });
  return exponentByCounting(points, records, term, [Math.min(...budgets), Math.max(...budgets)]);
}

function estimateOf(value: number | null, standard_error: number | null): Estimate | null {
  if (value === null || standard_error === null) return null;
  return { value, interval: interval90(value, standard_error) };
}

/** A step a row: the exponent, what the step changed, and a paper's number. */
export function switchTable({ title, steps }: SwitchSequence): Table {
  const shown = (estimate: Estimate | null) =>
    estimate === null ? MISSING : formatInterval(estimate.value, estimate.interval, 2);
  return {
    caption: title,
    columns: ['step', 'runs', 'counting', 'ours, 90%', 'change, 90%', 'predicted', 'theirs'].map((name, i) => ({
      title: name,
      align: i < 3 ? 'left' : 'right',
    })),
    rows: steps.map(({ label, group, counting, ours, refused, difference, predicted, theirs }, i) => ({
      cells: [
        ...[label, group, counting, ours === null ? (refused ?? MISSING) : shown(ours)],
        i === 0 ? '' : `${shown(difference)}${difference && !difference.is_paired ? ', unpaired' : ''}`,
        predicted === null ? '' : formatFixed(predicted, 2),
        theirs === null ? '' : formatFixed(theirs, 3),
      ],
      isMarked: ours === null,
    })),
  };
}

/** The tables on a terminal, a line an element; empty without sequences. */
export const switchLines = (sequences: readonly SwitchSequence[]): string[] =>
  sequences.flatMap((sequence) => captionedLines(switchTable(sequence)));

/** The steps of a sequence as one figure: our interval, and the paper's number as an open mark. */
export function switchFigure({ name, title, steps }: SwitchSequence): ReportFigure {
  const rows = steps.map(({ label, ours, refused, theirs }) => ({
    approach: label,
    counting: '',
    exponent: 'a' as const,
    value: ours?.value ?? null,
    interval: ours?.interval ?? null,
    ...(refused === null ? {} : { note: refused }),
    ...(theirs === null ? {} : { theirs }),
  }));
  const caption =
    'Exponent a of the best size, step by step, with 90% intervals over sizes; open marks: the numbers of the paper for the same steps at its scale.';
  return { id: name, title, caption, svg: exponentsFigure({ rows }) };
}
