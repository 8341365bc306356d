/** @file The `native` tfjs backend: who owns which block of the addon's memory.
 * A tensor's data id carries its own entry (handle, dtype, references), so that a kernel call looks nothing up.
 * Every element takes 4 bytes: float32, int32, and booleans stored as int32. Data that another backend made is
 * fetched when a kernel first meets it.
 */
import type { DataType, TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../../tf.ts';
import type { Addon } from './addon.ts';

/** What the backend knows of a tensor's data. */
interface Entry {
  handle: number;
  count: number;
  dtype: DataType;
  references: number;
}

/** tfjs's data id: any object. It carries an entry while its data is here. */
interface DataId {
  native?: Entry | undefined;
}

type Values = tf.backend_util.BackendValues;

const product = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

export class NativeBackend extends tf.KernelBackend {
  readonly addon: Addon;
  private count = 0;

  constructor(addon: Addon) {
    super();
    this.addon = addon;
  }

  /** The block of a tensor's data. Throws where the tensor is disposed. */
  handle({ dataId }: TensorInfo): number {
    return ((dataId as DataId).native ?? this.fetched(dataId as DataId)).handle;
  }

  /** The entry of data that may be on another backend still. */
  private fetched(dataId: DataId): Entry {
    if (dataId.native === undefined) {
      try {
        tf.engine().moveData(this, dataId as object);
      } catch (cause) {
        throw new Error('native backend: a tensor was used after its disposal', { cause });
      }
    }
    return dataId.native as unknown as Entry;
  }

  /** A new tensor of undefined contents. */
  output(shape: number[], dtype: DataType): TensorInfo {
    const dataId: DataId = {};
    this.create(dataId, product(shape), dtype, 1);
    return { dataId: dataId as object, shape, dtype };
  }

  private create(dataId: DataId, count: number, dtype: DataType, references: number): Entry {
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
      throw new Error(`native backend: dtype ${dtype} is not held here; use float32, int32 or bool`);
    }
    dataId.native = { handle: this.addon.allocate(count), count, dtype, references };
    this.count++;
    return dataId.native;
  }

  override write(values: Values | null, shape: number[], dtype: DataType): object {
    const dataId: DataId = {};
    this.move(dataId as object, values, shape, dtype, 1);
    return dataId as object;
  }

  override move(dataId: object, values: Values | null, shape: number[], dtype: DataType, references: number): void {
    const entry = this.create(dataId as DataId, product(shape), dtype, references);
    if (values) this.addon.write(entry.handle, asStored(values, dtype));
  }

  override readSync(dataId: object): Float32Array | Int32Array | Uint8Array {
    const { handle, count, dtype } = this.fetched(dataId as DataId);
    const values = dtype === 'float32' ? new Float32Array(count) : new Int32Array(count);
    this.addon.read(handle, values);
    return dtype === 'bool' ? Uint8Array.from(values) : values;
  }

  override async read(dataId: object): Promise<Values> {
    return this.readSync(dataId);
  }

  override disposeData(dataId: object, force = false): boolean {
    const entry = (dataId as DataId).native;
    if (entry === undefined) return true;
    entry.references--;
    if (!force && entry.references > 0) return false;
    this.addon.release(entry.handle);
    (dataId as DataId).native = undefined;
    this.count--;
    return true;
  }

  override refCount(dataId: object): number {
    return (dataId as DataId).native?.references ?? 0;
  }

  override incRef(dataId: object): void {
    this.fetched(dataId as DataId).references++;
  }

  override numDataIds(): number {
    return this.count;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override timerAvailable(): boolean {
    return true;
  }

  override async time(run: () => void): Promise<{ kernelMs: number }> {
    const start = performance.now();
    run();
    return { kernelMs: performance.now() - start };
  }

  override dispose(): void {}
}

/** Values as the addon stores them: floats, or 4-byte integers. */
function asStored(values: Values, dtype: DataType): Float32Array | Int32Array {
  if (dtype === 'float32') return values instanceof Float32Array ? values : Float32Array.from(values as Uint8Array);
  return values instanceof Int32Array ? values : Int32Array.from(values as Uint8Array);
}
