/** @file What squeue prints, read. */
import { describe, expect, it } from 'vitest';
import { adviceOf, arrayIds, parseQueue, phaseOf } from '../../../src/sweep/slurm/queue.ts';

const QUEUE = `12_0|study-0123456789ab-1|RUNNING|n1|None
12_1|study-0123456789ab-1|PENDING||JobArrayTaskLimit
13_0|study-0123456789ab-2|PENDING||launch failed requeued held
13_1|study-0123456789ab-2|CANCELLED|n2|None
14|other|RUNNING|n2|None
`;

describe('parseQueue', () => {
  it('reads the tasks of arrays, their states and reasons', () => {
    const tasks = parseQueue(QUEUE);
    expect(tasks.map(({ job_id, index, node }) => [job_id, index, node])).toEqual([
      ['12_0', 0, 'n1'],
      ['12_1', 1, ''],
      ['13_0', 0, ''],
      ['13_1', 1, 'n2'],
    ]);
    expect(tasks.map(phaseOf)).toEqual(['active', 'waiting', 'waiting', 'over']);
    expect(arrayIds(tasks)).toEqual(['12', '13']);
  });

  it('knows what will never start from what waits its turn', () => {
    expect(parseQueue(QUEUE).map((task) => adviceOf(task) !== null)).toEqual([false, false, true, false]);
  });

  it('takes a state that it does not know for one that holds a node', () => {
    const [task] = parseQueue('1_2|a|EXPEDITING|n1|None');
    expect(phaseOf(task!)).toBe('active');
  });
});
