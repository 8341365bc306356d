import { it } from 'vitest';
import { createVariables, logits } from '../../../src/model/gpt.ts';
import { paramShapes } from '../../../src/model/size.ts';
import { tf } from '../../../src/tf.ts';
import { useBackend } from '../../support/backend.ts';
import { randomBatch, randomParams, smallModel } from '../../support/random-params.ts';
import { referenceLossAndGradients } from '../../support/reference-gpt.ts';
it('x', async () => {
  const model = smallModel({ n_ctx: 64, d_model: 32, d_ff: 128, vocab_size: 64, bias: false });
  for (const seed of [1, 2, 3]) {
    const reference = randomParams(model, seed);
    const batch = randomBatch(model, 3, 2);
    const e = referenceLossAndGradients(reference, model, batch.inputs, batch.targets, 3);
    for (const b of ['native']) {
      await useBackend(b);
      const params = createVariables(paramShapes(model), (name) => Float32Array.from(reference[name]!.data));
      const z = logits(params, model, batch.inputs).dataSync();
      let max = 0, sq = 0;
      z.forEach((v, i) => { const d = Math.abs(v - (e.logits as unknown as Float64Array)[i]!); max = Math.max(max, d); sq += d * d; });
      console.log(seed, b, max, Math.sqrt(sq / z.length));
    }
  }
});
