/** @file Writes a table as Parquet (snappy, typed columns), by hyparquet-writer.
 * Counts are INT64, measures DOUBLE, times TIMESTAMP in milliseconds; unit and meaning of each column travel in the
 * file's key-value metadata as `column:<name>`. The library is loaded only here: no other verb pays for it.
 */
import type { BasicType } from 'hyparquet-writer';
import { LabError } from '../../lib/errors.ts';
import { writeFileAtomic } from '../atomic.ts';
import type { Cell, Column, ColumnType, Row } from './columns.ts';

const TYPES: Record<ColumnType, BasicType> = {
  string: 'STRING',
  number: 'DOUBLE',
  integer: 'INT64',
  boolean: 'BOOLEAN',
  time: 'TIMESTAMP',
  json: 'STRING',
};

/** Rows that are turned into columns at once: bounds the memory of an export, not the size of the file. */
const GROUP_ROWS = 100_000;

/** Writes `rows` to `path` and returns how many. Throws `storage`, and then leaves no file: also where a value does
 * not fit its column (a broken count, a time that is none). */
export async function writeParquet(path: string, columns: readonly Column[], rows: Iterable<Row>): Promise<number> {
  const { ByteWriter, ParquetWriter, schemaFromColumnData } = await import('hyparquet-writer');
  const writer = new ByteWriter();
  const toColumnData = (group: Row[]) =>
    columns.map((column, i) => ({
      name: column.name,
      type: TYPES[column.type],
      nullable: true,
      data: group.map((row) => convert(column, row[i] ?? null, row[0] ?? null)),
    }));
  const parquet = new ParquetWriter({
    writer,
    schema: schemaFromColumnData({ columnData: toColumnData([]) }),
    kvMetadata: columns.map(({ name, unit, meaning }) => ({
      key: `column:${name}`,
      value: unit === '' ? meaning : `${meaning} (${unit})`,
    })),
    createdBy: 'scaling-lab',
  });
  let count = 0;
  let group: Row[] = [];
  const writeGroup = async () => {
    await parquet.write({ columnData: toColumnData(group), rowGroupSize: GROUP_ROWS });
    count += group.length;
    group = [];
  };
  for (const row of rows) {
    group.push(row);
    if (group.length === GROUP_ROWS) await writeGroup();
  }
  if (group.length > 0) await writeGroup();
  await parquet.finish();
  writeFileAtomic(path, writer.getBytes(), { durable: false });
  return count;
}

/** `cell` as the writer takes it for `column`. `runId`, the first cell of every row, is for the message. */
function convert({ name, type }: Column, cell: Cell, runId: Cell): Cell | bigint | Date {
  if (cell === null) return null;
  const misfit = () => {
    const value = JSON.stringify(cell);
    return new LabError('storage', `cannot export ${name} of run ${runId}: ${value} is not of type ${type}`);
  };
  switch (type) {
    case 'integer':
      if (!Number.isSafeInteger(cell)) throw misfit();
      return BigInt(cell as number);
    case 'number':
      if (typeof cell !== 'number') throw misfit();
      return cell;
    case 'boolean':
      if (typeof cell !== 'boolean') throw misfit();
      return cell;
    case 'time': {
      const date = new Date(String(cell));
      if (Number.isNaN(date.getTime())) throw misfit();
      return date;
    }
    default:
      return String(cell);
  }
}
