/** @file docs/dependencies.md against package.json, the lockfile and node_modules: a row for each direct dependency, with its
 * version, licence, size and install script as they are; and no script of ours fetches anything at install.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface Package {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  scripts: Record<string, string>;
  allowScripts: Record<string, boolean>;
}
const pkg = JSON.parse(read('package.json')) as Package;
const { packages } = JSON.parse(read('package-lock.json')) as {
  packages: Record<string, { version: string; license?: string; hasInstallScript?: boolean }>;
};
const direct = { ...pkg.dependencies, ...pkg.optionalDependencies, ...pkg.devDependencies };

/** Name -> the other cells of its row: version, MB, script, licence, maintenance, why. */
const rows = new Map(
  [...read('docs/dependencies.md').matchAll(/^\| `([^`]+)` \|([^\n]*)\|$/gm)]
    .map(([, name, cells]) => [name!, cells!.split('|').map((cell) => cell.trim())] as const)
    .filter(([, cells]) => cells.length === 6),
);

/** Megabytes of a package, without what lies in a node_modules of its own. */
function megabytes(dir: string): number {
  let bytes = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) bytes += entry.name === 'node_modules' ? 0 : 1e6 * megabytes(join(dir, entry.name));
    else if (entry.isFile()) bytes += statSync(join(dir, entry.name)).size;
  }
  return bytes / 1e6;
}

describe('docs/dependencies.md', () => {
  it('has a row for each direct dependency, and no other', () => {
    expect([...rows.keys()].sort()).toEqual(Object.keys(direct).sort());
  });

  it.each(Object.entries(direct))('says what %s %s is', (name, version) => {
    const [written, size, script, licence, maintenance, why] = rows.get(name)!;
    const locked = packages[`node_modules/${name}`]!;
    expect({ written, licence }).toEqual({ written: version, licence: locked.license });
    expect(locked.version).toBe(version);
    expect(maintenance).toMatch(/^(active|finished|quiet)/);
    expect(why!.length).toBeGreaterThan(4);
    const allowed = pkg.allowScripts[name] ? 'allowed' : 'refused';
    expect(script).toBe(locked.hasInstallScript ? allowed : 'no');
    const dir = join(ROOT, 'node_modules', name);
    if (!existsSync(dir)) return;
    const [own] = size!.match(/[\d.]+/)!;
    const found = megabytes(dir);
    // An optional package may bring other binaries on another system.
    expect(Math.abs(Number(own) - found), `${found} MB`).toBeLessThan(Math.max(0.05, 0.3 * found));
  });
});

describe('install scripts', () => {
  it('of the whole tree are all decided on', () => {
    const names = Object.entries(packages)
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
    expect(names.sort()).toEqual(Object.keys(pkg.allowScripts).sort());
    for (const name of names) expect(read('docs/dependencies.md')).toContain(`| \`${name}\``);
  });

  it('of ours are prepare alone', () => {
    const at_install = Object.keys(pkg.scripts).filter((name) =>
      /^(pre|post)?(install|prepare)$|^prepublish$/.test(name),
    );
    expect(at_install).toEqual(['prepare']);
    expect(pkg.scripts['prepare']).toBe('npm run build && node dist/backend/native/build-main.js');
    expect(pkg.scripts['build']).toBe('tsc -p tsconfig.build.json');
  });

  it('of ours fetch nothing: no file that prepare runs can reach a network', () => {
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      const text = readFileSync(file, 'utf8');
      expect(text, file).not.toMatch(
        /node:(https?|http2|net|dgram|tls|dns)\b|\bfetch\s*\(|\b(curl|wget|pip3?|git clone)\b/,
      );
      for (const [, from] of text.matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)) visit(resolve(dirname(file), from!));
    };
    visit(join(ROOT, 'src/backend/native/build-main.ts'));
    expect(seen.size).toBeGreaterThan(3);
  });

  it('leave a lockfile in which every package that is used at run time has a checksum', () => {
    const bare = Object.entries(packages).filter(
      ([path, entry]) =>
        path !== '' && !('dev' in entry) && !('link' in entry) && !('integrity' in entry) && !('inBundle' in entry),
    );
    expect(bare.map(([path]) => path)).toEqual([]);
  });
});
