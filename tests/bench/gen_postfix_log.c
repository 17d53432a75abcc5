/*
 * gen_postfix_log: makes a Postfix log of any size, and what it amounts to as JSON.
 *
 *   cd tests/bench && cc -O2 -D_GNU_SOURCE -o gen_postfix_log gen_postfix_log.c \
 *       gen_world.c gen_inbound.c gen_message.c gen_delivery.c gen_truth.c
 *
 * The same options make the same bytes. Two instances log whole messages of their own; a steady
 * number of messages is in flight, each waiting its turn in random order, so that a reader's table
 * of messages is as large and as scattered as a busy relay's. See gen_truth.c for what the numbers
 * mean.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "gen.h"

static const char usage[] =
    "usage: gen_postfix_log -o LOG -j TRUTH [-b bytes] [-s seed] [-f bsd|rfc3339|rfc5424]\n"
    "       [-m messages in flight] [-q short|long|mix] [-P client addresses]\n"
    "       [-D remote domains] [-r how many times as likely rare cases are, 1..10]\n";

static void refuse_usage(void)
{
    fputs(usage, stderr);
    exit(2);
}

static unsigned choose(const char *value, const char *const names[3])
{
    for (unsigned i = 0; i < 3; i++)
        if (strcmp(value, names[i]) == 0)
            return i;
    refuse_usage();
    return 0;
}

static uint64_t number(const char *text, uint64_t low, uint64_t high)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    if (*end || end == text || n < low || n > high)
        refuse_usage();
    return n;
}

static void read_options(int argc, char **argv)
{
    static const char *const heads[] = {"bsd", "rfc3339", "rfc5424"};
    static const char *const ids[] = {"mix", "short", "long"};
    options = (struct options){
        .bytes = 500000000, .seed = 1, .in_flight = 50000, .peers = 400, .domains = 400, .rare = 1};
    for (int c; (c = getopt(argc, argv, "b:s:f:m:q:P:D:r:o:j:")) != -1;) {
        switch (c) {
        case 'b':
            options.bytes = number(optarg, 1, UINT64_MAX);
            break;
        case 's':
            options.seed = number(optarg, 0, UINT64_MAX);
            break;
        case 'f':
            options.head = choose(optarg, heads);
            break;
        case 'm':
            options.in_flight = (unsigned)number(optarg, 1, 50000000);
            break;
        case 'q':
            options.ids = choose(optarg, ids);
            break;
        case 'P':
            options.peers = (unsigned)number(optarg, 1, 1 << 22);
            break;
        case 'D':
            options.domains = (unsigned)number(optarg, 1, 60000);
            break;
        case 'r':
            options.rare = (unsigned)number(optarg, 1, 10);
            break;
        case 'o':
            options.log = optarg;
            break;
        case 'j':
            options.truth = optarg;
            break;
        default:
            refuse_usage();
        }
    }
    if (!options.log || !options.truth || optind != argc)
        refuse_usage();
}

static void start_instances(void)
{
    for (unsigned i = 0; i < INSTANCES; i++) {
        line(i, "postfix-script", 790, "starting the Postfix mail system");
        line(i, "master", 800, "daemon started -- version 3.7.11, configuration /etc/postfix");
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    world_init();
    truth_init();
    messages_init();
    inbound_init();
    line_open();
    start_instances();
    while (byte_count < options.bytes) {
        if (chance(0.015))
            inbound_local();
        else if (chance(messages_live < options.in_flight ? 0.97 : 0.02) || messages_live == 0)
            inbound_step();
        else
            message_advance(message_at(rnd(messages_live)));
    }
    line_close();
    truth_write();
    return 0;
}
