/** @file Which steps of a run leave a row in metrics.jsonl: what training writes, and what a check of the log expects.
 * A train row every `logInterval` steps and at each evaluation, an evaluation row at each of `evalSteps`.
 */

/** Steps after which a run is evaluated: `num_evals` log-spaced ones over the last factor 100 of the run, distinct,
 * ascending, the last at `num_steps`. */
export function evalSteps(num_steps: number, num_evals: number): number[] {
  const first = Math.max(1, num_steps / 100);
  const steps = new Set<number>();
  for (let i = 0; i < num_evals; i++) {
    const share = num_evals === 1 ? 1 : i / (num_evals - 1);
    steps.add(Math.round(first * (num_steps / first) ** share));
  }
  return [...steps.add(num_steps)].filter((step) => step >= 1).sort((a, b) => a - b);
}

/** Steps between two training rows of metrics.jsonl: about a hundred rows a run. */
export function logInterval(num_steps: number): number {
  return Math.max(1, Math.round(num_steps / 100));
}

/** Every row of a whole run, in order; at an evaluation the train row comes first. */
export function loggedRows(num_steps: number, num_evals: number): { kind: 'train' | 'eval'; step: number }[] {
  const evals = new Set(evalSteps(num_steps, num_evals));
  const every = logInterval(num_steps);
  const steps = new Set(evals);
  for (let step = every; step <= num_steps; step += every) steps.add(step);
  return [...steps]
    .sort((a, b) => a - b)
    .flatMap((step) => [
      { kind: 'train' as const, step },
      ...(evals.has(step) ? [{ kind: 'eval' as const, step }] : []),
    ]);
}
