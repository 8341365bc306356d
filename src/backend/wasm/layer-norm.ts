/** @file LayerNorm on wasm: one pass of plain TypeScript over the backend's memory in place of a dozen kernels,
 * with row sums in float64.
 */
import { KERNEL, type LabKernel } from '../../kernels.ts';
import { empty, floats } from './heap.ts';

export const layerNormKernels: LabKernel[] = [
  {
    name: KERNEL.layerNorm,
    run: (inputs, { eps }) => {
      const [m, d] = inputs['x']!.shape as [number, number];
      const outputs = [empty([m, d]), empty([m]), empty([m])];
      const [y, mean, rstd] = outputs.map(floats) as [Float32Array, Float32Array, Float32Array];
      const [x, g, b] = [floats(inputs['x']!), floats(inputs['g']!), floats(inputs['b']!)];
      for (let r = 0; r < m; r++) {
        const at = r * d;
        let sum = 0;
        for (let c = 0; c < d; c++) sum += x[at + c]!;
        const mu = sum / d;
        let square = 0;
        for (let c = 0; c < d; c++) {
          const e = x[at + c]! - mu;
          square += e * e;
        }
        const scale = 1 / Math.sqrt(square / d + (eps as number));
        for (let c = 0; c < d; c++) y[at + c] = (x[at + c]! - mu) * scale * g[c]! + b[c]!;
        mean[r] = mu;
        rstd[r] = scale;
      }
      return outputs;
    },
  },
  {
    name: KERNEL.layerNormGrad,
    run: (inputs) => {
      const [m, d] = inputs['x']!.shape as [number, number];
      const outputs = [empty([m, d]), empty([d]), empty([d])];
      const [dx, dg, db] = outputs.map(floats) as [Float32Array, Float32Array, Float32Array];
      const [dy, x, g] = [floats(inputs['dy']!), floats(inputs['x']!), floats(inputs['g']!)];
      const [mean, rstd] = [floats(inputs['mean']!), floats(inputs['rstd']!)];
      const [gains, biases] = [new Float64Array(d), new Float64Array(d)];
      for (let r = 0; r < m; r++) {
        const at = r * d;
        const [mu, scale] = [mean[r]!, rstd[r]!];
        let sum = 0;
        let dot = 0;
        for (let c = 0; c < d; c++) {
          const h = (x[at + c]! - mu) * scale;
          const e = dy[at + c]! * g[c]!;
          sum += e;
          dot += e * h;
          gains[c]! += dy[at + c]! * h;
          biases[c]! += dy[at + c]!;
        }
        for (let c = 0; c < d; c++) {
          const h = (x[at + c]! - mu) * scale;
          dx[at + c] = scale * (dy[at + c]! * g[c]! - sum / d - (h * dot) / d);
        }
      }
      dg.set(gains);
      db.set(biases);
      return outputs;
    },
  },
];
