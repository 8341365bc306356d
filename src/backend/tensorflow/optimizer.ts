/** @file AdamW and the gradients' norm over packs of parameters (packing.ts): per pack one ResourceApplyAdam on
 * variables of TensorFlow's that stay from step to step. The parameters are read back out of their packs after each
 * step; the moments, which nothing but a checkpoint looks at, only when somebody does.
 * ResourceApplyAdam adds eps to sqrt(v), and AdamW to sqrt(v / (1 - beta2^t)): `eps sqrt(1 - beta2^t)` makes them one.
 */
import { adamwKeys, KERNEL, type KernelAttrs, type KernelInputs, type LabKernel } from '../../kernels.ts';
import type { tf } from '../../tf.ts';
import { type Handle, type NodeBackend, nodeBackend, Ops, opsKernel, type TensorData } from './ops.ts';
import { join, memberValues, type Pack, planPacks, separate } from './packing.ts';

/** Parameters and moments of one pack, as variables of TensorFlow's. */
interface PackState {
  pack: Pack;
  p: Handle;
  m: Handle;
  v: Handle;
  /** Which members decay; null where none does, and 1 for a pack that decays as a whole. */
  mask: Handle | 1 | null;
}

/** One list of parameters that is being trained. */
interface Resident {
  /** tfjs's names for p0, m0, v0, p1, ...: others are another list. */
  data_ids: object[];
  /** TensorFlow's tensors of the parameters: others have been assigned from outside. */
  p_ids: number[];
  is_decayed: string;
  states: PackState[];
  /** Values of a variable read since the last step. */
  snapshots: Map<Handle, Float32Array>;
}

let residents: Resident[] = [];

/** The gradients that the norm was taken of, joined: the optimiser wants the same next. */
let joined: { ids: number[]; wholes: Handle[]; ops: Ops } | null = null;

function joinGradients(backend: NodeBackend, gradients: Handle[]): Handle[] {
  const is_same = joined?.ids.length === gradients.length && gradients.every(({ id }, i) => id === joined!.ids[i]);
  if (!is_same) {
    joined?.ops.free();
    const ops = new Ops(backend);
    const wholes = planPacks(gradients.map(({ shape }) => shape)).map((pack) => join(ops, pack, gradients));
    joined = { ids: gradients.map(({ id }) => id), wholes, ops };
  }
  return joined!.wholes;
}

/** [n] of 0 and 1 along the pack's axis, in a shape that broadcasts over it. */
function decayMask(ops: Ops, { axis, sizes, members }: Pack, rank: number, decays: boolean[]): Handle | 1 | null {
  const flags = members.map((i) => decays[i]!);
  if (flags.every((flag) => !flag)) return null;
  if (flags.every(Boolean)) return 1;
  const values = Float32Array.from(flags.flatMap((flag, j) => new Array<number>(sizes[j]!).fill(flag ? 1 : 0)));
  const shape = Array.from({ length: rank }, (_, dim) => (dim === axis ? values.length : 1));
  return ops.upload(shape, values);
}

interface Slots {
  p: tf.TensorInfo[];
  m: tf.TensorInfo[];
  v: tf.TensorInfo[];
  decays: boolean[];
}

const dataIds = ({ p, m, v }: Slots) => p.flatMap(({ dataId }, i) => [dataId, m[i]!.dataId, v[i]!.dataId]);
const pattern = ({ decays }: Slots) => decays.map(Number).join('');

function dropResident(ops: Ops, resident: Resident): void {
  for (const { p, m, v, mask } of resident.states) {
    for (const handle of [p, m, v, mask]) if (handle && handle !== 1) ops.delete(handle);
  }
  residents = residents.filter((other) => other !== resident);
}

/** The variables of these parameters: those of the last step, else new ones from the tensors' values. */
function residentOf(ops: Ops, backend: NodeBackend, slots: Slots): Resident {
  const data_ids = dataIds(slots);
  const { tensorMap } = backend;
  const old = residents.find((resident) => resident.data_ids.some((id) => data_ids.includes(id)));
  const is_current =
    old !== undefined &&
    old.is_decayed === pattern(slots) &&
    old.data_ids.length === data_ids.length &&
    old.data_ids.every((id, i) => id === data_ids[i]) &&
    slots.p.every(({ dataId }, i) => tensorMap.get(dataId).id === old.p_ids[i]);
  if (is_current) return old;
  const handles = [slots.p, slots.m, slots.v].map((tensors) => tensors.map((t) => ops.of(t))) as [
    Handle[],
    Handle[],
    Handle[],
  ];
  // Their values have just been taken over; those of states that were disposed of are nobody's.
  for (const resident of [...residents]) {
    if (resident === old || !resident.data_ids.every((id) => tensorMap.has(id))) dropResident(ops, resident);
  }
  const states = planPacks(slots.p.map(({ shape }) => shape)).map((pack): PackState => {
    const [p, m, v] = handles.map((list) => ops.keep([ops.variable(join(ops, pack, list))])[0]!) as [
      Handle,
      Handle,
      Handle,
    ];
    return { pack, p, m, v, mask: decayMask(ops, pack, slots.p[pack.members[0]!]!.shape.length, slots.decays) };
  });
  const resident = { data_ids, p_ids: [], is_decayed: pattern(slots), states, snapshots: new Map() };
  residents.push(resident);
  return resident;
}

