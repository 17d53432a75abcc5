/*
 * The rows of the model: what each kind is, where rows lie, how they are found. A kind's rows lie
 * in one reserved stretch of address space, so that a row's address never changes; `order` holds
 * the positions of the rows that exist, always in index order. A removed row's position may be used
 * again at once: `dirty` and `stored` belong to the position, so the next checkpoint writes what is
 * there then. Invariant: dirty is 1 exactly for the positions in dirty_list.
 */
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define NO_TEXT                                                                                    \
    {                                                                                              \
        .length = TEXT_ABSENT                                                                      \
    }

static const struct agent agent_initial = {
    .version = NO_TEXT,
    .started_at = MODEL_NEVER,
    .config_loaded_at = MODEL_NEVER,
    .counters_since_at = MODEL_NEVER,
    .config_errors = MODEL_ABSENT,
    .sources = MODEL_ABSENT,
    .sources_not_ok = MODEL_ABSENT,
    .alarms_active = MODEL_ABSENT,
    .worst_severity = MODEL_ABSENT,
    .notifications_sent = MODEL_ABSENT,
    .notifications_pending = MODEL_ABSENT,
    .notifications_lost = MODEL_ABSENT,
    .registrations_refused = MODEL_ABSENT,
    .master_state = MODEL_ABSENT,
};

static const struct appl appl_initial = {
    .name = NO_TEXT,
    .description = NO_TEXT,
    .accumulated_inbound = MODEL_ABSENT,
    .accumulated_outbound = MODEL_ABSENT,
    .rejected_inbound = MODEL_ABSENT,
    .failed_outbound = MODEL_ABSENT,
    .last_inbound_at = MODEL_NEVER,
    .last_outbound_at = MODEL_NEVER,
    .received_messages = MODEL_ABSENT,
    .received_bytes = MODEL_ABSENT,
    .received_recipients = MODEL_ABSENT,
    .transmitted_messages = MODEL_ABSENT,
    .transmitted_bytes = MODEL_ABSENT,
    .transmitted_recipients = MODEL_ABSENT,
    .converted_messages = MODEL_ABSENT,
    .failed_converted_messages = MODEL_ABSENT,
    .loops_detected = MODEL_ABSENT,
    .status = MODEL_ABSENT,
    .status_changed_at = MODEL_NEVER,
    .started_at = MODEL_NEVER,
    .log_status = MODEL_ABSENT,
    .log_congested_at = MODEL_NEVER,
    .inbound = MODEL_ABSENT,
    .outbound = MODEL_ABSENT,
    .stored_messages = MODEL_ABSENT,
    .stored_bytes = MODEL_ABSENT,
    .stored_recipients = MODEL_ABSENT,
    .version = NO_TEXT,
    .directory_name = NO_TEXT,
    .url = NO_TEXT,
};

static const struct assoc assoc_initial = {
    .remote = NO_TEXT,
    .protocol_port = MODEL_ABSENT,
    .type = MODEL_ABSENT,
    .since_at = MODEL_NEVER,
    .cookie = MODEL_ABSENT,
};

