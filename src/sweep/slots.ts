/** @file The slots of a sweep, each a place for one worker after another, and which of them a new worker is due in.
 * Slots share a device. A run that is alone there keeps the others empty, and one that waits to be alone gets its worker
 * when the last has left: a library gives a device's memory back only when its process ends.
 */
import type { WorkerLink } from './executor.ts';
import type { Job, JobQueue } from './job-queue.ts';
import type { ErrorReport } from './messages.ts';

/** A slot with the worker that is in it, or was last. */
export interface Slot {
  index: number;
  /** What its place names. */
  device: string | null;
  link: WorkerLink;
  state: 'starting' | 'idle' | 'busy' | 'gone';
  job: Job | null;
  started_ms: number;
  job_started_ms: number;
  heard_ms: number;
  /** Why the supervisor killed it. */
  killed_for: string | null;
  /** When it was told that nothing is left to do. */
  dismissed_ms: number | null;
  /** Its run ran out of memory or broke the device: it gets no other, and gives back what it holds by leaving. */
  is_spent: boolean;
  /** No worker starts in it: it gets no other. */
  is_lost: boolean;
  start_error: ErrorReport | null;
}

/** A slot whose worker is on its way. */
export function newSlot(index: number, device: string | null, link: WorkerLink): Slot {
  const now = performance.now();
  return {
    index,
    device,
    link,
    state: 'starting',
    job: null,
    started_ms: now,
    job_started_ms: now,
    heard_ms: now,
    killed_for: null,
    dismissed_ms: null,
    is_spent: false,
    is_lost: false,
    start_error: null,
  };
}

/** Slots with a worker on the device of `slot`, itself left out. */
const neighbours = (slots: readonly Slot[], slot: Slot): Slot[] =>
  slots.filter((other) => other !== slot && other.device === slot.device && other.state !== 'gone');

/** Takes the next run for the worker of `slot` out of the queue; none while a run is alone on its device. */
export function takeJob(slots: readonly Slot[], slot: Slot, queue: JobQueue): Job | undefined {
  const others = neighbours(slots, slot);
  if (slot.is_spent || others.some(({ job }) => job?.is_alone)) return undefined;
  return queue.take(slot.device, others.length === 0);
}

/** The first empty slot in which a worker would have something to do: as many start as runs wait that may share. */
export function slotToFill(slots: readonly Slot[], queue: JobQueue): Slot | undefined {
  const num_starting = slots.filter(({ state }) => state === 'starting').length;
  return slots.find((slot) => {
    if (slot.state !== 'gone' || slot.is_lost) return false;
    const others = neighbours(slots, slot);
    if (others.some(({ job }) => job?.is_alone)) return false;
    return num_starting < queue.num_shared || (others.length === 0 && queue.wantsAlone(slot.device));
  });
}

/** Gives `slot` up. Runs that wait to be alone on a device that lost its last slot wait for another device. */
export function loseSlot(slots: readonly Slot[], slot: Slot, queue: JobQueue): void {
  slot.is_lost = true;
  const left = slots.filter(({ is_lost }) => !is_lost);
  if (left[0] === undefined || left.some(({ device }) => device === slot.device)) return;
  queue.move(slot.device, left[0].device);
}
