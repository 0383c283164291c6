/* unseen -- rows that go from the database to the client, and nobody looks at.
 *
 *     app:get("/posts", function() return db:query "select id, title from posts" end)
 *
 * A tail call leaves nothing of who made it: where db:query is all there is on the stack of a request's
 * coroutine, what it returns is the answer. Then no tables are made of the result, only for the encoder to
 * take apart, but JSON right away, and a mark stands for it on the way to vm/answer.h. The bytes are the
 * same. What needs Lua (json, arrays, bytea, integers beyond 2^53), and whatever is wrong with a value, is
 * left to the tables' way, which knows what to say of it. */
#ifndef RL_VM_UNSEEN_H
#define RL_VM_UNSEEN_H

#include "vm/pg_row.h"

/* is_unseen() -> whether what the calling function returns is a request's answer as it is: it was called by
 * the route's function, and that has left, so that no middleware and no hook waits for it either. */
int rl_vm_is_unseen(lua_State *L);
/* Push what stands for all rows of `result` as JSON. False, with nothing pushed, for what has to become tables. */
RL_MUST_USE bool rl_vm_push_unseen(rl_vm_pg_rows *rows, const rl_result *result);

#endif
