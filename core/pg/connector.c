#include "pg/connector.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "pg/crew.h"

enum {
    NS_PER_S = 1000 * 1000 * 1000,
    WHY_CAP = 512,
    THREADS = 2,          /* a stuck host must not keep the other one waiting */
    MAX_DIALS = 256,      /* more than any pool's bound */
    SETTINGS_LEN = 16384, /* ceiling of a connection string with everything in it */
    LEAST_TIMEOUT_S = 2   /* libpq takes 1 for 2 */
};

#define SESSION_SQL "set timezone = 'UTC'; set datestyle = 'ISO'"

/* What one dial hands to libpq; a thread may hold it after the connector went. */
struct rl_connector {
    rl_crew *crew;
    char *url, *options;
    uint64_t timeout_s;
    bool is_sessionless, wants_primary;
};

typedef struct dial {
    rl_crew_job job;
    rl_connected_fn *connected;
    void *owner;
    char *url, *options;
    uint64_t timeout_s;
    bool is_sessionless, wants_primary, has_settled;
    PGconn *pg;
} dial;

static void free_dial(dial *call) {
    rl_mem_free(call->url);
    rl_mem_free(call->options);
    rl_mem_free(call);
}

/* Wait for the answer to SESSION_SQL: a pooler may keep it until a server's session is free. */
static bool await_settled(PGconn *pg, uint64_t until_ns) {
    struct pollfd socket = {.fd = PQsocket(pg), .events = POLLIN};
    while (PQisBusy(pg)) {
        uint64_t now_ns = rl_clock_ns();
        int left_ms = now_ns < until_ns ? (int)((until_ns - now_ns) / 1000000) + 1 : 0;
        if (left_ms == 0 || poll(&socket, 1, left_ms) < 0 || PQconsumeInput(pg) != 1)
            return false;
    }
    return true;
}

static bool settle(PGconn *pg, uint64_t timeout_s) {
    uint64_t until_ns = rl_clock_ns() + timeout_s * NS_PER_S;
    bool is_well = PQsendQuery(pg, SESSION_SQL) == 1;
    while (is_well && await_settled(pg, until_ns)) {
        PGresult *result = PQgetResult(pg);
        if (result == NULL)
            return true;
        is_well = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
    }
    return false;
}

/* Those before `dbname` are defaults that the URL may override; those after it
 * override the URL. */
static void connect_on_thread(rl_crew_job *job) {
    dial *call = RL_CONTAINER(job, dial, job);
    char timeout_s[24];
    snprintf(timeout_s, sizeof timeout_s, "%" PRIu64, call->timeout_s);
    const char *attrs = call->wants_primary ? "primary" : ""; /* "": as if it were not there */
    const char *const keys[] = {"application_name", "tcp_user_timeout", "keepalives_idle", "target_session_attrs",
                                "dbname", "connect_timeout", "client_encoding", "options", NULL};
    const char *const values[] = {"rille", "10000", "30", attrs, call->url, timeout_s, "UTF8", call->options, NULL};
    call->pg = PQconnectdbParams(keys, values, 1);
    call->has_settled = !call->is_sessionless ||
                        (PQstatus(call->pg) == CONNECTION_OK && settle(call->pg, call->timeout_s));
}

/* libpq's messages span lines and end in one: ours are one line. */
static void one_line(const char *text, char *out, size_t cap) {
    size_t len = 0;
    for (; *text != '\0' && len + 1 < cap; text++) {
        char ch = *text == '\n' || *text == '\t' ? ' ' : *text;
        if (ch != ' ' || (len > 0 && out[len - 1] != ' '))
            out[len++] = ch;
    }
    while (len > 0 && out[len - 1] == ' ')
        len--;
    out[len] = '\0';
}

/* What to do comes first: the server's words may be long, and are cut. */
static void explain(const dial *call, char *why, size_t cap) {
    static const char by_default[] = "a pooler such as PgBouncer wants db_prepared = false: ";
    static const char by_url[] = "take `options` out of database_url, or into the pooler's ignore_startup_parameters: ";
    const char *words = PQerrorMessage(call->pg), *hint = "";
    if (strstr(words, "unsupported startup parameter") != NULL)
        hint = call->is_sessionless ? by_url : by_default;
    size_t len = (size_t)snprintf(why, cap, "%s", hint);
    one_line(words, why + len, cap - len);
    if (why[0] == '\0')
        snprintf(why, cap, "the session's settings were not answered within %" PRIu64 " s", call->timeout_s);
}

static void hand_over(rl_crew_job *job) {
    dial *call = RL_CONTAINER(job, dial, job);
    char why[WHY_CAP] = "out of memory";
    if (call->pg != NULL && (PQstatus(call->pg) != CONNECTION_OK || !call->has_settled)) {
        explain(call, why, sizeof why);
        PQfinish(call->pg);
        call->pg = NULL;
    }
    rl_connected_fn *connected = call->connected;
    void *owner = call->owner;
    PGconn *pg = call->pg;
    free_dial(call);
    connected(owner, pg, pg == NULL ? why : NULL);
}

static void drop(rl_crew_job *job) {
    dial *call = RL_CONTAINER(job, dial, job);
    PQfinish(call->pg);
    free_dial(call);
}

