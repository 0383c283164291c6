#include "pg/batch.h"
#include "pg/errand_state.h"
#include "pg/sql.h"

/* What runs by itself teaches the lane, on whichever connection. */
void rl_errand_recall(rl_errand *errand) {
    const rl_query *query = &errand->query;
    bool is_known = false;
    if (errand->lane == NULL || errand->kind != RL_ERRAND_STATEMENT || query->script || query->copy != NULL)
        return; /* a pool without shared connections has no lane */
    if (errand->batch != NULL)
        is_known = rl_batch_recall(errand->batch, errand->lane);
    else
        errand->lesson = rl_lane_recall(errand->lane, rl_slice_of(rl_query_sql(query), query->sql_len));
    errand->may_share = (is_known || errand->lesson != NULL) && !errand->is_exclusive && errand->timeout_ms == 0;
}

/* A turn that could only come after what this very task does next. */
static bool waits_for_itself(const rl_errand *errand, const rl_transaction *transaction) {
    const rl_errand *running = transaction->running;
    return running != NULL && running->query.copy != NULL && running->scope == errand->scope;
}

/* What it says would hold for a connection that goes back at once, and the next
 * statements would be committed one by one. */
static bool is_stray_control(rl_errand *errand) {
    if (errand->kind != RL_ERRAND_STATEMENT || errand->lesson == NULL || !errand->lesson->shape.control)
        return false;
    rl_query_fail(&errand->query, RL_EINVAL, "25P01",
                  "there is no transaction here, and a statement alone cannot begin or end one: "
                  "use db:transaction");
    rl_errand_finish(errand);
    return true;
}

/* Whoever began the transaction ends it, and believes until then that it is open. */
static bool is_stray_end(const rl_errand *errand, const rl_transaction *transaction) {
    const rl_query *query = &errand->query;
    return errand->kind == RL_ERRAND_STATEMENT && errand->batch == NULL && !transaction->is_held &&
           !query->script && query->copy == NULL &&
           rl_sql_ends_transaction(rl_slice_of(rl_query_sql(query), query->sql_len));
}

/* As far as its text tells: of a function that is not known, the worst is assumed. */
static bool may_write(const rl_errand *errand) {
    const rl_query *query = &errand->query;
    if (errand->kind == RL_ERRAND_BEGIN)
        return false;
    if (query->script || query->copy != NULL)
        return true;
    if (errand->batch != NULL)
        return !rl_batch_only_reads(errand->batch);
    rl_sql_shape shape = errand->lesson != NULL
                             ? errand->lesson->shape
                             : rl_sql_classify(rl_slice_of(rl_query_sql(query), query->sql_len));
    return !shape.plain || !shape.reads;
}

/* Whatever was written in a transaction is seen by others after its COMMIT. */
static void note_in_transaction(rl_errand *errand, rl_transaction *transaction) {
    if (errand->kind == RL_ERRAND_END) {
        errand->writes = transaction->has_written;
    } else if (transaction->pool == transaction->home) {
        errand->writes = may_write(errand);
        transaction->has_written = transaction->has_written || errand->writes;
    }
}

/* What goes to and fro, or has several statements, could not be run again elsewhere. */
static void start_alone(rl_errand *errand) {
    if (errand->query.copy != NULL || errand->query.script)
        errand->place = RL_ERRAND_PRIMARY;
    if (errand->place != RL_ERRAND_PRIMARY && errand->replicas != NULL)
        errand->replica = rl_replicas_choose(errand->replicas, errand->scope);
    if (errand->replica != NULL) {
        rl_replica_board(errand->replica, &errand->aboard);
        rl_errand_stay_at(errand, errand->replica->pool);
    } else if (errand->place == RL_ERRAND_REPLICA_ONLY) {
        rl_query_fail(&errand->query, RL_ENOTFOUND, "", "no replica can be read");
        errand->query.failure.of_replica = true;
        rl_errand_finish(errand);
        return;
    }
    rl_errand_recall(errand);
    errand->writes = errand->replicas != NULL && errand->place == RL_ERRAND_PRIMARY && may_write(errand);
    if (!is_stray_control(errand))
        rl_errand_seek_place(errand);
}

void rl_errand_start(rl_errand *errand) {
    rl_transaction *transaction = rl_transaction_find(errand->home, errand->scope);
    bool is_end = errand->kind == RL_ERRAND_END;
    if (errand->kind == RL_ERRAND_BEGIN && transaction != NULL) {
        rl_query_fail(&errand->query, RL_EEXIST, "25001", "a transaction is open here already");
        rl_errand_finish(errand);
    } else if (is_end && (transaction == NULL || transaction->scope != errand->scope)) {
        rl_query_fail(&errand->query, RL_ENOTFOUND, "25P01", "no transaction was opened here");
        rl_errand_finish(errand);
    } else if (transaction != NULL && waits_for_itself(errand, transaction)) {
        rl_query_fail(&errand->query, RL_EINVAL, "55006",
                      "a COPY of this task is under way on the transaction's connection: end it first");
        rl_errand_finish(errand);
    } else if (transaction != NULL && is_stray_end(errand, transaction)) {
        rl_query_fail(&errand->query, RL_EINVAL, "2D000",
                      "a statement cannot end what db:transaction began: return from its function to commit, "
                      "raise an error to roll back");
        rl_errand_finish(errand);
    } else if (transaction != NULL) {
        errand->state = RL_ERRAND_TURN;
        errand->transaction = transaction;
        if (errand->replicas != NULL)
            note_in_transaction(errand, transaction);
        rl_list_push_back(&transaction->turns, &errand->query.link);
        rl_transaction_next(transaction);
    } else {
        start_alone(errand);
    }
}
