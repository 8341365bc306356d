/** @file Whether setup tells a TensorFlow that sees a GPU from one that does not: with a binding made here, which looks
 * for CUDA's cusolver as TensorFlow does, by name alone, and a cusolver that is empty.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { probeBinding } from '../../../src/backend/tensorflow/binding.ts';
import { cacheFolder, npmPackage, writeCurrent } from '../../../src/backend/tensorflow/place.ts';
import { setupTensorflow } from '../../../src/backend/tensorflow/setup.ts';
import { temporaryFolder } from '../../support/training.ts';

const BINDING = `
#include <dlfcn.h>
#include <node_api.h>
#include <stdio.h>
#include <stdlib.h>
static napi_value seesGpu(napi_env env, napi_callback_info) {
  bool found = dlopen("libcusolver.so.11", RTLD_NOW) != nullptr;
  const char* growth = getenv("TF_FORCE_GPU_ALLOW_GROWTH");
  if (!found) fprintf(stderr, "2026-01-01 00:00:00.1: W tensorflow/gpu_device.cc:2342] Cannot dlopen some GPU libraries.\\n");
  napi_value result;
  napi_get_boolean(env, found && growth && growth[0] == 't', &result);
  return result;
}
NAPI_MODULE_INIT() {
  napi_value version, sees;
  napi_create_string_utf8(env, "2.99.0", NAPI_AUTO_LENGTH, &version);
  napi_set_named_property(env, exports, "TF_Version", version);
  napi_create_function(env, nullptr, 0, seesGpu, nullptr, &sees);
  napi_set_named_property(env, exports, "isUsingGpuDevice", sees);
  return exports;
}`;

const compiler = process.env['CXX'] || 'c++';
const canBuild = process.platform === 'linux' && spawnSync(compiler, ['--version']).status === 0;

describe.skipIf(!canBuild || npmPackage() === null)('a binding that is tried', () => {
  const { folder, remove } = temporaryFolder();
  vi.stubEnv('SCALING_LAB_CACHE', folder);
  const wheels = path.join(cacheFolder(), 'tensorflow-2.99.0');
  const library = path.join(wheels, 'tensorflow');
  const binding = path.join(cacheFolder(), 'binding.node');
  const cusolver = path.join(wheels, 'nvidia/cusolver/lib');

  function compile(source: string, out: string, ...flags: string[]): void {
    const file = path.join(folder, 'source.cc');
    writeFileSync(file, source);
    const require = createRequire(import.meta.url);
    const headers = path.join(path.dirname(require.resolve('node-api-headers/package.json')), 'include');
    const { status, stderr } = spawnSync(compiler, ['-shared', '-fPIC', `-I${headers}`, ...flags, file, '-o', out]);
    if (status !== 0) throw new Error(String(stderr));
  }

  function addCusolver(): void {
    mkdirSync(cusolver, { recursive: true });
    compile('', path.join(cusolver, 'libcusolver.so.11'), '-Wl,-soname,libcusolver.so.11');
  }

  beforeAll(() => {
    mkdirSync(library, { recursive: true });
    compile(BINDING, binding, '-ldl');
  });
  afterEach(() => rmSync(cusolver, { recursive: true, force: true }));
  afterAll(() => {
    vi.unstubAllEnvs();
    remove();
  });

  it('sees the GPU only with the library that TensorFlow does not find by itself', async () => {
    const without = await probeBinding(binding, library);
    expect(without).toEqual({
      tensorflow: '2.99.0',
      sees_gpu: false,
      said: ['Cannot dlopen some GPU libraries.'],
    });
    addCusolver();
    expect(await probeBinding(binding, library)).toEqual({ tensorflow: '2.99.0', sees_gpu: true, said: [] });
  });

  it('is tried again when setup is asked again, and what it says is kept', async () => {
    writeCurrent({ tensorflow: '2.99.0', has_cuda: true, library, binding });
    const setup = async () => {
      const { sees_gpu, is_new, gpu_complaints } = await setupTensorflow({ gpu: true }, () => {});
      const { sees_gpu: kept } = JSON.parse(readFileSync(path.join(cacheFolder(), 'current.json'), 'utf8'));
      return { sees_gpu, kept, is_new, gpu_complaints };
    };
    const blind = { sees_gpu: false, kept: false, is_new: false };
    expect(await setup()).toEqual({ ...blind, gpu_complaints: ['Cannot dlopen some GPU libraries.'] });
    const cli = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));
    const said = () => String(spawnSync(process.execPath, [cli, 'setup', 'tensorflow', '--gpu']).stdout);
    expect(said()).toMatch(
      /2.99.0 with CUDA.*\nit finds no GPU here.*\nCannot dlopen.*\nuse it with --backend tensorflow\n/,
    );
    addCusolver();
    expect(said()).toMatch(/2.99.0 with CUDA.*\nuse it with --backend cuda or --backend tensorflow\n/);
    expect(await setup()).toEqual({ sees_gpu: true, kept: true, is_new: false, gpu_complaints: [] });
  });
});
