/** @file What a record says of the GPU that trained a run. nvidia-smi knows a CUDA card's name, driver and memory, which
 * TensorFlow for JavaScript does not tell; which card it is follows from the environment that bound this process to it.
 * Other GPUs are known by what their backend says of itself.
 */
import type { BackendInfo } from '../backend/backend.ts';
import type { GpuFacts } from '../log/record.ts';
import { visibleCards } from './devices.ts';
import { type Card, queryCards } from './nvidia-smi.ts';

/** Names in BackendInfo.versions that say what library drives the GPU, by backend. */
const LIBRARIES: Record<string, readonly string[]> = {
  cuda: ['tensorflow', 'cuda', 'cudnn'],
  webgpu: ['webgpu', 'dawn'],
};

/** The GPU of the started `backend`, null where it computes on the CPU, and the backend under that GPU's name: runs go on
 * only on a card of the same name. Never throws. */
export async function readGpu(backend: BackendInfo): Promise<{ gpu: GpuFacts | null; backend: BackendInfo }> {
  const cards = backend.name === 'cuda' ? (await queryCards()).cards : [];
  const gpu = describeGpu(backend, cards, process.env);
  if (gpu === null) return { gpu, backend };
  const { name } = gpu;
  const instruction_set = backend.instruction_set.replace(backend.device, () => name);
  return { gpu, backend: { ...backend, device: name, instruction_set } };
}

/** The facts of `backend` on one of `cards`, chosen by the environment; those that nobody tells are null. */
export function describeGpu(backend: BackendInfo, cards: readonly Card[], env: NodeJS.ProcessEnv): GpuFacts | null {
  const names = LIBRARIES[backend.name];
  if (names === undefined) return null;
  const card = backend.name === 'cuda' ? cardOf(cards, env) : undefined;
  const versions = names.flatMap((name) => (backend.versions[name] ? [`${name} ${backend.versions[name]}`] : []));
  return {
    index: card?.index ?? null,
    name: card?.name ?? backend.device,
    driver: card?.driver ?? backend.versions['driver'] ?? null,
    memory_mb: card?.memory_mb ?? null,
    compute_capability: card?.compute_capability ?? null,
    library: versions.length > 0 ? versions.join(', ') : null,
  };
}

/** TensorFlow's binding computes on the last card that it sees. Which that is cannot be told where CUDA counts in its own
 * order, the fastest first, over cards of several kinds. */
function cardOf(cards: readonly Card[], env: NodeJS.ProcessEnv): Card | undefined {
  const visible = env['CUDA_VISIBLE_DEVICES'];
  const isBusOrder = env['CUDA_DEVICE_ORDER'] === 'PCI_BUS_ID' || visible?.startsWith('GPU-') === true;
  if (!isBusOrder && new Set(cards.map(({ name }) => name)).size > 1) return undefined;
  if (visible?.includes('MIG-')) return undefined;
  const card = visibleCards(cards, visible).at(-1);
  return card?.is_sliced ? undefined : card;
}
