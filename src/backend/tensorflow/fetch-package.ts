/** @file The package's JavaScript and binding sources where npm dropped it (it drops an optional package whose install
 * step is refused): its tarball and that of its one dependency at run time, fetched by npm and unpacked in the cache.
 * A second copy of tfjs would be a second engine, so the folder links to the lab's own.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { LabError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/make-folder.ts';
import { cacheFolder, fetchedPackage, PACKAGE, PACKAGE_VERSION, tfjsFolders } from './place.ts';
import { lastLines, runProgram } from './program.ts';

/** What the package's kernels load beside tfjs. */
const PROTOBUF = 'google-protobuf@3.21.4';

async function run(command: string, args: string[], cwd: string): Promise<void> {
  const { code, output } = await runProgram(command, args, { cwd });
  if (code === 0) return;
  const advice = `check the network, or run npm install --include=optional where ${PACKAGE} may be installed`;
  throw new LabError('no_backend', `${command} ${args.join(' ')} failed:\n${lastLines(output)}\n${advice}`);
}

/** Unpacks the npm package `spec` into `target`. */
async function unpack(spec: string, target: string): Promise<void> {
  makeFolder(target);
  await run('npm', ['pack', spec, '--ignore-scripts', '--silent'], target);
  const tarball = readdirSync(target).find((file) => file.endsWith('.tgz'));
  if (!tarball) throw new LabError('no_backend', `npm pack ${spec} left no file`);
  await run('tar', ['-xzf', tarball, '--strip-components=1'], target);
  rmSync(path.join(target, tarball));
}

/** Fetches the package into the cache and returns its folder. Throws `no_backend` with npm's last lines. */
export async function fetchPackage(): Promise<string> {
  const place = fetchedPackage();
  const scratch = path.join(cacheFolder(), `package.${process.pid}.tmp`);
  try {
    await unpack(`${PACKAGE}@${PACKAGE_VERSION}`, scratch);
    await unpack(PROTOBUF, path.join(scratch, 'node_modules/google-protobuf'));
    const { tfjs, core } = tfjsFolders();
    const scope = path.join(scratch, 'node_modules/@tensorflow');
    mkdirSync(scope);
    symlinkSync(tfjs, path.join(scope, 'tfjs'), 'dir');
    symlinkSync(core, path.join(scope, 'tfjs-core'), 'dir');
    rmSync(place, { recursive: true, force: true });
    renameSync(scratch, place);
    return place;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
