#include "pg/session.h"

#include "loop/clock.h"

enum { BETWEEN_LOOKS_NS = 20 * 1000 * 1000 };

#define LOOK_SQL                                                                                        \
    "select current_setting('search_path'), current_setting('role'), pg_my_temp_schema(), "            \
    "(select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()), "          \
    "(select count(*) from pg_listening_channels()), "                                                 \
    "(select count(*) from pg_cursors)"

static const char *const aspects[] = {"search_path",       "role",     "a temporary table",
                                      "an advisory lock", "a channel", "a cursor"};

enum { ASPECTS = sizeof aspects / sizeof *aspects };

static const char *find_changed(const rl_result *before, const rl_result *now) {
    for (uint32_t i = 0; i < ASPECTS; i++) {
        rl_slice was, is;
        if (!rl_result_cell(before, 0, i, &was) || !rl_result_cell(now, 0, i, &is) || !rl_slice_eq(was, is))
            return aspects[i];
    }
    return NULL;
}

static void looked(rl_query *query) {
    rl_session *session = RL_CONTAINER(query, rl_session, query);
    session->is_looking = false;
    if (query->failure.err == RL_OK && session->first == NULL) {
        session->first = query->result;
        query->result = NULL;
    } else if (query->failure.err == RL_OK) {
        session->changed = find_changed(session->first, query->result);
    }
    rl_query_clear(query);
}

void rl_session_init(rl_session *session) {
    *session = (rl_session){.changed = NULL};
    rl_query_init(&session->query, looked);
}

void rl_session_clear(rl_session *session) {
    rl_query_clear(&session->query);
    rl_result_free(session->first);
}

void rl_session_look(rl_session *session, rl_backend *backend) {
    uint64_t now_ns = rl_clock_ns();
    bool is_due = now_ns >= session->looked_ns + BETWEEN_LOOKS_NS || session->first == NULL;
    if (session->is_looking || !is_due || (rl_backend_take_runs(backend) == 0 && session->first != NULL))
        return;
    rl_query_init(&session->query, looked);
    session->query.unprepared = session->query.is_part = true; /* no statement of the app's, and no load */
    session->looked_ns = now_ns;
    if (rl_query_set_sql(&session->query, RL_LIT(LOOK_SQL)) == RL_OK &&
        rl_backend_run(backend, &session->query) == RL_OK)
        session->is_looking = true;
    else
        rl_query_clear(&session->query);
    (void)rl_backend_take_runs(backend); /* its own */
}
