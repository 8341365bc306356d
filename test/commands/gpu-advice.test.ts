/** @file What doctor says on machines in every state: facts made up, nvidia-smi's answers from its stand-in. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BackendStatus } from '../../src/backend/backend.ts';
import { type GpuState, gpuAdvice } from '../../src/commands/gpu-advice.ts';
import { pciVendors, readGpuState } from '../../src/commands/gpu-state.ts';
import { queryCards } from '../../src/sweep/sweep.ts';
import { temporaryFolder } from '../support/run-record.ts';
import { standIn, withoutNvidiaSmi } from '../support/stand-in.ts';

const backend = (name: string, reason = ''): BackendStatus => ({ name, what: '', is_available: reason === '', reason });

const NO_LIBRARY = "TensorFlow's library has not been set up; run scaling-lab setup tensorflow --gpu";
const NO_ADAPTER = 'no GPU adapter was found';

/** A machine without GPU, npm 11 and Node 20, but for `changes`; nvidia-smi answers as `state` says. */
async function machine(state: string | null, changes: Partial<GpuState> = {}): Promise<GpuState> {
  if (state === null) withoutNvidiaSmi();
  else standIn(state);
  return {
    platform: 'linux',
    node: '20.20.2',
    npm: '11.4.0',
    pci_vendors: [],
    has_nvidia_driver: state !== null,
    query: await queryCards(),
    visible: undefined,
    backends: [backend('cuda', NO_LIBRARY), backend('webgpu', NO_ADAPTER)],
    missing_packages: [],
    ...changes,
  };
}

const said = async (state: string | null, changes: Partial<GpuState> = {}) => {
  const advice = gpuAdvice(await machine(state, changes));
  return advice.map(({ found, next }) => `${found} -> ${next}`).join('\n');
};

const NVIDIA = { pci_vendors: ['0x10de'] };

