/** @file How often a study would reproduce a claim if it were true, before a run is trained: the planned runs get losses
 * from a surface, with noise by run (along its whole curve) and an offset by size as measured in earlier studies, and are judged by the same
 * code as real ones. A claim below 80% is exploratory: its number is shown, and an "inconclusive" is what to expect.
 */
import { mean, sampleStandardDeviation } from 'simple-statistics';
import type { Claim, PowerConfig } from '../../config/config.ts';
import { normal, type Rng, rngStream } from '../../lib/rng.ts';
import { evalSteps } from '../../log/log.ts';
import type { RunRecord } from '../../log/record.ts';
import type { Plan, PlannedRun } from '../../plan/plan.ts';
import { judgeClaims } from './claims.ts';
import { termFitter } from './term.ts';
import type { Outcome } from './verdict.ts';

/** Shares of the simulated studies by outcome. */
export interface ClaimPower {
  name: string;
  outcomes: Record<Outcome, number>;
  /** Mean and standard deviation of the estimates; null where none was made. */
  mean: number | null;
  sd: number | null;
  /** Whether the claim is decided in at least 80% of the studies. */
  is_decisive: boolean;
}

const DECISIVE = 0.8;

/** Simulates `draws` studies of the plan and judges the claims in each. */
export function simulatePower(
  plan: Plan,
  claims: readonly Claim[],
  power: PowerConfig,
  bootstrap: number,
): ClaimPower[] {
  const studies = Array.from({ length: power.draws }, (_, draw) => {
    const rng = rngStream(draw, 'power');
    const simulated = simulatedRecords(plan.runs, power, rng);
    // Judged as if none were exploratory yet; other studies are not simulated.
    const open = claims.map(({ exploratory: _, ...claim }) => claim);
    const recordsOf = (study: string | undefined) => (study === undefined ? simulated : null);
    return judgeClaims(open, termFitter(recordsOf, { bootstrap, seed: draw }));
  });
  return claims.map(({ name }, i) => {
    const results = studies.map((study) => study[i]!);
    const share = (outcome: Outcome) =>
      results.filter(({ verdict }) => verdict.outcome === outcome).length / results.length;
    const estimates = results.flatMap(({ estimate }) => (estimate === null ? [] : [estimate]));
    const outcomes = {
      reproduced: share('reproduced'),
      'not reproduced': share('not reproduced'),
      inconclusive: share('inconclusive'),
      'not comparable': share('not comparable'),
      exploratory: 0,
    };
    return {
      name,
      outcomes,
      mean: estimates.length > 0 ? mean(estimates) : null,
      sd: estimates.length > 1 ? sampleStandardDeviation(estimates) : null,
      is_decisive: outcomes.reproduced + outcomes['not reproduced'] >= DECISIVE,
    };
  });
}

/** Records of the planned runs as if they had been trained: log loss of the surface, plus an offset that all runs of a
 * size share, plus a run's own noise. Runs of groups without a surface are left out. */
function simulatedRecords(runs: readonly PlannedRun[], power: PowerConfig, rng: Rng): RunRecord[] {
  const offsets = new Map<number, number>();
  return runs.flatMap((run): RunRecord[] => {
    const surface = power.surfaces[run.group];
    if (!surface) return [];
    const N = run.num_params.total;
    const { d_model } = run.spec.model;
    let offset = offsets.get(d_model);
    if (offset === undefined) {
      offset = power.size_sd * normal(rng);
      offsets.set(d_model, offset);
    }
    const { E, A, B, alpha, beta } = surface;
    const noise = Math.exp(offset + power.seed_sd * normal(rng));
    return [recordOf(run, (tokens) => (E + A / N ** alpha + B / tokens ** beta) * noise)];
  });
}

/** What the fits read of a record, from the plan and the loss after so many tokens. */
function recordOf(run: PlannedRun, lossAt: (tokens: number) => number): RunRecord {
  const { run_id, group, spec, num_params, flops, budget_flops, budget_counting, unique_tokens } = run;
  const { num_tokens, num_steps, batch_size, model, schedule, init_seed, data_seed } = spec;
  const eval_curve = evalSteps(num_steps, spec.eval.num_evals).map((step) => {
    const tokens = (num_tokens * step) / num_steps;
    return { step, tokens, val_loss: lossAt(tokens) };
  });
  const fields: Partial<RunRecord> = {
    ...{ run_id, group, num_params, flops, budget_flops, budget_counting, unique_tokens },
    model: { ...model },
    schedule: { ...schedule },
    ...{ num_tokens, num_steps, batch_size, init_seed, data_seed, status: 'finished', eval_curve },
    val_loss: lossAt(num_tokens),
    optimizer: { name: 'adamw', ...spec.optimizer },
    entropy_nats: run.entropy_nats,
    epochs: unique_tokens === null ? null : num_tokens / unique_tokens,
    spec: spec as unknown as Record<string, unknown>,
  };
  return fields as RunRecord;
}
