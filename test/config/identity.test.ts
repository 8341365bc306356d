/** @file A run is known by the hash of its resolved numbers, whatever order or file they came from. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type RunSpec, runHash } from '../../src/config/config.ts';

/** Reverses the order of the keys of every object. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, inner]) => [key, reversed(inner)]));
}

const spec: RunSpec = {
  model: {
    n_layer: 2,
    n_head: 1,
    d_model: 16,
    d_ff: 64,
    n_ctx: 64,
    vocab_size: 102,
    tie_embeddings: false,
    bias: false,
    init_std: 0.02,
    embedding_init_std: 0.2,
  },
  data: {
    corpus: 'text',
    path: '/home/one/a.txt',
    format: 'text',
    text_field: 'text',
    val_fraction: 0.05,
    tokenizer: 'live-byte',
  },
  corpus_sha256: 'c',
  tokenizer_sha256: 't',
  batch_size: 4,
  num_steps: 10,
  num_tokens: 2560,
  optimizer: { learning_rate: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0, grad_clip: 1 },
  schedule: { kind: 'cosine', warmup_steps: 1, horizon_steps: 10, decay_steps: 0, final_fraction: 0.02 },
  eval: { eval_tokens: 640, num_evals: 3 },
  init_seed: 0,
  data_seed: 0,
};

describe('canonicalJson', () => {
  it('is JSON that does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(reversed(value))).toBe(text);
        expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(JSON.parse(canonicalJson(JSON.parse(text)))));
      }),
    );
  });

  it('sorts keys, leaves out what is undefined, refuses what JSON cannot say', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined })).toBe('{"b":[1,{"c":"x","d":null}]}');
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, () => 1, undefined, 1n]) {
      expect(() => canonicalJson(value)).toThrow(TypeError);
    }
  });
});

describe('runHash', () => {
  it('is the SHA-256 of the spec, whatever the order of its keys', () => {
    expect(runHash(spec)).toMatch(/^[0-9a-f]{64}$/);
    expect(runHash(reversed(spec) as RunSpec)).toBe(runHash(spec));
  });

  it('does not see where a corpus lies, but sees its bytes', () => {
    const moved = { ...spec, data: { ...spec.data, path: 'elsewhere/b.txt' } } as RunSpec;
    expect(runHash(moved)).toBe(runHash(spec));
    expect(runHash({ ...spec, corpus_sha256: 'other' })).not.toBe(runHash(spec));
  });

  it('sees every number of a run', () => {
    const hashes = new Set([runHash(spec)]);
    const changed: RunSpec[] = [
      { ...spec, init_seed: 1 },
      { ...spec, data_seed: 1 },
      { ...spec, batch_size: 5 },
      { ...spec, model: { ...spec.model, bias: true } },
      { ...spec, optimizer: { ...spec.optimizer, learning_rate: 0.011 } },
      { ...spec, schedule: { ...spec.schedule, warmup_steps: 2 } },
      { ...spec, eval: { ...spec.eval, num_evals: 4 } },
    ];
    for (const other of changed) hashes.add(runHash(other));
    expect(hashes.size).toBe(changed.length + 1);
  });
});