static const struct group group_initial = {
    .name = NO_TEXT,
    .description = NO_TEXT,
    .hierarchy = INT64_MIN,
    .protocol_port = MODEL_ABSENT,
    .created_at = MODEL_NEVER,
    .received_messages = MODEL_ABSENT,
    .received_bytes = MODEL_ABSENT,
    .received_recipients = MODEL_ABSENT,
    .rejected_messages = MODEL_ABSENT,
    .transmitted_messages = MODEL_ABSENT,
    .transmitted_bytes = MODEL_ABSENT,
    .transmitted_recipients = MODEL_ABSENT,
    .accumulated_inbound = MODEL_ABSENT,
    .accumulated_outbound = MODEL_ABSENT,
    .rejected_inbound = MODEL_ABSENT,
    .failed_outbound = MODEL_ABSENT,
    .last_inbound_at = MODEL_NEVER,
    .last_outbound_at = MODEL_NEVER,
    .last_attempt_at = MODEL_NEVER,
    .inbound_rejection_reason = NO_TEXT,
    .outbound_failure_reason = NO_TEXT,
    .converted_messages = MODEL_ABSENT,
    .failed_converted_messages = MODEL_ABSENT,
    .loops_detected = MODEL_ABSENT,
    .submitted_messages = MODEL_ABSENT,
    .submitted_recipients = MODEL_ABSENT,
    .submitted_bytes = MODEL_ABSENT,
    .delivered_first_time = MODEL_ABSENT,
    .attempted_messages = MODEL_ABSENT,
    .attempted_recipients = MODEL_ABSENT,
    .attempted_bytes = MODEL_ABSENT,
    .rejected_recipients = MODEL_ABSENT,
    .rejected_bytes = MODEL_ABSENT,
    .failed_messages = MODEL_ABSENT,
    .failed_recipients = MODEL_ABSENT,
    .failed_bytes = MODEL_ABSENT,
    .expired = MODEL_ABSENT,
    .bounces_generated = MODEL_ABSENT,
    .queue_time_sum_ms = MODEL_ABSENT,
    .queue_time_count = MODEL_ABSENT,
    .queue_time_first_sum_ms = MODEL_ABSENT,
    .queue_time_first_count = MODEL_ABSENT,
    .stored_messages = MODEL_ABSENT,
    .stored_bytes = MODEL_ABSENT,
    .stored_recipients = MODEL_ABSENT,
    .oldest_at = MODEL_NEVER,
    .oldest_id = NO_TEXT,
    .inbound = MODEL_ABSENT,
    .outbound = MODEL_ABSENT,
    .retry_at = MODEL_NEVER,
    .active = MODEL_ABSENT,
    .incoming = MODEL_ABSENT,
    .deferred = MODEL_ABSENT,
    .held = MODEL_ABSENT,
    .corrupt = MODEL_ABSENT,
    .maildrop = MODEL_ABSENT,
    .attempted_per_hour = MODEL_ABSENT,
    .failed_per_hour = MODEL_ABSENT,
    .stored_minimum_messages = INT64_MIN,
    .stored_minimum_recipients = INT64_MIN,
    .stored_minimum_blocks = INT64_MIN,
    .depth_mean = MODEL_ABSENT,
    .depth_deviation = MODEL_ABSENT,
    .depth_samples = MODEL_ABSENT,
    .depth_peak = MODEL_ABSENT,
    .depth_peak_at = MODEL_NEVER,
    .url = NO_TEXT,
};

static const struct source source_initial = {
    .name = NO_TEXT,
    .target = NO_TEXT,
    .kind = MODEL_ABSENT,
    .status = MODEL_ABSENT,
    .last_success_at = MODEL_NEVER,
    .interval_s = MODEL_ABSENT,
    .duration_ms = MODEL_ABSENT,
    .behind_bytes = MODEL_ABSENT,
    .last_error = NO_TEXT,
};

static const struct group_assoc group_assoc_initial;
static const struct group_error group_error_initial;
static const struct age age_initial = {.up_to_min = MODEL_ABSENT, .messages = MODEL_ABSENT};
static const struct entry entry_initial = {.last_at = MODEL_NEVER, .last_reason = NO_TEXT};
static const struct destination destination_initial = {
    .domain = NO_TEXT,
    .last_reason = NO_TEXT,
    .last_status_code = MODEL_ABSENT,
    .last_at = MODEL_NEVER,
    .oldest_at = MODEL_NEVER,
    .retry_at = MODEL_NEVER,
};
static const struct connection connection_initial;
static const struct peer peer_initial = {.first_seen_at = MODEL_NEVER, .last_seen_at = MODEL_NEVER};

