/** @file Packages that are loaded at their first use, by plain functions that cannot wait for an `import()`.
 * Most commands need none of them, and each takes 20 to 200 ms to load: more than `fit` takes for a study.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** The named exports of the package `name`; it is loaded when the first of them is asked for. */
export function lateModule<Exports extends object>(name: string): Exports {
  let loaded: Exports | null = null;
  return new Proxy({} as Exports, {
    get(_, key) {
      loaded ??= require(name) as Exports;
      return Reflect.get(loaded, key);
    },
  });
}
