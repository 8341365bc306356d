/** @file TensorFlow's library out of the wheels of PyPI, by way of the user's own pip (and so of its index, proxy and
 * cache). Of a wheel only the shared libraries and the C headers are kept, of NVIDIA's the libraries and the compiler
 * `ptxas`; folders keep their places beside each other, since TensorFlow finds CUDA relative to itself. Which Python a
 * wheel is for does not matter here.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { LabError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/make-folder.ts';
import { cacheFolder } from './place.ts';
import { lastLines, runProgram } from './program.ts';

/** TensorFlow's folder inside the unpacked wheels. */
export interface Wheel {
  folder: string;
  /** Of CUDA and cuDNN; empty without a GPU. */
  cuda_versions: Record<string, string>;
}

/** Which TensorFlow to fetch. */
export interface WheelChoice {
  /** Null for the newest. */
  version: string | null;
  gpu: boolean;
  /** Told of each step that takes a while. */
  onStep: (message: string) => void;
}

/** TensorFlow's wheels have CUDA on this machine's processor. */
export const hasCudaWheels = process.arch === 'x64';

/** Wheels for the pip's own Python first; then for this one, which every TensorFlow since 2.12 has. */
const OTHER_PYTHON = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311'];

/** Unpacks the wanted members of a wheel: `argv` = wheel, target, pattern. */
const UNPACK = `
import os, re, sys, zipfile
wheel, target, pattern = sys.argv[1:]
with zipfile.ZipFile(wheel) as z:
    for m in z.infolist():
        if re.search(pattern, m.filename) and not m.is_dir():
            z.extract(m, target)
            os.chmod(os.path.join(target, m.filename), (m.external_attr >> 16) & 0o777 | 0o644)
`;

/** Prints what a wheel's extra needs, a requirement a line: `argv` = wheel, extra. */
const REQUIRED = `
import re, sys, zipfile
wheel, extra = sys.argv[1:]
with zipfile.ZipFile(wheel) as z:
    name = next(n for n in z.namelist() if n.endswith('.dist-info/METADATA'))
    for line in z.read(name).decode().splitlines():
        found = re.match(r'Requires-Dist: ([^;]+);.*extra == .' + extra + '.', line)
        if found:
            print(found[1].strip().replace(' ', '').replace('(', '').replace(')', ''))
`;

const TENSORFLOW_MEMBERS = String.raw`^tensorflow/(lib[^/]*\.so[^/]*|include/.*/(c|platform)/.*\.h)$`;
const NVIDIA_MEMBERS = String.raw`^nvidia/(?!.*/include/)(?!.*\.a$).+$`;

/** A Python that has pip. Throws `no_backend` where none has. */
async function findPython(): Promise<string> {
  for (const python of [process.env['PYTHON'] || 'python3', '/usr/bin/python3', 'python']) {
    if ((await runProgram(python, ['-m', 'pip', '--version'])).code === 0) return python;
  }
  const advice =
    'install python3 with pip (python3-pip), or name one in PYTHON, or give a library with --libtensorflow';
  throw new LabError('no_backend', `no Python with pip was found; ${advice}`);
}

/** Downloads the wheels of `requirements`, without their dependencies. Returns their paths. */
async function download(python: string, requirements: string[], folder: string): Promise<string[]> {
  makeFolder(folder);
  const fixed = [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--disable-pip-version-check',
    '-d',
    folder,
  ];
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const platforms = ['2_17', '2_27', '2_28', '2014'].flatMap((v) => {
    return ['--platform', `manylinux${v === '2014' ? v : `_${v}`}_${machine}`];
  });
  let ended = await runProgram(python, [...fixed, ...requirements]);
  if (ended.code !== 0 && ended.output.includes('No matching distribution')) {
    ended = await runProgram(python, [...fixed, ...OTHER_PYTHON, ...platforms, ...requirements]);
  }
  if (ended.code !== 0) {
    const what = requirements.join(' ');
    throw new LabError(
      'no_backend',
      `pip could not download ${what}:\n${lastLines(ended.output)}\ncheck the version and the network, or give a library with --libtensorflow`,
    );
  }
  return readdirSync(folder).map((file) => path.join(folder, file));
}

