/** @file Kaplan's law in compute, `L(C) = (C_c/C)^alpha_C`, along the best runs of each budget.
 * Source: Kaplan et al. 2020, arXiv 2001.08361, equation 1.3: alpha_C .057, C_c 1.6e7 PF-days at a fixed batch, and
 * .050, 3.1e8 for the least compute C_min (see `critical-batch.ts`). We differ in the unit: FLOPs.
 */
import { purePower } from './pure-power.ts';

export const kaplanC = purePower('C', {
  name: 'kaplan_c',
  title: "Kaplan's law in C",
  formula: 'L = (C_c/C)^alpha_C',
  reference: 'Kaplan et al. 2020, arXiv 2001.08361, eq. 1.3',
  scale: 'C_c',
  exponent: 'alpha_C',
});
