#include "pg/seat.h"

#include "base/mem.h"

/* Everything a statement may have left in the session but the prepared
 * statements, which are ours. RESET ALL goes back to the startup options. */
#define RESET_SQL                                                           \
    "close all; set session authorization default; reset all; unlisten *; " \
    "select pg_advisory_unlock_all(); discard temp; discard sequences"

static void tidy_step_done(rl_query *query) {
    rl_seat *seat = RL_CONTAINER(query, rl_seat, query);
    seat->failed = query->failure.err != RL_OK;
    rl_query_clear(query);
    /* The connection's quiet, or lost, comes next and goes on from here. */
}

rl_err rl_seat_new_take(rl_pool *pool, rl_loop *loop, PGconn *pg, const rl_backend_options *options,
                        const rl_backend_events *events, rl_seat **out) {
    rl_seat *seat = rl_mem_zalloc(1, sizeof *seat);
    if (seat == NULL) {
        PQfinish(pg);
        return RL_ENOMEM;
    }
    rl_err err = rl_backend_open_take(loop, pg, options, events, seat, &seat->backend);
    if (err != RL_OK) {
        rl_mem_free(seat);
        return err;
    }
    rl_list_init(&seat->link);
    rl_query_init(&seat->query, tidy_step_done);
    seat->pool = pool;
    seat->grace_ms = options->cancel_grace_ms;
    *out = seat;
    return RL_OK;
}

void rl_seat_free(rl_seat *seat) {
    rl_backend_close(seat->backend);
    rl_query_clear(&seat->query);
    rl_mem_free(seat);
}

rl_seat *rl_seat_of(const rl_backend *backend) {
    return rl_backend_owner(backend);
}

static bool run_step(rl_seat *seat, rl_slice sql, bool script) {
    rl_query_init(&seat->query, tidy_step_done);
    seat->query.script = script;
    seat->query.timeout_ms = seat->grace_ms;
    if (rl_query_set_sql(&seat->query, sql) == RL_OK && rl_backend_run(seat->backend, &seat->query) == RL_OK)
        return true;
    rl_query_clear(&seat->query);
    return false;
}

/* A plain statement may have called what is not, by a trigger: the server tells of it. */
static bool has_traces(const rl_seat *seat) {
    if (rl_pool_options_of(seat->pool)->is_sessionless)
        return false;
    bool is_dirty = rl_backend_is_dirty(seat->backend) && !seat->was_reset;
    return is_dirty || rl_backend_is_altered(seat->backend);
}

void rl_seat_tidy(rl_seat *seat) {
    rl_backend *backend = seat->backend;
    bool usable = !seat->failed && !rl_backend_is_lost(backend);
    if (usable && !rl_backend_is_quiet(backend))
        return;
    bool is_open = usable && rl_backend_tx_state(backend) != RL_TX_NONE;
    if (is_open && !seat->holds) {
        rl_seat_strayed(seat);
        usable = false;
    } else if (is_open) {
        usable = !seat->rolled_back && run_step(seat, RL_LIT("rollback"), false);
        seat->rolled_back = true;
        if (usable)
            return;
    }
    if (usable && has_traces(seat)) {
        usable = !seat->was_reset && run_step(seat, RL_LIT(RESET_SQL), true);
        seat->was_reset = true;
        if (usable)
            return;
    }
    seat->rolled_back = false;
    rl_backend_mark_clean(backend);
    rl_seat_tidied(seat, usable);
}
