/** @file Claims in print: ours beside theirs with the verdict, and how many false verdicts to expect among so many. */
import { alignRows } from '../../lib/align.ts';
import { formatFixed, MISSING } from '../../lib/format.ts';
import type { Table } from '../../report/report.ts';
import { tableLines } from '../table-lines.ts';
import type { ClaimResult } from './claims.ts';
import type { Freezing } from './freeze.ts';
import type { ClaimPower } from './power.ts';
import { interval90, type Outcome } from './verdict.ts';

/** Share of claims at the very edge of their margin that the rules call reproduced. */
const ERROR_SHARE = 0.05;

/** Outcomes that a rule was applied for; the others are numbers without a verdict. */
const JUDGED = new Set<Outcome>(['reproduced', 'not reproduced', 'inconclusive']);

/** Ours beside theirs with the verdict. */
export function claimTable(claims: readonly ClaimResult[]): Table {
  return {
    caption: "Claims: the paper's number, ours with a 90% interval (of a straight line its bend), and the verdict",
    columns: ['claim', 'theirs', 'ours, 90%', 'verdict'].map((title) => ({ title, align: 'left' })),
    rows: claims.map(({ name, kind, value, estimate, standard_error, verdict }) => ({
      cells: [
        name,
        kind === 'form' ? 'straight' : value === null ? '> 0' : formatFixed(value, 3),
        estimate === null ? MISSING : withInterval(estimate, standard_error),
        verdict.reason === '' ? verdict.outcome : `${verdict.outcome}: ${verdict.reason}`,
      ],
    })),
  };
}

/** The table that ends a study, a line an element; empty without claims. */
export function claimLines(claims: readonly ClaimResult[], freezing: Freezing | null): string[] {
  if (claims.length === 0) return [];
  return ['claims:', ...tableLines(claimTable(claims)), ...claimNotes(claims, freezing).map((note) => `  ${note}`)];
}

/** How many verdicts there are, how many false ones to expect, and when the claims were frozen. */
export function claimNotes(claims: readonly ClaimResult[], freezing: Freezing | null): string[] {
  const judged = claims.filter(({ verdict: { outcome } }) => JUDGED.has(outcome)).length;
  const expected = formatFixed(judged * ERROR_SHARE, 2);
  return [
    `${judged} ${judged === 1 ? 'claim' : 'claims'} judged; ${expected} false verdicts to expect at most`,
    freezingLine(freezing),
  ];
}

function freezingLine(freezing: Freezing | null): string {
  if (!freezing) return 'not frozen: these claims were written after the runs, so the verdicts are exploratory';
  const { sha256, frozen_at, num_finished, changed } = freezing;
  const when = `frozen ${frozen_at} (${sha256.slice(0, 12)})`;
  const late = num_finished > 0 ? [`when ${num_finished} runs had finished`] : ['before the first run'];
  const since = changed.length > 0 ? [`changed since: ${changed.join(', ')}`] : [];
  return [when, ...late, ...since].join(', ');
}

/** The table of a simulated study. */
export function powerLines(powers: readonly ClaimPower[]): string[] {
  const share = (x: number) => `${Math.round(100 * x)}%`;
  const rows = powers.map(({ name, outcomes, mean, sd, is_decisive }) => [
    name,
    mean === null ? MISSING : `${formatFixed(mean, 3)} ± ${formatFixed(sd, 3)}`,
    share(outcomes.reproduced),
    share(outcomes['not reproduced']),
    share(outcomes.inconclusive),
    share(outcomes['not comparable']),
    is_decisive ? '' : 'exploratory',
  ]);
  const head = ['claim', 'ours ± sd', 'reproduced', 'not', 'inconclusive', 'not comparable', ''];
  return alignRows([head, ...rows]);
}

function withInterval(estimate: number, standard_error: number | null): string {
  if (standard_error === null) return formatFixed(estimate, 3);
  const [low, high] = interval90(estimate, standard_error);
  return `${formatFixed(estimate, 3)} [${formatFixed(low, 3)}, ${formatFixed(high, 3)}]`;
}
