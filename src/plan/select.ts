/** @file Which planned runs stay: `exclude` entries of a block and the `keep` bounds of an isoFLOP grid. */
import { canonicalJson, type ModelConfig, type RunSpec, type SweepConfig, type TrainConfig } from '../config/config.ts';
import { formatCount } from '../lib/format.ts';
import type { PlannedRun } from './plan.ts';

/** Whether all values of an exclude entry are the run's. Shape values (n_head, d_ff, d_model) compare resolved. */
export function matches(
  entry: Record<string, unknown>,
  spec: RunSpec,
  model: ModelConfig,
  train: TrainConfig,
  budget: number | undefined,
): boolean {
  const blocks: Record<string, Record<string, unknown>> = { model: { ...model, ...spec.model }, train: { ...train } };
  return Object.entries(entry).every(([path, value]) => {
    const dot = path.indexOf('.');
    const actual = path === 'budget' ? budget : blocks[path.slice(0, dot)]?.[path.slice(dot + 1)];
    return value === undefined || (actual !== undefined && canonicalJson(actual) === canonicalJson(value));
  });
}

/** Why a run lies outside `keep`, or undefined. */
export function outside(
  keep: NonNullable<SweepConfig['isoflop']>['keep'],
  { spec, num_params }: PlannedRun,
): string | undefined {
  if (keep === undefined) return undefined;
  const D = spec.num_tokens;
  const ratio = D / num_params.total;
  const { min_tokens, max_tokens, min_tokens_per_param, max_tokens_per_param } = keep;
  if (min_tokens !== undefined && D < min_tokens)
    return `${formatCount(D)} tokens < min_tokens ${formatCount(min_tokens)}`;
  if (max_tokens !== undefined && D > max_tokens)
    return `${formatCount(D)} tokens > max_tokens ${formatCount(max_tokens)}`;
  const perParam = `${formatCount(ratio)} tokens a parameter`;
  if (min_tokens_per_param !== undefined && ratio < min_tokens_per_param) {
    return `${perParam} < min_tokens_per_param ${min_tokens_per_param}`;
  }
  if (max_tokens_per_param !== undefined && ratio > max_tokens_per_param) {
    return `${perParam} > max_tokens_per_param ${max_tokens_per_param}`;
  }
  return undefined;
}
