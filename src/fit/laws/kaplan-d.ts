/** @file Kaplan's law in tokens, `L(D) = (D_c/D)^alpha_D`, of a large model stopped early.
 * Source: Kaplan et al. 2020, arXiv 2001.08361, equation 1.2: alpha_D .095, D_c 5.4e13 tokens. It has no floor;
 * `saturating` has one.
 */
import { purePower } from './pure-power.ts';

export const kaplanD = purePower('D', {
  name: 'kaplan_d',
  title: "Kaplan's law in D",
  formula: 'L = (D_c/D)^alpha_D',
  reference: 'Kaplan et al. 2020, arXiv 2001.08361, eq. 1.2',
  scale: 'D_c',
  exponent: 'alpha_D',
});
