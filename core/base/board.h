/* board -- what threads of a process say of themselves, each under a key: for whoever looks.
 *
 *   worker 0 --put("schedule 0 nightly", text)--> [ key | text ] <--look-- `rille status`
 *                                                 [ key | text ]
 *
 * Bounded, as whoever looks wants to read all of it. Every call may come from any thread; a NULL
 * board is allowed, and keeps nothing. */
#ifndef RL_BASE_BOARD_H
#define RL_BASE_BOARD_H

#include <stddef.h>

#include "base/err.h"

typedef struct rl_board rl_board;

enum { RL_BOARD_MOST = 256 /* keys */ };

/* Texts have `text_most` bytes at most. */
RL_MUST_USE rl_err rl_board_new(size_t text_most, rl_board **out);
void rl_board_free(rl_board *board);
/* Put a copy of `text` up, in place of what that key had; NULL takes it down. RL_EFULL for one text or key too many, or
 * a text too long: what the key had stays. */
RL_MUST_USE rl_err rl_board_put(rl_board *board, const char *key, const char *text);
/* Call `see` with each text, in the order of the keys' first. It must not call the board. */
void rl_board_look(rl_board *board, void (*see)(void *owner, const char *text), void *owner);

#endif
