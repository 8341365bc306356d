/** @file The laws that can be fitted: one line each. */
import { LabError } from '../../lib/errors.ts';
import { chinchilla } from './chinchilla.ts';
import { kaplan } from './kaplan.ts';
import type { Law } from './law.ts';
import { powerMean } from './power-mean.ts';

const LAWS: readonly Law[] = [chinchilla, powerMean, kaplan];

/** What a user sees of a law. */
export interface LawInfo {
  name: string;
  title: string;
  formula: string;
  reference: string;
  inputs: readonly string[];
  params: readonly string[];
}

/** The laws by name, formula and source. */
export function listLaws(): LawInfo[] {
  return LAWS.map(({ name, title, formula, reference, inputs, params }) => ({
    name,
    title,
    formula,
    reference,
    inputs,
    params,
  }));
}

/** The law of that name. @throws LabError('usage') naming the laws there are. */
export function lawByName(name: string): Law {
  const law = LAWS.find((l) => l.name === name);
  if (!law)
    throw new LabError('usage', `unknown law: ${name}; the laws are ${LAWS.map((l) => l.name).join(', ')}`);
  return law;
}