/** Runs a small Python program; returns what it printed. */
async function runPython(python: string, program: string, args: string[]): Promise<string> {
  const { code, stdout, output } = await runProgram(python, ['-c', program, ...args]);
  if (code === 0) return stdout;
  throw new LabError('storage', `cannot unpack ${args[0]}: ${lastLines(output, 2)}`);
}

/** Version in a wheel's file name: `tensorflow_cpu-2.21.0-cp311-...`. */
function versionOf(wheel: string): string {
  return path.basename(wheel).split('-')[1] ?? 'unknown';
}

/** Beside the unpacked wheels, with the versions of CUDA's parts. */
const VERSIONS_FILE = 'cuda-versions.json';

/** What was unpacked in `place` before, or null. A folder gets its place when it is whole, and is never changed: runs may
 * have its libraries open. */
function findWheel(place: string): Wheel | null {
  const [folder, versions] = [path.join(place, 'tensorflow'), path.join(place, VERSIONS_FILE)];
  if (!existsSync(folder)) return null;
  return { folder, cuda_versions: existsSync(versions) ? JSON.parse(readFileSync(versions, 'utf8')) : {} };
}

/** Fetches TensorFlow (with CUDA's libraries for a GPU) into the cache; what is unpacked there already stays, and a
 * version that is named is then not downloaded. Throws `no_backend` where pip is missing or cannot download, or there is
 * no wheel with CUDA, and `storage` where a wheel cannot be unpacked. */
export async function fetchWheel({ version, gpu, onStep }: WheelChoice): Promise<Wheel> {
  if (gpu && !hasCudaWheels) {
    const advice = 'give a library with --libtensorflow, or use --backend webgpu';
    throw new LabError('no_backend', `TensorFlow's wheels have CUDA on x64 only, this is ${process.arch}; ${advice}`);
  }
  const name = gpu ? 'tensorflow' : 'tensorflow-cpu';
  const placeOf = (found: string) => path.join(cacheFolder(), `${name}-${found}`);
  const known = version === null ? null : findWheel(placeOf(version));
  if (known) return known;
  const python = await findPython();
  const scratch = path.join(cacheFolder(), `wheels.${process.pid}.tmp`);
  try {
    onStep(`downloading ${name} with ${python} -m pip`);
    const requirement = version === null ? name : `${name}==${version}`;
    const [wheel] = (await download(python, [requirement], path.join(scratch, 'tensorflow'))) as [string];
    const place = placeOf(versionOf(wheel));
    const there = findWheel(place);
    if (there) return there;
    const site = path.join(scratch, 'site');
    const cuda = gpu ? await requiredByCuda(python, wheel) : [];
    onStep(`unpacking ${path.basename(wheel)}`);
    await runPython(python, UNPACK, [wheel, site, TENSORFLOW_MEMBERS]);
    if (gpu) onStep(`downloading CUDA: ${cuda.length} packages, 4.5 GB unpacked`);
    const cuda_versions: Record<string, string> = {};
    for (const each of cuda) {
      const folder = path.join(scratch, 'nvidia');
      for (const file of await download(python, [each], folder)) {
        await runPython(python, UNPACK, [file, site, NVIDIA_MEMBERS]);
        const part = /^nvidia_(cuda_runtime|cudnn)_/.exec(path.basename(file))?.[1];
        if (part) cuda_versions[part.replace('_runtime', '')] = versionOf(file);
      }
      rmSync(folder, { recursive: true });
    }
    writeFileSync(path.join(site, VERSIONS_FILE), JSON.stringify(cuda_versions));
    rmSync(place, { recursive: true, force: true });
    renameSync(site, place);
    return { folder: path.join(place, 'tensorflow'), cuda_versions };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The packages with CUDA's libraries that `wheel` wants. Throws `no_backend` where it names none. */
async function requiredByCuda(python: string, wheel: string): Promise<string[]> {
  const required = (await runPython(python, REQUIRED, [wheel, 'and-cuda'])).split('\n').filter(Boolean);
  if (required.length > 0) return required;
  const what = `${path.basename(wheel)} names no CUDA libraries (it has no extra and-cuda)`;
  throw new LabError('no_backend', `${what}; choose --version 2.15 or newer, or give a library with --libtensorflow`);
}
