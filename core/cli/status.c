/* status -- how a running server does, for people. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/inquiry.h"

/* The two greatest units: "3h 12m". */
static void name_span(double seconds, char out[32]) {
    static const struct {
        const char *name;
        uint64_t seconds;
    } units[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
    uint64_t left = (uint64_t)seconds;
    size_t i = 0;
    while (i < 3 && left < units[i].seconds)
        i++;
    int len = snprintf(out, 32, "%llu%s", (unsigned long long)(left / units[i].seconds), units[i].name);
    if (i < 3)
        snprintf(out + len, 32 - (size_t)len, " %llu%s",
                 (unsigned long long)(left % units[i].seconds / units[i + 1].seconds), units[i + 1].name);
}

static void print_lane(const cJSON *database, const char *name) {
    const cJSON *lane = cJSON_GetObjectItemCaseSensitive(database, name);
    printf("  %-10s%7.0f%7.0f%9.0f%10.3f%12.0f%10.0f%12.0f", name, rl_inquiry_number(lane, "in_use"),
           rl_inquiry_number(lane, "idle"), rl_inquiry_number(lane, "waiting"), rl_inquiry_number(lane, "waited"), rl_inquiry_number(lane, "queries"),
           rl_inquiry_number(lane, "timeouts"), rl_inquiry_number(lane, "reconnects"));
    if (cJSON_HasObjectItem(lane, "leaked"))
        printf("%8.0f\n", rl_inquiry_number(lane, "leaked"));
    else
        printf("%8s\n", "-"); /* nothing of it is lent */
}

static void print_lanes(const cJSON *database) {
    printf("  %-10s%7s%7s%9s%10s%12s%10s%12s%8s\n", "lane", "in use", "idle", "waiting", "waited s",
           "queries", "timeouts", "reconnects", "leaked");
    print_lane(database, "exclusive");
    print_lane(database, "shared");
}

static void print_replica(const cJSON *replica) {
    printf(" replica %s, read by %.0f of %.0f workers\n", rl_inquiry_text(replica, "name"),
           rl_inquiry_number(replica, "readers"), rl_inquiry_number(replica, "workers"));
    print_lanes(replica);
}

static void print_database(const cJSON *database) {
    printf("\ndatabase %s, %.0f lent at most\n", rl_inquiry_text(database, "name"), rl_inquiry_number(database, "most"));
    print_lanes(database);
    const cJSON *replica;
    cJSON_ArrayForEach(replica, cJSON_GetObjectItemCaseSensitive(database, "replicas")) print_replica(replica);
}

static void print_listener(const cJSON *listener) {
    bool is_connected = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(listener, "connected"));
    printf("\nlistener %s: %s, %.0f channels, %.0f subscriptions, ", rl_inquiry_text(listener, "name"),
           is_connected ? "connected" : "not connected", rl_inquiry_number(listener, "channels"),
           rl_inquiry_number(listener, "subscriptions"));
    printf("%.0f notes, %.0f dropped, lost %.0f times\n", rl_inquiry_number(listener, "notes"), rl_inquiry_number(listener, "dropped"),
           rl_inquiry_number(listener, "lost"));
}

static void print_channel(const cJSON *channel) {
    printf("\nchannel %s: %.0f of %.0f, %.0f bytes, ", rl_inquiry_text(channel, "name"), rl_inquiry_number(channel, "depth"),
           rl_inquiry_number(channel, "capacity"), rl_inquiry_number(channel, "bytes"));
    printf("%.0f senders and %.0f receivers wait, %.0f sent%s\n", rl_inquiry_number(channel, "senders"), rl_inquiry_number(channel, "receivers"),
           rl_inquiry_number(channel, "sent"), cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(channel, "closed")) ? ", closed" : "");
}

static void print_topic(const cJSON *topic) {
    printf("\ntopic %s: %.0f subscribers, %.0f published, ", rl_inquiry_text(topic, "name"), rl_inquiry_number(topic, "subscribers"),
           rl_inquiry_number(topic, "published"));
    printf("%.0f waiting, %.0f bytes, %.0f dropped\n", rl_inquiry_number(topic, "depth"), rl_inquiry_number(topic, "bytes"),
           rl_inquiry_number(topic, "dropped"));
}

static void print_store(const cJSON *store) {
    printf("\nstore %s: %.0f keys, %.0f of %.0f bytes, ", rl_inquiry_text(store, "name"), rl_inquiry_number(store, "count"),
           rl_inquiry_number(store, "bytes"), rl_inquiry_number(store, "ceiling"));
    printf("%.0f hits, %.0f misses, %.0f evicted, %.0f expired\n", rl_inquiry_number(store, "hits"), rl_inquiry_number(store, "misses"),
           rl_inquiry_number(store, "evicted"), rl_inquiry_number(store, "expired"));
}

static void print_schedule(const cJSON *schedule) {
    time_t due = (time_t)rl_inquiry_number(schedule, "due");
    char at[32];
    struct tm utc;
    strftime(at, sizeof at, "%Y-%m-%d %H:%M:%S", gmtime_r(&due, &utc));
    printf("\nschedule %s (%s, worker %.0f): next at %s UTC, runs %.0f, failed %.0f, left out %.0f%s\n",
           rl_inquiry_text(schedule, "name"), rl_inquiry_text(schedule, "scope"), rl_inquiry_number(schedule, "worker"), at,
           rl_inquiry_number(schedule, "runs"), rl_inquiry_number(schedule, "failed"), rl_inquiry_number(schedule, "left_out"),
           cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(schedule, "is_running")) ? ", running" : "");
}

static void print_all(const cJSON *all) {
    char span[32];
    name_span(rl_inquiry_number(all, "uptime"), span);
    printf("rille %s: %s on http://%s:%.0f, process %.0f, up %s\n", rl_inquiry_text(all, "version"), rl_inquiry_text(all, "app"),
           rl_inquiry_text(all, "host"), rl_inquiry_number(all, "port"), rl_inquiry_number(all, "pid"), span);
    printf("generation %.0f, workers %.0f, connections %.0f, bodies in memory %.0f bytes\n", rl_inquiry_number(all, "generation"),
           rl_inquiry_number(all, "workers"), rl_inquiry_number(all, "connections"), rl_inquiry_number(all, "body_memory"));
    if (cJSON_HasObjectItem(all, "failure"))
        printf("the last reload failed: %s\n", rl_inquiry_text(all, "failure"));
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(all, "banned"))
        printf("answered 503, since it brought the server down again and again: %s\n", cJSON_GetStringValue(item));
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(all, "databases")) print_database(item);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(all, "listeners")) print_listener(item);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(all, "channels")) print_channel(item);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(all, "topics")) print_topic(item);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(all, "stores")) print_store(item);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(all, "schedules")) print_schedule(item);
}

int rl_status(const rl_command *command) {
    bool is_json = false;
    for (size_t i = 0; i < command->word_count; i++)
        is_json = is_json || strcmp(command->words[i], "--json") == 0;
    rl_buf answer;
    rl_buf_init(&answer, RL_INQUIRY_MOST);
    cJSON *all = rl_inquire(command, &answer);
    if (all != NULL && is_json)
        printf("%.*s\n", (int)rl_buf_len(&answer), rl_buf_live(&answer).ptr);
    else if (all != NULL)
        print_all(all);
    cJSON_Delete(all);
    rl_buf_clear(&answer);
    return all == NULL ? 1 : 0;
}
