/** @file The runs that wait for a worker: the costliest first, and those that want a device to themselves last.
 * A run that found no memory beside others waits until the rest of the queue is done, since a device must drain once
 * anyway before it can be alone; on the device where it failed, whose size is what it has to fit.
 */
import type { PlannedRun } from '../plan/plan.ts';

/** One run to do. */
export interface Job {
  run: PlannedRun;
  run_dir: string;
  /** About where it goes on. */
  from_step: number;
  /** It wants a device without other runs of the sweep. Default no. */
  is_alone?: boolean;
}

export class JobQueue {
  readonly #shared: Job[];
  #alone: { job: Job; device: string | null }[] = [];

  /** `jobs` in the order to start them. */
  constructor(jobs: readonly Job[]) {
    this.#shared = [...jobs];
  }

  /** Runs that wait. */
  get size(): number {
    return this.#shared.length + this.#alone.length;
  }

  /** Runs that wait and may run beside others. */
  get num_shared(): number {
    return this.#shared.length;
  }

  /** Whether a run waits to be alone on `device`. */
  wantsAlone(device: string | null): boolean {
    return this.#alone.some((waiting) => waiting.device === device);
  }

  /** Takes the next run for a worker on `device`. `is_empty`: no other worker is there. */
  take(device: string | null, is_empty: boolean): Job | undefined {
    const job = this.#shared.shift();
    if (job !== undefined || !is_empty) return job;
    const index = this.#alone.findIndex((waiting) => waiting.device === device);
    return index < 0 ? undefined : this.#alone.splice(index, 1)[0]?.job;
  }

  /** Puts a run back that was on `device`; first, since it was costlier than all that still wait. */
  putBack(job: Job, device: string | null): void {
    if (job.is_alone) this.#alone.unshift({ job, device });
    else this.#shared.unshift(job);
  }

  /** Lets the runs that wait for `device`, which has no worker any more, wait for `other`. */
  move(device: string | null, other: string | null): void {
    this.#alone = this.#alone.map((waiting) => (waiting.device === device ? { ...waiting, device: other } : waiting));
  }
}
