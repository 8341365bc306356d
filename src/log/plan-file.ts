/** @file plan.json as its readers see it: which runs a sweep consists of.
 * The planner writes far more into it; what is checked here is what status, resume and reports need when a run has
 * left no record yet. All other keys are kept as they are.
 */
import { z } from 'zod';
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
  runs: z.array(plannedRunSchema),
});

export type PlanFile = z.infer<typeof planFileSchema>;
