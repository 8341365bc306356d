/** @file `predict`: what a fitted or published law says of a budget, of a run, or of a loss to reach. */
import {
  atCriticalBatch,
  type CheapestRun,
  criticalBatch,
  curveInterval,
  lifetimeOptimum,
  listLaws,
  optimum,
  predictCurve,
  predictRun,
  type RunInput,
  type RunValues,
  reachOnCurve,
} from '../fit/fit.ts';
import { alignRows } from '../lib/align.ts';
import { EXIT, LabError } from '../lib/errors.ts';
import { formatCount, formatFixed, formatNumber } from '../lib/format.ts';
import { SCHEMA_VERSION } from '../log/record.ts';
import { bracketed, diagnosticLines, flops, ofColumn } from './fit-text.ts';
import { note, printResult } from './output.ts';
import type { PredictOptions } from './predict-options.ts';
import { type Known, type KnownCurve, type KnownLaw, readKnown } from './predict-source.ts';
import { distanceLine } from './predict-text.ts';

const count = (x: number): string => formatCount(x, 4);
const nats = (x: number): string => formatNumber(x, 4);

/** The option that gives a value. */
const OPTION_OF: Readonly<Record<RunInput, string>> = {
  N: '--params',
  D: '--tokens',
  C: '--compute',
  S: '--steps',
  U: '--unique-tokens',
  B: '--batch',
};

/** `predict FIT.json` or `predict --law PRESET`. Throws `usage` where it is not told what to predict. */
export function predictCommand(file: string | undefined, options: PredictOptions): number {
  const known = readKnown(file, options);
  const question = questionOf(known, options);
  for (const line of diagnosticLines(known.fit.diagnostics ?? [])) note(options, line);
  if (known.kind === 'batch') return ofCriticalBatch(known.fit, options);
  if (known.kind === 'curve') return question === 'loss' ? reachCurve(known.fit, options) : ofCurve(known.fit, options);
  if (question === 'compute') return ofBudget(known.fit, options);
  if (question === 'loss') return ofLoss(known.fit, options);
  return ofRun(known.fit, options);
}

/** The values of a run that the options give. */
function valuesOf({ params, tokens, compute, steps, uniqueTokens, batch }: PredictOptions): RunValues {
  const all = { N: params, D: tokens, C: compute, S: steps, U: uniqueTokens, B: batch };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as RunValues;
}

/** What is asked, with nothing missing and nothing too much. */
function questionOf({ kind, fit }: Known, options: PredictOptions): 'compute' | 'loss' | 'run' {
  const { loss, inferenceTokens } = options;
  const given = valuesOf(options);
  if (inferenceTokens !== undefined && (loss === undefined || kind !== 'law'))
    throw new LabError('usage', '--inference-tokens wants the --loss that the model must reach, and a law in N and D');
  if (kind === 'batch') {
    if (loss === undefined || Object.keys(given).some((name) => name !== 'B'))
      throw new LabError('usage', 'a critical batch is predicted for a loss: give --loss, and --batch for its cost');
    return 'loss';
  }
  if (kind === 'curve') {
    const { x, law } = fit;
    const others = Object.keys(given).filter((name) => name !== x);
    if ((given[x] === undefined) === (loss === undefined) || others.length > 0)
      throw new LabError('usage', `${law} is a law of ${x}: predict wants one of ${OPTION_OF[x]} ${x} and --loss L`);
    return loss === undefined ? 'run' : 'loss';
  }
  const { inputs } = listLaws().find(({ name }) => name === fit.law)!;
  const is_run = given.N !== undefined || given.D !== undefined || given.S !== undefined;
  const asked = [given.C !== undefined, is_run, loss !== undefined].filter(Boolean).length;
  if (asked !== 1)
    throw new LabError('usage', 'predict wants one of --compute C, --loss L, or --params N with --tokens D');
  // What follows from the rest may be left out.
  const { N, D, S = D !== undefined && given.B !== undefined ? 1 : undefined, U = D, B } = given;
  const known: RunValues = { ...(is_run ? { N, D, C: 1, S, U } : { N: 1, D: 1, C: 1, S: B, U: 1 }), B } as RunValues;
  const absent = (inputs as RunInput[]).filter((input) => known[input] === undefined);
  if (absent.length === 0) return is_run ? 'run' : loss === undefined ? 'compute' : 'loss';
  const how = absent.map(
    (input) => `${OPTION_OF[input]} (${input})${input === 'S' ? ', or --batch with --tokens' : ''}`,
  );
  const whole = `predict wants one of --compute C, --loss L, or --params N with --tokens D`;
  throw new LabError('usage', `${fit.law} reads ${inputs.join(', ')}: give ${how.join(' and ')}; ${whole}`);
}

/** What else than N, D and C the law reads. */
function heldOf({ U, B }: RunValues): Pick<RunValues, 'U' | 'B'> {
  return { ...(U === undefined ? {} : { U }), ...(B === undefined ? {} : { B }) };
}

