/** @file Checks of plan.json by itself: names, identities, counts, totals. */
import { isDeepStrictEqual } from 'node:util';
import { checkRunSpec } from '../../config/config.ts';
import { LabError } from '../../lib/errors.ts';
import { checkName } from '../paths.ts';
import type { PlanFile } from '../plan-file.ts';
import { type Counter, shown } from './check-record.ts';
import type { Report } from './finding.ts';

/** Checks the `plan` that stands at `path`. */
export function checkPlan(
  plan: PlanFile,
  path: string,
  { counter, report }: { counter: Counter; report: Report },
): void {
  const seen = new Set<string>();
  for (const run of plan.runs) {
    const { run_id } = run;
    if (seen.has(run_id)) report(path, 'plan_ids', `run ${run_id} is there twice`);
    seen.add(run_id);
    const unsafe = nameFault(run_id);
    if (unsafe !== null) report(path, 'plan_ids', unsafe);
    const checked = checkRunSpec(run['spec']);
    if ('faults' in checked) {
      report(path, 'plan_identity', `run ${run_id} has no spec that can be trained: ${checked.faults.join('; ')}`);
      continue;
    }
    const { hash } = checked;
    if (hash !== run['config_hash']) {
      report(path, 'plan_identity', `run ${run_id} has config_hash ${run['config_hash']}, its spec's is ${hash}`);
    }
    const { model, num_tokens } = checked.spec;
    const flops = counter.countFlops(model, num_tokens);
    if (!isDeepStrictEqual(flops, run.flops)) {
      report(path, 'plan_counts', `run ${run_id} has flops ${shown(run.flops)}, its shape gives ${shown(flops)}`);
    }
    const live = run['live_vocab_size'];
    if (typeof live !== 'number') continue;
    const params = counter.countParams(model, live);
    if (!isDeepStrictEqual(params, run['num_params'])) {
      report(
        path,
        'plan_counts',
        `run ${run_id} has num_params ${shown(run['num_params'])}, its shape ${shown(params)}`,
      );
    }
  }
  checkTotals(plan, path, report);
}

function nameFault(run_id: string): string | null {
  try {
    checkName('run_id', run_id);
    return null;
  } catch (error) {
    if (error instanceof LabError) return error.message;
    throw error;
  }
}

/** The totals are of the runs of the last plan; those of earlier ones stand behind them. */
function checkTotals(plan: PlanFile, path: string, report: Report): void {
  if (plan['totals'] === undefined) return;
  const totals = (plan['totals'] ?? {}) as { num_runs?: unknown; num_tokens?: unknown; flops?: unknown };
  const { num_runs } = totals;
  if (typeof num_runs !== 'number' || num_runs > plan.runs.length) {
    report(path, 'plan_counts', `totals.num_runs is ${shown(num_runs)}, ${plan.runs.length} runs are listed`);
    return;
  }
  const earlier = plan.runs.length - num_runs;
  if (earlier > 0) report(path, 'note_earlier_plan', `${earlier} of ${plan.runs.length} runs are of an earlier plan`);
  const runs = plan.runs.slice(0, num_runs);
  const sum = (value: (run: PlanFile['runs'][number]) => unknown) =>
    runs.reduce((total, run) => total + Number(value(run)), 0);
  const num_tokens = sum((run) => (run['spec'] as { num_tokens?: unknown } | undefined)?.num_tokens);
  if (totals.num_tokens !== num_tokens) {
    report(path, 'plan_counts', `totals.num_tokens is ${shown(totals.num_tokens)}, the runs sum to ${num_tokens}`);
  }
  const exact = sum((run) => run.flops?.exact);
  const total = (totals.flops as { exact?: unknown } | undefined)?.exact;
  if (total !== exact) {
    report(path, 'plan_counts', `totals.flops.exact is ${shown(total)}, the runs sum to ${exact}`);
  }
}
