/** @file Which card each worker gets: `--devices` and `--slots-per-device` -> one place a worker.
 * Toy runs cannot fill a card, so several share one. `auto` takes the cards that the environment lets this process see
 * and as many slots on each as its free memory holds of the largest run that waits. The places go round the cards, so
 * that few runs spread. Pure: what nvidia-smi said, the plan's estimate and the number of cores come in as arguments.
 * A card is bound by its UUID in CUDA_VISIBLE_DEVICES, by its index where nvidia-smi cannot be asked.
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
  /** CUDA_DEVICE_ORDER of this process. */
  order: string | undefined;
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
type Room = Pick<Card, 'index' | 'uuid' | 'free_mb' | 'memory_mb'>;

const UNKNOWN = { uuid: null, free_mb: null, memory_mb: null };

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
  notes.push(...orderNote(facts), ...kindsNote(request, seen, indices));
  notes.push(...rooms.flatMap((room, i) => tightNote(room, slots[i]!, need_mb)));
  const places = roundRobin(rooms, slots);
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

/** Of the cards of one name, those that have room for the largest run; all of them, where none has. A run goes on after
 * a stop only on a card of the name that it began on, so of several names the one with the most memory is taken. */
function autoDevices(seen: readonly Card[], facts: DeviceFacts): number[] {
  const { query, visible } = facts;
  if (seen.length === 0) {
    const why = query.cards.length === 0 ? 'nvidia-smi lists none' : `CUDA_VISIBLE_DEVICES=${visible} hides them all`;
    throw new LabError('no_backend', `--devices auto found no NVIDIA card: ${why}; see "scaling-lab doctor"`);
  }
  const whole = seen.filter(({ is_sliced }) => !is_sliced);
  if (whole.length === 0) throw slicedError(seen[0]!);
  const alike = largestKind(whole);
  const need_mb = needOf(facts);
  const roomy = alike.filter(({ free_mb }) => free_mb === null || free_mb * FILL >= need_mb);
  return (roomy.length > 0 ? roomy : alike).map(({ index }) => index);
}

/** The cards of the name that has the most memory, the first of equals. */
function largestKind(cards: readonly Card[]): Card[] {
  const kinds = [...new Set(cards.map(({ name }) => name))].map((name) => cards.filter((card) => card.name === name));
  const memory = (kind: readonly Card[]) => kind.reduce((sum, { memory_mb }) => sum + (memory_mb ?? 0), 0);
  return kinds.reduce((best, kind) => (memory(kind) > memory(best) ? kind : best));
}

const slicedError = ({ index, name }: Card): LabError =>
  new LabError(
    'usage',
    `${nameOf(index)} (${name}) is split into slices (MIG), and --devices places on whole cards; leave --devices out, ` +
      'name a slice in CUDA_VISIBLE_DEVICES and choose --workers',
  );

/** Where cards differ: which are left out, or what follows from mixing them. */
function kindsNote({ devices }: DeviceRequest, seen: readonly Card[], indices: readonly number[]): string[] {
  const [taken, others] = [
    seen.filter((c) => indices.includes(c.index)),
    seen.filter((c) => !indices.includes(c.index)),
  ];
  const list = (cards: readonly Card[]) => cards.map(({ index, name }) => `${nameOf(index)} (${name})`).join(', ');
  const rule = 'a run that is stopped goes on only on a card of the name that it began on';
  const mixed = new Set(taken.map(({ name }) => name)).size > 1;
  if (mixed) return [`${list(taken)} differ: ${rule}, and fails on another; give cards of one name`];
  const unlike = others.filter(({ name }) => name !== taken[0]?.name);
  if (devices !== 'auto' || unlike.length === 0) return [];
  return [`${list(unlike)} left out: ${rule}; --devices names other cards`];
}

/** CUDA counts the fastest card first, unless it is told otherwise. */
function orderNote({ query, visible, order }: DeviceFacts): string[] {
  const isMixed = new Set(query.cards.map(({ name }) => name)).size > 1;
  if (!isMixed || order === 'PCI_BUS_ID' || visible === undefined || !/(^|,)\s*\d/.test(visible)) return [];
  return [
    `CUDA_VISIBLE_DEVICES=${visible} is read as nvidia-smi counts; CUDA itself counts the fastest card first: set ` +
      'CUDA_DEVICE_ORDER=PCI_BUS_ID beside it, or name cards by UUID',
  ];
}

function requireCard(index: number, seen: readonly Card[], { query, visible }: DeviceFacts): Card {
  const card = seen.find((other) => other.index === index);
  if (card?.is_sliced) throw slicedError(card);
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
function roundRobin(rooms: readonly Room[], slots: readonly number[]): Place[] {
  const rounds = Array.from({ length: Math.max(0, ...slots) }, (_, round) => round);
  return rounds.flatMap((round) => rooms.filter((_, i) => round < (slots[i] ?? 0)).map(placeOn));
}

/** A place on a card; without the order, CUDA would count the fastest first. */
const placeOn = ({ index, uuid }: Room): Place => ({
  device: nameOf(index),
  env: { CUDA_VISIBLE_DEVICES: uuid ?? String(index), CUDA_DEVICE_ORDER: 'PCI_BUS_ID' },
});
