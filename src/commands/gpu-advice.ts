/** @file What `doctor` says of GPUs: facts of the machine -> what was found and what to do next, in the order to do it.
 * Pure, so that every state can be tested without the machine that is in it: no GPU, a GPU without driver, a driver that
 * does not answer, a driver without library, newer versions of Node and npm. Facts come from gpu-state.ts.
 */
import type { BackendStatus } from '../backend/backend.ts';
import type { Card, CardQuery } from '../sweep/sweep.ts';

/** What is known of this machine's GPUs. */
export interface GpuState {
  platform: string;
  /** Of the running Node, as `24.1.0`. */
  node: string;
  /** Null where npm does not tell. */
  npm: string | null;
  /** Vendors of the display controllers on the PCI bus, as `0x10de`; none where the bus cannot be read. */
  pci_vendors: readonly string[];
  /** NVIDIA's kernel module is loaded. */
  has_nvidia_driver: boolean;
  query: CardQuery;
  /** CUDA_VISIBLE_DEVICES of this process. */
  visible: string | undefined;
  backends: readonly BackendStatus[];
  /** Optional packages that npm left out. */
  missing_packages: readonly string[];
}

/** A finding, and what to do about it; null where nothing is to be done. */
export interface Advice {
  found: string;
  next: string | null;
}

const NVIDIA = '0x10de';
const OTHER_GPUS: Record<string, string> = { '0x1002': 'AMD', '0x8086': 'Intel', '0x106b': 'Apple' };

/** Share of a card's memory in use from which on other programs fill it. */
const FULL = 0.5;

/** All that there is to say of the GPUs of a machine; at least one line. */
export function gpuAdvice(state: GpuState): Advice[] {
  const gpus = [...nvidiaAdvice(state), ...otherGpuAdvice(state)];
  const none = { found: 'no GPU was found', next: 'nothing is needed: the CPU backends train' };
  return [...(gpus.length > 0 ? gpus : [none]), ...nodeAdvice(state), ...npmAdvice(state)];
}

function nvidiaAdvice(state: GpuState): Advice[] {
  const { query, pci_vendors, has_nvidia_driver } = state;
  const hasCard = pci_vendors.includes(NVIDIA);
  if (query.state === 'broken') return [brokenDriver(query.message, hasCard)];
  if (query.state === 'ok') return query.cards.length > 0 ? cardAdvice(state) : [noCard(hasCard)];
  if (has_nvidia_driver) {
    const next =
      'add the folder of nvidia-smi to the PATH, in a container set NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics ' +
      '(graphics is for webgpu): --devices auto and the records ask it for the cards';
    return [{ found: 'an NVIDIA driver is loaded, but nvidia-smi is not on the PATH', next }, ...cudaAdvice(state)];
  }
  return hasCard ? [{ found: 'an NVIDIA GPU is on the PCI bus, but no NVIDIA driver is loaded', next: INSTALL }] : [];
}

const INSTALL =
  "install NVIDIA's driver and restart (Ubuntu: sudo ubuntu-drivers install; Debian: sudo apt install nvidia-driver), " +
  'until nvidia-smi lists the card; in a container, install the NVIDIA Container Toolkit on the host and start it with ' +
  '--gpus all';

function noCard(hasCard: boolean): Advice {
  const found = hasCard
    ? 'the NVIDIA driver answers, but lists no card, although one is on the PCI bus'
    : 'the NVIDIA driver is there, but lists no card';
  const next =
    'in a container start it with --gpus all; under Slurm ask for one with --gres=gpu:1; else see what the kernel says: ' +
    'sudo dmesg | grep -i -e nvrm -e xid';
  return { found, next };
}

function brokenDriver(message: string, hasCard: boolean): Advice {
  const found = `the NVIDIA driver does not work: ${message}`;
  if (/version mismatch/i.test(message)) {
    return { found, next: 'restart: the driver was updated, and the kernel still holds the old one' };
  }
  if (/did not answer/.test(message)) {
    const next =
      'keep the cards awake with sudo systemctl enable --now nvidia-persistenced, since waking many takes long; where that ' +
      'does not help, see why with sudo dmesg | grep -i -e nvrm -e xid, and restart';
    return { found, next };
  }
  if (!/communicate with the NVIDIA driver/.test(message)) {
    return { found, next: 'run nvidia-smi to see all that it says; restart, or install the driver again' };
  }
  return hasCard
    ? {
        found,
        next:
          'load it with sudo modprobe nvidia; where that fails, install the driver again for the running kernel (its ' +
          'headers must be there, and Secure Boot wants the module signed), and restart',
      }
    : {
        found,
        next: 'no NVIDIA GPU is on the PCI bus: nothing is needed, unless this is a virtual machine without it',
      };
}

