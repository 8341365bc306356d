/** @file The difference checker on a function whose gradient is known, and on wrong gradients. */
import { describe, expect, it } from 'vitest';
import { rngStream } from '../../src/lib/rng.ts';
import './allclose.ts';
import { differenceGradient, directionalCheck } from './finite-difference.ts';

const f = (x: Float64Array) => Math.exp(x[0]!) * Math.sin(x[1]!) + x[2]! ** 3;
const gradientAt = ([a, b, c]: number[]) => [Math.exp(a!) * Math.sin(b!), Math.exp(a!) * Math.cos(b!), 3 * c! ** 2];
const x = Float64Array.of(0.3, -1.2, 0.7);

describe('central differences', () => {
  it('give the gradient of a known function', async () => {
    expect(await differenceGradient(f, x)).toBeAllclose(gradientAt([...x]), { rtol: 1e-9 });
  });

  it('agree along random unit directions with the true gradient only', async () => {
    const gradient = gradientAt([...x]);
    const check = (g: number[]) => directionalCheck(f, x, g, { rng: rngStream(1, 'directions'), num_directions: 4 });
    const right = await check(gradient);
    expect(right.analytic).toBeAllclose(right.numeric, { rtol: 1e-8, atol: 1e-9 });
    const wrong = await check([gradient[0]!, gradient[1]!, gradient[2]! * 1.001]);
    expect(wrong.analytic).not.toBeAllclose(wrong.numeric, { rtol: 1e-8, atol: 1e-9 });
  });

  it('leave the point where it was and refuse a gradient of another length', async () => {
    const before = Float64Array.from(x);
    await differenceGradient(f, x);
    expect(x).toEqual(before);
    const options = { rng: rngStream(1, 'directions'), num_directions: 1 };
    await expect(directionalCheck(f, x, [1, 2], options)).rejects.toThrow('gradient has 2 values, x has 3');
  });
});
