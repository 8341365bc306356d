/** @file The NVIDIA cards of this machine, as nvidia-smi lists them: memory, use, driver.
 * Asks for CSV without header and units, one line a card; megabytes are MiB, as NVIDIA counts them. A value that a card
 * does not tell (`[N/A]`, `[Not Supported]`, `[Unknown Error]`) is null. nvidia-smi can hang in a driver that does not
 * answer, where not even SIGKILL ends it: after the timeout it is left behind, and the answer is `broken`.
 */
import { spawn } from 'node:child_process';

/** One card. `index` counts in the order of the PCI bus. */
export interface Card {
  index: number;
  name: string;
  uuid: string | null;
  driver: string | null;
  memory_mb: number | null;
  free_mb: number | null;
  used_mb: number | null;
  utilization_percent: number | null;
  /** Split into slices (MIG): a process gets one of them, not the card. */
  is_sliced: boolean;
  /** As `9.0`. */
  compute_capability: string | null;
}

/** What nvidia-smi said. `absent`: there is no such program. `broken`: it failed, and `message` says how. With cards,
 * `message` holds what it said of others, mostly nothing. */
export interface CardQuery {
  state: 'ok' | 'absent' | 'broken';
  cards: Card[];
  message: string;
}

const FIELDS = 'index,name,uuid,driver_version,memory.total,memory.free,memory.used,utilization.gpu,mig.mode.current';

/** Fields before and after the name, the only one that may hold a comma. */
const BEFORE_NAME = 1;
const AFTER_NAME = 8;

/** Older drivers, 470 among them, do not know this field and refuse the whole query. */
const NEW_FIELD = 'compute_cap';

/** Without persistence mode the driver wakes the cards one after the other, 1 to 3 s each. */
const TIMEOUT_MS = 30_000;

/** Lists the cards. Never throws, and answers within `timeout_ms`. */
export async function queryCards({ timeout_ms = TIMEOUT_MS } = {}): Promise<CardQuery> {
  const deadline = performance.now() + timeout_ms;
  const answer = await ask(`${FIELDS},${NEW_FIELD}`, timeout_ms);
  if (answer.kind === 'ended' && answer.output.includes(`"${NEW_FIELD}" is not a valid field`)) {
    return judge(await ask(FIELDS, deadline - performance.now()), false);
  }
  return judge(answer, true);
}

/** The cards in nvidia-smi's output; lines that are no card are left out. `hasCapability`: compute_cap was asked for. */
export function parseCards(output: string, hasCapability = true): Card[] {
  return output.split('\n').flatMap((line) => {
    const cells = line.split(',').map((cell) => cell.trim());
    const num_after = AFTER_NAME - (hasCapability ? 0 : 1);
    if (cells.length < BEFORE_NAME + 1 + num_after || !/^\d+$/.test(cells[0] ?? '')) return [];
    const after = cells.slice(-num_after);
    const [uuid, driver, total, free, used, utilization, mig, capability] = after.map(known);
    return {
      index: Number(cells[0]),
      name: cells.slice(BEFORE_NAME, -num_after).join(', '),
      uuid: uuid ?? null,
      driver: driver ?? null,
      memory_mb: toNumber(total),
      free_mb: toNumber(free),
      used_mb: toNumber(used),
      utilization_percent: toNumber(utilization),
      is_sliced: mig === 'Enabled',
      compute_capability: capability ?? null,
    };
  });
}

/** Null for a value that nvidia-smi puts in brackets because it has none. */
const known = (cell: string): string | null => (cell === '' || /^\[.*\]$/.test(cell) || cell === 'N/A' ? null : cell);

const toNumber = (cell: string | null | undefined): number | null =>
  cell != null && Number.isFinite(Number(cell)) ? Number(cell) : null;

type Answer =
  | { kind: 'absent' }
  | { kind: 'failed'; why: string }
  | { kind: 'ended'; code: number | null; output: string };

function judge(answer: Answer, hasCapability: boolean): CardQuery {
  if (answer.kind === 'absent') return { state: 'absent', cards: [], message: 'nvidia-smi is not on the PATH' };
  if (answer.kind === 'failed') return { state: 'broken', cards: [], message: answer.why };
  const { code, output } = answer;
  const cards = parseCards(output, hasCapability);
  const isCard = (line: string) => parseCards(line, hasCapability).length > 0;
  const said = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !isCard(line))
    .join(' ');
  if (cards.length > 0) return { state: 'ok', cards, message: said };
  // Exit code 6 in most versions; what it prints tells more than the code.
  if (/no devices were found/i.test(said) || (code === 0 && said === ''))
    return { state: 'ok', cards: [], message: '' };
  return {
    state: 'broken',
    cards: [],
    message: `nvidia-smi ended with exit code ${code}: ${said || 'it said nothing'}`,
  };
}

/** Runs nvidia-smi; its stdout and stderr together, since it prints its errors on either. */
function ask(fields: string, timeout_ms: number): Promise<Answer> {
  return new Promise((resolve) => {
    const child = spawn('nvidia-smi', [`--query-gpu=${fields}`, '--format=csv,noheader,nounits'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
      windowsHide: true,
    });
    let output = '';
    const end = (answer: Answer) => {
      clearTimeout(timer);
      resolve(answer);
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
      child.unref();
      end({ kind: 'failed', why: `nvidia-smi did not answer within ${timeout_ms / 1000} s: the driver hangs` });
    }, timeout_ms);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('error', (error: NodeJS.ErrnoException) => {
      const isAbsent = error.code === 'ENOENT';
      end(isAbsent ? { kind: 'absent' } : { kind: 'failed', why: `nvidia-smi cannot be run: ${error.message}` });
    });
    child.on('close', (code) => end({ kind: 'ended', code, output }));
  });
}
