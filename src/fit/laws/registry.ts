/** @file The laws that can be fitted: one line each. */
import { LabError } from '../../lib/errors.ts';
import { brokenPowerLaw } from './broken-power-law.ts';
import { chinchilla } from './chinchilla.ts';
import { dataConstrainedLaw } from './data-constrained.ts';
import { kaplanC } from './kaplan-c.ts';
import { kaplanD } from './kaplan-d.ts';
import { kaplanN } from './kaplan-n.ts';
import { kaplanND } from './kaplan-nd.ts';
import { kaplanNS } from './kaplan-ns.ts';
import type { Law } from './law.ts';
import { overTraining } from './over-training.ts';
import { powerMean } from './power-mean.ts';
import { saturating } from './saturating.ts';

/** Laws of a run, fitted by `fitLaw`. */
const LAWS: readonly Law[] = [
  chinchilla,
  powerMean,
  kaplanN,
  kaplanD,
  kaplanC,
  kaplanND,
  kaplanNS,
  dataConstrainedLaw,
  overTraining,
];
/** Laws in one variable, fitted by `fitCurve`. */
const CURVES: readonly Law<'x'>[] = [saturating, brokenPowerLaw];
/** Shorter names. */
const ALIASES: Readonly<Record<string, string>> = { kaplan: 'kaplan_nd' };

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

/** The law in one variable of that name: of any x, or of one column of a run.
 * @throws LabError('usage') naming the laws there are. */
export function curveByName(name: string): Law<string> {
  return find([...CURVES, ...LAWS.filter(({ inputs }) => inputs.length === 1)], name);
}

function find<L extends Law<string>>(laws: readonly L[], name: string): L {
  const own = ALIASES[name] ?? name;
  const law = laws.find((l) => l.name === own);
  if (law) return law;
  const others = [...LAWS, ...CURVES].some((l) => l.name === own) ? ' (it reads other variables)' : '';
  throw new LabError('usage', `unknown law: ${name}${others}; choose one of ${laws.map((l) => l.name).join(', ')}`);
}