static const char *value_of(const PQconninfoOption *options, const char *keyword, const char *otherwise) {
    for (; options->keyword != NULL; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val == NULL || options->val[0] == '\0' ? otherwise : options->val;
    return otherwise;
}

/* `options` of the URL, which ours must not throw away, with our `defaults`, that give way to what it says, and
 * `musts`, that do not; NULL for `defaults`: the URL's alone. */
static rl_err compose_options(const char *own, const char *defaults, const char *musts, char **out) {
    char all[SETTINGS_LEN];
    if (strlen(own) >= SETTINGS_LEN / 2)
        return RL_EINVAL;
    if (defaults == NULL)
        snprintf(all, sizeof all, "%s", own);
    else
        snprintf(all, sizeof all, "%s %s -c timezone=UTC -c datestyle=ISO -c bytea_output=hex %s", defaults,
                 own, musts);
    *out = rl_mem_strndup(all, strlen(all));
    return *out == NULL ? RL_ENOMEM : RL_OK;
}

/* What the URL says that libpq is told in our way. */
static rl_err read_url(rl_connector *connector, const char *url, const char *defaults, const char *musts) {
    PQconninfoOption *said = PQconninfoParse(url, NULL);
    if (said == NULL)
        return RL_EINVAL;
    connector->wants_primary =
        strchr(value_of(said, "host", ""), ',') != NULL || strchr(value_of(said, "hostaddr", ""), ',') != NULL;
    rl_err err = compose_options(value_of(said, "options", ""), defaults, musts, &connector->options);
    PQconninfoFree(said);
    return err;
}

static rl_err new_connector(rl_loop *loop, const char *url, uint64_t connect_timeout_ms, const char *defaults,
                            const char *musts, rl_connector **out) {
    rl_connector *connector = rl_mem_zalloc(1, sizeof *connector);
    if (connector == NULL)
        return RL_ENOMEM;
    uint64_t timeout_s = (connect_timeout_ms + 999) / 1000;
    connector->timeout_s = timeout_s < LEAST_TIMEOUT_S ? LEAST_TIMEOUT_S : timeout_s;
    connector->is_sessionless = defaults == NULL;
    rl_err err = read_url(connector, url, defaults, musts);
    if (err != RL_OK)
        goto fail;
    err = RL_ENOMEM;
    connector->url = rl_mem_strndup(url, strlen(url));
    if (connector->url == NULL)
        goto fail;
    err = rl_crew_new(loop, THREADS, MAX_DIALS, &connector->crew);
    if (err != RL_OK)
        goto fail;
    *out = connector;
    return RL_OK;
fail:
    rl_mem_free(connector->url);
    rl_mem_free(connector->options);
    rl_mem_free(connector);
    return err;
}

rl_err rl_connector_new(rl_loop *loop, const char *url, uint64_t connect_timeout_ms,
                        uint64_t statement_timeout_ms, rl_connector **out) {
    char defaults[64];
    snprintf(defaults, sizeof defaults, "-c statement_timeout=%" PRIu64, statement_timeout_ms);
    return new_connector(loop, url, connect_timeout_ms, defaults, "", out);
}

rl_err rl_connector_new_shared(rl_loop *loop, const char *url, uint64_t connect_timeout_ms,
                               uint64_t statement_timeout_ms, uint64_t lock_timeout_ms, rl_connector **out) {
    char musts[96];
    snprintf(musts, sizeof musts, "-c statement_timeout=%" PRIu64 " -c lock_timeout=%" PRIu64,
             statement_timeout_ms, lock_timeout_ms);
    return new_connector(loop, url, connect_timeout_ms, "", musts, out);
}

rl_err rl_connector_new_sessionless(rl_loop *loop, const char *url, uint64_t connect_timeout_ms,
                                    rl_connector **out) {
    return new_connector(loop, url, connect_timeout_ms, NULL, "", out);
}

rl_err rl_connector_set_read_only(rl_connector *connector) {
    static const char setting[] = " -c default_transaction_read_only=on";
    size_t len = strlen(connector->options);
    char *longer = rl_mem_realloc(connector->options, len + sizeof setting);
    if (longer == NULL)
        return RL_ENOMEM;
    memcpy(longer + len, setting, sizeof setting);
    connector->options = longer;
    connector->wants_primary = false;
    return RL_OK;
}

void rl_connector_name(const char *url, char *out, size_t cap) {
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    out[0] = '\0';
    if (options == NULL)
        return;
    const char *user = value_of(options, "user", "");
    snprintf(out, cap, "%s at %s:%s", value_of(options, "dbname", user),
             value_of(options, "host", value_of(options, "hostaddr", "localhost")), value_of(options, "port", "5432"));
    PQconninfoFree(options);
}

rl_err rl_connector_dial(rl_connector *connector, rl_connected_fn *connected, void *owner) {
    dial *call = rl_mem_zalloc(1, sizeof *call);
    if (call == NULL)
        return RL_ENOMEM;
    call->job = (rl_crew_job){.work = connect_on_thread, .done = hand_over, .drop = drop};
    call->connected = connected;
    call->owner = owner;
    call->timeout_s = connector->timeout_s;
    call->is_sessionless = connector->is_sessionless;
    call->wants_primary = connector->wants_primary;
    call->url = rl_mem_strndup(connector->url, strlen(connector->url));
    call->options = rl_mem_strndup(connector->options, strlen(connector->options));
    rl_err err = RL_ENOMEM;
    if (call->url != NULL && call->options != NULL)
        err = rl_crew_submit(connector->crew, &call->job);
    if (err != RL_OK)
        free_dial(call);
    return err;
}

void rl_connector_close(rl_connector *connector) {
    rl_crew_close(connector->crew);
    rl_mem_free(connector->url);
    rl_mem_free(connector->options);
    rl_mem_free(connector);
}
