#include "cli/account.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <unistd.h>

/* An addition that fails for want of memory leaves its line out: the rest is true. */
static void add(cJSON *to, const char *name, double number) {
    cJSON_AddNumberToObject(to, name, number);
}

static double count(uint64_t number) {
    return (double)number; /* beyond 2^53 it is rounded, and nobody minds */
}

static double seconds(uint64_t ns) {
    return (double)(ns / 1000000) / 1000;
}

static void add_figure(void *owner, const char *name, double value) {
    cJSON_AddNumberToObject(owner, name, value);
}

static cJSON *add_item(cJSON *list, const char *name) {
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", name);
    cJSON_AddItemToArray(list, item);
    return item;
}

/* A replica is shown behind its database. */
static cJSON *replicas_of_last(const cJSON *databases) {
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(databases, cJSON_GetArraySize(databases) - 1), "replicas");
}

static void see_database(void *owner, const rl_budget_report *report) {
    cJSON *item = add_item(report->is_replica ? replicas_of_last(owner) : owner, report->name);
    add(item, "workers", report->workers);
    add(item, "most", report->max);
    rl_budget_stats_tell(&report->exclusive, add_figure, cJSON_AddObjectToObject(item, "exclusive"));
    rl_lane_stats_tell(&report->shared, add_figure, cJSON_AddObjectToObject(item, "shared"));
    if (report->is_replica)
        add(item, "readers", report->readers);
    else
        cJSON_AddArrayToObject(item, "replicas");
}

static void see_listener(void *owner, const char *name, const rl_pg_listener_stats *now) {
    cJSON *item = add_item(owner, name);
    cJSON_AddBoolToObject(item, "connected", now->is_connected != 0);
    rl_pg_listener_stats_tell(now, add_figure, item);
}

/* Written by lua/rille/schedule.lua. */
static void see_schedule(void *owner, const char *text) {
    cJSON_AddItemToArray(owner, cJSON_CreateRaw(text));
}

static void add_generation(cJSON *all, const rl_reload *reload) {
    rl_reload_state state = {.generation = 1};
    if (reload != NULL)
        state = rl_reload_read(reload);
    add(all, "generation", count(state.generation));
    add(all, "reloads", count(state.attempts));
    if (state.failure != NULL)
        cJSON_AddStringToObject(all, "failure", state.failure);
}

static void see_channel(void *owner, const char *name, const rl_channel_stats *now) {
    cJSON *item = add_item(owner, name);
    add(item, "depth", count(now->depth));
    add(item, "capacity", count(now->capacity));
    add(item, "bytes", count(now->bytes));
    add(item, "senders", now->senders);
    add(item, "receivers", now->receivers);
    add(item, "sent", count(now->sent));
    cJSON_AddBoolToObject(item, "closed", now->is_closed);
}

static void see_topic(void *owner, const char *name, const rl_topic_stats *now) {
    cJSON *item = add_item(owner, name);
    add(item, "subscribers", count(now->subscribers));
    add(item, "published", count(now->published));
    add(item, "depth", count(now->depth));
    add(item, "bytes", count(now->bytes));
    add(item, "dropped", count(now->dropped));
}

static void see_store(void *owner, const char *name, const rl_store_stats *now) {
    cJSON *item = add_item(owner, name);
    add(item, "count", count(now->count));
    add(item, "bytes", count(now->bytes));
    add(item, "ceiling", count(now->ceiling));
    add(item, "hits", count(now->hits));
    add(item, "misses", count(now->misses));
    add(item, "evicted", count(now->evicted));
    add(item, "expired", count(now->expired));
}

static cJSON *tell_all(const rl_account *account) {
    const rl_serving *serving = account->serving;
    cJSON *all = cJSON_CreateObject();
    cJSON_AddStringToObject(all, "version", RILLE_VERSION);
    add(all, "pid", getpid());
    add(all, "supervisor", (double)account->supervisor);
    add(all, "restarts", account->restarts);
    add(all, "failed_upgrades", account->failed_upgrades);
    cJSON *banned = cJSON_AddArrayToObject(all, "banned");
    for (unsigned i = 0; serving->bulletin != NULL && i < serving->bulletin->banned_count; i++)
        cJSON_AddItemToArray(banned, cJSON_CreateString(serving->bulletin->banned[i]));
    cJSON_AddStringToObject(all, "app", serving->app_dir);
    cJSON_AddStringToObject(all, "host", serving->settings->host);
    add(all, "port", account->port);
    add(all, "uptime", seconds(rl_clock_ns() - account->since_ns));
    add(all, "workers", count(account->workers));
    add(all, "connections", count(atomic_load(&serving->connections)));
    add(all, "body_memory", count(atomic_load(&serving->body_budget.used)));
    rl_budgets_look(serving->database_budgets, see_database, cJSON_AddArrayToObject(all, "databases"));
    rl_pg_listeners_look(serving->database_listeners, see_listener, cJSON_AddArrayToObject(all, "listeners"));
    rl_channels_look(serving->commons->channels, see_channel, cJSON_AddArrayToObject(all, "channels"));
    rl_topics_look(serving->commons->topics, see_topic, cJSON_AddArrayToObject(all, "topics"));
    rl_stores_look(serving->commons->stores, see_store, cJSON_AddArrayToObject(all, "stores"));
    rl_board_look(serving->board, see_schedule, cJSON_AddArrayToObject(all, "schedules"));
    return all;
}

static rl_err write_take(cJSON *all, rl_buf *out) {
    char *text = cJSON_PrintUnformatted(all);
    cJSON_Delete(all);
    if (text == NULL)
        return RL_ENOMEM;
    rl_err err = rl_buf_append(out, rl_slice_of(text, strlen(text)));
    cJSON_free(text);
    return err;
}

rl_err rl_account_write(const rl_account *account, rl_buf *out) {
    cJSON *all = tell_all(account);
    add_generation(all, account->reload);
    return write_take(all, out);
}

rl_err rl_account_tell(const rl_teller *teller, rl_buf *out) {
    return write_take(tell_all(RL_CONTAINER((uintptr_t)teller, rl_account, teller)), out);
}