static const struct access access_initial = {
    .start_at = MODEL_NEVER,
    .last_connection_at = MODEL_NEVER,
    .max_connections = MODEL_ABSENT,
    .connections = MODEL_ABSENT,
    .failed_connections = MODEL_ABSENT,
    .failed_logins = MODEL_ABSENT,
    .good_logins = MODEL_ABSENT,
    .octets_in = MODEL_ABSENT,
    .octets_out = MODEL_ABSENT,
    .mailboxes_selected = MODEL_ABSENT,
    .limit_reached = MODEL_ABSENT,
    .tls_sessions = MODEL_ABSENT,
    .appended = MODEL_ABSENT,
    .fetched = MODEL_ABSENT,
    .expunged = MODEL_ABSENT,
    .metric_before = {MODEL_ABSENT, MODEL_ABSENT, MODEL_ABSENT},
    .current_connections = MODEL_ABSENT,
    .users_logged_in = MODEL_ABSENT,
};
static const struct response response_initial = {
    .minimum_ms = MODEL_ABSENT,
    .maximum_ms = MODEL_ABSENT,
    .name = NO_TEXT,
    .appl = MODEL_ABSENT,
    .protocol = MODEL_ABSENT,
    .host = NO_TEXT,
    .port = MODEL_ABSENT,
    .status = MODEL_ABSENT,
    .last_check_at = MODEL_NEVER,
    .total_ms = MODEL_ABSENT,
    .mean_ms = MODEL_ABSENT,
    .last_reply = NO_TEXT,
    .cert_not_after_at = MODEL_NEVER,
    .cert_days_left = INT64_MIN,
    .cert_error = NO_TEXT,
    .warn_after_ms = MODEL_ABSENT,
    .fail_after_ms = MODEL_ABSENT,
    .mailbox_messages = MODEL_ABSENT,
    .mailbox_unseen = MODEL_ABSENT,
};
static const struct step step_initial = {
    .name = NO_TEXT,
    .last_us = MODEL_ABSENT,
};
static const struct route route_initial = {
    .minimum_ms = MODEL_ABSENT,
    .maximum_ms = MODEL_ABSENT,
    .name = NO_TEXT,
    .submit_host = NO_TEXT,
    .retrieve_host = NO_TEXT,
    .user = NO_TEXT,
    .status = MODEL_ABSENT,
    .last_run_at = MODEL_NEVER,
    .submit_ms = MODEL_ABSENT,
    .transit_ms = MODEL_ABSENT,
    .retrieve_ms = MODEL_ABSENT,
    .total_ms = MODEL_ABSENT,
    .mean_ms = MODEL_ABSENT,
    .fault_response = MODEL_ABSENT,
    .fault_text = NO_TEXT,
    .leftovers = MODEL_ABSENT,
};
static const struct disk disk_initial = {
    .path = NO_TEXT,
    .kind = MODEL_ABSENT,
    .total_kb = MODEL_ABSENT,
    .available_kb = MODEL_ABSENT,
    .total_mb = MODEL_ABSENT,
    .available_mb = MODEL_ABSENT,
    .percent_available = MODEL_ABSENT,
    .inodes_percent_available = MODEL_ABSENT,
    .last_stat_at = MODEL_NEVER,
    .locked = MODEL_ABSENT,
    .lock_threshold_percent = MODEL_ABSENT,
    .next_check_at = MODEL_NEVER,
    .fill_rate_kb_per_hour = INT64_MIN,
    .hours_to_full = MODEL_ABSENT,
};
static const struct process process_initial = {
    .main_started_at = MODEL_NEVER,
    .name = NO_TEXT,
    .expected_min = MODEL_ABSENT,
    .expected_max = MODEL_ABSENT,
    .running = MODEL_ABSENT,
    .oldest_at = MODEL_NEVER,
    .connections_served = MODEL_ABSENT,
    .cpu_per_mille = MODEL_ABSENT,
    .resident_kb = MODEL_ABSENT,
    .status = MODEL_ABSENT,
    .restart_state = MODEL_ABSENT,
    .restarts_tried = MODEL_ABSENT,
};
static const struct log_event log_event_initial = {
    .name = NO_TEXT,
    .last_at = MODEL_NEVER,
    .last_line = NO_TEXT,
    .source = MODEL_ABSENT,
    .severity = MODEL_ABSENT,
};
static const struct quota quota_initial = {
    .owner = NO_TEXT,
    .used_kb = MODEL_ABSENT,
    .quota_kb = MODEL_ABSENT,
    .percent = MODEL_ABSENT,
    .messages = MODEL_ABSENT,
    .message_quota = MODEL_ABSENT,
};
static const struct quota_totals quota_totals_initial = {
    .accounts = MODEL_ABSENT,
    .over_warn = MODEL_ABSENT,
    .over_quota = MODEL_ABSENT,
};
static const struct mail_store mail_store_initial = {
    .deadlocks = MODEL_ABSENT,
    .expunged = MODEL_ABSENT,
    .purged = MODEL_ABSENT,
    .last_expire_at = MODEL_NEVER,
    .last_expire_s = MODEL_ABSENT,
    .name = NO_TEXT,
    .status = MODEL_ABSENT,
    .transactions = MODEL_ABSENT,
    .locks = MODEL_ABSENT,
    .users_logged_in = MODEL_ABSENT,
};
static const struct file_watch file_watch_initial = {
    .name = NO_TEXT,
    .pattern = NO_TEXT,
    .files = MODEL_ABSENT,
    .size_bytes = MODEL_ABSENT,
    .size_mb = MODEL_ABSENT,
    .newest_at = MODEL_NEVER,
    .oldest_at = MODEL_NEVER,
    .growth_kb_per_hour = INT64_MIN,
};
static const struct session session_initial = {
    .user = NO_TEXT,
    .authentication = NO_TEXT,
    .since_at = MODEL_NEVER,
    .octets_in = MODEL_ABSENT,
    .octets_out = MODEL_ABSENT,
};
static const struct host host_initial = {
    .cpu_user_percent = MODEL_ABSENT,
    .cpu_system_percent = MODEL_ABSENT,
    .cpu_wait_percent = MODEL_ABSENT,
    .cpu_idle_percent = MODEL_ABSENT,
    .swap_available_mb = MODEL_ABSENT,
    .swap_available_kb = MODEL_ABSENT,
    .scan_rate = MODEL_ABSENT,
    .run_queue = MODEL_ABSENT,
};
static const struct alarm alarm_initial = {
    .id = NO_TEXT,
    .instance = NO_TEXT,
    .object = {.length = OID_ABSENT},
    .description = NO_TEXT,
    .severity = MODEL_ABSENT,
    .state = MODEL_ABSENT,
    .current = INT64_MIN,
    .high = INT64_MIN,
    .low = INT64_MIN,
    .threshold = INT64_MIN,
    .unit = NO_TEXT,
    .value_text = NO_TEXT,
    .direction = INT64_MIN,
    .last_set_at = MODEL_NEVER,
    .last_warning_at = MODEL_NEVER,
    .state_changed_at = MODEL_NEVER,
    .reset_at = MODEL_NEVER,
    .check_interval_s = MODEL_ABSENT,
    .repeat_interval_h = MODEL_ABSENT,
    .hold_time_s = MODEL_ABSENT,
    .beyond_at = MODEL_NEVER,
    .flaps_at = MODEL_NEVER,
    .seen_at = MODEL_NEVER,
};
static const struct alarm_log alarm_log_initial = {
    .number = MODEL_ABSENT,
    .time_at = MODEL_NEVER,
    .alarm_index = MODEL_ABSENT,
    .id = NO_TEXT,
    .instance = NO_TEXT,
    .event = MODEL_ABSENT,
    .severity = MODEL_ABSENT,
    .value = INT64_MIN,
    .threshold = INT64_MIN,
    .text = NO_TEXT,
    .notified = MODEL_ABSENT,
};
static const struct transition transition_initial = {
    .at = MODEL_NEVER,
    .object = {.length = OID_ABSENT},
    .id = NO_TEXT,
    .unit = NO_TEXT,
    .value_text = NO_TEXT,
    .instance = NO_TEXT,
    .description = NO_TEXT,
    .text = NO_TEXT,
    .reset_at = MODEL_NEVER,
    .value_at = MODEL_NEVER,
};
static const struct ds ds_initial = {
    .description = NO_TEXT,
    .server_type = MODEL_ABSENT,
    .master_entries = MODEL_ABSENT,
    .copy_entries = MODEL_ABSENT,
    .cache_entries = MODEL_ABSENT,
    .cache_hits = MODEL_ABSENT,
    .slave_hits = MODEL_ABSENT,
};
static const struct ds_ops ds_ops_initial = {
    .protocol_port = MODEL_ABSENT,
    .unauth_binds = MODEL_ABSENT,
    .simple_auth_binds = MODEL_ABSENT,
    .strong_auth_binds = MODEL_ABSENT,
    .bind_security_errors = MODEL_ABSENT,
    .in_ops = MODEL_ABSENT,
    .read_ops = MODEL_ABSENT,
    .compare_ops = MODEL_ABSENT,
    .add_entry_ops = MODEL_ABSENT,
    .remove_entry_ops = MODEL_ABSENT,
    .modify_entry_ops = MODEL_ABSENT,
    .modify_rdn_ops = MODEL_ABSENT,
    .list_ops = MODEL_ABSENT,
    .search_ops = MODEL_ABSENT,
    .one_level_search_ops = MODEL_ABSENT,
    .whole_subtree_search_ops = MODEL_ABSENT,
    .referrals = MODEL_ABSENT,
    .chainings = MODEL_ABSENT,
    .security_errors = MODEL_ABSENT,
    .errors = MODEL_ABSENT,
    .replication_updates_in = MODEL_ABSENT,
    .replication_updates_out = MODEL_ABSENT,
    .in_bytes = MODEL_ABSENT,
    .out_bytes = MODEL_ABSENT,
};
static const struct ds_int ds_int_initial = {
    .directory_name = NO_TEXT,
    .url = NO_TEXT,
    .created_at = MODEL_NEVER,
    .last_attempt_at = MODEL_NEVER,
    .last_success_at = MODEL_NEVER,
    .failures_since_last_success = MODEL_ABSENT,
    .failures = MODEL_ABSENT,
    .successes = MODEL_ABSENT,
};

