/** @file Published laws with their constants: ready for `predictLoss` and `optimum`, to compare a fit with.
 * A preset is plain data. Kaplan's compute is in PF-days; here it is in FLOPs, 1 PF-day = 8.64e19. Kaplan's lines of
 * optimal size were fitted to runs and do not follow from his L(N, D), so they stand beside it as `frontier`.
 */
import { LabError } from '../../lib/errors.ts';
import type { LawParams } from './law.ts';

/** `N_opt = coefficient C^exponent`, and the loss there `(scale/C)^slope`; C in FLOPs. */
export interface Frontier {
  N: { coefficient: number; exponent: number };
  L: { scale: number; slope: number };
}

/** A published law. */
export interface Preset {
  name: string;
  law: string;
  params: LawParams;
  reference: string;
  /** Which parameters its N counts. */
  counting: 'total' | 'non_embedding';
  /** C/(N D). */
  flops_per_nd: { mean: number; spread: number };
  /** Smallest and largest value of the runs behind it, where the source says. */
  range: { N?: [number, number]; D?: [number, number]; C?: [number, number] };
  /** The source's own line of optima, where it is not that of its law. */
  frontier?: Frontier;
}

const PF_DAY = 8.64e19;
const SIX = { mean: 6, spread: 0 };
const KAPLAN = {
  counting: 'non_embedding',
  flops_per_nd: SIX,
  range: { N: [768, 1.5e9] as [number, number], D: [22e6, 23e9] as [number, number] },
} as const;
const TOTAL = { counting: 'total', flops_per_nd: SIX } as const;
/** Runs of Hoffmann's abstract, and those of the digitised figure. */
const HOFFMANN_RUNS: Preset['range'] = { N: [70e6, 16e9], D: [5e9, 500e9] };
const EPOCH_RUNS: Preset['range'] = { N: [57.3e6, 16.2e9], D: [819e6, 318e9], C: [1.4e18, 1.3e22] };
const KAPLAN_PAPER = 'Kaplan et al. 2020, arXiv 2001.08361';

/** N_opt in PF-days to FLOPs. */
const perFlop = (coefficient: number, exponent: number) => ({
  coefficient: coefficient / PF_DAY ** exponent,
  exponent,
});

const PRESETS: readonly Preset[] = [
  {
    ...KAPLAN,
    name: 'kaplan-2020',
    law: 'kaplan_nd',
    params: { N_c: 6.4e13, D_c: 1.8e13, alpha_N: 0.076, alpha_D: 0.103 },
    reference: `${KAPLAN_PAPER}, eq. 1.5; optima by N_opt = 1.3e9 C_min^.73 and L(C_min)`,
    frontier: { N: perFlop(1.3e9, 0.73), L: { scale: 3.1e8 * PF_DAY, slope: 0.05 } },
  },
  {
    ...KAPLAN,
    name: 'kaplan-2020-naive',
    law: 'kaplan_nd',
    params: { N_c: 6.4e13, D_c: 1.8e13, alpha_N: 0.076, alpha_D: 0.103 },
    reference: `${KAPLAN_PAPER}, eq. 1.5; optima at a fixed batch, N_opt = 1.6e9 C^.88 and L(C)`,
    frontier: { N: perFlop(1.6e9, 0.88), L: { scale: 1.6e7 * PF_DAY, slope: 0.057 } },
  },
  {
    ...KAPLAN,
    name: 'kaplan-2020-n',
    law: 'kaplan_n',
    params: { N_c: 8.8e13, alpha_N: 0.076 },
    reference: `${KAPLAN_PAPER}, eq. 1.1`,
  },
  {
    ...KAPLAN,
    name: 'kaplan-2020-d',
    law: 'kaplan_d',
    params: { D_c: 5.4e13, alpha_D: 0.095 },
    reference: `${KAPLAN_PAPER}, eq. 1.2`,
  },
  {
    ...KAPLAN,
    name: 'kaplan-2020-c',
    law: 'kaplan_c',
    params: { C_c: 1.6e7 * PF_DAY, alpha_C: 0.057 },
    reference: `${KAPLAN_PAPER}, table 5: L(C) at a fixed batch`,
  },
  {
    ...KAPLAN,
    name: 'kaplan-2020-c-min',
    law: 'kaplan_c',
    params: { C_c: 3.1e8 * PF_DAY, alpha_C: 0.05 },
    reference: `${KAPLAN_PAPER}, eq. 1.3: L(C_min)`,
  },
  {
    ...KAPLAN,
    name: 'kaplan-2020-ns',
    law: 'kaplan_ns',
    params: { N_c: 6.5e13, S_c: 2.1e3, alpha_N: 0.077, alpha_S: 0.76 },
    reference: `${KAPLAN_PAPER}, eq. 1.6; S is S_min`,
  },
  {
    ...TOTAL,
    name: 'chinchilla-2022',
    range: HOFFMANN_RUNS,
    law: 'chinchilla',
    params: { E: 1.6934, A: 406.4, B: 410.7, alpha: 0.3392, beta: 0.2849 },
    reference: 'Hoffmann et al. 2022, arXiv 2203.15556, approach 3, not rounded to two digits',
  },
  {
    ...TOTAL,
    name: 'chinchilla-epoch',
    range: EPOCH_RUNS,
    law: 'chinchilla',
    params: { E: 1.8172181, A: 477.82587, B: 2143.4174, alpha: 0.3473105, beta: 0.36717243 },
    reference: "the optimum on 240 of Epoch AI's points of Hoffmann's figure 4; the data of arXiv 2404.10102",
  },
  {
    ...TOTAL,
    name: 'chinchilla-besiroglu',
    range: EPOCH_RUNS,
    law: 'chinchilla',
    params: { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 },
    reference: 'Besiroglu et al. 2024, arXiv 2404.10102, as printed: E of one optimum, the rest of another',
  },
  {
    ...TOTAL,
    name: 'muennighoff-2023',
    range: { N: [7.1e6, 8.67e9], D: [100e6, 900e9] },
    law: 'data_constrained',
    params: {
      E: Math.exp(0.6254804),
      A: Math.exp(6.255414),
      B: Math.exp(7.3049974),
      alpha: 0.3526596,
      beta: 0.3526596,
      R_D_star: 15.387756,
      R_N_star: 5.309743,
    },
    reference: 'Muennighoff et al. 2023, arXiv 2305.16264',
  },
];

/** Kaplan's critical batch, `B_crit = 2e8 L^(-1/.21)` tokens. */
export const KAPLAN_CRITICAL_BATCH = { B_star: 2e8, alpha_B: 0.21 };

/** All presets, in the order of their papers. */
export function presets(): Preset[] {
  return PRESETS.map((preset) => ({ ...preset, params: { ...preset.params } }));
}

/** The preset of that name. @throws LabError('usage') naming the presets there are. */
export function presetLaw(name: string): Preset {
  const preset = presets().find((p) => p.name === name);
  if (preset) return preset;
  throw new LabError('usage', `unknown preset: ${name}; choose one of ${PRESETS.map((p) => p.name).join(', ')}`);
}
