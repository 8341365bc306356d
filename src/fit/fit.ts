/** @file The door of `fit/`: power laws from points, with intervals and diagnostics, as plain data.
 * Pure Float64 arithmetic: reads points, returns records that go into JSON as they are, touches no file and no
 * clock. `fitLaw` is Approach 3 (a parametric law over all points), `fitIsoflop` Approach 2 (valleys at equal
 * compute), `fitCurve` a law in one variable, `recutIsoflops` the change of counting between them.
 * What the data cannot carry is a diagnostic by name, or the error `too_little_data` where nothing is left.
 */
export { type FitOptions, fitLaw, type LawFit } from './approach3.ts';
export type { BootstrapOptions, BootstrapReport, Cluster, Interval } from './bootstrap.ts';
export { type CurveFit, type CurveOptions, type CurvePoint, fitCurve, predictCurve } from './curve.ts';
export type { Diagnostic, DiagnosticName } from './diagnostic.ts';
export { fitIsoflop, fitValleys, type IsoflopFit, type IsoflopOptions } from './isoflop.ts';
export type { LackOfFit } from './lack-of-fit.ts';
export type { LawParams } from './laws/law.ts';
export { type LawInfo, listLaws } from './laws/registry.ts';
export type { LossName } from './loss.ts';
export type { Starts, StartsReport } from './minimise.ts';
export { type FittedLaw, type Optimum, optimum, predictLoss } from './optimum.ts';
export type { Parabola } from './parabola.ts';
export type { DroppedPoint, FitPoint, SelectOptions } from './point.ts';
export { fitPowerLaw, type PowerLaw } from './power-law.ts';
export { type Recut, type RecutOptions, recutIsoflops } from './recut.ts';
export type { BudgetFit, ValleyOptions } from './valley.ts';
