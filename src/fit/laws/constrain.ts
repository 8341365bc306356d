/** @file A law with some of its constants held, tied or bounded, as a law over the free coordinates.
 * The result is fitted, resampled and judged like any other: its `coordinates` are the free ones, its `params` all
 * of them. A free exponent or amplitude keeps the coordinate that its law chose; a bounded constant gets the
 * unbounded coordinate of `bound.ts`; a held amplitude follows the exponents, since its term at the data's centre
 * does, which is why such a law is told the centre (`centredAt`).
 */
import { constrainSeparable } from './constrain-separable.ts';
import { type Expansion, expansion } from './expansion.ts';
import { BLOCK, type BlockLosses, type Constraints, type Law, type LawParams } from './law.ts';
import { readConstraints, type Source } from './read-constraints.ts';

/** `law` with the constraints; the law itself where there are none.
 * Held constants may be zero where the law can do without their term (`E`), and infinite where it says so (`q` of
 * power_mean). Tied are exponents and shapes only, not amplitudes.
 * @throws LabError('usage') for constants that the law does not have, impossible values, contradictions, and where
 * nothing is left to fit.
 */
export function constrain<Input extends string>(law: Law<Input>, constraints: Constraints): Law<Input> {
  const sources = readConstraints(law, constraints);
  return sources ? constrained(law, constraints, sources, new Float64Array(law.inputs.length)) : law;
}

function constrained<Input extends string>(
  law: Law<Input>,
  constraints: Constraints,
  sources: readonly Source[],
  centre: Float64Array,
): Law<Input> {
  const { separable: _separable, centredAt: _centredAt, ...base } = law.centredAt?.(centre) ?? law;
  const { owners, expand, contract } = expansion(law, sources, centre);
  const inner = new Float64Array(law.params.length);
  const separable = constrainSeparable(law, sources, centre, contract);
  const logLoss: Law<Input>['logLoss'] = (theta, u, gradient) => {
    const { full, own, own_slot, cross, cross_slot } = expand(theta);
    const value = base.logLoss(full, u, inner);
    gradient.fill(0);
    for (let k = 0; k < inner.length; k++) {
      if (own[k] !== 0) gradient[own_slot[k]!]! += inner[k]! * own[k]!;
      if (cross[k] !== 0) gradient[cross_slot[k]!]! += inner[k]! * cross[k]!;
    }
    return value;
  };
  const names = owners.map((k) => (sources[k]!.kind === 'bounded' ? `bounded_${law.params[k]}` : law.coordinates[k]!));
  return {
    ...base,
    constraints,
    held: law.params.filter((_, k) => sources[k]!.kind === 'held'),
    coordinates: names,
    optional_terms: law.optional_terms.flatMap((k) => {
      const slot = names.indexOf(law.coordinates[k]!);
      return slot < 0 ? [] : [slot];
    }),
    plausible: law.plausible.filter(({ param }) => sources[law.params.indexOf(param)]!.kind === 'free'),
    logLoss,
    ...(base.block && base.block.of === base.logLoss
      ? { block: constrainedBlock(base.block, logLoss, expand, owners.length) }
      : {}),
    toParams(theta, at) {
      if (!at.every((x, i) => x === centre[i]))
        return constrained(law, constraints, sources, Float64Array.from(at)).toParams(theta, at);
      const params: LawParams = law.toParams(expand(theta).full, centre);
      // Held, bounded and tied constants to the last digit, not through a logarithm.
      sources.forEach((source, k) => {
        if (source.kind === 'held') params[law.params[k]!] = source.value;
        else if (source.kind === 'bounded') {
          const phi = theta[source.slot]!;
          params[law.params[k]!] = source.range.reported?.(phi) ?? source.range.at(phi).value;
        } else if (source.leader !== k) params[law.params[k]!] = params[law.params[source.leader]!]!;
      });
      return params;
    },
    fromParams(params, at) {
      const theta = law.fromParams(params, at);
      return Float64Array.from(owners, (k) => {
        const source = sources[k]!;
        return source.kind === 'bounded' ? source.range.coordinate(params[law.params[k]!]!) : theta[k]!;
      });
    },
    *starts(at, logLoss) {
      const met = new Set<string>();
      for (const start of law.starts(at, logLoss)) {
        const theta = contract(start);
        const key = theta.join();
        if (met.has(key) || theta.some(Number.isNaN)) continue;
        met.add(key);
        yield theta;
      }
    },
    centredAt: (at) => constrained(law, constraints, sources, Float64Array.from(at)),
    ...(separable ? { separable } : {}),
  };
}

/** The law's blocks of points through the chain from the free coordinates. */
function constrainedBlock(
  { losses }: BlockLosses,
  of: BlockLosses['of'],
  expand: Expansion['expand'],
  num_free: number,
): BlockLosses {
  let inner = new Float64Array(0);
  return {
    of,
    losses(theta, columns, from, to, values, jacobian) {
      const { full, own, own_slot, cross, cross_slot } = expand(theta);
      if (inner.length === 0) inner = new Float64Array(BLOCK * full.length);
      losses(full, columns, from, to, values, inner);
      const add = (slot: number, factor: number, k: number): void => {
        for (let at = 0; at < to - from; at++) jacobian[slot * BLOCK + at]! += factor * inner[k * BLOCK + at]!;
      };
      jacobian.fill(0, 0, num_free * BLOCK);
      for (let k = 0; k < full.length; k++) {
        if (own[k] !== 0) add(own_slot[k]!, own[k]!, k);
        if (cross[k] !== 0) add(cross_slot[k]!, cross[k]!, k);
      }
    },
  };
}