function ofBudget(fit: KnownLaw, options: PredictOptions): number {
  const { C, ...given } = valuesOf(options);
  const best = optimum(fit, C!, heldOf(given));
  const epochs = given.U !== undefined && given.U < best.D ? ` (${formatNumber(best.D / given.U, 3)} epochs)` : '';
  printResult(options, { schema_version: SCHEMA_VERSION, ...best }, () =>
    [
      ...diagnosticLines(best.diagnostics),
      `at ${flops(best.C)} FLOPs:`,
      `  N_opt  ${bracketed(best.N, best.intervals?.N, count)} parameters`,
      `  D_opt  ${bracketed(best.D, best.intervals?.D, count)} tokens${epochs}`,
      `  loss   ${bracketed(best.L, best.intervals?.L, nats)} nats a token`,
      ...distanceLine(fit.range, { N: best.N, D: best.D, C: best.C }),
    ].join('\n'),
  );
  return EXIT.ok;
}

function ofRun(fit: KnownLaw, options: PredictOptions): number {
  const run = valuesOf(options);
  const { L, intervals, decades_beyond, diagnostics } = predictRun(fit, run);
  const value = { schema_version: SCHEMA_VERSION, ...run, L, intervals, decades_beyond, diagnostics };
  printResult(options, value, () =>
    [
      ...diagnosticLines(diagnostics),
      `loss ${formatNumber(L, 5)} nats a token`,
      ...(intervals
        ? [
            `  of the law  [${intervals.law.map(nats).join(', ')}]`,
            `  of one run  [${intervals.run.map(nats).join(', ')}]`,
          ]
        : []),
      ...distanceLine(fit.range, run),
    ].join('\n'),
  );
  return EXIT.ok;
}

function ofLoss(fit: KnownLaw, options: PredictOptions): number {
  const inference_tokens = options.inferenceTokens ?? 0;
  const best = lifetimeOptimum(fit, { L: options.loss!, inference_tokens, held: heldOf(valuesOf(options)) });
  const { intervals } = best;
  const lines = [
    `  N         ${bracketed(best.N, intervals?.N, count)} parameters`,
    `  D         ${bracketed(best.D, intervals?.D, count)} tokens`,
    `  training  ${bracketed(best.training_flops, intervals?.training_flops, flops)} FLOPs`,
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
      `  lifetime  ${bracketed(best.lifetime_flops, intervals?.lifetime_flops, flops)} FLOPs`,
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
      ...diagnosticLines(best.diagnostics),
      `to reach a loss of ${options.loss}${served}:`,
      ...lines,
      ...distanceLine(fit.range, { N: best.N, D: best.D, C: best.training_flops }),
    ].join('\n'),
  );
  return EXIT.ok;
}

function ofCurve(fit: KnownCurve, options: PredictOptions): number {
  const { x } = fit;
  const value = valuesOf(options)[x]!;
  const L = predictCurve(fit, value);
  const interval = curveInterval(fit, value);
  printResult(options, { schema_version: SCHEMA_VERSION, [x]: value, L, interval }, () =>
    [
      `loss ${bracketed(L, interval, (loss) => formatNumber(loss, 5))} nats a token at ${x} = ${ofColumn(x, value)}`,
      ...distanceLine(fit.range ? { [x]: fit.range.x } : undefined, { [x]: value }),
    ].join('\n'),
  );
  return EXIT.ok;
}

function reachCurve(fit: KnownCurve, options: PredictOptions): number {
  const { x, law } = fit;
  const L = options.loss!;
  const value = reachOnCurve(fit, L);
  if (value === null) {
    const floor = fit.params['E'] ?? fit.params['a'];
    const why = floor === undefined ? '' : `: its floor is ${formatNumber(floor, 4)}`;
    throw new LabError('usage', `the law ${law} with these constants never reaches a loss of ${L}${why}`);
  }
  printResult(options, { schema_version: SCHEMA_VERSION, L, [x]: value }, () =>
    [
      `to reach a loss of ${L}: ${x} = ${ofColumn(x, value)}`,
      ...distanceLine(fit.range ? { [x]: fit.range.x } : undefined, { [x]: value }),
    ].join('\n'),
  );
  return EXIT.ok;
}

function ofCriticalBatch(fit: Parameters<typeof criticalBatch>[0], options: PredictOptions): number {
  const { loss, batch: B } = options;
  const B_crit = criticalBatch(fit, loss!);
  // Shares of a run of one step and one FLOP.
  const [least] = B === undefined ? [] : atCriticalBatch([{ N: 1, D: B, C: 1, S: 1, B, L: loss! }], fit);
  const cost = least && { steps_over_least: 1 / least.S!, compute_over_least: 1 / least.C };
  printResult(options, { schema_version: SCHEMA_VERSION, L: loss, B_crit, ...cost }, () =>
    [
      `at a loss of ${loss} the critical batch is ${formatCount(B_crit)} tokens`,
      ...(cost
        ? [
            `  a batch of ${formatCount(B)} takes ${formatFixed(cost.steps_over_least, 2)} times the least steps and ` +
              `${formatFixed(cost.compute_over_least, 2)} times the least compute`,
          ]
        : []),
    ].join('\n'),
  );
  return EXIT.ok;
}
