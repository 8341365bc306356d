/** @file `--executor slurm` and what goes with it: a sweep as job arrays of a cluster. The values' forms are checked where
 * the batch script is made (sweep/slurm/request.ts); here they become a request, and options that mean nothing there are
 * refused.
 */
import { type Command, Option } from 'commander';
import { LabError } from '../lib/errors.ts';
import type { SlurmRequest } from '../sweep/sweep.ts';
import { positiveNumber, positiveWhole, type TrainOptions } from './options.ts';

/** Where a sweep's runs are trained. */
export interface SlurmOptions {
  executor?: 'local' | 'slurm';
  partition?: string;
  arrayLimit?: number;
  time?: string;
  gpusPerRun?: string;
  runsPerTask?: number;
  pollSeconds?: number;
}

/** Adds the options. */
export function withSlurm(command: Command): Command {
  return command
    .addOption(
      new Option('--executor <where>', 'train on this machine (default), or as jobs of a Slurm cluster').choices([
        'local',
        'slurm',
      ]),
    )
    .option('--partition <name>', "slurm: partition (default: the cluster's)")
    .option(
      '--array-limit <count>',
      'slurm: tasks at the same time (default: as many as there is room for)',
      positiveWhole,
    )
    .option('--time <time>', "slurm: wall time of a task, as 90 or 1:30:00 (default: the partition's)")
    .option('--gpus-per-run <count>', 'slurm: GPUs of a task, as 1 or a100:1 (default: none)')
    .option('--runs-per-task <count>', 'slurm: runs that a task trains one after the other (default: 1)', positiveWhole)
    .addOption(
      new Option('--poll-seconds <seconds>', 'slurm: seconds between looks at the queue (default: 10)')
        .argParser(positiveNumber)
        .hideHelp(),
    );
}

/** What is asked of Slurm, or null for a sweep on this machine. Throws `usage` for options of the other executor. */
export function slurmRequest(options: TrainOptions): SlurmRequest | null {
  const { partition, arrayLimit, time, gpusPerRun, runsPerTask } = options;
  const own = { '--partition': partition, '--array-limit': arrayLimit, '--time': time, '--gpus-per-run': gpusPerRun };
  const slurm = { ...own, '--runs-per-task': runsPerTask, '--poll-seconds': options.pollSeconds };
  const { workers, devices, slotsPerDevice, hangSeconds } = options;
  const placing = { '--workers': workers, '--devices': devices, '--slots-per-device': slotsPerDevice };
  if (options.executor !== 'slurm') {
    refuse(slurm, 'needs --executor slurm');
    return null;
  }
  refuse(placing, 'is for one machine; with --executor slurm give --array-limit and --gpus-per-run');
  refuse({ '--hang-seconds': hangSeconds }, 'is for one machine; Slurm ends its tasks after --time');
  return {
    partition,
    array_limit: arrayLimit,
    time,
    gpus_per_run: gpusPerRun,
    runs_per_task: runsPerTask,
  };
}

function refuse(options: Record<string, unknown>, why: string): void {
  const given = Object.keys(options).find((name) => options[name] !== undefined);
  if (given !== undefined) throw new LabError('usage', `${given} ${why}`);
}
