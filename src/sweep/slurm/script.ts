/** @file The batch script of one job array (pure): directives for sbatch, then one command.
 * The command replaces the shell, so that the signal which Slurm sends to the batch shell alone (`B:`) reaches the lab.
 * The task finds its index in the environment; nothing of a study is in the script but its name and its folder.
 */
import { directiveValue, literalPath, shellWord } from './quote.ts';
import { hasGpu, SIGNAL_SECONDS, type SlurmRequest } from './request.ts';

export interface ScriptOptions {
  request: SlurmRequest;
  /** Name of the array's jobs. */
  name: string;
  first_task: number;
  num_tasks: number;
  /** CPU cores of a task. */
  threads: number;
  /** The study's folder, absolute. */
  out_dir: string;
  /** Folder that relative paths of a study's data start from, absolute. */
  work_dir: string;
  /** Folder of the tasks' output, absolute. */
  log_dir: string;
  submission: string;
  /** Node and the compiled command line, absolute. */
  program: readonly [string, string];
}

/** The script's text. */
export function batchScript(options: ScriptOptions): string {
  const { request, name, first_task, num_tasks, threads, out_dir, work_dir, log_dir, submission, program } = options;
  const { partition, time, array_limit, gpus_per_run } = request;
  const limit = array_limit === undefined ? '' : `%${array_limit}`;
  const directives = [
    `--job-name=${directiveValue(name)}`,
    ...(partition === undefined ? [] : [`--partition=${directiveValue(partition)}`]),
    `--array=0-${num_tasks - 1}${limit}`,
    ...(time === undefined ? [] : [`--time=${time}`]),
    '--nodes=1',
    '--ntasks=1',
    `--cpus-per-task=${threads}`,
    ...(hasGpu(request) ? [`--gres=gpu:${gpus_per_run}`] : []),
    `--signal=B:USR1@${SIGNAL_SECONDS}`,
    '--requeue',
    '--open-mode=append',
    `--chdir=${directiveValue(work_dir)}`,
    `--output=${directiveValue(`${literalPath(log_dir)}/%A_%a.log`)}`,
  ];
  const command = [...program, 'slurm-task', out_dir].map(shellWord).join(' ');
  return [
    '#!/bin/sh',
    ...directives.map((directive) => `#SBATCH ${directive}`),
    `exec ${command} --submission ${submission} --first-task ${first_task}`,
    '',
  ].join('\n');
}
