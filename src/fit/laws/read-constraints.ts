/** @file Constraints as a user writes them, checked against a law and turned into one source a constant.
 * Every message names the constant, the value and the rule.
 */
import { LabError } from '../../lib/errors.ts';
import { type Bounded, bounded, checkEnds, type Ends } from './bound.ts';
import { exponentPlace } from './carrier.ts';
import type { Constraints, Law } from './law.ts';

/** How one constant is had: `held`, or from the coordinate `slot`, as its law carries it or between bounds.
 * `leader` is the constant to which it is tied; its own place where it is tied to none. */
export type Source =
  | { kind: 'held'; value: number; leader: number }
  | { kind: 'free'; slot: number; leader: number }
  | { kind: 'bounded'; slot: number; leader: number; range: Bounded };

/** One source a constant, free coordinates numbered in the order of the constants; null where nothing is constrained.
 * @throws LabError('usage') as `constrain` says. */
export function readConstraints(
  law: Law<string>,
  { fix = {}, tie = [], bounds = {} }: Constraints,
): readonly Source[] | null {
  const place = (option: string, name: string): number => {
    const k = law.params.indexOf(name);
    if (k < 0)
      throw new LabError(
        'usage',
        `invalid ${option}: ${law.name} has no constant ${name}; it has ${law.params.join(', ')}`,
      );
    return k;
  };
  const leaders = law.params.map((_, k) => k);
  for (const group of tie) {
    const places = group.map((name) => place('tie', name));
    if (new Set(places).size < 2)
      throw new LabError('usage', `invalid tie: ${group.join(', ')} is not two or more constants of ${law.name}`);
    const amplitude = places.find(
      (k) => exponentPlace(law.carriers[k]!) !== undefined || law.optional_terms.includes(k),
    );
    if (amplitude !== undefined)
      throw new LabError(
        'usage',
        `invalid tie: ${law.params[amplitude]} of ${law.name} is an amplitude; only exponents and shapes can be tied`,
      );
    const joined = new Set(places.map((k) => leaders[k]!));
    const leader = Math.min(...joined);
    leaders.forEach((own, k) => {
      if (joined.has(own)) leaders[k] = leader;
    });
  }
  const held = new Map<number, number>();
  for (const [name, value] of Object.entries(fix)) {
    const k = place('fix', name);
    checkValue(law, k, value);
    const before = held.get(leaders[k]!);
    if (before !== undefined && before !== value)
      throw new LabError('usage', `invalid fix: ${name} = ${value} is tied to a constant fixed at ${before}`);
    held.set(leaders[k]!, value);
  }
  const ranges = new Map<number, Ends>();
  for (const [name, ends] of Object.entries(bounds)) {
    const k = place('bounds', name);
    const leader = leaders[k]!;
    if (held.has(leader))
      throw new LabError('usage', `invalid bounds: ${name} is fixed at ${held.get(leader)} already`);
    const own = checkEnds(name, ends, isPositive(law, k));
    const other = ranges.get(leader) ?? [-Infinity, Infinity];
    const both = [Math.max(own[0], other[0]), Math.min(own[1], other[1])] as const;
    ranges.set(leader, checkEnds(`${name} and what is tied to it`, both, false));
  }
  if (held.size === 0 && ranges.size === 0 && leaders.every((leader, k) => leader === k)) return null;
  return sourcesOf(law, leaders, held, ranges);
}

function sourcesOf(
  law: Law<string>,
  leaders: readonly number[],
  held: ReadonlyMap<number, number>,
  ranges: ReadonlyMap<number, Ends>,
): Source[] {
  const slots = new Map<number, number>();
  leaders.forEach((leader) => {
    if (!held.has(leader) && !slots.has(leader)) slots.set(leader, slots.size);
  });
  if (slots.size === 0)
    throw new LabError('usage', `invalid fix: every constant of ${law.name} is fixed; nothing is left to fit`);
  return leaders.map((leader): Source => {
    const value = held.get(leader);
    if (value !== undefined) return { kind: 'held', value, leader };
    const slot = slots.get(leader)!;
    const ends = ranges.get(leader);
    return ends
      ? { kind: 'bounded', slot, leader, range: bounded(ends, isPositive(law, leader)) }
      : { kind: 'free', slot, leader };
  });
}

/** Whether only positive values of a constant mean anything: amplitudes, scales, and the exponents of terms. */
function isPositive(law: Law<string>, k: number): boolean {
  return law.carriers[k]!.kind !== 'plain';
}

function checkValue(law: Law<string>, k: number, value: number): void {
  const name = law.params[k]!;
  const is_exponent = law.carriers.some((carrier) => exponentPlace(carrier) === k);
  const may_be_zero = law.optional_terms.includes(k);
  const is_finite = Number.isFinite(value) || (value === Infinity && law.may_be_infinite?.includes(name) === true);
  const is_possible = isPositive(law, k) || is_exponent ? value > 0 || (value === 0 && may_be_zero) : true;
  if (is_finite && is_possible) return;
  const rule = is_finite ? `${name} is ${may_be_zero ? 'zero or positive' : 'positive'}` : `${name} is finite`;
  throw new LabError('usage', `invalid fix: ${name} = ${value}, but in ${law.name} ${rule}`);
}
