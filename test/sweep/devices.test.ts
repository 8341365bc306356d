/** @file Which cards a sweep uses, how many workers each takes, and what is said of choices that cannot be. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviceList, slotCount } from '../../src/commands/device-options.ts';
import { type DeviceFacts, type DeviceRequest, placeWorkers, visibleCards } from '../../src/sweep/devices.ts';
import type { Card, CardQuery } from '../../src/sweep/nvidia-smi.ts';
import { findPlaces, type PlaceRequest } from '../../src/sweep/places.ts';
import { standIn, withoutNvidiaSmi } from '../support/stand-in.ts';

const card = (index: number, free_mb: number | null = 24_000): Card => ({
  index,
  name: 'a card',
  uuid: `GPU-${index}0000000-aaaa`,
  driver: '550.54.14',
  memory_mb: 24_564,
  free_mb,
  used_mb: 0,
  utilization_percent: 0,
  is_sliced: false,
  compute_capability: '8.9',
});

const MB = 2 ** 20;

function place(request: Partial<DeviceRequest>, facts: Partial<DeviceFacts> & { cards?: Card[] } = {}) {
  const { cards = [card(0), card(1)], ...others } = facts;
  const query = { state: 'ok', cards, message: '' } as const;
  const placement = placeWorkers(
    { devices: 'auto', slots_per_device: 'auto' as const, ...request },
    { query, visible: undefined, order: undefined, run_bytes: 1e6, num_cores: 64, ...others },
  );
  return { ...placement, names: placement.places.map(({ device }) => device) };
}

describe('placeWorkers', () => {
  it('gives each card its slots, going round the cards', () => {
    const { names, places, notes } = place({ devices: [0, 1], slots_per_device: 2 });
    expect(names).toEqual(['cuda:0', 'cuda:1', 'cuda:0', 'cuda:1']);
    expect(places[1]?.env).toEqual({ CUDA_VISIBLE_DEVICES: 'GPU-10000000-aaaa', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
    expect(notes).toEqual([]);
  });

  it('auto: takes the cards of one name, the one with the most memory, and says what it leaves', () => {
    const small = { ...card(1), name: 'a small card', memory_mb: 8_000 };
    const { names, notes } = place({ slots_per_device: 1 }, { cards: [small, card(2), { ...small, index: 3 }] });
    expect(names).toEqual(['cuda:2']);
    expect(notes[0]).toContain('cuda:1 (a small card), cuda:3 (a small card) left out: a run that is stopped');
    const pair = place(
      { slots_per_device: 1 },
      { cards: [small, { ...card(2), memory_mb: 15_000 }, { ...small, index: 3 }] },
    );
    expect(pair.names).toEqual(['cuda:1', 'cuda:3']);
  });

  it('says what follows from mixing cards that were named, and not from taking one of them', () => {
    const cards = [card(0), { ...card(1), name: 'another card' }];
    expect(place({ devices: [0, 1] }, { cards }).notes[0]).toContain('cuda:0 (a card), cuda:1 (another card) differ');
    expect(place({ devices: [1] }, { cards }).notes).toEqual([]);
    expect(place({ slots_per_device: 1 }).notes).toEqual([]);
  });

  it('takes no card that is split into slices', () => {
    const sliced = { ...card(0), is_sliced: true };
    expect(place({ slots_per_device: 1 }, { cards: [sliced, card(1)] }).names).toEqual(['cuda:1']);
    for (const devices of ['auto', [0]] as const) {
      expect(() => place({ devices }, { cards: [sliced] })).toThrow('cuda:0 (a card) is split into slices (MIG)');
    }
  });

  it('says where CUDA would count cards in another order than nvidia-smi', () => {
    const cards = [card(0), { ...card(1), name: 'another card' }];
    const notes = (facts: Partial<DeviceFacts> & { cards?: Card[] }) =>
      place({ devices: [0] }, { cards, ...facts }).notes.join();
    expect(notes({ visible: '0' })).toContain('set CUDA_DEVICE_ORDER=PCI_BUS_ID');
    expect(notes({ visible: '0', order: 'PCI_BUS_ID' })).toBe('');
    expect(notes({ visible: 'GPU-0' })).toBe('');
    expect(notes({})).toBe('');
    expect(notes({ visible: '0', cards: [card(0), card(1)] })).toBe('');
  });

  it('auto: as many slots as the free memory holds of the largest run, with room for a process', () => {
    // 0.9 x 24,000 MiB over 4,000 MiB of run and 1,024 of process: 4.
    expect(place({}, { cards: [card(0)], run_bytes: 4_000 * MB }).names).toHaveLength(4);
    expect(place({}, { cards: [card(0)], run_bytes: 11_000 * MB }).names).toHaveLength(1);
  });

  it('auto: no more slots than cores, and no more than 8 a card', () => {
    expect(place({}, { num_cores: 5 }).names).toEqual(['cuda:0', 'cuda:1', 'cuda:0', 'cuda:1', 'cuda:0']);
    expect(place({}, { num_cores: 1 }).names).toEqual(['cuda:0', 'cuda:1']);
    expect(place({}, { cards: [card(0)] }).names).toHaveLength(8);
  });

  it('auto: leaves out a card that others fill, unless there is no better', () => {
    expect(place({ slots_per_device: 1 }, { cards: [card(0, 300), card(1)] }).names).toEqual(['cuda:1']);
    const { names, notes } = place({}, { cards: [card(0, 300)] });
    expect(names).toEqual(['cuda:0']);
    expect(notes[0]).toContain('cuda:0 has 300 of 24564 MiB free and its slot takes up to about 1025');
    expect(notes[0]).toContain('train.batch_tokens');
  });

  it('says where the slots that were asked for may not fit', () => {
    const { names, notes } = place({ devices: [0], slots_per_device: 30 });
    expect(names).toHaveLength(30);
    expect(notes[0]).toContain('lower --slots-per-device or train.batch_tokens');
  });

  it('respects CUDA_VISIBLE_DEVICES', () => {
    expect(place({ slots_per_device: 1 }, { visible: '1' }).names).toEqual(['cuda:1']);
    expect(() => place({ devices: [0] }, { visible: '1' })).toThrow('CUDA_VISIBLE_DEVICES=1 hides cuda:0');
    expect(() => place({}, { visible: '' })).toThrow('hides them all');
  });

  it('refuses what is not there', () => {
    expect(() => place({ devices: [0, 7] })).toThrow('there is no cuda:7; nvidia-smi lists cuda:0, cuda:1');
    expect(() => place({}, { cards: [] })).toThrow('found no NVIDIA card: nvidia-smi lists none');
    expect(() => place({ devices: [0] }, { cards: [card(0, null)] })).toThrow('does not tell; give a number');
  });

  it('where nothing was said of slots, takes one on a card of unknown memory', () => {
    const { names, notes } = place({ slots_per_device: undefined }, { cards: [card(0, null)] });
    expect(names).toEqual(['cuda:0']);
    expect(notes[0]).toContain('one slot a card where its free memory is not known');
    expect(place({ slots_per_device: undefined }, { cards: [card(0)] }).names).toHaveLength(8);
  });

  it('takes --workers as a limit, and refuses more than there are slots', () => {
    expect(place({ devices: [0, 1], slots_per_device: 4, workers: 3 }).names).toEqual(['cuda:0', 'cuda:1', 'cuda:0']);
    expect(() => place({ devices: [0, 1], slots_per_device: 2, workers: 5 })).toThrow(
      'invalid --workers: 5 with 4 slots on cuda:0, cuda:1',
    );
  });

  it('without nvidia-smi places on the cards that are named, unchecked, and only there', () => {
    const query: CardQuery = { state: 'absent', cards: [], message: 'nvidia-smi is not on the PATH' };
    const { names, notes } = place({ devices: [3], slots_per_device: 2 }, { query });
    expect(names).toEqual(['cuda:3', 'cuda:3']);
    expect(notes).toEqual(['the cards were not checked: nvidia-smi is not on the PATH']);
    expect(() => place({ slots_per_device: 2 }, { query })).toThrow('give cards, as --devices cuda:0');
    expect(() => place({ devices: [3] }, { query })).toThrow('give a number of slots');
    const unsaid = place({ devices: [3], slots_per_device: undefined }, { query });
    expect(unsaid.names).toEqual(['cuda:3']);
    expect(unsaid.notes[1]).toContain('one slot a card');
  });

  it('fills every card it names with at most its slots, however many there are', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(15), { minLength: 1 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 200 }),
        (devices, slots_per_device, workers) => {
          const cards = devices.map((index) => card(index));
          fc.pre(workers <= devices.length * slots_per_device);
          const { names } = place({ devices, slots_per_device, workers }, { cards });
          const counts = devices.map((index) => names.filter((name) => name === `cuda:${index}`).length);
          expect(names).toHaveLength(workers);
          expect(Math.max(...counts)).toBeLessThanOrEqual(slots_per_device);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

describe('visibleCards', () => {
  it('reads the variable as CUDA does: indices or UUIDs, up to the first that is none', () => {
    const cards = [card(0), card(1), card(2)];
    const seen = (visible?: string) => visibleCards(cards, visible).map(({ index }) => index);
    expect(seen()).toEqual([0, 1, 2]);
    expect(seen('2,0')).toEqual([2, 0]);
    expect(seen('1,-1,0')).toEqual([1]);
    expect(seen('GPU-2, 1')).toEqual([2, 1]);
    expect(seen('')).toEqual([]);
    expect(() => seen('MIG-7d31')).toThrow('a slice of a card');
  });
});

describe('findPlaces', () => {
  const find = (changes: Partial<PlaceRequest>) =>
    findPlaces({ backend: 'cuda', threads: 1, run_bytes: Array(20).fill(1e6), ...changes });
  const names = async (changes: Partial<PlaceRequest>) => (await find(changes)).places.map(({ device }) => device);

  it.each(['webgpu', 'native', 'wasm', 'tensorflow'])('refuses devices for %s', async (backend) => {
    await expect(find({ backend, devices: [0] })).rejects.toMatchObject({ exit: 'usage' });
    await expect(find({ backend, devices: [0] })).rejects.toThrow(`the backend is ${backend}`);
  });

  it('refuses slots without devices', async () => {
    await expect(find({ slots_per_device: 2 })).rejects.toThrow('--slots-per-device needs --devices');
  });

  it('takes devices for a choice of CUDA, and starts no more workers than there are runs', async () => {
    standIn('eight');
    const { backend, places } = await find({
      backend: 'auto',
      devices: [6, 7],
      slots_per_device: 4,
      run_bytes: [1, 2, 3],
    });
    expect(backend).toBe('cuda');
    expect(places.map(({ device }) => device)).toEqual(['cuda:6', 'cuda:7', 'cuda:6']);
    expect((await find({ devices: 'auto', run_bytes: [] })).places).toEqual([]);
  });

  it('on CUDA without devices takes all cards with room', async () => {
    standIn('busy');
    expect(new Set(await names({}))).toEqual(new Set(['cuda:1']));
    expect(await names({ workers: 2 })).toEqual([null, null]);
  });

  it('on CUDA without knowledge of the cards starts one worker and says why', async () => {
    standIn('broken');
    const { places, notes } = await find({});
    expect(places).toEqual([{ device: null, env: {} }]);
    expect(notes[0]).toMatch(/one worker.*couldn't communicate/);
  });

  it('asks for the cards by name where it cannot ask the driver', async () => {
    withoutNvidiaSmi();
    await expect(find({ devices: 'auto' })).rejects.toMatchObject({ exit: 'no_backend' });
    expect(await names({ devices: [1], slots_per_device: 1 })).toEqual(['cuda:1']);
    expect(await names({ devices: [1] })).toEqual(['cuda:1']);
  });

  it('is as before on a machine without cards', async () => {
    withoutNvidiaSmi();
    expect(await names({ backend: 'auto', workers: 3 })).toEqual([null, null, null]);
    expect(await find({ backend: 'auto' })).toMatchObject({ backend: 'auto', notes: [] });
  });
});

describe('the options', () => {
  it('read lists of cards and counts of slots, and say what they want', () => {
    expect(deviceList('auto')).toBe('auto');
    expect(deviceList('cuda:0, cuda:11')).toEqual([0, 11]);
    for (const text of ['', '0', 'cuda', 'cuda:-1', 'cuda:0,', 'auto,cuda:0', 'webgpu:0']) {
      expect(() => deviceList(text)).toThrow('is no device: give auto, or cuda:0,cuda:1');
    }
    expect(() => deviceList('cuda:1,cuda:1')).toThrow('cuda:1 is there twice');
    expect([slotCount('auto'), slotCount('1'), slotCount('64')]).toEqual(['auto', 1, 64]);
    for (const text of ['0', '65', '1.5', '-1', 'many']) expect(() => slotCount(text)).toThrow('from 1 to 64');
  });
});
