/*
 * A configured service as a request for a probe; what the collector of response times and the command
 * line share.
 */
#ifndef RESPONSE_H
#define RESPONSE_H

#include "../agent/config.h"
#include "probe.h"

/* The protocol of this name, 0: there is none; and its port, 0: it has none of its own. */
enum response_protocol response_protocol_named(const char *name);
uint16_t response_port(enum response_protocol p);
/* The first line of a file of passwords. false: `error` says why it cannot be had. */
bool response_password(const char *file, char *password, size_t size, char *error,
                       size_t error_size);
/* The request; its texts are those of `r` and `password` (NULL if there is no user). */
void response_request(const struct config_response *r, const char *password,
                      struct probe_request *request);
/*
 * The status of a result: that of the probe, but slow, or timedOut, if it took longer than
 * warn_after or fail_after.
 */
enum response_status response_judge(const struct config_response *r,
                                    const struct probe_result *result);

struct collect;
/*
 * Has a configured service asked now, whatever its interval, and calls `done` with its row from the loop;
 * not after stop. false: there is no such service, or it cannot be asked.
 */
bool response_now(struct collect *c, const char *name,
                  void (*done)(void *arg, const struct response *row), void *arg);

#endif
