/** @file The chain from the free coordinates of a constrained law to all coordinates of the law itself.
 * Exponents and shapes come first: each depends on one free coordinate at most. An amplitude that is free keeps its
 * coordinate; one that is held or bounded has `theta = log p - e shift` or `theta = e (log p - shift)`, which moves with
 * its own free coordinate and with that of its exponent e.
 */
import { constantOf, coordinateOf, exponentPlace } from './carrier.ts';
import type { Law } from './law.ts';
import type { Source } from './read-constraints.ts';

/** All coordinates of the law, with the derivative of each by its own free coordinate and by its exponent's. */
interface Expanded {
  full: Float64Array;
  own: Float64Array;
  own_slot: Int32Array;
  cross: Float64Array;
  cross_slot: Int32Array;
}

export interface Expansion {
  /** The place of the constant that each free coordinate carries. */
  owners: readonly number[];
  /** Valid until the next call. */
  expand(theta: Float64Array): Expanded;
  /** The free coordinates of the law's own coordinates; of bounded constants those nearest within the bounds. */
  contract(theta: Float64Array): Float64Array;
}

/** The chain for points with that centre. */
export function expansion(law: Law<string>, sources: readonly Source[], centre: Float64Array): Expansion {
  const size = law.params.length;
  const slots = Int32Array.from(sources, (source) => (source.kind === 'held' ? -1 : source.slot));
  const places = law.carriers.map(exponentPlace);
  const order = [...slots.keys()].sort((j, k) => Number(places[j] !== undefined) - Number(places[k] !== undefined));
  const owners: number[] = [];
  sources.forEach((source, k) => {
    if (source.kind !== 'held' && source.leader === k) owners[source.slot] = k;
  });
  const out: Expanded = {
    full: new Float64Array(size),
    own: new Float64Array(size),
    own_slot: slots,
    cross: new Float64Array(size),
    cross_slot: Int32Array.from(places, (place) => (place === undefined ? -1 : slots[place]!)),
  };
  /** The constants, and their derivatives by their own free coordinate. */
  const constants = new Float64Array(size).fill(1);
  const slopes = new Float64Array(size);
  const last = new Float64Array(owners.length).fill(Number.NaN);

  const settle = (theta: Float64Array, k: number): void => {
    const { full, own, cross } = out;
    const carrier = law.carriers[k]!;
    const source = sources[k]!;
    const place = places[k];
    const e = place === undefined ? 1 : constants[place]!;
    cross[k] = 0;
    if (source.kind === 'free' && source.leader === k) {
      full[k] = theta[source.slot]!;
      own[k] = 1;
      constants[k] = constantOf(carrier, full[k]!, e, centre);
      slopes[k] = carrier.kind === 'plain' ? 1 : constants[k]!;
      return;
    }
    if (source.kind === 'held') [constants[k], slopes[k]] = [source.value, 0];
    else if (source.leader !== k) [constants[k], slopes[k]] = [constants[source.leader]!, slopes[source.leader]!];
    else if (source.kind === 'bounded') {
      const { value, slope } = source.range.at(theta[source.slot]!);
      [constants[k], slopes[k]] = [value, slope];
    }
    const [value, slope] = [constants[k]!, slopes[k]!];
    full[k] = coordinateOf(carrier, value, e, centre);
    own[k] = slope === 0 || carrier.kind === 'plain' ? slope : slope / value;
    if (carrier.kind === 'scale') own[k]! *= e;
    if (place === undefined || full[k] === -Infinity) return;
    // d theta/d e is minus the shift for a term, theta/e for a scale: by the carrier, since e may be zero.
    const shift = 'shift' in carrier ? carrier.shift!(centre) : 0;
    cross[k] = (carrier.kind === 'scale' ? Math.log(value) - shift : -shift) * slopes[place]!;
  };

  return {
    owners,
    expand(theta) {
      // The points of one evaluation share theta.
      if (!theta.every((x, slot) => x === last[slot])) {
        last.set(theta);
        for (const k of order) settle(theta, k);
      }
      return out;
    },
    contract(theta) {
      return Float64Array.from(owners, (k) => {
        const source = sources[k]!;
        if (source.kind !== 'bounded') return theta[k]!;
        const place = places[k];
        const e = place === undefined ? 1 : constantOf(law.carriers[place]!, theta[place]!, 1, centre);
        return source.range.coordinate(constantOf(law.carriers[k]!, theta[k]!, e, centre));
      });
    },
  };
}
