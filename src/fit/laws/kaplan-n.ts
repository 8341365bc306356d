/** @file Kaplan's law in parameters, `L(N) = (N_c/N)^alpha_N`, at ample data and trained to convergence.
 * Source: Kaplan et al. 2020, arXiv 2001.08361, equation 1.1: alpha_N .076, N_c 8.8e13 non-embedding parameters;
 * one-layer models left out. It has no floor; `saturating` has one.
 */
import { purePower } from './pure-power.ts';

export const kaplanN = purePower('N', {
  name: 'kaplan_n',
  title: "Kaplan's law in N",
  formula: 'L = (N_c/N)^alpha_N',
  reference: 'Kaplan et al. 2020, arXiv 2001.08361, eq. 1.1',
  scale: 'N_c',
  exponent: 'alpha_N',
});
