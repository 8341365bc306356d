/** @file Rules of claims and forecasts that span fields: names that differ, groups that exist, and what each kind of claim
 * needs to be judged.
 */
import { type ClaimTerm, claimSchema, switchesSchema } from './claims.ts';
import { printValue } from './problems.ts';
import type { Path, Report } from './run-rules.ts';
import { asArray } from './valid.ts';

type Fitted = Omit<ClaimTerm, 'times' | 'quantity'>;

/** The numbers that a term's fit gives. */
function quantitiesOf({ approach, law }: Fitted): readonly ClaimTerm['quantity'][] {
  if (approach === 'line') return ['slope', 'bend'];
  if (approach === 'critical_batch') return ['B_star', 'alpha_B', 'growth'];
  if (approach !== 3) return ['a', 'b'];
  if (law === 'kaplan_nd') return ['alpha_N', 'alpha_D'];
  return law === 'kaplan_ns' ? ['alpha_N', 'alpha_S', 'stop_above'] : ['a', 'b', 'E', 'alpha', 'beta'];
}

const fitName = ({ approach, law }: Fitted): string =>
  approach === 3 ? law : typeof approach === 'number' ? `approach ${approach}` : approach;

/** Checks the claims that are valid by themselves against the names of the study's blocks. */
export function checkClaims(raw: unknown, groups: readonly string[], report: Report): void {
  const names = new Set<string>();
  asArray(raw).forEach((value, i) => {
    const { data: claim } = claimSchema.safeParse(value);
    if (!claim) return;
    const path: Path = ['claims', i];
    if (names.has(claim.name)) {
      report([...path, 'name'], 'the name of an earlier claim too; names must differ', { got: printValue(claim.name) });
    }
    names.add(claim.name);
    if ((claim.kind === 'number' || claim.kind === 'constant') && claim.value === undefined) {
      report(path, `a claim of kind ${claim.kind} needs value, the paper's number`);
    }
    if ((claim.kind === 'number' || claim.kind === 'form') && claim.margin === undefined) {
      report(path, `a claim of kind ${claim.kind} needs margin, the difference that no longer counts as equal`);
    }
    claim.ours.forEach((term, j) => {
      const at: Path = [...path, 'ours', j];
      checkTerm(term, at, groups, report);
      const given = quantitiesOf(term);
      if (!given.includes(term.quantity)) {
        const rule = `${fitName(term)} gives ${given.join(', ')}`;
        report([...at, 'quantity'], rule, { got: printValue(term.quantity) });
      }
      if (claim.kind === 'form' && term.quantity !== 'bend') {
        report([...at, 'quantity'], 'a claim of kind form is about a bend', { got: printValue(term.quantity) });
      }
    });
  });
}

/** Checks the terms of sequences of switches, and that their names differ. */
export function checkSwitches(raw: unknown, groups: readonly string[], report: Report): void {
  const names = new Set<string>();
  asArray(raw).forEach((value, i) => {
    const { data } = switchesSchema.safeParse(value);
    if (!data) return;
    if (names.has(data.name)) {
      report(['switches', i, 'name'], 'the name of an earlier sequence too; names must differ', {
        got: printValue(data.name),
      });
    }
    names.add(data.name);
    data.steps.forEach(({ ours }, j) => {
      const at: Path = ['switches', i, 'steps', j, 'ours'];
      checkTerm(ours, at, groups, report);
      if (!quantitiesOf(ours).includes('a')) report(at, `${fitName(ours)} gives no exponent a`);
    });
  });
}

/** What holds of every fit that a claim or a sequence names. */
function checkTerm(term: Fitted, at: Path, groups: readonly string[], report: Report): void {
  if (term.study === undefined && !groups.includes(term.group)) {
    report([...at, 'group'], `no block of that name; there are ${groups.join(', ')}`, { got: printValue(term.group) });
  }
  const { approach, rows, along, floor, critical_batch } = term;
  const is_ns = approach === 3 && term.law === 'kaplan_ns';
  if (rows === 'curves' && approach !== 2 && approach !== 'line' && !is_ns) {
    report([...at, 'rows'], 'curves are read by approach 2, line and kaplan_ns only', { got: printValue(approach) });
  }
  if (approach === 'line' && along === undefined) report(at, 'a line needs along, the variable: N, D or C');
  if (along !== undefined && approach !== 'line') {
    report([...at, 'along'], 'it belongs to approach line', { got: printValue(approach) });
  }
  if (floor !== undefined && approach !== 'line' && !is_ns) {
    report([...at, 'floor'], 'it belongs to approach line and to kaplan_ns', { got: printValue(approach) });
  }
  if (critical_batch !== undefined) {
    const is_cut = rows === 'curves' && (approach === 2 || (approach === 'line' && along === 'C'));
    if (!is_ns && !is_cut) {
      const rule = 'C_min and S_min are of approach 2 and of a line along C with rows curves, and of kaplan_ns';
      report([...at, 'critical_batch'], rule, {
        got: printValue(approach),
      });
    }
    if (term.study === undefined && !groups.includes(critical_batch)) {
      report([...at, 'critical_batch'], `no block of that name; there are ${groups.join(', ')}`, {
        got: critical_batch,
      });
    }
  }
}

/** Checks that the groups of forecasts exist, each once. */
export function checkForecasts(raw: unknown, groups: readonly string[], report: Report): void {
  const seen = new Set<string>();
  asArray(raw).forEach((value, i) => {
    const group = (value as { group?: unknown } | null)?.group;
    if (typeof group !== 'string') return;
    const path: Path = ['forecasts', i, 'group'];
    if (!groups.includes(group)) report(path, `no block of that name; there are ${groups.join(', ')}`, { got: group });
    if (seen.has(group)) report(path, 'forecast twice; give every block one forecast', { got: group });
    seen.add(group);
  });
}
