/** @file `predict`: what a fitted or published law says of a budget, of a run, or of a loss to reach. */
import { readFileSync } from 'node:fs';
import {
  type CheapestRun,
  type Diagnostic,
  type FittedLaw,
  type LawFit,
  lifetimeOptimum,
  optimum,
  predictRun,
  presetLaw,
} from '../fit/fit.ts';
import { EXIT, LabError } from '../lib/errors.ts';
import { formatCount, formatFixed, formatNumber } from '../lib/format.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import type { PredictOptions } from './fit-options.ts';
import { bracketed, diagnosticLines, flops } from './fit-text.ts';
import { note, printResult } from './output.ts';
import { alignRows } from './text-table.ts';

/** A fit from a file, or a preset. */
type Known = FittedLaw &
  Partial<Pick<LawFit, 'residuals' | 'num_points' | 'num_free' | 'diagnostics'>> & {
    name?: string;
    reference?: string;
  };

const count = (x: number): string => formatCount(x, 4);
const nats = (x: number): string => formatNumber(x, 4);

/** `predict FIT.json` or `predict --law PRESET`. Throws `usage` where it is not told what to predict. */
export function predictCommand(file: string | undefined, options: PredictOptions): number {
  const { compute, params, tokens, loss, inferenceTokens } = options;
  const is_run = params !== undefined || tokens !== undefined;
  if (
    [compute !== undefined, is_run, loss !== undefined].filter(Boolean).length !== 1 ||
    (params === undefined) !== (tokens === undefined)
  )
    throw new LabError('usage', 'predict wants one of --compute C, --loss L, or --params N with --tokens D');
  if (inferenceTokens !== undefined && loss === undefined)
    throw new LabError('usage', '--inference-tokens wants the --loss that the model must reach');
  const fit = known(file, options);
  for (const line of diagnosticLines(fit.diagnostics ?? [])) note(options, line);
  if (compute !== undefined) return ofBudget(fit, compute, options);
  if (loss !== undefined) return ofLoss(fit, loss, options);
  return ofRun(fit, { N: params!, D: tokens! }, options);
}

function ofBudget(fit: Known, C: number, options: PredictOptions): number {
  const best = optimum(fit, C);
  printResult(options, { schema_version: SCHEMA_VERSION, ...best }, () =>
    [
      ...reach(best.diagnostics),
      `at ${flops(best.C)} FLOPs:`,
      `  N_opt  ${bracketed(best.N, best.intervals?.N, count)} parameters`,
      `  D_opt  ${bracketed(best.D, best.intervals?.D, count)} tokens`,
      `  loss   ${bracketed(best.L, best.intervals?.L, nats)} nats a token`,
      ...beyond({ C: best.decades_beyond ?? 0 }),
    ].join('\n'),
  );
  return EXIT.ok;
}

function ofRun(fit: Known, run: { N: number; D: number }, options: PredictOptions): number {
  const { L, intervals, decades_beyond, diagnostics } = predictRun(fit, run);
  const value = { schema_version: SCHEMA_VERSION, ...run, L, intervals, decades_beyond, diagnostics };
  printResult(options, value, () =>
    [
      ...reach(diagnostics),
      `loss ${formatNumber(L, 5)} nats a token`,
      ...(intervals
        ? [
            `  of the law  [${intervals.law.map(nats).join(', ')}]`,
            `  of one run  [${intervals.run.map(nats).join(', ')}]`,
          ]
        : []),
      ...beyond(decades_beyond ?? {}),
    ].join('\n'),
  );
  return EXIT.ok;
}

function ofLoss(fit: Known, L: number, options: PredictOptions): number {
  const inference_tokens = options.inferenceTokens ?? 0;
  const best = lifetimeOptimum(fit, { L, inference_tokens });
  const { intervals } = best;
  const lines = [
    `  N          ${bracketed(best.N, intervals?.N, count)} parameters`,
    `  D          ${bracketed(best.D, intervals?.D, count)} tokens`,
    `  training   ${bracketed(best.training_flops, intervals?.training_flops, flops)} FLOPs`,
  ];
  if (inference_tokens > 0) {
    const row = (name: string, { N, D, training_flops, inference_flops, lifetime_flops }: CheapestRun): string[] => [
      name,
      count(N),
      count(D),
      flops(training_flops),
      flops(inference_flops),
      flops(lifetime_flops),
    ];
    lines.push(
      `  lifetime   ${bracketed(best.lifetime_flops, intervals?.lifetime_flops, flops)} FLOPs`,
      '',
      ...alignRows([
        ['', 'N', 'D', 'training', 'inference', 'lifetime'],
        row('least lifetime', best),
        row('least training', best.least_training),
      ]),
      `  saves ${formatFixed(100 * best.saving, 1)}% of the lifetime FLOPs`,
    );
  }
  const served = inference_tokens > 0 ? `, serving ${count(inference_tokens)} tokens` : '';
  printResult(options, { schema_version: SCHEMA_VERSION, ...best }, () =>
    [
      ...reach(best.diagnostics),
      `to reach a loss of ${L}${served}:`,
      ...lines,
      ...beyond(best.decades_beyond ?? {}),
    ].join('\n'),
  );
  return EXIT.ok;
}

const reach = (diagnostics: readonly Diagnostic[]): string[] => diagnosticLines(diagnostics);

/** How far outside the fitted runs, in decades; nothing inside. */
function beyond(decades: Record<string, number>): string[] {
  const outside = Object.entries(decades).filter(([, value]) => value > 0.05);
  if (outside.length === 0) return [];
  const listed = outside.map(([column, value]) => `${formatFixed(value, 1)} decades in ${column}`);
  return [`extrapolated ${listed.join(', ')} beyond the runs`];
}

function known(file: string | undefined, options: PredictOptions): Known {
  if ((file === undefined) === (options.law === undefined))
    throw new LabError('usage', 'predict wants a fit, or --law with the name of a published one');
  if (options.law === undefined) return readFit(file!, options);
  const preset = presetLaw(options.law);
  note(options, `${preset.name}: ${preset.reference}; N counts ${preset.counting} parameters`);
  return preset;
}

/** A fit file: one fit, or a study's fit.json, of which the fit by all parameters of the named group is taken. */
function readFit(file: string, { group }: PredictOptions): LawFit {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    throw new LabError('usage', `cannot read a fit from ${file}: ${(error as Error).message}`, { cause: error });
  }
  const groups = value['groups'] as
    | { name: string; fits: { chinchilla: LawFit | null; chinchilla_refused: string }[] }[]
    | undefined;
  if (groups === undefined) {
    if (typeof value['law'] !== 'string' || typeof value['params'] !== 'object') {
      throw new LabError(
        'usage',
        `${file} is not a fitted law; make one with fit --out, or name the fit.json of a study`,
      );
    }
    return value as unknown as LawFit;
  }
  const found = groups.length === 1 && group === undefined ? groups[0] : groups.find(({ name }) => name === group);
  if (!found) {
    throw new LabError('usage', `name a group of ${file} with --group: ${groups.map(({ name }) => name).join(', ')}`);
  }
  const first = found.fits[0];
  if (!first?.chinchilla) throw new LabError('too_little_data', `group ${found.name}: ${first?.chinchilla_refused}`);
  return first.chinchilla;
}
