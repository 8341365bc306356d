/** @file Runs -> tasks -> job arrays, in the order in which they shall start (pure).
 * A task is a list of runs that one job trains one after the other; an array holds at most MaxArraySize of them, since
 * Slurm's indices end below that.
 */

/** An array of a submission: tasks `first_task` to `first_task + num_tasks - 1` have its indices 0 and on. */
export interface TaskArray {
  first_task: number;
  num_tasks: number;
}

/** MaxArraySize where no cluster can be asked: Slurm's own default. */
export const DEFAULT_MAX_ARRAY_SIZE = 1001;

/** `runs` in groups of `runs_per_task`, the order kept: the costliest runs come first, so do the costliest tasks. */
export function groupRuns<T>(runs: readonly T[], runs_per_task: number): T[][] {
  const tasks: T[][] = [];
  for (let i = 0; i < runs.length; i += runs_per_task) tasks.push(runs.slice(i, i + runs_per_task));
  return tasks;
}

/** Arrays of at most `max_array_size` tasks that hold all tasks in their order. */
export function splitArrays(num_tasks: number, max_array_size: number): TaskArray[] {
  const size = Math.max(1, max_array_size);
  const arrays: TaskArray[] = [];
  for (let first_task = 0; first_task < num_tasks; first_task += size) {
    arrays.push({ first_task, num_tasks: Math.min(size, num_tasks - first_task) });
  }
  return arrays;
}
