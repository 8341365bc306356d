/** @file `setup tensorflow` without a network: what it refuses, and what counts as set up. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { findLibrary } from '../../../src/backend/tensorflow/binding.ts';
import { hasNvidiaDriver } from '../../../src/backend/tensorflow/driver.ts';
import { cacheFolder, findInstalled, officialBinding, writeCurrent } from '../../../src/backend/tensorflow/place.ts';
import { setupTensorflow } from '../../../src/backend/tensorflow/setup.ts';
import { findTensorflow, whyNoGpu } from '../../../src/backend/tensorflow/tensorflow.ts';

let folder = '';
let before: string | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'scaling-lab-test-'));
  before = process.env['SCALING_LAB_CACHE'];
  process.env['SCALING_LAB_CACHE'] = folder;
});
afterEach(() => {
  if (before === undefined) delete process.env['SCALING_LAB_CACHE'];
  else process.env['SCALING_LAB_CACHE'] = before;
  rmSync(folder, { recursive: true, force: true });
});

function touch(...names: string[]): void {
  for (const name of names) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), '');
  }
}

describe('setup tensorflow', () => {
  it.each([
    [{ official: true, libtensorflow: '/x' }, /--from-pip, --official and --libtensorflow/],
    [{ fromPip: true, official: true }, /--from-pip, --official and --libtensorflow/],
    [{ official: true, version: '2.21.0' }, /--version and --gpu/],
    [{ libtensorflow: '/x', gpu: true }, /--version and --gpu/],
  ])('refuses options that do not go together: %o', async (options, message) => {
    await expect(setupTensorflow(options, () => {})).rejects.toMatchObject({
      exit: 'usage',
      message: expect.stringMatching(message),
    });
  });

  it('says where it cannot write, and what to do', async () => {
    touch('file');
    process.env['SCALING_LAB_CACHE'] = path.join(folder, 'file');
    await expect(setupTensorflow({ libtensorflow: folder }, () => {})).rejects.toMatchObject({
      exit: 'storage',
      message: expect.stringContaining('SCALING_LAB_CACHE'),
    });
  });

  it.runIf(process.platform === 'linux')('names what a folder lacks to be a library', async () => {
    const setup = () => setupTensorflow({ libtensorflow: folder }, () => {});
    await expect(setup()).rejects.toThrow(/it has no .*include\/tensorflow\/c\/c_api\.h/);
    touch('include/tensorflow/c/c_api.h');
    await expect(setup()).rejects.toThrow(/neither it nor its lib\/ has libtensorflow_cc\.so\.2/);
  });
});

describe('hasNvidiaDriver', () => {
  const has = (...files: string[]) => hasNvidiaDriver((file) => files.includes(String(file)));

  it('takes the kernel module, or in WSL its part of CUDA, and no GPU of another maker there', () => {
    expect(has('/proc/driver/nvidia/version')).toBe(true);
    expect(has('/dev/nvidiactl')).toBe(true);
    expect(has('/dev/dxg', '/usr/lib/wsl/lib/libcuda.so.1')).toBe(true);
    expect(has('/dev/dxg')).toBe(false);
    expect(has()).toBe(false);
  });
});

describe('findLibrary', () => {
  it('finds the libraries of a wheel and of a C distribution', () => {
    touch('include/tensorflow/c/c_api.h', 'lib/libtensorflow.so.2', 'lib/libtensorflow_framework.so.2');
    expect(findLibrary(folder).files[0]).toBe(path.join(folder, 'lib/libtensorflow.so.2'));
    touch('libtensorflow_cc.so.2', 'libtensorflow_framework.so.2');
    expect(findLibrary(folder).files[0]).toBe(path.join(folder, 'libtensorflow_cc.so.2'));
  });
});

describe('what is set up', () => {
  const installed = () => ({
    tensorflow: '2.21.0',
    has_cuda: false,
    library: path.join(folder, 'library'),
    binding: path.join(folder, 'binding.node'),
  });

  it('is what setup wrote last, as long as it is there', () => {
    writeCurrent(installed());
    expect(findInstalled()).toBeNull();
    touch('library/x', 'binding.node');
    expect(findInstalled()).toEqual(installed());
  });

  it('is not taken for usable by CUDA where nobody has tried', () => {
    const cuda = { ...installed(), has_cuda: true };
    expect(whyNoGpu({ ...cuda, sees_gpu: true }, 'SETUP')).toBeNull();
    expect(whyNoGpu({ ...cuda, sees_gpu: false }, 'SETUP')).toContain('run SETUP, which tries it and says why');
    expect(whyNoGpu({ ...cuda, has_cuda: null }, 'SETUP')).toContain('has not found a GPU');
    expect(whyNoGpu(installed(), 'SETUP')).toBe('TensorFlow was set up without CUDA; run SETUP');
    vi.stubEnv('CUDA_VISIBLE_DEVICES', '-1');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(whyNoGpu({ ...cuda, sees_gpu: true }, 'SETUP')).toContain('hides all cards');
  });

  it('is for CUDA on Linux only', async () => {
    const { platform } = process;
    Object.defineProperty(process, 'platform', { value: 'win32' });
    onTestFinished(() => void Object.defineProperty(process, 'platform', { value: platform }));
    expect(await findTensorflow({ needs_gpu: true })).toMatch(/on Linux only .*WSL.*--backend webgpu/);
    await expect(setupTensorflow({}, () => {})).rejects.toThrow('use the webgpu or wasm backend');
  });

  it('loses what killed setups left beside it', async () => {
    touch('tensorflow/wheels.123.tmp/file', 'tensorflow/kept/file');
    await expect(setupTensorflow({ libtensorflow: folder }, () => {})).rejects.toThrow('is no TensorFlow library');
    expect(readdirSync(cacheFolder())).toEqual(['kept']);
  });

  it('is nothing where the note is damaged', () => {
    touch('library/x', 'binding.node');
    writeCurrent(installed());
    writeFileSync(path.join(cacheFolder(), 'current.json'), '{"tensorflow": "2.2');
    expect(findInstalled()).toBeNull();
  });

  it('includes the newest binding of the package’s own step that this Node can load', () => {
    touch('lib/napi-v3/tfjs_binding.node', 'lib/napi-v8/tfjs_binding.node', 'lib/napi-v99/tfjs_binding.node');
    expect(officialBinding(folder)).toBe(path.join(folder, 'lib/napi-v8/tfjs_binding.node'));
    expect(officialBinding(path.join(folder, 'nowhere'))).toBeNull();
  });
});
