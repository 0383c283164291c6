/* session -- what statements have left in the session of a shared connection, looked at now and then.
 *
 *     the connection is new      quiet, and some have run       quiet again
 *     look: this is how it is    look: it is the same           look: another search_path --> changed
 *
 * The server tells of a changed TimeZone by itself, but not of a search_path, a role, a temporary table or a
 * lock that stays (libpq 15), and a trigger or a view can hide what a statement's text does not show
 * (pg/sql.h). So in development somebody looks. A trace stays where it is: what one look comes too early
 * for, the next one finds, and 20 ms between two cost nothing that is felt. */
#ifndef RL_PG_SESSION_H
#define RL_PG_SESSION_H

#include "pg/backend.h"

typedef struct rl_session {
    rl_query query;
    rl_result *first;
    uint64_t looked_ns;
    bool is_looking;
    const char *changed; /* what, for people; NULL: nothing that was seen */
} rl_session;

void rl_session_init(rl_session *session);
/* Its connection is closed, or has never been looked at. */
void rl_session_clear(rl_session *session);
/* Look, if it is time and something has run since; `changed` is told before the connection's next quiet. */
void rl_session_look(rl_session *session, rl_backend *backend);

#endif
