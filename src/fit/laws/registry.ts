/** @file The laws that can be fitted: one line each. */
import { LabError } from '../../lib/errors.ts';
import { chinchilla } from './chinchilla.ts';
import { kaplan } from './kaplan.ts';
import type { Law } from './law.ts';
import { powerMean } from './power-mean.ts';
import { saturating } from './saturating.ts';

/** Laws of a run, fitted by `fitLaw`. */
const LAWS: readonly Law[] = [chinchilla, powerMean, kaplan];
/** Laws in one variable, fitted by `fitCurve`. */
const CURVES: readonly Law<'x'>[] = [saturating];

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
  return [...LAWS, ...CURVES].map(({ name, title, formula, reference, inputs, params }) => ({
    name,
    title,
    formula,
    reference,
    inputs,
    params,
  }));
}

/** The law of a run of that name. @throws LabError('usage') naming the laws there are. */
export function lawByName(name: string): Law {
  return find(LAWS, name);
}

/** The law in one variable of that name. @throws LabError('usage') naming the laws there are. */
export function curveByName(name: string): Law<'x'> {
  return find(CURVES, name);
}

function find<L extends Law<string>>(laws: readonly L[], name: string): L {
  const law = laws.find((l) => l.name === name);
  if (law) return law;
  const others = [...LAWS, ...CURVES].some((l) => l.name === name) ? ' (it reads other variables)' : '';
  throw new LabError('usage', `unknown law: ${name}${others}; choose one of ${laws.map((l) => l.name).join(', ')}`);
}
