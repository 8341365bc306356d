/** @file Where a sweep's workers run: on the cards that the user named, on all cards where CUDA is the backend and nothing
 * was named, else on this machine's cores, of which few share the one GPU of webgpu. Asks the machine (nvidia-smi, the
 * environment, the cores) and leaves the arithmetic to devices.ts.
 */
import { availableParallelism } from 'node:os';
import { LabError } from '../lib/errors.ts';
import { type DeviceRequest, type Placement, placeWorkers } from './devices.ts';
import { ANYWHERE } from './executor.ts';
import { queryCards } from './nvidia-smi.ts';

export interface PlaceRequest {
  backend: string;
  /** Threads of each worker. */
  threads: number;
  /** A part of the name of the GPU adapter, for webgpu. */
  adapter?: string | undefined;
  workers?: number | undefined;
  devices?: DeviceRequest['devices'] | undefined;
  slots_per_device?: DeviceRequest['slots_per_device'] | undefined;
  /** Memory that each run that waits needs, estimated. */
  run_bytes: readonly number[];
}

/** Places, at most one a run, and the backend that they imply. Throws `usage` for devices of another backend than CUDA
 * and for slots without devices, and what `placeWorkers` throws. */
export async function findPlaces(request: PlaceRequest): Promise<Placement & { backend: string }> {
  const { backend, devices, run_bytes } = request;
  requireCuda(request);
  if (run_bytes.length === 0) return { backend, places: [], notes: [] };
  const isPlaced = devices !== undefined || (request.workers === undefined && (await isCuda(backend)));
  if (!isPlaced) return { backend, ...(await anywhere(request)) };
  const { places, notes } = await placeOnCards(request);
  return { backend: 'cuda', places: places.slice(0, run_bytes.length), notes };
}

function requireCuda({ backend, devices, slots_per_device }: PlaceRequest): void {
  if (devices === undefined && slots_per_device !== undefined) {
    throw new LabError(
      'usage',
      '--slots-per-device needs --devices: give --devices auto, or the cards as cuda:0,cuda:1',
    );
  }
  if (devices === undefined || backend === 'cuda' || backend === 'auto') return;
  const advice =
    backend === 'webgpu' ? '--adapter chooses its GPU and --workers how many runs share it' : 'leave --devices out';
  throw new LabError(
    'usage',
    `--devices places workers on CUDA cards, and the backend is ${backend}: ${advice}, or use --backend cuda`,
  );
}

/** Workers that share a GPU, where their number was not given and its free memory is not known: it serves one at a time,
 * and more of them only wait and take its memory. assumption: not measured on hardware. */
const MAX_GPU_WORKERS = 4;

/** One a core, or one for each `threads` cores; on a GPU a few. */
async function anywhere({ backend, adapter, threads, workers, run_bytes }: PlaceRequest): Promise<Placement> {
  const num_cores = Math.max(1, Math.floor(availableParallelism() / threads));
  const wanted = Math.min(workers ?? num_cores, run_bytes.length);
  const isShared = workers === undefined && wanted > MAX_GPU_WORKERS && (await isOnGpu(backend, adapter));
  const num = isShared ? MAX_GPU_WORKERS : wanted;
  const notes = isShared ? [`${num} workers share the GPU; --workers gives it more or fewer`] : [];
  return { places: Array.from({ length: num }, () => ANYWHERE), notes };
}

/** Whether `backend`, or what `auto` takes here, computes on a GPU. */
async function isOnGpu(backend: string, adapter: string | undefined): Promise<boolean> {
  const resolve = async () => (await import('../backend/backend.ts')).resolveBackend('auto', { adapter });
  return ['cuda', 'webgpu'].includes(backend === 'auto' ? await resolve() : backend);
}

/** Whether `backend` computes on cards. What `auto` stands for is asked only where there is a card: loading tensors to
 * find out costs half a second. */
async function isCuda(backend: string): Promise<boolean> {
  if (backend === 'cuda') return true;
  if (backend !== 'auto' || (await queryCards()).cards.length === 0) return false;
  const { resolveBackend } = await import('../backend/backend.ts');
  return resolveBackend('cuda').then(
    () => true,
    () => false,
  );
}

/** Without devices from the user, one worker wherever CUDA puts it is better than an error. */
async function placeOnCards({ devices, slots_per_device, workers, run_bytes }: PlaceRequest): Promise<Placement> {
  const facts = {
    query: await queryCards(),
    visible: process.env['CUDA_VISIBLE_DEVICES'],
    order: process.env['CUDA_DEVICE_ORDER'],
    run_bytes: Math.max(...run_bytes),
    num_cores: availableParallelism(),
  };
  const request = { devices: devices ?? 'auto', slots_per_device, workers } as const;
  try {
    return placeWorkers(request, facts);
  } catch (error) {
    if (devices !== undefined || !(error instanceof LabError)) throw error;
    return { places: [ANYWHERE], notes: [`one worker, since the cards are not known: ${error.message}`] };
  }
}
