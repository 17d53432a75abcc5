/*
 * Where mailmond's other programs are: beside the one that runs. Holds no state.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The path of `name` in the directory of the running program (/proc/self/exe, proc(5)); whether there is one
 * is for the caller to find. false: the path is not known or longer than size - 1, and "" is in `path`.
 */
bool program_beside(const char *name, char *path, size_t size);

#endif
