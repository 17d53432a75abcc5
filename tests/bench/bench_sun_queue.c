/* bench_sun_queue DIRECTORY: scans the queue directories of Sun's channels once and prints how many files and how long. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../collectors/sun_queue.h"

int main(int argc, char **argv)
{
    struct sun_queue q = {.channels = calloc(SUN_CHANNELS_MAX, sizeof *q.channels)};
    if (argc != 2 || !q.channels)
        return 2;
    sun_queue_scan(argv[1], (int64_t)time(NULL) * 1000, &q);
    printf("%llu files, %u channels, %.3f s%s%s\n", (unsigned long long)q.files, q.count,
           (double)q.duration_us / 1e6, q.error[0] ? ": " : "", q.error);
    free(q.channels);
    return q.status == SOURCE_OK ? 0 : 1;
}
