/* intake -- reading what the server sent, and how much of it is one answer.
 *
 * libpq 15 gathers an answer whole before it shows any of it, and says neither how
 * much it holds nor when that is too much. So the bytes are counted here that wait in
 * the socket before each read, from the second read of one answer on: what a single
 * read brings is small. The count is exact for rows below libpq's buffer (16 KB) and
 * may fall short by some reads for larger ones; over TLS it is that of the cipher. */
#ifndef RL_PG_INTAKE_H
#define RL_PG_INTAKE_H

#include "pg/backend_state.h"

/* PQconsumeInput. Returns false when the connection is gone. */
bool rl_intake_read(rl_backend *backend);
/* Parse what came unasked. Notifications are for the listener's own connection: none
 * is expected here. */
void rl_intake_drop_unasked(rl_backend *backend);
/* Whether the answer at the head of the line is larger than the connection's max_result. */
bool rl_intake_is_full(const rl_backend *backend);

#endif