/** Makes a moment's values be read from its pack when somebody asks for them: tfjs keeps values that wait for upload,
 * and the package asks for them wherever it uses a tensor. */
function readLater(backend: NodeBackend, info: TensorData, read: () => Float32Array): void {
  if (info.id >= 0) backend.binding.deleteTensor(info.id);
  info.id = -1;
  const set = (values: Float32Array | null) =>
    Object.defineProperty(info, 'values', { value: values, writable: true, configurable: true, enumerable: true });
  Object.defineProperty(info, 'values', { get: read, set, configurable: true, enumerable: true });
}

/** Puts the new parameters where tfjs finds them, and the moments within reach. */
function publish(ops: Ops, backend: NodeBackend, { p, m, v }: Slots, resident: Resident): void {
  const { tensorMap } = backend;
  const { snapshots } = resident;
  snapshots.clear();
  const snapshot = (variable: Handle): Float32Array => {
    const values = snapshots.get(variable) ?? readNow(backend, variable);
    snapshots.set(variable, values);
    return values;
  };
  for (const state of resident.states) {
    const { pack } = state;
    const parts = ops.keep(separate(ops, pack, ops.readVariable(state.p)));
    pack.members.forEach((i, at) => {
      const info = tensorMap.get(p[i]!.dataId);
      backend.binding.deleteTensor(info.id);
      info.id = parts[at]!.id;
      resident.p_ids[i] = info.id;
      readLater(backend, tensorMap.get(m[i]!.dataId), () => memberValues(pack, snapshot(state.m), at));
      readLater(backend, tensorMap.get(v[i]!.dataId), () => memberValues(pack, snapshot(state.v), at));
    });
  }
}

function readNow(backend: NodeBackend, variable: Handle): Float32Array {
  const ops = new Ops(backend);
  try {
    return ops.read(ops.readVariable(variable));
  } finally {
    ops.free();
  }
}

/** One step on every pack. */
function step(ops: Ops, states: PackState[], wholes: Handle[], norm: Handle, attrs: Record<string, number>): void {
  const { learning_rate, beta1, beta2, eps, weight_decay, grad_clip, step: t } = attrs as Record<string, number>;
  // TensorFlow has the betas as float32, and takes 1 - beta from that.
  const [b1, b2] = [Math.fround(beta1!), Math.fround(beta2!)];
  const root = Math.sqrt(1 - b2 ** t!);
  const rate = ops.scalar((learning_rate! * root) / (1 - b1 ** t!));
  const rest = [ops.number(0), ops.number(0), rate, ops.number(b1), ops.number(b2), ops.scalar(eps! * root)];
  const decay = ops.scalar(learning_rate! * weight_decay!);
  const clip =
    grad_clip! > 0 ? ops.run('Minimum', [ops.run('Div', [ops.number(grad_clip!), norm]), ops.number(1)]) : null;
  states.forEach(({ p, m, v, mask }, i) => {
    if (weight_decay! > 0 && mask !== null) {
      const whole = ops.readVariable(p);
      ops.runAll('ResourceApplyGradientDescent', [p, decay, mask === 1 ? whole : ops.mul(whole, mask)], [], 0);
    }
    const gradient = clip ? ops.mul(wholes[i]!, clip) : wholes[i]!;
    ops.runAll('ResourceApplyAdam', [p, m, v, ...rest, gradient], [], 0);
  });
}

function runAdamw(inputs: KernelInputs, attrs: KernelAttrs): tf.Tensor[] {
  const backend = nodeBackend();
  const ops = new Ops(backend);
  const slots: Slots = { p: [], m: [], v: [], decays: [] };
  const gradients: Handle[] = [];
  for (let i = 0; i < (attrs['count'] as number); i++) {
    const keys = adamwKeys(i);
    slots.p.push(inputs[keys.p]!);
    slots.m.push(inputs[keys.m]!);
    slots.v.push(inputs[keys.v]!);
    slots.decays.push((attrs[keys.decay] as number) > 0);
    gradients.push(ops.of(inputs[keys.g]!));
  }
  try {
    const resident = residentOf(ops, backend, slots);
    step(
      ops,
      resident.states,
      joinGradients(backend, gradients),
      ops.of(inputs['norm']!),
      attrs as Record<string, number>,
    );
    publish(ops, backend, slots, resident);
    return [];
  } finally {
    ops.free();
    joined?.ops.free();
    joined = null;
  }
}

export const optimizerKernels: LabKernel[] = [
  opsKernel(KERNEL.globalNorm, (ops, gradients) => {
    const wholes = joinGradients(nodeBackend(), Object.values(gradients));
    const halves = wholes.map((whole) => ops.run('L2Loss', [whole]));
    // L2Loss is half the sum of squares.
    return [ops.run('Sqrt', [ops.addN([...halves, ...halves])])];
  }),
  { name: KERNEL.adamw, run: runAdamw },
];
