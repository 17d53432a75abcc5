/* Where mailmond's other programs are; see program.h. */
#include "program.h"

#include <string.h>
#include <sys/types.h>
#include <unistd.h>

bool program_beside(const char *name, char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size); /* cut without a word if it is longer */
    bool whole = n > 0 && (size_t)n < size;
    path[whole ? n : 0] = '\0';
    char *slash = strrchr(path, '/');
    bool fits = slash && (size_t)(slash - path) + 1 + strlen(name) < size;
    if (fits)
        strcpy(slash + 1, name);
    else
        path[0] = '\0';
    return fits;
}