static const uint32_t no_instants[] = {0};
static const uint32_t appl_instants[] = {
    offsetof(struct appl, last_inbound_at),   offsetof(struct appl, last_outbound_at),
    offsetof(struct appl, status_changed_at), offsetof(struct appl, started_at),
    offsetof(struct appl, log_congested_at),  0,
};
static const uint32_t group_instants[] = {
    offsetof(struct group, created_at),
    offsetof(struct group, last_inbound_at),
    offsetof(struct group, last_outbound_at),
    offsetof(struct group, last_attempt_at),
    0,
};
static const uint32_t entry_instants[] = {offsetof(struct entry, last_at), 0};
static const uint32_t destination_instants[] = {offsetof(struct destination, last_at), 0};
static const uint32_t process_instants[] = {offsetof(struct process, main_started_at), 0};
static const uint32_t peer_instants[] = {offsetof(struct peer, first_seen_at),
                                         offsetof(struct peer, last_seen_at), 0};
static const uint32_t access_instants[] = {offsetof(struct access, start_at),
                                           offsetof(struct access, last_connection_at), 0};
static const uint32_t log_event_instants[] = {offsetof(struct log_event, last_at), 0};
static const uint32_t mail_store_instants[] = {offsetof(struct mail_store, last_expire_at), 0};
static const uint32_t alarm_instants[] = {offsetof(struct alarm, last_set_at),
                                          offsetof(struct alarm, last_warning_at),
                                          offsetof(struct alarm, state_changed_at),
                                          offsetof(struct alarm, reset_at),
                                          offsetof(struct alarm, beyond_at),
                                          offsetof(struct alarm, flaps_at),
                                          0};

