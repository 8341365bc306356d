/** @file Progress for pipes and log files: one plain line an event, and one each tenth of the sweep.
 * Steps are not shown; a log of a night stays readable. `quiet` is the same with the failures only.
 */
import picocolors from 'picocolors';
import { formatDuration, formatFixed, formatFlops } from '../../lib/format.ts';
import type { RunStatus } from '../../log/record.ts';
import { emptyPicture, foldEvent, type SweepEvent, type SweepPicture, secondsLeft, shareDone } from './events.ts';
import type { Renderer, RendererOptions } from './progress.ts';

type Colors = ReturnType<typeof picocolors.createColors>;

/** Lines for people. */
export function lineRenderer({ stream, is_color }: RendererOptions): Renderer {
  const colors = picocolors.createColors(is_color);
  const picture = emptyPicture();
  let tenth = 0;
  return {
    show: (event) => {
      foldEvent(picture, event, performance.now());
      const line = describeEvent(event, picture, colors);
      if (line !== null) stream.write(`${line}\n`);
      if (event.event === 'sweep_started') tenth = Math.floor(shareDone(picture) * 10);
      const reached = Math.floor(shareDone(picture) * 10);
      if (reached <= tenth || event.event !== 'run_progress') return;
      tenth = reached;
      const left = secondsLeft(picture, performance.now());
      const rest = left === null ? '' : `, about ${formatDuration(Math.ceil(left))} left`;
      stream.write(`${reached * 10}% of the sweep's FLOPs done${rest}\n`);
    },
    close: () => {},
  };
}

/** Failures only. */
export function quietRenderer({ stream, is_color }: RendererOptions): Renderer {
  const colors = picocolors.createColors(is_color);
  const picture = emptyPicture();
  return {
    show: (event) => {
      if (event.event !== 'run_failed' && event.event !== 'worker_lost') return;
      stream.write(`${describeEvent(event, picture, colors)}\n`);
    },
    close: () => {},
  };
}

/** The line of one event; null for those that have none. `picture` holds the event already. */
export function describeEvent(event: SweepEvent, picture: SweepPicture, colors: Colors): string | null {
  switch (event.event) {
    case 'sweep_started': {
      const { out_dir, runs, num_to_do, num_workers } = event;
      const num_runs = `${runs.length} ${runs.length === 1 ? 'run' : 'runs'}`;
      if (num_to_do === 0) return `sweep in ${out_dir}: ${num_runs}, all done before`;
      const done = num_to_do < runs.length ? `, ${runs.length - num_to_do} of them done before` : '';
      const flops = formatFlops(runs.reduce((sum, run) => sum + run.flops, 0));
      const workers = `${num_workers} ${num_workers === 1 ? 'worker' : 'workers'}`;
      return `sweep in ${out_dir}: ${num_runs}${done}, ${flops} FLOPs, ${workers}`;
    }
    case 'note':
      return event.message;
    case 'worker_ready': {
      const { worker, seconds, backend, device, placed_on } = event;
      const place = placed_on === null ? '' : ` (${placed_on})`;
      return `worker ${worker + 1} ready after ${formatDuration(seconds)}: ${backend}, ${device}${place}`;
    }
    case 'worker_lost':
      return colors.red(`worker ${event.worker + 1} cannot start: ${event.reason}`);
    case 'run_started': {
      const from = event.from_step > 0 ? `, from about step ${event.from_step}` : '';
      const again = event.attempt > 1 ? `, attempt ${event.attempt}` : '';
      return `${event.run_id} started on worker ${event.worker + 1}${from}${again}`;
    }
    case 'run_progress':
      return null;
    case 'run_ended': {
      const loss = event.val_loss === null ? '' : `, loss ${formatFixed(event.val_loss, 4)}`;
      const text = `${event.run_id} ${event.status}${loss}, ${formatDuration(event.seconds)} (${numEnded(picture)})`;
      return event.status === 'finished' ? text : colors.yellow(text);
    }
    case 'run_failed': {
      const again = event.will_retry ? '; trying again' : '';
      return colors.red(`${event.run_id} failed after ${formatDuration(event.seconds)}${again}: ${event.message}`);
    }
    case 'sweep_stopping': {
      const cause = event.signal === null ? 'stopping' : `stopping on ${event.signal}`;
      const advice = event.signal === 'SIGINT' ? '; Ctrl-C again kills' : '';
      return colors.yellow(`${cause}: the runs in flight are checkpointed${advice}`);
    }
    case 'sweep_ended':
      return `sweep ended after ${formatDuration(event.seconds)}: ${describeCounts(event.counts)}`;
  }
}

/** "3 finished, 1 failed" */
function describeCounts(counts: Partial<Record<RunStatus, number>>): string {
  const parts = Object.entries(counts).map(([status, n]) => `${n} ${status}`);
  return parts.length === 0 ? 'no runs' : parts.join(', ');
}

/** "9/16": runs that need nothing more, of all. */
export function numEnded(picture: SweepPicture): string {
  let ended = 0;
  for (const { status } of picture.runs.values()) {
    if (status === 'finished' || status === 'diverged' || status === 'failed') ended++;
  }
  return `${ended}/${picture.runs.size}`;
}
