/** @file Slurm's queue as the lab needs it: for each task of an array its state, and why it waits.
 * `squeue --states=all` also lists tasks that ended within the last minutes (MinJobAge); after that they are just gone.
 */
import { runSlurm, SlurmError } from './programs.ts';

/** A task of an array in the queue. */
export interface QueuedTask {
  /** As scancel and scontrol take it: `123_4`. */
  job_id: string;
  /** Name of the array, and the task's index in it. */
  name: string;
  index: number;
  /** `RUNNING`, `PENDING`, ... */
  state: string;
  /** Why it waits, or ended. */
  reason: string;
  /** Where it runs or ran; empty before. */
  node: string;
}

/** Where a task stands: not started, on a node, or over. */
export type Phase = 'waiting' | 'active' | 'over';

const WAITING = new Set(['PENDING', 'REQUEUED', 'REQUEUE_FED', 'REQUEUE_HOLD', 'SPECIAL_EXIT', 'RESV_DEL_HOLD']);

const OVER = new Set(
  'BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED REVOKED TIMEOUT'.split(' '),
);

/** A state that is not known is taken for one that holds a node: nothing is done to such a task. */
export const phaseOf = ({ state }: QueuedTask): Phase =>
  WAITING.has(state) ? 'waiting' : OVER.has(state) ? 'over' : 'active';

/** Reasons to wait that time does not mend, and what to do (squeue(1), job reason codes). */
const HOPELESS: Readonly<Record<string, string>> = {
  BadConstraints: 'no node has what it asks for: choose another --partition or --gpus-per-run',
  DependencyNeverSatisfied: 'the array before it never ends well: start the sweep again',
  InvalidAccount: 'set SBATCH_ACCOUNT to an account of yours',
  InvalidQOS: 'set SBATCH_QOS to a quality of service of yours',
  JobHoldMaxRequeue: 'it failed to start too often: see the cluster’s administrator',
  PartitionConfig: 'the partition does not take it: a shorter --time or another --partition (sinfo lists limits)',
  PartitionNodeLimit: 'choose another --partition',
  PartitionTimeLimit: 'give a shorter --time, or another --partition (sinfo lists limits)',
  QOSTimeLimit: 'give a shorter --time',
  launch_failed_requeued_held: 'a node could not start it: see the cluster’s administrator',
};

/** What to do about a task that waits for something that will not come; null where it may still start. */
export const adviceOf = ({ reason }: QueuedTask): string | null => HOPELESS[reason.replaceAll(' ', '_')] ?? null;

/** Key of a task over all arrays. */
export const taskKey = (name: string, index: number): string => `${name}/${index}`;

/** Every task of the arrays with these names that the queue knows, by `taskKey`. Throws what `runSlurm` throws. */
export async function readQueue(names: readonly string[]): Promise<Map<string, QueuedTask>> {
  if (names.length === 0) return new Map();
  const user = process.getuid?.();
  const own = user === undefined ? [] : [`--user=${user}`];
  const format = '--format=%i|%j|%T|%N|%r';
  const args = ['--array', '--noheader', '--states=all', ...own, `--name=${names.join(',')}`, format];
  return new Map(parseQueue(await runSlurm('squeue', args)).map((task) => [taskKey(task.name, task.index), task]));
}

/** The lines of `squeue --format=%i|%j|%T|%N|%r` that are tasks of arrays. */
export function parseQueue(text: string): QueuedTask[] {
  return text.split('\n').flatMap((line) => {
    const [job_id = '', name = '', state = '', node = '', ...reason] = line.trim().split('|');
    const index = /^\d+_(\d+)$/.exec(job_id)?.[1];
    return index === undefined ? [] : [{ job_id, name, index: Number(index), state, node, reason: reason.join('|') }];
  });
}

/** Whether the job `id` holds a node, or might. */
export async function isJobActive(id: string): Promise<boolean> {
  if (!/^\d+$/.test(id)) return true;
  try {
    const states = (await runSlurm('squeue', ['--noheader', '--states=all', `--jobs=${id}`, '--format=%T'])).split(
      '\n',
    );
    return states.some((state) => state.trim() !== '' && !WAITING.has(state.trim()) && !OVER.has(state.trim()));
  } catch (error) {
    // A job that ended long ago is an error of squeue's; any other says nothing of the job.
    return !(error instanceof SlurmError && /invalid job id/i.test(error.message));
  }
}

/** The arrays' own ids, without the tasks': `123`. */
export const arrayIds = (tasks: Iterable<QueuedTask>): string[] => [
  ...new Set([...tasks].map(({ job_id }) => job_id.replace(/_.*/s, ''))),
];
