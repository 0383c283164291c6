/* answer -- what a handler returned, as the bytes that are sent.
 *
 *   (nothing)                    204
 *   "text"                       200 text/plain
 *   table, row, list             200 application/json
 *   answer value                 what it says: body, status, type, headers
 *   each with status, headers    behind it
 *
 * Anything else is a fault of the handler, told in words. */
#ifndef RL_VM_ANSWER_H
#define RL_VM_ANSWER_H

#include "http/request.h"
#include "vm/news.h"
#include "vm/vm.h"

/* Buffers used again for every answer of a VM. */
typedef struct rl_answerer {
    rl_vm *vm;
    const rl_news *news; /* whether pages watch for it */
    rl_buf body, fields;
    rl_buf unseen; /* JSON that is on its way (vm/unseen.h) */
    char message[512];
} rl_answerer;

void rl_answerer_init(rl_answerer *answerer, rl_vm *vm, const rl_news *news);
void rl_answerer_clear(rl_answerer *answerer);

/* For vm/unseen.h: where to write JSON, and what stands for it among a handler's results, until the next one. */
rl_buf *rl_answerer_begin_unseen(rl_answerer *answerer);
void rl_answerer_push_unseen(rl_answerer *answerer, lua_State *L);

typedef enum rl_answering {
    RL_ANSWERED,
    RL_ANSWER_STREAMS, /* not answered: the first is an answer value that a function sends piece by piece, its `run` */
    RL_ANSWER_WRONG    /* not answered: *wrong says why, in words */
} rl_answering;

/* Answer `request` with the `count` results on the stack of `co`, which has
 * returned. They are as they were if they stream. Never raises. */
rl_answering rl_answer_results(rl_answerer *answerer, rl_request *request, lua_State *co, int count, const char **wrong);

/* Append the header fields of the table at `index` to `lines`: texts, numbers,
 * or lists of them. Each takes the place of those of its name in `lines` and in
 * `early`, except the names that add up: Set-Cookie, Vary, Link. A Content-Type
 * goes to `type` instead, borrowed from the table. NULL, or what is wrong, written
 * to `message`. Never raises. */
const char *rl_answer_fields(lua_State *L, int index, rl_buf *lines, rl_buf *early, rl_slice *type, char *message,
                             size_t cap);

#endif