const struct model_kind model_kinds[MODEL_TABLES] = {
    [MODEL_AGENT] = {"agent", sizeof(struct agent), 1, 0, 1, 0, 0, no_instants, &agent_initial},
    [MODEL_APPL] = {"appl", sizeof(struct appl), 1, 0, 64, offsetof(struct appl, name),
                    offsetof(struct appl, inbound), appl_instants, &appl_initial},
    [MODEL_ASSOC] = {"assoc", sizeof(struct assoc), 2, 0, 16384, 0, 0, no_instants, &assoc_initial},
    [MODEL_GROUP] = {"group", sizeof(struct group), 2, 0, 1024, offsetof(struct group, name),
                     offsetof(struct group, stored_messages), group_instants, &group_initial},
    [MODEL_GROUP_ASSOC] = {"group_assoc", sizeof(struct group_assoc), 3, 0, 16384, 0, 0,
                           no_instants, &group_assoc_initial},
    [MODEL_GROUP_ERROR] = {"group_error", sizeof(struct group_error), 3, 0, 8192,
                           offsetof(struct group_error, inbound), sizeof(struct group_error),
                           no_instants, &group_error_initial},
    [MODEL_SOURCE] = {"source", sizeof(struct source), 1, 0, 2048, offsetof(struct source, name),
                      offsetof(struct source, appl), no_instants, &source_initial},
    [MODEL_AGE] = {"age", sizeof(struct age), 3, 0, 2048, 0, 0, no_instants, &age_initial},
    [MODEL_ENTRY] = {"entry", sizeof(struct entry), 3, 0, 8192, offsetof(struct entry, count),
                     sizeof(struct entry), entry_instants, &entry_initial},
    [MODEL_DESTINATION] = {"destination", sizeof(struct destination), 2, 0, 1024,
                           offsetof(struct destination, domain),
                           offsetof(struct destination, queued), destination_instants,
                           &destination_initial},
    [MODEL_CONNECTION] = {"connection", sizeof(struct connection), 2, 0, 704, 0, 0, no_instants,
                          &connection_initial},
    [MODEL_PEER] = {"peer", sizeof(struct peer), 2, offsetof(struct peer, address), 1024,
                    offsetof(struct peer, address), offsetof(struct peer, current), peer_instants,
                    &peer_initial},
    [MODEL_ACCESS] = {"access", sizeof(struct access), 1, 0, 64, offsetof(struct access, start_at),
                      offsetof(struct access, current_connections), access_instants,
                      &access_initial},
    [MODEL_RESPONSE] = {"response", sizeof(struct response), 1, 0, 1024,
                        offsetof(struct response, minimum_ms), offsetof(struct response, name),
                        no_instants, &response_initial},
    [MODEL_STEP] = {"step", sizeof(struct step), 2, 0, 16384, 0, 0, no_instants, &step_initial},
    [MODEL_ROUTE] = {"route", sizeof(struct route), 1, 0, 1024, offsetof(struct route, minimum_ms),
                     offsetof(struct route, name), no_instants, &route_initial},
    [MODEL_DISK] = {"disk", sizeof(struct disk), 1, 0, 256, 0, 0, no_instants, &disk_initial},
    [MODEL_PROCESS] = {"process", sizeof(struct process), 1, 0, 512,
                       offsetof(struct process, restarts), offsetof(struct process, name),
                       process_instants, &process_initial},
    [MODEL_LOG_EVENT] = {"log_event", sizeof(struct log_event), 1, 0, 512,
                         offsetof(struct log_event, name), offsetof(struct log_event, source),
                         log_event_instants, &log_event_initial},
    [MODEL_QUOTA] = {"quota", sizeof(struct quota), 1, 0, 1024, 0, 0, no_instants, &quota_initial},
    [MODEL_QUOTA_TOTALS] = {"quota_totals", sizeof(struct quota_totals), 1, 0, 1, 0, 0, no_instants,
                            &quota_totals_initial},
    [MODEL_MAIL_STORE] = {"mail_store", sizeof(struct mail_store), 1, 0, 64,
                          offsetof(struct mail_store, deadlocks), offsetof(struct mail_store, name),
                          mail_store_instants, &mail_store_initial},
    [MODEL_FILE_WATCH] = {"file_watch", sizeof(struct file_watch), 1, 0, 256, 0, 0, no_instants,
                          &file_watch_initial},
    [MODEL_SESSION] = {"session", sizeof(struct session), 2, 0, 16384, 0, 0, no_instants,
                       &session_initial},
    [MODEL_HOST] = {"host", sizeof(struct host), 1, 0, 1, 0, 0, no_instants, &host_initial},
    [MODEL_ALARM] = {"alarm", sizeof(struct alarm), 1, 0, 4096, offsetof(struct alarm, id),
                     offsetof(struct alarm, seen_at), alarm_instants, &alarm_initial},
    /* made anew of the transitions that the store has: see transitions.h */
    [MODEL_ALARM_LOG] = {"alarm_log", sizeof(struct alarm_log), 1, 0, 1000, 0, 0, no_instants,
                         &alarm_log_initial},
    [MODEL_DS] = {"ds", sizeof(struct ds), 1, 0, 64, 0, 0, no_instants, &ds_initial},
    [MODEL_DS_OPS] = {"ds_ops", sizeof(struct ds_ops), 2, 0, 128, 0, 0, no_instants,
                      &ds_ops_initial},
    [MODEL_DS_INT] = {"ds_int", sizeof(struct ds_int), 3, 0, 256, 0, 0, no_instants,
                      &ds_int_initial},
    [MODEL_TRANSITION] = {"transition", sizeof(struct transition), 1, 0, 256, 0, 0, no_instants,
                          &transition_initial},
};

