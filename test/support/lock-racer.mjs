/** @file Takes the lock of the folder it is given when told to, says what came of it, and holds it until its input ends.
 * Several of these at once show that a dead lock is taken over by one process only.
 */
import { once } from 'node:events';

const { lockFolder } = await import(new URL('../../dist/sweep/lock.js', import.meta.url).href);

console.log('ready');
await once(process.stdin, 'data');
let lock = null;
try {
  lock = await lockFolder(process.argv[2]);
  console.log('taken');
} catch (error) {
  console.log(error.exit ?? error.message);
}
process.stdin.on('end', () => lock?.release());
process.stdin.resume();
