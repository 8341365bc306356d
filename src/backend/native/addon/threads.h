/** @file Worker threads for one large run; by default there are none, since a sweep runs a process a core.
 * Work is cut into parts by its size alone, never by the number of threads, and a part has one writer:
 * results are bit for bit the same for any number of threads.
 */
#pragma once
#include <cstdint>

namespace lab {

/** Sets how many threads compute (1 .. 256), this one included. */
void set_threads(int count);
int num_threads();

/** Runs `part(context, i)` for i in 0 .. parts - 1 on all threads and returns when all are done. */
void parallel(int64_t parts, void (*part)(void*, int64_t), void* context);

}  // namespace lab