void text_set(uint8_t *length, char *bytes, size_t size, struct slice value)
{
    size_t max = size < TEXT_ABSENT ? size : TEXT_ABSENT - 1;
    if (!value.p) {
        *length = TEXT_ABSENT;
        return;
    }
    size_t n = value.n;
    if (n > max) {
        n = max;
        // step back over continuation octets (RFC 3629): at most 3 belong to one character
        while (n > max - 3 && ((unsigned char)value.p[n] & 0xc0) == 0x80)
            n--;
    }
    memmove(bytes, value.p, n);
    *length = (uint8_t)n;
}

static int compare_index(const struct model_kind *k, const unsigned char *a, const uint32_t key[3],
                         const uint8_t *address)
{
    const uint32_t *own = ((const struct row *)a)->key;
    for (uint32_t i = 0; i < k->keys; i++)
        if (own[i] != key[i])
            return own[i] < key[i] ? -1 : 1;
    if (!k->address_offset)
        return 0;
    return memcmp(a + k->address_offset, address, 16);
}

int model_compare(enum model_table t, const void *a, const void *b)
{
    const struct model_kind *k = &model_kinds[t];
    return compare_index(k, a, ((const struct row *)b)->key,
                         (const uint8_t *)b + k->address_offset);
}

static void *map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* One mapping: the rows, then the three lists of positions. */
static size_t mapping_size(const struct rows *r)
{
    return (size_t)r->capacity * (r->row_size + 3 * sizeof(uint32_t));
}

