/** @file Fetching TensorFlow's wheels with a pip that is a script: what is unpacked already stays, and a wheel without
 * CUDA is not taken for one with it. The wheels are small zip files made here.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { fetchWheel, hasCudaWheels } from '../../../src/backend/tensorflow/pip.ts';
import { temporaryFolder } from '../../support/run-record.ts';

/** Copies the wheel of the last argument's name into the folder after -d; all else is Python's. */
const PIP = `#!/bin/sh
[ "$1" = -m ] || exec python3 "$@"
[ "$3" = download ] || exit 0
for word; do [ "$before" = -d ] && folder="$word"; before="$word"; done
echo "$before" >> "$WHEELS/asked"
cp "$WHEELS/$(echo "\${before%%=*}" | tr - _)"-[0-9]*.whl "$folder"`;

const MAKE_WHEEL = `
import sys, zipfile
wheel, *members = sys.argv[1:]
with zipfile.ZipFile(wheel, 'w') as z:
    for member in members:
        name, _, text = member.partition('=')
        z.writestr(name, text)`;

const canRun = process.platform === 'linux' && spawnSync('python3', ['--version']).status === 0;

describe.skipIf(!canRun)('fetchWheel', () => {
  let folder = '';
  beforeEach(() => {
    folder = temporaryFolder();
    const python = path.join(folder, 'python');
    writeFileSync(python, PIP);
    chmodSync(python, 0o755);
    mkdirSync(path.join(folder, 'cache/tensorflow'), { recursive: true });
    for (const [name, value] of [
      ['PYTHON', python],
      ['WHEELS', folder],
      ['SCALING_LAB_CACHE', path.join(folder, 'cache')],
    ] as const) {
      vi.stubEnv(name, value);
    }
    onTestFinished(() => void vi.unstubAllEnvs());
  });

  function addWheel(name: string, ...members: string[]): void {
    const { stderr, status } = spawnSync('python3', ['-c', MAKE_WHEEL, path.join(folder, `${name}-x.whl`), ...members]);
    if (status !== 0) throw new Error(String(stderr));
  }

  const asked = () => readFileSync(path.join(folder, 'asked'), 'utf8').trim().split('\n');
  const onStep = () => {};

  it('leaves a version alone that is unpacked: runs may have its libraries open', async () => {
    addWheel('tensorflow_cpu-2.99.0', 'tensorflow/libtensorflow_cc.so.2=library');
    const newest = { version: null, gpu: false, onStep };
    const first = await fetchWheel(newest);
    writeFileSync(path.join(first.folder, 'mark'), '');
    expect(await fetchWheel(newest)).toEqual(first);
    expect(await fetchWheel({ ...newest, version: '2.99.0' })).toEqual(first);
    expect(existsSync(path.join(first.folder, 'mark'))).toBe(true);
    // By name it was not even asked for.
    expect(asked()).toEqual(['tensorflow-cpu', 'tensorflow-cpu']);
  });

  it.runIf(hasCudaWheels)('takes CUDA with its versions from the wheels that TensorFlow names', async () => {
    const metadata = "Requires-Dist: nvidia-cudnn-cu12 (==9.3) ; extra == 'and-cuda'";
    const library = 'tensorflow/libtensorflow_cc.so.2=library';
    addWheel('tensorflow-2.99.0', library, `tensorflow-2.99.0.dist-info/METADATA=${metadata}`);
    addWheel('nvidia_cudnn_cu12-9.3', 'nvidia/cudnn/lib/libcudnn.so.9=library');
    const choice = { version: '2.99.0', gpu: true, onStep };
    const wheel = await fetchWheel(choice);
    expect(wheel.cuda_versions).toEqual({ cudnn: '9.3' });
    expect(existsSync(path.join(wheel.folder, '../nvidia/cudnn/lib/libcudnn.so.9'))).toBe(true);
    expect(await fetchWheel(choice)).toEqual(wheel);
    expect(asked()).toEqual(['tensorflow==2.99.0', 'nvidia-cudnn-cu12==9.3']);
  });

  it.runIf(hasCudaWheels)('refuses a wheel that names no CUDA', async () => {
    addWheel('tensorflow-2.10.0', 'tensorflow/libtensorflow_cc.so.2=x', 'tensorflow-2.10.0.dist-info/METADATA=');
    await expect(fetchWheel({ version: '2.10.0', gpu: true, onStep })).rejects.toMatchObject({
      exit: 'no_backend',
      message: expect.stringContaining('no extra and-cuda'),
    });
  });
});
