/** @file Which card each worker gets: `--devices` and `--slots-per-device` -> one place a worker.
 * Toy runs cannot fill a card, so several share one. `auto` takes the cards that the environment lets this process see
 * and as many slots on each as its free memory holds of the largest run that waits. The places go round the cards, so
 * that few runs spread. Pure: what nvidia-smi said, the plan's estimate and the number of cores come in as arguments.
 * A card is bound by CUDA_VISIBLE_DEVICES, with CUDA told to count as nvidia-smi does.
 */
import { LabError } from '../lib/errors.ts';
import type { Place } from './executor.ts';
import type { Card, CardQuery } from './nvidia-smi.ts';

/** What the user asked for. */
export interface DeviceRequest {
  /** Indices of cards as nvidia-smi counts them: `cuda:0` is 0. */
  devices: 'auto' | readonly number[];
  /** Undefined: as `auto` where the free memory is known, else 1. */
  slots_per_device?: 'auto' | number | undefined;
  /** Workers at most. */
  workers?: number | undefined;
}

/** What the machine and the plan say. */
export interface DeviceFacts {
  query: CardQuery;
  /** CUDA_VISIBLE_DEVICES of this process. */
  visible: string | undefined;
  /** Memory that the largest run that waits needs, estimated. */
  run_bytes: number;
  num_cores: number;
}

/** Places, one a worker, and what the user should know. */
export interface Placement {
  places: Place[];
  notes: string[];
}

/** MiB a worker takes of a card beside its tensors: CUDA's context, kernels and library workspaces.
 * assumption: not measured on hardware. */
const PROCESS_MB = 1024;

/** Share of the free memory that is given out: allocators leave gaps, and other programs grow. assumption */
const FILL = 0.9;

/** Slots at most that `auto` puts on a card, which serves one process at a time. assumption */
const MAX_AUTO_SLOTS = 8;

const ONE_SLOT = 'one slot a card where its free memory is not known; --slots-per-device gives it more';

/** What counts of a card here; a card that was not asked has neither number. */
type Room = Pick<Card, 'index' | 'free_mb' | 'memory_mb'>;

const UNKNOWN = { free_mb: null, memory_mb: null };

/** MiB of a card that a worker may take. */
const needOf = ({ run_bytes }: DeviceFacts): number => run_bytes / 2 ** 20 + PROCESS_MB;

const nameOf = (index: number): string => `cuda:${index}`;

/** The places of `request`. Throws `usage` where it contradicts the machine, itself or CUDA_VISIBLE_DEVICES, and
 * `no_backend` where `auto` finds no card or cannot ask. */
export function placeWorkers(request: DeviceRequest, facts: DeviceFacts): Placement {
  const { query, visible } = facts;
  const { slots_per_device, workers } = request;
  if ((request.devices === 'auto' || slots_per_device === 'auto') && query.state !== 'ok') {
    const what = request.devices === 'auto' ? '--devices' : '--slots-per-device';
    const instead = request.devices === 'auto' ? 'cards, as --devices cuda:0' : 'a number of slots';
    throw new LabError(
      'no_backend',
      `${what} auto needs nvidia-smi: ${query.message}; give ${instead}, or see "scaling-lab doctor"`,
    );
  }
  const notes: string[] = [];
  const isChecked = query.state === 'ok';
  if (!isChecked) notes.push(`the cards were not checked: ${query.message}`);
  const seen = isChecked ? visibleCards(query.cards, visible) : [];
  const indices = request.devices === 'auto' ? autoDevices(seen, facts) : request.devices;
  const rooms = indices.map((index) => (isChecked ? requireCard(index, seen, facts) : { ...UNKNOWN, index }));
  const need_mb = needOf(facts);
  const slots = rooms.map((room, i) => {
    const max_cores = fairCores(facts.num_cores, indices.length, i);
    return countSlots(room, { wanted: slots_per_device, need_mb, max_cores });
  });
  if (slots_per_device === undefined && rooms.some(({ free_mb }) => free_mb === null)) notes.push(ONE_SLOT);
  notes.push(...rooms.flatMap((room, i) => tightNote(room, slots[i]!, need_mb)));
  const places = roundRobin(indices, slots);
  if (workers !== undefined && workers > places.length) {
    throw new LabError(
      'usage',
      `invalid --workers: ${workers} with ${places.length} slots on ${indices.map(nameOf).join(', ')}; a slot holds one ` +
        'worker: lower --workers, raise --slots-per-device, or leave --workers out',
    );
  }
  return { places: places.slice(0, workers), notes };
}

