/** @file Corpora as the planner sees them, without preparing any. */
import { type CorpusFacts, type DataConfig, parseConfig, type StudyConfig } from '../../src/config/config.ts';

/** Facts of a corpus as `data/` would give them; State of the Union's size, 102 live byte values. */
export function factsOf(data: DataConfig): CorpusFacts {
  const shared = { corpus_sha256: `corpus ${data.corpus}`, tokenizer_sha256: 'tokenizer', val_tokens: 131072 };
  if (data.corpus === 'zipf-lexicon') {
    const { alphabet, val_tokens } = data;
    const size = { vocab_size: alphabet, live_vocab_size: alphabet };
    return { ...shared, ...size, unique_tokens: null, bytes_per_token: null, entropy_nats: 0.40226, val_tokens };
  }
  const vocab_size = data.tokenizer === 'byte' ? 256 : 102;
  return {
    ...shared,
    vocab_size,
    live_vocab_size: 102,
    unique_tokens: 10_000_000,
    bytes_per_token: 1,
    entropy_nats: null,
  };
}

/** A study of one block on the synthetic language, or on `data`, with other top-level lines. */
export function studyOf(sweep: string, { data = '{corpus: zipf-lexicon}', top = '' } = {}): StudyConfig {
  const block = sweep.replaceAll(/^/gm, '    ');
  return parseConfig([{ name: 'c', text: `name: x\ndata: ${data}\n${top}\nsweeps:\n  - name: s\n${block}\n` }]).config;
}
