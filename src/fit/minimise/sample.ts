/** @file A part of many points that stands for all of them: where a rough answer is enough, and the way to a fine one. */

/** Places of `count` points out of `size`, ascending, spread by the golden ratio so that no order of theirs is met by
 * chance; of all where there are no more. */
export function sampleOf(size: number, count: number): number[] {
  if (size <= count) return Array.from({ length: size }, (_, i) => i);
  const golden = (Math.sqrt(5) - 1) / 2;
  const keep = new Set<number>();
  for (let i = 0; keep.size < count; i++) keep.add(Math.floor(((i * golden) % 1) * size));
  return [...keep].sort((i, j) => i - j);
}