bool model_init(struct model *m, const uint32_t capacities[MODEL_TABLES])
{
    memset(m, 0, sizeof *m);
    for (int t = 0; t < MODEL_TABLES; t++) {
        struct rows *r = &m->tables[t];
        r->row_size = model_kinds[t].row_size;
        r->capacity = capacities && capacities[t] ? capacities[t] : model_kinds[t].capacity;
        r->base = map(mapping_size(r));
        if (!r->base) {
            model_free(m);
            errno = ENOMEM;
            return false;
        }
        r->order = (uint32_t *)(void *)(r->base + (size_t)r->capacity * r->row_size);
        r->free_list = r->order + r->capacity;
        r->dirty_list = r->free_list + r->capacity;
    }
    return true;
}

void model_free(struct model *m)
{
    for (int t = 0; t < MODEL_TABLES; t++)
        if (m->tables[t].base)
            munmap(m->tables[t].base, mapping_size(&m->tables[t]));
    memset(m, 0, sizeof *m);
}

static struct row *row_at(const struct rows *r, uint32_t position)
{
    return (struct row *)(void *)(r->base + (size_t)position * r->row_size);
}

/* The first place in `order` whose row is not below the index; *found: it is that row. */
static uint32_t seek(const struct model *m, enum model_table t, const uint32_t key[3],
                     const uint8_t *address, bool *found)
{
    const struct rows *r = &m->tables[t];
    const struct model_kind *k = &model_kinds[t];
    uint32_t low = 0, high = r->count;
    *found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = compare_index(k, (unsigned char *)row_at(r, r->order[middle]), key, address);
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
        *found = *found || c == 0;
    }
    return low;
}

void *model_find(const struct model *m, enum model_table t, const uint32_t key[3],
                 const uint8_t *address)
{
    bool found;
    uint32_t i = seek(m, t, key, address, &found);
    return found ? model_row(m, t, i) : NULL;
}

