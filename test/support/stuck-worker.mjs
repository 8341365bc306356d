/** @file A process with a watchdog whose main thread never returns to its event loop, as in an endless native call. */
const { startWatchdog } = await import(new URL('../../dist/sweep/watchdog.js', import.meta.url).href);

const isOrphan = startWatchdog(process.ppid);
await new Promise((resolve) => setTimeout(resolve, 200));
console.log(JSON.stringify({ pid: process.pid, is_orphan: isOrphan() }));
for (let wasOrphan = false; ; ) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  if (isOrphan() && !wasOrphan) {
    wasOrphan = true;
    process.stdout.write(`${JSON.stringify({ is_orphan: true })}\n`);
  }
}
