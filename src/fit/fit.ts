/** @file The door of `fit/`: power laws from points, with intervals and diagnostics, as plain data.
 * Pure Float64 arithmetic: reads points, returns records that go into JSON as they are, touches no file and no
 * clock. `fitLaw` is Approach 3 (a parametric law over all points), `fitIsoflop` Approach 2 (valleys at equal
 * compute), `fitCurve` a law in one variable, `recutIsoflops` the change of counting between them.
 * What the data cannot carry is a diagnostic by name, or the error `too_little_data` where nothing is left.
 */

export { type CheapestRun, type LifetimeOptimum, lifetimeOptimum } from './answers/inference.ts';
export { type FittedLaw, type Optimum, optimum, predictLoss, type RunValues } from './answers/optimum.ts';
export { type Prediction, predictRun } from './answers/prediction.ts';
export { type Score, scoreLaw } from './answers/score.ts';
export {
  curvesOfPoints,
  type EnvelopeFit,
  type EnvelopeOptions,
  type EnvelopeStep,
  fitEnvelope,
  type TrainingCurve,
} from './approach1.ts';
export { type FitOptions, fitLaw, type LawFit } from './approach3.ts';
export { type BreakTest, type BreakTestOptions, breakTest } from './checks/break-test.ts';
export { type ApproachExponent, crossCheck, judgeApproaches, judgeBreak, judgeOffsets } from './checks/cross-check.ts';
export { judgeRates } from './checks/judge-rates.ts';
export { judgeRuns } from './checks/judge-runs.ts';
export type { LackOfFit } from './checks/lack-of-fit.ts';
export { type LossScanRow, scanLosses } from './checks/loss-scan.ts';
export { judgeScan, type MinTokensFit, scanMinTokens } from './checks/phase-change.ts';
export { type SeedNoise, seedNoise, weightedBySeeds } from './checks/seed-weights.ts';
export { type ComparedLaw, type CompareOptions, type Comparison, compareLaws } from './compare.ts';
export {
  atCriticalBatch,
  type BatchCurve,
  type CriticalBatch,
  type CriticalBatchFit,
  type CriticalBatchOptions,
  criticalBatch,
  fitCriticalBatch,
  fitMinimumCompute,
  type Hyperbola,
} from './critical-batch.ts';
export {
  type CurveFit,
  type CurveOptions,
  type CurvePoint,
  curveInterval,
  fitCurve,
  predictCurve,
  reachOnCurve,
} from './curve.ts';
export {
  compareCurves,
  holdOutCurve,
  type NamedPoint,
  profileCurve,
  scanCurveLosses,
} from './curve-procedures.ts';
export type { Diagnostic, DiagnosticName } from './diagnostic.ts';
export { type HeldOutRun, type Holdout, type HoldoutOptions, type HoldoutReport, holdOut } from './holdout.ts';
export type { Constraints, LawParams, RunInput } from './laws/law.ts';
export { type Frontier, KAPLAN_CRITICAL_BATCH, type Preset, presetLaw, presets } from './laws/presets.ts';
export { type LawInfo, listLaws } from './laws/registry.ts';
export { chiSquareQuantile } from './math/chi-square.ts';
export { fitPowerLaw, type PowerLaw } from './math/power-law.ts';
export type { LossName } from './minimise/loss.ts';
export type { Starts, StartsReport } from './minimise/minimise.ts';
export type { DroppedPoint, FitPoint, SelectOptions } from './point.ts';
export { type Profile, type ProfileOptions, profileParam } from './profile.ts';
export type { BootstrapOptions, BootstrapReport, Interval, IntervalKind } from './resample/bootstrap.ts';
export type { Cluster } from './resample/resamples.ts';
export { allRows, type CurveColumn, type RowAlong, rowsAlong } from './rows-along.ts';
export type { RunFacts } from './run-facts.ts';
export { fitStraightLine, type StraightLineFit } from './straight-line.ts';
export { fitIsoflop, fitValleys, type IsoflopFit, type IsoflopOptions } from './valleys/isoflop.ts';
export type { Parabola } from './valleys/parabola.ts';
export { type Recut, type RecutOptions, recutIsoflops } from './valleys/recut.ts';
export { type BudgetFit, groupByBudget, type ValleyOptions } from './valleys/valley.ts';
