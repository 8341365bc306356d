/** @file Variable projection of a law with held, tied or bounded constants.
 * A held amplitude moves its column to the target; a held exponent loses its axis; tied exponents share one; a
 * bounded exponent stays between its ends. A bounded amplitude is solved as if it were free, since the solutions are
 * starting points, and put between its ends then.
 */
import { coordinateOf, exponentPlace } from './carrier.ts';
import type { Law, Separable } from './law.ts';
import type { Source } from './read-constraints.ts';

/** The separable part over the free constants; undefined where none is left or the law has none.
 * `contract` takes the law's own coordinates to the free ones. */
export function constrainSeparable(
  law: Law<string>,
  sources: readonly Source[],
  centre: Float64Array,
  contract: (theta: Float64Array) => Float64Array,
): Separable | undefined {
  const separable = (law.centredAt?.(centre) ?? law).separable;
  if (!separable) return undefined;
  const places = separable.axes.map((name) => law.params.indexOf(name));
  const leaders = places.map((k) => sources[k]!.leader);
  const kept = places.flatMap((k, axis) =>
    sources[k]!.kind !== 'held' && leaders.indexOf(leaders[axis]!) === axis ? [axis] : [],
  );
  const free: number[] = [];
  const held: number[] = [];
  for (let j = 0; j < separable.num_amplitudes; j++) (sources[j]!.kind === 'held' ? held : free).push(j);
  if (free.length + kept.length === 0) return undefined;

  /** A value of the exponent at place k that its bounds allow. */
  const allowed = (k: number, value: number): number => {
    const source = sources[k]!;
    return source.kind === 'bounded' ? source.range.at(source.range.coordinate(value)).value : value;
  };
  const whole = (exponents: ArrayLike<number>): number[] =>
    places.map((k) => {
      const source = sources[k]!;
      if (source.kind === 'held') return source.value;
      const axis = kept.findIndex((at) => leaders[at] === source.leader);
      return allowed(k, exponents[axis]!);
    });
  const heldAmplitude = (j: number, exponents: readonly number[]): number => {
    const source = sources[j]!;
    if (source.kind !== 'held') return 0;
    const place = exponentPlace(law.carriers[j]!);
    const e = place === undefined ? 1 : exponents[places.indexOf(place)]!;
    return separable.amplitude(exponents, coordinateOf(law.carriers[j]!, source.value, e, centre));
  };
  const all = new Float64Array(separable.num_amplitudes);
  return {
    axes: kept.map((axis) => separable.axes[axis]!),
    grid: kept.map((axis) => [...new Set(separable.grid[axis]!.map((x) => allowed(places[axis]!, x)))]),
    num_amplitudes: free.length,
    ...(kept.some((axis) => separable.axes[axis] === separable.spread) ? { spread: separable.spread! } : {}),
    columns(exponents, u, logL, columns) {
      const exps = whole(exponents);
      let target = separable.columns(exps, u, logL, all);
      for (const j of held) target -= heldAmplitude(j, exps) * all[j]!;
      free.forEach((j, at) => {
        columns[at] = all[j]!;
      });
      return target;
    },
    theta(exponents, amplitudes) {
      const exps = whole(exponents);
      const values = Array.from({ length: separable.num_amplitudes }, (_, j) => heldAmplitude(j, exps));
      free.forEach((j, at) => {
        values[j] = amplitudes[at]!;
      });
      return contract(separable.theta(exps, values));
    },
    amplitude: (exponents, coordinate) => separable.amplitude(whole(exponents), coordinate),
  };
}
