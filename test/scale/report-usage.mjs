/** @file Loaded into a process before its program: writes what the process took to USAGE_FILE when it ends. Processes that
 * it starts are told nothing.
 */
import { writeFileSync } from 'node:fs';

const file = process.env.USAGE_FILE;
delete process.env.USAGE_FILE;
if (file !== undefined) {
  process.on('exit', () => {
    const { userCPUTime: user_us, maxRSS: max_kb } = process.resourceUsage();
    writeFileSync(file, JSON.stringify({ user_us, max_kb }));
  });
}