/** The cards that CUDA_VISIBLE_DEVICES leaves: all where it is not set; else those of its entries, which are indices or
 * the beginnings of UUIDs, up to the first that names no card, as CUDA reads it. Throws `usage` for a slice of a card. */
export function visibleCards(cards: readonly Card[], visible: string | undefined): Card[] {
  if (visible === undefined) return [...cards];
  const seen: Card[] = [];
  for (const entry of visible.split(',').map((text) => text.trim())) {
    if (entry.startsWith('MIG-')) {
      throw new LabError(
        'usage',
        `CUDA_VISIBLE_DEVICES=${visible} names a slice of a card, and --devices places on whole cards; leave --devices ` +
          'out and choose --workers',
      );
    }
    const card = cards.find(({ index, uuid }) =>
      /^\d+$/.test(entry) ? index === Number(entry) : entry.startsWith('GPU-') && uuid?.startsWith(entry),
    );
    if (card === undefined) break;
    if (!seen.includes(card)) seen.push(card);
  }
  return seen;
}

/** Cards that have room for the largest run; all, where none has. */
function autoDevices(seen: readonly Card[], facts: DeviceFacts): number[] {
  const { query, visible } = facts;
  if (seen.length === 0) {
    const why = query.cards.length === 0 ? 'nvidia-smi lists none' : `CUDA_VISIBLE_DEVICES=${visible} hides them all`;
    throw new LabError('no_backend', `--devices auto found no NVIDIA card: ${why}; see "scaling-lab doctor"`);
  }
  const need_mb = needOf(facts);
  const roomy = seen.filter(({ free_mb }) => free_mb === null || free_mb * FILL >= need_mb);
  return (roomy.length > 0 ? roomy : seen).map(({ index }) => index);
}

function requireCard(index: number, seen: readonly Card[], { query, visible }: DeviceFacts): Card {
  const card = seen.find((other) => other.index === index);
  if (card !== undefined) return card;
  const isHidden = query.cards.some((other) => other.index === index);
  const list = query.cards.map((other) => nameOf(other.index)).join(', ') || 'no card';
  throw new LabError(
    'usage',
    isHidden
      ? `invalid --devices: CUDA_VISIBLE_DEVICES=${visible} hides ${nameOf(index)}; choose another or change the variable`
      : `invalid --devices: there is no ${nameOf(index)}; nvidia-smi lists ${list}`,
  );
}

/** What was asked for; else as many as the free memory holds, one at least, so that a wrong estimate forbids no sweep. */
function countSlots(
  { index, free_mb }: Room,
  { wanted, need_mb, max_cores }: { wanted: DeviceRequest['slots_per_device']; need_mb: number; max_cores: number },
): number {
  if (typeof wanted === 'number') return wanted;
  if (free_mb !== null) return Math.max(1, Math.min(MAX_AUTO_SLOTS, max_cores, Math.floor((free_mb * FILL) / need_mb)));
  if (wanted === undefined) return 1;
  throw new LabError(
    'usage',
    `--slots-per-device auto needs the free memory of ${nameOf(index)}, which nvidia-smi does not tell; give a number`,
  );
}

/** Cores for the workers of the `i`-th of `num_devices` cards: each worker keeps one busy launching kernels. */
const fairCores = (num_cores: number, num_devices: number, i: number): number =>
  Math.floor(num_cores / num_devices) + (i < num_cores % num_devices ? 1 : 0);

function tightNote({ index, free_mb, memory_mb }: Room, num_slots: number, need_mb: number): string[] {
  if (free_mb === null || free_mb >= num_slots * need_mb) return [];
  const total = memory_mb === null ? '' : ` of ${memory_mb}`;
  const wanted = `${num_slots === 1 ? 'its slot takes' : `its ${num_slots} slots take`} up to about`;
  return [
    `${nameOf(index)} has ${free_mb}${total} MiB free and ${wanted} ${Math.ceil(num_slots * need_mb)}: runs may find no ` +
      `memory; lower ${num_slots === 1 ? '' : '--slots-per-device or '}train.batch_tokens, or end other programs there`,
  ];
}

/** First slots of all devices, then second ones, and so on. */
function roundRobin(indices: readonly number[], slots: readonly number[]): Place[] {
  const rounds = Array.from({ length: Math.max(0, ...slots) }, (_, round) => round);
  return rounds.flatMap((round) => indices.filter((_, i) => round < (slots[i] ?? 0)).map(placeOn));
}

/** A place on the card that nvidia-smi lists as `index`; without the order, CUDA would count the fastest first. */
const placeOn = (index: number): Place => ({
  device: nameOf(index),
  env: { CUDA_VISIBLE_DEVICES: String(index), CUDA_DEVICE_ORDER: 'PCI_BUS_ID' },
});
