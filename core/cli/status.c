/* status -- how a running server does, for people. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/control.h"

enum { ANSWER_MOST = 1024 * 1024 };

static double number(const cJSON *in, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static const char *text(const cJSON *in, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

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
    printf("  %-10s%7.0f%7.0f%9.0f%10.3f%12.0f%10.0f%12.0f", name, number(lane, "in_use"),
           number(lane, "idle"), number(lane, "waiting"), number(lane, "waited"), number(lane, "queries"),
           number(lane, "timeouts"), number(lane, "reconnects"));
    if (cJSON_HasObjectItem(lane, "leaked"))
        printf("%8.0f\n", number(lane, "leaked"));
    else
        printf("%8s\n", "-"); /* nothing of it is lent */
}

static void print_database(const cJSON *database) {
    printf("\ndatabase %s, %.0f lent at most\n", text(database, "name"), number(database, "most"));
    printf("  %-10s%7s%7s%9s%10s%12s%10s%12s%8s\n", "lane", "in use", "idle", "waiting", "waited s",
           "queries", "timeouts", "reconnects", "leaked");
    print_lane(database, "exclusive");
    print_lane(database, "shared");
}

static void print_listener(const cJSON *listener) {
    bool is_connected = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(listener, "connected"));
    printf("\nlistener %s: %s, %.0f channels, %.0f subscriptions, ", text(listener, "name"),
           is_connected ? "connected" : "not connected", number(listener, "channels"),
           number(listener, "subscriptions"));
    printf("%.0f notes, %.0f dropped, lost %.0f times\n", number(listener, "notes"), number(listener, "dropped"),
           number(listener, "lost"));
}

static void print_all(const cJSON *all) {
    char span[32];
    name_span(number(all, "uptime"), span);
    printf("rille %s: %s on http://%s:%.0f, process %.0f, up %s\n", text(all, "version"), text(all, "app"),
           text(all, "host"), number(all, "port"), number(all, "pid"), span);
    printf("generation %.0f, workers %.0f, connections %.0f, bodies in memory %.0f bytes\n", number(all, "generation"),
           number(all, "workers"), number(all, "connections"), number(all, "body_memory"));
    if (cJSON_HasObjectItem(all, "failure"))
        printf("the last reload failed: %s\n", text(all, "failure"));
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(all, "databases")) print_database(item);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(all, "listeners")) print_listener(item);
}

static int complain(rl_err err, const rl_settings *settings) {
    fprintf(stderr, "rille status: ");
    if (err == RL_ENOTFOUND)
        fprintf(stderr, "no server of Rille listens on %s:%llu: --host and --port say which one is meant\n",
                settings->host, (unsigned long long)settings->port);
    else if (err == RL_EINVAL)
        fprintf(stderr, "the server on %s:%llu is another user's: only that one and root are answered\n",
                settings->host, (unsigned long long)settings->port);
    else
        fprintf(stderr, "the server on %s:%llu gave no answer: %s\n", settings->host,
                (unsigned long long)settings->port, rl_err_name(err));
    return 1;
}

static int print(rl_buf *answer, bool is_json) {
    cJSON *all = cJSON_ParseWithLength(rl_buf_live(answer).ptr, rl_buf_len(answer));
    if (all == NULL) {
        fprintf(stderr, "rille status: the answer is no JSON\n");
        return 1;
    }
    if (is_json)
        printf("%.*s\n", (int)rl_buf_len(answer), rl_buf_live(answer).ptr);
    else
        print_all(all);
    cJSON_Delete(all);
    return 0;
}

int rl_status(const rl_command *command) {
    bool is_json = false;
    for (size_t i = 0; i < command->word_count; i++) {
        is_json = is_json || strcmp(command->words[i], "--json") == 0;
        if (command->words[i][0] == '-' && strcmp(command->words[i], "--json") != 0) {
            fprintf(stderr, "rille status: there is no flag %s, but --json, and those of settings\n",
                    command->words[i]);
            return 2;
        }
    }
    rl_buf answer;
    rl_buf_init(&answer, ANSWER_MOST);
    rl_err err = rl_control_ask(command->settings->host, (uint16_t)command->settings->port, &answer);
    int status = err == RL_OK ? print(&answer, is_json) : complain(err, command->settings);
    rl_buf_clear(&answer);
    return status;
}