describe('doctor on GPUs', () => {
  it('no GPU: nothing to do', async () => {
    expect(await said(null)).toBe('no GPU was found -> nothing is needed: the CPU backends train');
    // The display chip of a server's management board is no GPU.
    expect(await said(null, { pci_vendors: ['0x1a03'] })).toContain('no GPU was found');
  });

  it('a GPU but no driver: install it', async () => {
    const text = await said(null, { ...NVIDIA, has_nvidia_driver: false });
    expect(text).toContain('on the PCI bus, but no NVIDIA driver is loaded');
    expect(text).toContain('ubuntu-drivers install');
    expect(text).toContain('--gpus all');
    expect(text).not.toContain('setup tensorflow');
  });

  it('a driver without nvidia-smi', async () => {
    const text = await said(null, { ...NVIDIA, has_nvidia_driver: true });
    expect(text).toContain('nvidia-smi is not on the PATH');
    expect(text).toContain('NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics');
    expect(text).toContain(NO_LIBRARY);
  });

  it.each([
    ['broken', NVIDIA, 'sudo modprobe nvidia'],
    ['broken', {}, 'no NVIDIA GPU is on the PCI bus'],
    ['mismatch', NVIDIA, 'restart: the driver was updated'],
    ['silent', NVIDIA, 'run nvidia-smi to see all that it says'],
  ])('a driver that does not work: %s %o', async (state, changes, next) => {
    const text = await said(state, changes);
    expect(text).toContain('the NVIDIA driver does not work: ');
    expect(text).toContain(next);
    expect(text).not.toContain('setup tensorflow');
  });

  it('a driver that hangs', async () => {
    standIn('hang');
    const query = await queryCards({ timeout_ms: 200 });
    expect(await said('none', { query })).toContain(
      'did not answer within 0.2 s: the driver hangs -> keep the cards awake with sudo systemctl enable --now nvidia-persistenced',
    );
  });

  it('a driver that lists no card', async () => {
    expect(await said('none', NVIDIA)).toMatch(/lists no card, although one is on the PCI bus -> .*--gres=gpu:1/);
    expect(await said('none')).toMatch(/is there, but lists no card -> .*--gpus all/);
  });

  it('a driver but no library: set it up', async () => {
    const text = await said('one', NVIDIA);
    expect(text).toContain(
      'cuda:0  NVIDIA GeForce RTX 4090, driver 550.54.14, 24072 of 24564 MiB free, 0% busy -> null',
    );
    expect(text).toContain(`a driver, but no TensorFlow that computes on it -> ${NO_LIBRARY}`);
    const both = await said('one', { ...NVIDIA, backends: [backend('cuda', NO_LIBRARY), backend('webgpu')] });
    expect(both).toContain('--backend webgpu trains on the card without it');
  });

  it('all there: train', async () => {
    const text = await said('eight', { ...NVIDIA, backends: [backend('cuda')] });
    expect(text.match(/^cuda:\d {2}NVIDIA H100/gm)).toHaveLength(8);
    expect(text).toContain('sweep CONFIG --devices auto');
    expect(await said(null, { has_nvidia_driver: true, backends: [backend('cuda')] })).toContain('--devices cuda:0');
  });

  it('cards in use, lost, hidden, and of unknown memory', async () => {
    expect(await said('busy')).toContain('312 of 40960 MiB free, 97% busy -> other programs fill it');
    expect(await said('lost')).toMatch(/GPU is lost.* -> restart to have that card back/);
    const warned = await said('warning');
    expect(warned).toContain('infoROM is corrupted at gpu 0000:0B:00.0 -> null');
    expect(warned).not.toContain('restart');
    expect(await said('one', { visible: '' })).toContain('CUDA_VISIBLE_DEVICES="" hides all cards -> unset it');
    expect(await said('spark')).toContain('NVIDIA GB10, driver 580.142, memory unknown');
  });

  it("another maker's GPU: WebGPU, or what it lacks", async () => {
    const amd = { pci_vendors: ['0x1002', '0x8086'] };
    expect(await said(null, amd)).toContain(`a GPU by AMD -> --backend webgpu would train on it: ${NO_ADAPTER}`);
    const text = await said(null, { ...amd, backends: [backend('webgpu')] });
    expect(text).toContain('a GPU by Intel -> train on it with --backend webgpu');
    expect(await said(null, { platform: 'darwin', backends: [backend('webgpu')] })).toContain('a GPU by Apple');
  });

  it('Node 24: nothing is needed, said only where TensorFlow is used', async () => {
    const node = '24.4.1';
    expect(await said('one', { node })).toMatch(
      /Node 24.4.1 no longer has .* -> nothing is needed: the lab puts them back/,
    );
    expect(await said(null, { node, backends: [backend('tensorflow')] })).toContain('Node 24.4.1');
    expect(await said(null, { node })).not.toContain('Node 24');
    expect(await said('one', { node: '22.17.0' })).not.toContain('Node 22');
  });

  it('npm 12: whether its rule on install steps left something out, and what to run', async () => {
    const npm = '12.0.1';
    expect(await said(null, { npm })).toMatch(/npm 12.0.1 runs no package's install step .* -> nothing is needed/);
    expect(await said(null, { npm, platform: 'darwin' })).toContain('npm install-scripts approve webgpu');
    const text = await said(null, { npm, missing_packages: ['webgpu'] });
    expect(text).toMatch(/npm left out webgpu.* -> run npm install --include=optional; .*npm install-scripts approve/);
    const older = await said(null, { missing_packages: ['webgpu'] });
    expect(older).toContain('npm left out webgpu, which GPUs need -> run npm install --include=optional');
    expect(older).not.toContain('install-scripts');
    expect(await said(null, { npm: null })).not.toContain('npm');
  });
});

describe('the facts', () => {
  it('are read without failing here, with the packages that are missing', async () => {
    standIn('one');
    const state = await readGpuState([backend('cuda')], { webgpu: '0.6.2' });
    expect(state.query.cards).toHaveLength(1);
    expect(state.missing_packages).toEqual(['@tensorflow/tfjs-backend-webgpu']);
    expect(state.node).toBe(process.versions.node);
    expect(gpuAdvice(state).length).toBeGreaterThan(1);
  });

  it('take display controllers for GPUs, and no other function of a card', () => {
    const root = temporaryFolder();
    const add = (device: string, kind: string, vendor: string) => {
      mkdirSync(join(root, device));
      writeFileSync(join(root, device, 'class'), `${kind}\n`);
      writeFileSync(join(root, device, 'vendor'), `${vendor}\n`);
    };
    add('0000:01:00.0', '0x030000', '0x10de');
    add('0000:01:00.1', '0x040300', '0x10de');
    add('0000:02:00.0', '0x030200', '0x10de');
    add('0000:00:02.0', '0x038000', '0x8086');
    add('0000:03:00.0', '0x020000', '0x8086');
    expect(pciVendors(root).sort()).toEqual(['0x10de', '0x10de', '0x8086']);
    expect(pciVendors(join(root, 'absent'))).toEqual([]);
  });
});