/* The initial row under an index, at a position; what the store knows of the position stays. */
static struct row *reset(const struct model *m, enum model_table t, uint32_t position,
                         const uint32_t key[3], const uint8_t *address)
{
    const struct model_kind *k = &model_kinds[t];
    struct row *row = row_at(&m->tables[t], position);
    struct row head = {.used = 1, .dirty = row->dirty, .stored = row->stored, .stale = UINT8_MAX};
    memcpy(row, k->initial, k->row_size);
    memcpy(head.key, key, k->keys * sizeof key[0]);
    *row = head;
    if (k->address_offset)
        memcpy((unsigned char *)row + k->address_offset, address, 16);
    return row;
}

/* Fills a free position from the initial row and enters it in `order` at place i. */
static void *fill(struct model *m, enum model_table t, uint32_t position, uint32_t i,
                  const uint32_t key[3], const uint8_t *address)
{
    struct rows *r = &m->tables[t];
    struct row *row = reset(m, t, position, key, address);
    memmove(r->order + i + 1, r->order + i, (r->count - i) * sizeof r->order[0]);
    r->order[i] = position;
    r->count++;
    r->generation++;
    return row;
}

void *model_place(struct model *m, enum model_table t, const uint32_t key[3],
                  const uint8_t *address)
{
    struct rows *r = &m->tables[t];
    bool found;
    uint32_t i = seek(m, t, key, address, &found);
    if (found)
        return model_row(m, t, i);
    if (r->count == r->capacity) {
        r->overflow++;
        return NULL;
    }
    uint32_t position = r->free_count ? r->free_list[--r->free_count] : r->high++;
    return fill(m, t, position, i, key, address);
}

/* Takes a given position out of the free ones. */
static bool claim(struct rows *r, uint32_t position)
{
    if (position >= r->capacity)
        return false;
    while (r->high <= position)
        r->free_list[r->free_count++] = r->high++;
    for (uint32_t i = r->free_count; i-- > 0;) {
        if (r->free_list[i] == position) {
            r->free_list[i] = r->free_list[--r->free_count];
            return true;
        }
    }
    return false;
}

void *model_place_at(struct model *m, enum model_table t, uint32_t position, const uint32_t key[3],
                     const uint8_t *address)
{
    struct rows *r = &m->tables[t];
    bool found;
    uint32_t i = seek(m, t, key, address, &found);
    if (found || !claim(r, position))
        return NULL;
    struct row *row = fill(m, t, position, i, key, address);
    row->stored = 1;
    return row;
}

void model_remove(struct model *m, enum model_table t, void *row)
{
    struct rows *r = &m->tables[t];
    struct row *head = row;
    const struct model_kind *k = &model_kinds[t];
    bool found;
    uint32_t i = seek(m, t, head->key, (const uint8_t *)row + k->address_offset, &found);
    if (!found || !head->used)
        return;
    if (head->stored)
        model_dirty(m, t, row); // so that the checkpoint deletes its record
    head->used = 0;
    r->free_list[r->free_count++] = r->order[i];
    r->count--;
    memmove(r->order + i, r->order + i + 1, (r->count - i) * sizeof r->order[0]);
    r->generation++;
}

void model_rekey(struct model *m, enum model_table t, void *row, const uint32_t key[3],
                 const uint8_t *address)
{
    reset(m, t, model_position(m, t, row), key, address);
    m->tables[t].unsorted = true;
    m->tables[t].generation++;
}

/* qsort_r's order of positions: that of their rows. */
struct sorting {
    const struct rows *rows;
    enum model_table table;
};

static int compare_positions(const void *a, const void *b, void *arg)
{
    const struct sorting *s = arg;
    return model_compare(s->table, row_at(s->rows, *(const uint32_t *)a),
                         row_at(s->rows, *(const uint32_t *)b));
}

void model_sort(struct model *m, enum model_table t)
{
    struct rows *r = &m->tables[t];
    struct sorting s = {r, t};
    if (!r->unsorted)
        return;
    qsort_r(r->order, r->count, sizeof r->order[0], compare_positions, &s);
    r->unsorted = false;
    r->generation++;
}

void model_clean(struct model *m, enum model_table t)
{
    struct rows *r = &m->tables[t];
    for (uint32_t i = 0; i < r->dirty_count; i++) {
        struct row *row = row_at(r, r->dirty_list[i]);
        row->dirty = 0;
        row->stored = row->used;
    }
    r->dirty_count = 0;
}
