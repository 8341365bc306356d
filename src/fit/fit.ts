/** @file The door of `fit/`: power laws from points, with intervals and diagnostics, as plain data.
 * Pure Float64 arithmetic: reads points, returns records that go into JSON as they are, touches no file and no
 * clock. `fitLaw` is Approach 3 (a parametric law over all points), `fitIsoflop` Approach 2 (valleys at equal
 * compute), `fitCurve` a law in one variable, `recutIsoflops` the change of counting between them.
 * What the data cannot carry is a diagnostic by name, or the error `too_little_data` where nothing is left.
 */
export {
  curvesOfPoints,
  type EnvelopeFit,
  type EnvelopeOptions,
  type EnvelopeStep,
  fitEnvelope,
  type TrainingCurve,
} from './approach1.ts';
export { type FitOptions, fitLaw, type LawFit } from './approach3.ts';
export type { BootstrapOptions, BootstrapReport, Interval, IntervalKind } from './bootstrap.ts';
export { type BreakTest, type BreakTestOptions, breakTest } from './break-test.ts';
export { chiSquareQuantile } from './chi-square.ts';
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
export { type ApproachExponent, crossCheck, judgeApproaches, judgeBreak, judgeOffsets } from './cross-check.ts';
export {
  type CurveFit,
  type CurveOptions,
  type CurvePoint,
  curveInterval,
  fitCurve,
  predictCurve,
  reachOnCurve,
} from './curve.ts';
export type { Diagnostic, DiagnosticName } from './diagnostic.ts';
export { type HeldOutRun, type Holdout, type HoldoutOptions, type HoldoutReport, holdOut } from './holdout.ts';
export { type CheapestRun, type LifetimeOptimum, lifetimeOptimum } from './inference.ts';
export { fitIsoflop, fitValleys, type IsoflopFit, type IsoflopOptions } from './isoflop.ts';
export { judgeRuns } from './judge-runs.ts';
export type { LackOfFit } from './lack-of-fit.ts';
export type { Constraints, LawParams, RunInput } from './laws/law.ts';
export { type Frontier, KAPLAN_CRITICAL_BATCH, type Preset, presetLaw, presets } from './laws/presets.ts';
export { type LawInfo, listLaws } from './laws/registry.ts';
export type { LossName } from './loss.ts';
export { type LossScanRow, scanLosses } from './loss-scan.ts';
export type { Starts, StartsReport } from './minimise.ts';
export { type FittedLaw, type Optimum, optimum, predictLoss, type RunValues } from './optimum.ts';
export type { Parabola } from './parabola.ts';
export { judgeScan, type MinTokensFit, scanMinTokens } from './phase-change.ts';
export type { DroppedPoint, FitPoint, SelectOptions } from './point.ts';
export { fitPowerLaw, type PowerLaw } from './power-law.ts';
export { type Prediction, predictRun } from './prediction.ts';
export { type Profile, type ProfileOptions, profileParam } from './profile.ts';
export { type Recut, type RecutOptions, recutIsoflops } from './recut.ts';
export type { Cluster } from './resamples.ts';
export { allRows, type CurveColumn, type RowAlong, rowsAlong } from './rows-along.ts';
export type { RunFacts } from './run-facts.ts';
export { type Score, scoreLaw } from './score.ts';
export { type SeedNoise, seedNoise, weightedBySeeds } from './seed-weights.ts';
export { type BudgetFit, groupByBudget, type ValleyOptions } from './valley.ts';