function cardAdvice(state: GpuState): Advice[] {
  const { query, visible } = state;
  const isLost = /\blost\b|unable to determine/i.test(query.message);
  const next = isLost ? 'restart to have that card back' : null;
  const said = query.message === '' ? [] : [{ found: query.message, next }];
  const hidden = visible === '' || visible === '-1';
  const advice = hidden
    ? [{ found: `CUDA_VISIBLE_DEVICES="${visible}" hides all cards`, next: 'unset it to train on them' }]
    : cudaAdvice(state);
  return [...query.cards.map(describeCard), ...said, ...advice];
}

function describeCard(card: Card): Advice {
  const { index, name, driver, free_mb, memory_mb, used_mb, utilization_percent } = card;
  const memory = memory_mb === null ? 'memory unknown' : `${free_mb ?? 'unknown'} of ${memory_mb} MiB free`;
  const use = utilization_percent === null ? '' : `, ${utilization_percent}% busy`;
  const isFull = used_mb !== null && memory_mb !== null && used_mb > FULL * memory_mb;
  return {
    found: `cuda:${index}  ${name}, driver ${driver ?? 'unknown'}, ${memory}${use}`,
    next: isFull ? 'other programs fill it: --devices auto leaves it out where a run does not fit' : null,
  };
}

/** What stands between a driver and training on it. */
function cudaAdvice({ backends, query }: GpuState): Advice[] {
  const status = (name: string) => backends.find((backend) => backend.name === name);
  if (status('cuda')?.is_available) {
    const devices = query.cards.length === 0 ? '--devices cuda:0 --slots-per-device 1' : '--devices auto';
    const found = 'TensorFlow found a GPU that it can use when it was set up';
    return [{ found, next: `train with sweep CONFIG ${devices}` }];
  }
  const reason = status('cuda')?.reason ?? 'run scaling-lab setup tensorflow --gpu';
  const also = status('webgpu')?.is_available ? '; --backend webgpu trains on the card without it' : '';
  return [{ found: 'a driver, but no TensorFlow that computes on it', next: `${reason}${also}` }];
}

/** GPUs of other makers, which WebGPU reaches. */
function otherGpuAdvice({ pci_vendors, platform, backends }: GpuState): Advice[] {
  const webgpu = backends.find(({ name }) => name === 'webgpu');
  const makers = [...new Set(pci_vendors.flatMap((vendor) => OTHER_GPUS[vendor] ?? []))];
  if (platform === 'darwin') makers.push('Apple');
  return makers.map((maker) => ({
    found: `a GPU by ${maker}`,
    next: webgpu?.is_available
      ? 'train on it with --backend webgpu'
      : `--backend webgpu would train on it: ${webgpu?.reason ?? 'run npm install --include=optional'}`,
  }));
}

const major = (version: string): number => Number(version.split('.')[0]);

/** Node 23 dropped what TensorFlow's package calls; only worth a word where that package will be used. */
function nodeAdvice({ node, query, backends }: GpuState): Advice[] {
  const isUsed = query.cards.length > 0 || backends.some((b) => b.name === 'tensorflow' && b.is_available);
  if (major(node) < 23 || !isUsed) return [];
  return [
    {
      found: `Node ${node} no longer has functions that TensorFlow's package calls (util.isNullOrUndefined, util.isArray)`,
      next: 'nothing is needed: the lab puts them back before it loads the package',
    },
  ];
}

/** npm 12 runs the install steps of packages only where the project at hand allows them by name. */
function npmAdvice({ npm, missing_packages, platform }: GpuState): Advice[] {
  const isStrict = npm !== null && major(npm) >= 12;
  const rule = isStrict ? `npm ${npm} runs no package's install step that package.json does not allow` : null;
  if (missing_packages.length > 0) {
    const names = missing_packages.join(', ');
    const next = `run npm install --include=optional${
      isStrict ? '; where npm lists their steps as blocked: npm install-scripts approve webgpu, then npm rebuild' : ''
    }`;
    return [{ found: `npm left out ${names}, which GPUs need${rule === null ? '' : `; ${rule}`}`, next }];
  }
  if (rule === null) return [];
  const quarantine =
    "where macOS refuses Dawn's binary: npm install-scripts approve webgpu, then npm rebuild webgpu, which lifts its quarantine";
  return [
    {
      found: rule,
      next: `${
        platform === 'darwin'
          ? quarantine
          : 'nothing is needed: the GPU packages are there, and work without their steps'
      }; TensorFlow's library comes from scaling-lab setup tensorflow, not from npm`,
    },
  ];
}
