/** @file A power law with one break, `L = a + b x^-c0 (1 + (x/d1)^(1/f1))^(-c1 f1)`.
 * Source: Caballero et al. 2023, arXiv 2210.14891, equation 1 with one break: slope c0 before d1, c0 + c1 after it,
 * over a width f1 in ln x; c1 has either sign. Three more constants bend any curve: `breakTest` asks whether the
 * points justify them. The coordinates are logs at the data's centre, c0 and c1 as they are.
 */
import { carried } from './carrier.ts';
import type { Law, Separable } from './law.ts';

const BEFORE = [0.04, 0.1, 0.2, 0.4, 0.8, 1.6];
const CHANGES = [-0.3, -0.12, -0.04, 0.05, 0.15, 0.4, 1];
/** Breaks, in units of ln x from the centre of the data: those outside the data do no harm. */
const BREAKS = [-3.6, -2.7, -1.8, -0.9, 0, 0.9, 1.8, 2.7, 3.6];
/** Width of the break in the starting points. */
const TYPICAL_WIDTH = 0.3;

/** For given slopes, break and width the law is linear in the floor and the amplitude. */
function separable(centre: number): Separable {
  const bend = (u: number, d1: number, f1: number): number => {
    const past = u - (Math.log(d1) - centre);
    return Math.max(past, 0) + f1 * Math.log1p(Math.exp(-Math.abs(past) / f1));
  };
  return {
    axes: ['c0', 'c1', 'd1', 'f1'],
    grid: [BEFORE, CHANGES, BREAKS.map((at) => Math.exp(at + centre)), [TYPICAL_WIDTH]],
    num_amplitudes: 2,
    spread: 'd1',
    columns(values, u, logL, columns) {
      columns[0] = Math.exp(-logL);
      columns[1] = Math.exp(-values[0]! * u[0]! - values[1]! * bend(u[0]!, values[2]!, values[3]!) - logL);
      return 1;
    },
    theta(values, amplitudes) {
      const [floor, amplitude] = [Math.log(amplitudes[0]!), Math.log(amplitudes[1]!)];
      return Float64Array.of(
        floor,
        amplitude,
        values[0]!,
        values[1]!,
        Math.log(values[2]!) - centre,
        Math.log(values[3]!),
      );
    },
    amplitude: (_values, coordinate) => Math.exp(coordinate),
  };
}

export const brokenPowerLaw: Law<'x'> = {
  name: 'broken_power_law',
  title: 'power law in one variable with one break and a floor',
  formula: 'L = a + b x^-c0 (1 + (x/d1)^(1/f1))^(-c1 f1)',
  reference: 'Caballero et al. 2023, arXiv 2210.14891',
  inputs: ['x'],
  ...carried(
    ['a', 'b', 'c0', 'c1', 'd1', 'f1'],
    [
      { kind: 'log' },
      { kind: 'term', exponent: 2, shift: (centre) => centre[0]! },
      { kind: 'plain' },
      { kind: 'plain' },
      { kind: 'log', shift: (centre) => centre[0]! },
      { kind: 'log' },
    ],
  ),
  coordinates: ['log_a', 'log_b_centred', 'c0', 'c1', 'log_d1_centred', 'log_f1'],
  optional_terms: [0],
  plausible: [
    { param: 'c0', low: 0.001, high: 5 },
    { param: 'c1', low: -5, high: 5 },
    { param: 'f1', low: 1e-3, high: 10 },
  ],
  logLoss(theta, u, gradient) {
    const [floor, c0, c1, f] = [theta[0]!, theta[2]!, theta[3]!, Math.exp(theta[5]!)];
    const past = u[0]! - theta[4]!;
    // f log(1 + (x/d)^(1/f)) and its slope in ln x, without overflow far past the break.
    const bend = Math.max(past, 0) + f * Math.log1p(Math.exp(-Math.abs(past) / f));
    const slope = 1 / (1 + Math.exp(-past / f));
    const k = theta[1]! - c0 * u[0]! - c1 * bend;
    const top = Math.max(floor, k);
    const pFloor = Math.exp(floor - top);
    const pK = Math.exp(k - top);
    const share = pK / (pFloor + pK);
    gradient[0] = 1 - share;
    gradient[1] = share;
    gradient[2] = -share * u[0]!;
    gradient[3] = -share * bend;
    gradient[4] = share * c1 * slope;
    gradient[5] = -share * c1 * (bend - past * slope);
    return top + Math.log(pFloor + pK);
  },
  *starts(_centre, logLoss) {
    for (const c0 of [0.07, 0.22, 0.55])
      for (const c1 of [-0.15, 0.15, 0.4])
        for (const at of BREAKS)
          for (const share of [0.3, 0.8])
            yield Float64Array.of(
              logLoss + Math.log(1 - share),
              logLoss + Math.log(share),
              c0,
              c1,
              at,
              Math.log(TYPICAL_WIDTH),
            );
  },
  separable: separable(0),
  centredAt: (centre) => ({ ...brokenPowerLaw, separable: separable(centre[0]!) }),
};
