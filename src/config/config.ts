/** @file The door of `config/`: what to study. YAML files and overrides in, a checked `StudyConfig` with the origin of
 * every value out; and the records that the later stages share: `RunSpec`, `CorpusFacts`, a run's identity.
 */
export { type Cell, resolveCell, sweepCells } from './cells.ts';
export type { Claim, ClaimTerm, PowerConfig, Specification, Switches } from './claims.ts';
export type { Forecast } from './forecasts.ts';
export { canonicalJson, runHash } from './identity.ts';
export { jsonSchema } from './json-schema.ts';
export { loadConfig, parseConfig } from './load.ts';
export { printConfig } from './print.ts';
export {
  BATCH_RECIPES,
  BETA2_RECIPES,
  LEARNING_RATE_RECIPES,
  type RecipeInput,
  WARMUP_RECIPES,
} from './recipes.ts';
export type { CorpusFacts, EvalSpec, ModelSpec, OptimizerSpec, RunSpec, ScheduleSpec } from './run-spec.ts';
export { checkRunSpec } from './run-spec-schema.ts';
export type { DataConfig, FitConfig, ModelConfig, StudyConfig, SweepConfig, TrainConfig } from './schema.ts';
export { suggest } from './suggest.ts';
