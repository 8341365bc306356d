/** @file The study file's JSON Schema (draft-07, the version that editors' YAML servers know), for completion and
 * checking while typing. It describes what a user writes, before defaults and suffixes are resolved. Committed as
 * `configs/schema.json`, which every config names in its first line.
 */
import { z } from 'zod';
import { studySchema } from './schema.ts';

/** JSON Schema of a study file, as text ready to be written: two spaces, a final newline. */
export function jsonSchema(): string {
  const schema = z.toJSONSchema(studySchema, {
    target: 'draft-7',
    io: 'input',
    override: ({ jsonSchema: node }) => {
      // zod states the range of safe integers on every whole number; it tells a reader nothing.
      if (node.maximum === Number.MAX_SAFE_INTEGER) delete node.maximum;
      if (node.minimum === Number.MIN_SAFE_INTEGER) delete node.minimum;
    },
  });
  return `${JSON.stringify({ title: 'Study of the scaling lab', ...schema }, null, 2)}\n`;
}
