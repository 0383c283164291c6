/* sql -- what a statement's text tells before it is run.
 *
 * Not a parser: a scan over words, strings, quoted names and comments, and it
 * errs to one side only. A statement is `plain` when it begins with a word
 * that reads or writes rows and calls nothing but built-in functions known to
 * leave no trace in the session. Whatever is not plain makes the pool reset
 * the session before somebody else gets it. */
#ifndef RL_PG_SQL_H
#define RL_PG_SQL_H

#include <stdbool.h>

#include "base/slice.h"

typedef struct rl_sql_shape {
    bool plain;   /* leaves no state in the session */
    bool reads;   /* writes nothing that it names: safe to cancel, and to run again */
    bool control; /* BEGIN, COMMIT, SAVEPOINT and their like */
    bool stays;   /* means to leave something in the session: SET, LISTEN, a temporary table, its advisory lock */
} rl_sql_shape;

rl_sql_shape rl_sql_classify(rl_slice sql);
/* COMMIT, ROLLBACK and their like, but for what goes back to a savepoint. */
bool rl_sql_ends_transaction(rl_slice sql);

#endif
