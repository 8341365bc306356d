/** @file Rules of claims and forecasts that span fields: names that differ, groups that exist, and what each kind of claim
 * needs to be judged.
 */
import { type ClaimTerm, claimSchema, switchesSchema } from './claims.ts';
import { printValue } from './problems.ts';
import type { Path, Report } from './run-rules.ts';
import { asArray } from './valid.ts';

type Fitted = Pick<ClaimTerm, 'study' | 'group' | 'rows' | 'approach'>;

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
    if (claim.kind !== 'direction' && claim.value === undefined) {
      report(path, `a claim of kind ${claim.kind} needs value, the paper's number`);
    }
    if (claim.kind === 'number' && claim.margin === undefined) {
      report(path, 'a claim of kind number needs margin, the difference that no longer counts as equal');
    }
    claim.ours.forEach((term, j) => {
      const at: Path = [...path, 'ours', j];
      checkTerm(term, at, groups, report);
      if (term.approach !== 3 && !['a', 'b'].includes(term.quantity)) {
        report([...at, 'quantity'], 'a constant of the law: it needs approach 3', { got: printValue(term.quantity) });
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
      checkTerm(ours, ['switches', i, 'steps', j, 'ours'], groups, report);
    });
  });
}

/** What holds of every fit that a claim or a sequence names. */
function checkTerm(term: Fitted, at: Path, groups: readonly string[], report: Report): void {
  if (term.study === undefined && !groups.includes(term.group)) {
    report([...at, 'group'], `no block of that name; there are ${groups.join(', ')}`, { got: printValue(term.group) });
  }
  if (term.rows === 'curves' && term.approach !== 2) {
    report([...at, 'rows'], 'budgets are cut from curves by approach 2 only', { got: printValue(term.approach) });
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
