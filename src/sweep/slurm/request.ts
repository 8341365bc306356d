/** @file What a user asks of Slurm for a sweep, checked before anything is planned around it.
 * Values come from the command line and go into a batch script, so each has a strict form.
 */
import { LabError } from '../../lib/errors.ts';

export interface SlurmRequest {
  /** Default: the cluster's. */
  partition?: string | undefined;
  /** Tasks that run at the same time, at most. Default: as many as Slurm lets. */
  array_limit?: number | undefined;
  /** Wall time of a task as Slurm writes it: `90`, `1:30:00`, `2-12`. Default: the partition's. */
  time?: string | undefined;
  /** GPUs of a task: `1`, or with a type `a100:1`. Default none. */
  gpus_per_run?: string | undefined;
  /** Runs that one task trains, one after the other. Default 1. */
  runs_per_task?: number | undefined;
}

/** Seconds before the end of a task's time at which it is told to checkpoint. */
export const SIGNAL_SECONDS = 90;

/** Slurm may send the signal up to a minute early (sbatch(1), --signal); below this nothing would be left to train in. */
const MIN_MINUTES = 4;

const PARTITION = /^[A-Za-z0-9][A-Za-z0-9_.+-]*(,[A-Za-z0-9][A-Za-z0-9_.+-]*)*$/;
const GPUS = /^([A-Za-z0-9][A-Za-z0-9_.-]*:)?\d{1,3}$/;

/** Throws `usage` where a value has no form that Slurm knows, or leaves no time to train. */
export function checkSlurmRequest({ partition, time, gpus_per_run }: SlurmRequest): void {
  if (partition !== undefined && !PARTITION.test(partition)) {
    throw invalid('--partition', partition, 'give the name of a partition, as sinfo lists them');
  }
  if (gpus_per_run !== undefined && !GPUS.test(gpus_per_run)) {
    throw invalid('--gpus-per-run', gpus_per_run, 'give a number, or a type and a number as a100:1');
  }
  if (time === undefined) return;
  const minutes = slurmMinutes(time);
  if (minutes === null) {
    throw invalid('--time', time, 'give minutes, or as Slurm writes it: 1:30:00, 2-12, 2-12:00:00');
  }
  if (minutes < MIN_MINUTES) {
    const why = `a task checkpoints ${SIGNAL_SECONDS} s before its end, or up to a minute earlier`;
    throw invalid('--time', time, `${why}; give ${MIN_MINUTES} minutes or more`);
  }
}

/** Whether tasks have a GPU. */
export const hasGpu = ({ gpus_per_run }: SlurmRequest): boolean =>
  gpus_per_run !== undefined && !/^(.*:)?0+$/.test(gpus_per_run);

/** Minutes of a time as sbatch takes it: `M`, `M:S`, `H:M:S`, `D-H`, `D-H:M`, `D-H:M:S`; null for other text. */
export function slurmMinutes(text: string): number | null {
  const match = /^(?:(\d{1,4})-)?(\d{1,6})(?::(\d{1,2}))?(?::(\d{1,2}))?$/.exec(text);
  if (match === null) return null;
  const [days, a, b, c] = match.slice(1).map((part) => (part === undefined ? undefined : Number(part)));
  if (a === undefined) return null;
  if (days !== undefined) return days * 1440 + a * 60 + (b ?? 0) + (c ?? 0) / 60;
  if (c !== undefined) return a * 60 + (b ?? 0) + c / 60;
  return a + (b ?? 0) / 60;
}

const invalid = (option: string, value: string, advice: string): LabError =>
  new LabError('usage', `invalid ${option}: ${JSON.stringify(value)}; ${advice}`);
