/* connector -- new connections, made where blocking does no harm.
 *
 * libpq's asynchronous connect still resolves names in the caller, ignores
 * connect_timeout and spends milliseconds of CPU on SCRAM (all of it measured),
 * so the plain blocking call runs on a crew of threads and the connection comes
 * back to the loop when it is ready for queries. */
#ifndef RL_PG_CONNECTOR_H
#define RL_PG_CONNECTOR_H

#include <libpq-fe.h>
#include <stdint.h>

#include "loop/loop.h"

typedef struct rl_connector rl_connector;

/* `pg` belongs to the callee from here on; it is NULL when the connection
 * failed, and `why` then says so in one line. */
typedef void rl_connected_fn(void *owner, PGconn *pg, const char *why);

/* The session begins, and after RESET ALL is again, in UTF-8, UTC and ISO dates,
 * with `statement_timeout_ms` as the server's own backstop (0: none); what the
 * URL's `options` say about that timeout wins. Of several hosts in the URL it is at the
 * primary, whichever of them that is now, unless the URL has target_session_attrs of its own.
 * RL_EINVAL when `url` is no PostgreSQL connection string. */
RL_MUST_USE rl_err rl_connector_new(rl_loop *loop, const char *url, uint64_t connect_timeout_ms,
                                    uint64_t statement_timeout_ms, rl_connector **out);
/* The same for connections that many share: `statement_timeout_ms` and `lock_timeout_ms` hold there
 * whatever the URL says. */
RL_MUST_USE rl_err rl_connector_new_shared(rl_loop *loop, const char *url, uint64_t connect_timeout_ms,
                                           uint64_t statement_timeout_ms, uint64_t lock_timeout_ms,
                                           rl_connector **out);
/* Through a pooler that lends a server's session for one transaction (PgBouncer): nothing is asked
 * for at the start but what the URL says, since it would refuse that, and the server's backstop is
 * not ours to set. UTC and ISO dates are set afterwards: those the pooler takes to each session. */
RL_MUST_USE rl_err rl_connector_new_sessionless(rl_loop *loop, const char *url, uint64_t connect_timeout_ms,
                                                rl_connector **out);
/* Its sessions refuse writes unless told otherwise, also on a server that would take them; any of several hosts
 * will do. Before the first dial. */
RL_MUST_USE rl_err rl_connector_set_read_only(rl_connector *connector);
/* "name at host:port" of the database of `url`, without what is secret; "" when it is no URL. */
void rl_connector_name(const char *url, char *out, size_t cap);
/* Calls `connected` once, later, on the loop. RL_EFULL when too many are being
 * made already. */
RL_MUST_USE rl_err rl_connector_dial(rl_connector *connector, rl_connected_fn *connected, void *owner);
/* No `connected` comes after this. */
void rl_connector_close(rl_connector *connector);

#endif
