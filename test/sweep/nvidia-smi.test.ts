/** @file nvidia-smi's answers, printed by the stand-in of test/support/nvidia-smi. */
import { describe, expect, it } from 'vitest';
import { parseCards, queryCards } from '../../src/sweep/nvidia-smi.ts';
import { standIn, withoutNvidiaSmi } from '../support/stand-in.ts';

const query = (state: string) => {
  standIn(state);
  return queryCards();
};

describe('queryCards', () => {
  it('reads a card', async () => {
    expect(await query('one')).toEqual({
      state: 'ok',
      message: '',
      cards: [
        {
          index: 0,
          name: 'NVIDIA GeForce RTX 4090',
          uuid: 'GPU-5f0a7a6e-0001-4a31-b44b-9d82a8c80735',
          driver: '550.54.14',
          memory_mb: 24564,
          free_mb: 24072,
          used_mb: 2,
          utilization_percent: 0,
          is_sliced: false,
          compute_capability: '8.9',
        },
      ],
    });
  });

  it('reads eight cards, and a card in use', async () => {
    const { cards } = await query('eight');
    expect(cards.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(new Set(cards.map(({ uuid }) => uuid)).size).toBe(8);
    const [busy, free] = (await query('busy')).cards;
    expect(busy).toMatchObject({ free_mb: 312, used_mb: 40125, utilization_percent: 97 });
    expect(free).toMatchObject({ free_mb: 40437, utilization_percent: 0 });
  });

  it('takes what a card does not tell for unknown', async () => {
    expect((await query('spark')).cards[0]).toMatchObject({ memory_mb: null, free_mb: null, used_mb: null });
    const sliced = { free_mb: 40437, utilization_percent: null, is_sliced: true };
    expect((await query('slice')).cards[0]).toMatchObject(sliced);
    expect((await query('busy')).cards[0]).toMatchObject({ is_sliced: false });
  });

  it('asks again without the field that older drivers do not know', async () => {
    const { state, cards } = await query('old-driver');
    expect(state).toBe('ok');
    expect(cards).toMatchObject([
      { name: 'Tesla K80', driver: '470.182.03', free_mb: 11438, utilization_percent: null, compute_capability: null },
    ]);
  });

  it('knows no card from no driver', async () => {
    expect(await query('none')).toEqual({ state: 'ok', cards: [], message: '' });
    const broken = await query('broken');
    expect(broken).toMatchObject({ state: 'broken', cards: [] });
    expect(broken.message).toContain("exit code 9: NVIDIA-SMI has failed because it couldn't communicate");
    expect((await query('mismatch')).message).toContain(
      'Driver/library version mismatch NVML library version: 535.161',
    );
    expect((await query('silent')).message).toBe('nvidia-smi ended with exit code 255: it said nothing');
  });

  it('keeps the cards that answer when another is lost', async () => {
    const { state, cards, message } = await query('lost');
    expect(state).toBe('ok');
    expect(cards).toMatchObject([{ name: 'NVIDIA RTX A6000', utilization_percent: null }]);
    expect(message).toContain('GPU is lost');
  });

  it('says where there is no nvidia-smi', async () => {
    withoutNvidiaSmi();
    expect(await queryCards()).toEqual({ state: 'absent', cards: [], message: 'nvidia-smi is not on the PATH' });
  });

  it('waits for one that has to wake many cards', async () => {
    standIn('cold');
    expect((await queryCards()).cards).toHaveLength(1);
  });

  it('leaves one that does not answer behind', async () => {
    standIn('hang');
    const start_ms = performance.now();
    const { state, message } = await queryCards({ timeout_ms: 300 });
    expect(performance.now() - start_ms).toBeLessThan(2_000);
    expect({ state, message }).toEqual({
      state: 'broken',
      message: 'nvidia-smi did not answer within 0.3 s: the driver hangs',
    });
  });
});

describe('parseCards', () => {
  it('keeps a comma in a name and passes over lines that are no card', () => {
    const output =
      'WARNING: infoROM is corrupted at gpu 0000:65:00.0\r\n3, A card, large, GPU-1, 1.0, 8, 4, 4, 0, Disabled, 9.0\r\n';
    expect(parseCards(output)).toMatchObject([{ index: 3, name: 'A card, large', uuid: 'GPU-1', memory_mb: 8 }]);
  });
});
