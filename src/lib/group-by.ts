/** @file Rows sorted into groups by a key, in order of first appearance (`Map.groupBy` comes only with Node 21). */

/** The rows of each key, which may be of a row's place; groups and rows keep their order. */
export function groupBy<Row, Key>(rows: Iterable<Row>, key: (row: Row, place: number) => Key): Map<Key, Row[]> {
  const groups = new Map<Key, Row[]>();
  let place = 0;
  for (const row of rows) {
    const k = key(row, place++);
    const group = groups.get(k);
    if (group === undefined) groups.set(k, [row]);
    else group.push(row);
  }
  return groups;
}
