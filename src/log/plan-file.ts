/** @file plan.json as its readers see it: which runs a sweep consists of.
 * The planner writes far more into it; what is checked here is what status, resume and reports need when a run has
 * left no record yet. All other keys are kept as they are.
 */
import { z } from 'zod';
import { writeAtomic } from './atomic.ts';
import { planPath } from './paths.ts';
import { SCHEMA_VERSION } from './record.ts';

const plannedRunSchema = z.looseObject({
  run_id: z.string().min(1),
  /** Block of the study. */
  group: z.string().optional(),
  /** Compute is weighed by this counting in a sweep's status. */
  flops: z.looseObject({ exact: z.number().nonnegative() }).optional(),
});

export const planFileSchema = z.looseObject({
  schema_version: z.literal(SCHEMA_VERSION),
  /** Of the last plan; the runs of earlier ones that the folder keeps stand behind it in `runs`. */
  totals: z.looseObject({ num_runs: z.number().int().nonnegative() }).optional(),
  runs: z.array(plannedRunSchema),
});

export type PlanFile = z.infer<typeof planFileSchema>;

/** The same with the keys that are named here alone: of ten thousand runs the others weigh 60 MB. */
export const planKeysSchema = z.object({
  schema_version: z.literal(SCHEMA_VERSION),
  runs: z.array(z.object(plannedRunSchema.shape)),
});

/** The same with the totals, which say where earlier plans begin. */
export const planPlacesSchema = planKeysSchema.extend({ totals: planFileSchema.shape.totals });

/** Writes plan.json of the sweep in `dir`, a line a run: half the size of the indented form, readable in a diff, and
 * never whole in memory. Throws `storage`. */
export function writePlanFile(dir: string, { runs, ...rest }: { runs: readonly object[] }): void {
  writeAtomic(planPath(dir), (write) => {
    write(`${JSON.stringify(rest).slice(0, -1)},"runs":[`);
    runs.forEach((run, i) => {
      write(`${i === 0 ? '' : ','}\n${JSON.stringify(run)}`);
    });
    write('\n]}\n');
  });
}
