/** @file The GPU in a record: from nvidia-smi's stand-in for CUDA, from the backend itself for WebGPU. */
import { describe, expect, it } from 'vitest';
import type { BackendInfo } from '../../src/backend/backend.ts';
import { runRecordSchema } from '../../src/log/record.ts';
import { describeGpu, readGpu } from '../../src/sweep/gpu-facts.ts';
import { queryCards } from '../../src/sweep/nvidia-smi.ts';
import { makeRecord } from '../support/run-record.ts';
import { standIn, withoutNvidiaSmi } from '../support/stand-in.ts';

const backend = (name: string, versions: Record<string, string> = {}): BackendInfo => ({
  name,
  tfjs_name: name,
  device: 'what the backend says',
  instruction_set: 'x64',
  versions,
});

const cardsOf = async (state: string) => {
  standIn(state);
  return (await queryCards()).cards;
};

const cuda = backend('cuda', { tensorflow: '2.18.0' });

describe('the GPU of a record', () => {
  it('is none on a CPU', async () => {
    standIn('eight');
    for (const name of ['native', 'wasm', 'cpu', 'tensorflow']) expect((await readGpu(backend(name))).gpu).toBeNull();
  });

  it('is the card that the environment binds the process to', async () => {
    const env = { CUDA_VISIBLE_DEVICES: '5', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' };
    expect(describeGpu(cuda, await cardsOf('eight'), env)).toEqual({
      index: 5,
      name: 'NVIDIA H100 80GB HBM3',
      driver: '550.90.07',
      memory_mb: 81559,
      compute_capability: '9.0',
      library: 'tensorflow 2.18.0',
    });
  });

  it('is the last of several, which is the one that TensorFlow takes', async () => {
    const cards = await cardsOf('eight');
    expect(describeGpu(cuda, cards, {})?.index).toBe(7);
    expect(describeGpu(cuda, cards, { CUDA_VISIBLE_DEVICES: '3,1' })?.index).toBe(1);
  });

  it('is not guessed where the order of the cards is not known, or a slice is used', async () => {
    const cards = await cardsOf('two-kinds');
    const unknown = { index: null, name: 'what the backend says', memory_mb: null };
    expect(describeGpu(cuda, cards, {})).toMatchObject(unknown);
    expect(describeGpu(cuda, cards, { CUDA_VISIBLE_DEVICES: '0' })).toMatchObject(unknown);
    expect(describeGpu(cuda, cards, { CUDA_VISIBLE_DEVICES: 'MIG-1f' })).toMatchObject(unknown);
    expect(describeGpu(cuda, await cardsOf('slice'), {})).toMatchObject(unknown);
    const uuid = { CUDA_VISIBLE_DEVICES: 'GPU-5f0a7a6e-0000' };
    expect(describeGpu(cuda, cards, uuid)).toMatchObject({ index: 0, name: 'NVIDIA GeForce GTX 1650' });
  });

  it('names the backend, and what its bits depend on', async () => {
    standIn('one');
    const started = { ...cuda, device: 'NVIDIA GPU', instruction_set: 'NVIDIA GPU, TensorFlow 2.18.0' };
    const { backend: named } = await readGpu(started);
    expect(named.device).toBe('NVIDIA GeForce RTX 4090');
    expect(named.instruction_set).toBe('NVIDIA GeForce RTX 4090, TensorFlow 2.18.0');
    const webgpu = { ...backend('webgpu'), device: 'a card', instruction_set: 'nvidia ampere' };
    expect((await readGpu(webgpu)).backend).toEqual(webgpu);
  });

  it('is what the backend knows where nvidia-smi cannot be asked', async () => {
    withoutNvidiaSmi();
    expect((await readGpu(cuda)).gpu).toMatchObject({ index: null, name: 'what the backend says', driver: null });
  });

  it('is the adapter with WebGPU, without asking nvidia-smi', async () => {
    standIn('eight');
    const webgpu = backend('webgpu', { webgpu: '0.6.2', driver: 'Mesa 25.1' });
    expect((await readGpu(webgpu)).gpu).toEqual({
      index: null,
      name: 'what the backend says',
      driver: 'Mesa 25.1',
      memory_mb: null,
      compute_capability: null,
      library: 'webgpu 0.6.2',
    });
  });

  it('goes into a record, which is read with it, with null and without it', async () => {
    const gpu = describeGpu(cuda, await cardsOf('one'), {});
    expect(runRecordSchema.parse(makeRecord({ gpu })).gpu).toEqual(gpu);
    expect(runRecordSchema.parse(makeRecord({ gpu: null })).gpu).toBeNull();
    expect('gpu' in runRecordSchema.parse(makeRecord())).toBe(false);
  });
});
