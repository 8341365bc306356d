/** @file What `predict` predicts from: a file that `fit --out` wrote, a study's folder or
 * its fit.json, or a published law by name. */
import { readFileSync, statSync } from 'node:fs';
import {
  type BootstrapReport,
  type CriticalBatch,
  type CurveColumn,
  type Diagnostic,
  type FittedLaw,
  type LawFit,
  listLaws,
  presetLaw,
} from '../fit/fit.ts';
import { LabError } from '../lib/errors.ts';
import { fitPath } from '../log/log.ts';
import { requireFit, requireGroups } from './fit-file.ts';
import { note } from './output.ts';
import type { PredictOptions } from './predict-options.ts';
import { type FittedGroup, ofStudy } from './predict-study.ts';

/** A law of runs. */
export type KnownLaw = FittedLaw & Partial<Pick<LawFit, 'residuals' | 'num_points' | 'num_free' | 'diagnostics'>>;

/** A law in one variable; presets have no draws and may have no range. */
export interface KnownCurve {
  law: string;
  params: Record<string, number>;
  x: CurveColumn;
  range?: { x: [number, number] };
  draws?: Record<string, number[]>;
  bootstrap: BootstrapReport | null;
  diagnostics: Diagnostic[];
}

export type Known =
  | { kind: 'law'; fit: KnownLaw }
  | { kind: 'curve'; fit: KnownCurve }
  | { kind: 'batch'; fit: CriticalBatch & { diagnostics: Diagnostic[] } };

/** The fit of a file, or a preset. Throws `usage` for neither, both, or a file that is no fit of a law. */
export function readKnown(file: string | undefined, options: PredictOptions): Known {
  if ((file === undefined) === (options.law === undefined))
    throw new LabError('usage', 'predict wants a fit, or --law with the name of a published one');
  if (file !== undefined) return readFit(file, options);
  const preset = presetLaw(options.law!);
  const { law, params, range } = preset;
  note(options, `${preset.name}: ${preset.reference}; N counts ${preset.counting} parameters`);
  const inputs = listLaws().find(({ name }) => name === law)!.inputs;
  if (inputs.length > 1) return { kind: 'law', fit: preset };
  const x = inputs[0] as 'N' | 'D' | 'C';
  const known = range[x];
  return {
    kind: 'curve',
    fit: { law, params, x, bootstrap: null, diagnostics: [], ...(known ? { range: { x: known } } : {}) },
  };
}

type Json = Record<string, unknown>;

const isFolder = (source: string): boolean => statSync(source, { throwIfNoEntry: false })?.isDirectory() ?? false;

function readFit(source: string, options: PredictOptions): Known {
  const file = isFolder(source) ? fitPath(source) : source;
  let value: Json;
  try {
    // A key that schemas pass over and loops do not.
    value = JSON.parse(readFileSync(file, 'utf8'), (key, own) => (key === '__proto__' ? undefined : own)) as Json;
  } catch (error) {
    throw new LabError('usage', `cannot read a fit from ${file}: ${(error as Error).message}`, { cause: error });
  }
  if (value === null || typeof value !== 'object') throw new LabError('usage', `${file} holds no fit`);
  if (Array.isArray(value['groups']))
    return {
      kind: 'law',
      fit: lawOf(file, ofStudy(file, requireGroups(file, value['groups'] as FittedGroup[]), options)),
    };
  if (typeof value['B_star'] === 'number' && typeof value['alpha_B'] === 'number')
    return { kind: 'batch', fit: requireFit(file, value as unknown as CriticalBatch & { diagnostics: Diagnostic[] }) };
  const known = listLaws().find(({ name }) => name === value['law']);
  if (!known || typeof value['params'] !== 'object') {
    const has_exponents = 'budgets' in value || 'steps' in value;
    throw new LabError(
      'usage',
      has_exponents
        ? `${file} holds the exponents of valleys or of an envelope, and no law; fit one with --approach 3 --out FILE`
        : `${file} is not a fitted law; make one with fit --out, or name the fit.json of a study`,
    );
  }
  if (known.inputs.length === 1 && typeof value['x'] === 'string')
    return { kind: 'curve', fit: requireFit(file, value as unknown as KnownCurve, known.params) };
  return { kind: 'law', fit: lawOf(file, value as unknown as LawFit) };
}

/** The fit of a law in several variables, whole. */
function lawOf(file: string, fit: LawFit): LawFit {
  const known = listLaws().find(({ name }) => name === fit.law);
  if (!known) throw new LabError('usage', `${file} is a fit of ${JSON.stringify(fit.law)}, which is no law`);
  return requireFit(file, fit, known.params);
}
