/* identity -- whom a connection is with, as a sum that can be compared. */
#ifndef RL_PG_IDENTITY_H
#define RL_PG_IDENTITY_H

#include <libpq-fe.h>
#include <stdint.h>

/* Of the session: those of the settings that the server reports which a statement can change. A
 * changed search_path is not told of before PostgreSQL 18. */
uint64_t rl_identity_of_session(const PGconn *pg);
/* Of the server, the same for all connections to one address. A name may lead elsewhere by now: the
 * address counts, where there is one. Never 0. */
uint64_t rl_identity_of_server(const PGconn *pg);

#endif
