/** @file "Did you mean": the nearest known name to one that is not known.
 * Nearness is the optimal string alignment distance (insert, delete, replace, swap of neighbours). Names that
 * other programs use for the same thing are known as synonyms.
 */

/** What other training programs call our keys. */
const SYNONYMS: Record<string, string> = {
  lr: 'learning_rate',
  max_lr: 'learning_rate',
  peak_lr: 'learning_rate',
  n_embd: 'd_model',
  hidden_size: 'd_model',
  num_layers: 'n_layer',
  num_heads: 'n_head',
  block_size: 'n_ctx',
  seq_len: 'n_ctx',
  context_length: 'n_ctx',
  batch_size: 'batch_tokens',
  num_steps: 'num_tokens',
  max_steps: 'num_tokens',
  max_iters: 'num_tokens',
  tokens: 'num_tokens',
  warmup_steps: 'warmup',
  warmup_tokens: 'warmup',
  dataset: 'data',
  seed: 'seeds',
};

/** Edits that turn `a` into `b`, a swap of neighbours counting one. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, beforeLast[j - 2]! + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/** The entry of `known` that `name` was probably meant to be, or undefined when none is near: a synonym, the same
 * name in another case or with other separators, or at most a third of its letters away (one at least).
 * Dotted names are also compared by their last part (`d_model` -> `model.d_model`). */
export function suggest(name: string, known: readonly string[]): string | undefined {
  if (name.length === 0 || name.length > 60) return undefined;
  const synonym = Object.hasOwn(SYNONYMS, lastPart(name)) ? SYNONYMS[lastPart(name)] : undefined;
  for (const target of [lastPart(name), synonym]) {
    const found = known.find((k) => k === target) ?? known.find((k) => lastPart(k) === target);
    if (found !== undefined && found !== name) return found;
  }
  const allowed = Math.max(1, Math.floor(name.length / 3));
  let best: string | undefined;
  let bestDistance = allowed + 1;
  for (const candidate of known) {
    const distance = editDistance(plain(name), plain(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '');
}
