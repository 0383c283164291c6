/* prompt -- lines that a person types at a terminal, or that a pipe brings.
 *
 *   loop    ask                      offer             ask  (meanwhile the line runs)
 *            |                        ^  |              ^                 ^
 *   thread   +--> keys --Tab: COMPLETE+  +--> keys -- LINE     Ctrl-C: INTERRUPT
 *
 * Waiting for keys is libedit's business, on a thread of its own: the loop goes on
 * meanwhile. At a terminal a line can be edited (~/.editrc holds), earlier ones are
 * found again, and SIGINT, SIGTERM and SIGHUP come here instead of ending the process with
 * the terminal in disorder. From a pipe, lines are taken as they come. */
#ifndef RL_LOOP_PROMPT_H
#define RL_LOOP_PROMPT_H

#include <stdbool.h>

#include "base/slice.h"
#include "loop/loop.h"

typedef struct rl_prompt rl_prompt;

enum {
    RL_PROMPT_LINE_MOST = 1024 * 1024, /* bytes of a line from a pipe; a longer one is the END */
    RL_PROMPT_STUCK_MS = 500
};

typedef enum rl_prompt_news {
    RL_PROMPT_LINE,      /* without its line feed */
    RL_PROMPT_END,       /* Ctrl-D, the pipe's end, SIGTERM, or a terminal that has gone */
    RL_PROMPT_ABANDONED, /* Ctrl-C while a line was typed: it counts for nothing */
    RL_PROMPT_COMPLETE,  /* Tab: the text is what stands before the cursor; rl_prompt_offer answers */
    RL_PROMPT_INTERRUPT  /* Ctrl-C while nothing is asked */
} rl_prompt_news;

typedef struct rl_prompt_events {
    /* On the loop. `text` is borrowed for the call. */
    void (*heard)(void *owner, rl_prompt_news news, rl_slice text);
    /* On another thread: the loop did not hear an INTERRUPT for RL_PROMPT_STUCK_MS. It does not hear it, and the
     * prompt is not closed, before this returns. */
    void (*stuck)(void *owner);
} rl_prompt_events;

/* Read from standard input; edit when that and standard output are a terminal. `history` is the file for what is
 * typed, readable by its owner only, made with the folders that lead there when they are missing; NULL: none.
 * RL_ENOMEM, or RL_EIO when no thread could be had. One at a time in a process. */
RL_MUST_USE rl_err rl_prompt_open(rl_loop *loop, const char *history, const rl_prompt_events *events, void *owner,
                                  rl_prompt **out);
/* Waits for its thread, and leaves the terminal as it was. NULL is allowed. */
void rl_prompt_close(rl_prompt *prompt);

/* Whether it is a terminal's. */
bool rl_prompt_is_terminal(const rl_prompt *prompt);
/* How many columns that has; 80 where nobody knows. */
unsigned rl_prompt_width(const rl_prompt *prompt);

/* Ask for a line, with `text` (cut to 255 bytes; colours in it between bytes 1) before it at a terminal. LINE, END or ABANDONED is heard of it, and
 * then it may be asked again; after an END there is another one. */
void rl_prompt_ask(rl_prompt *prompt, rl_slice text);
/* Answer a COMPLETE: put `insert` where the cursor is; show `list`, if it is not "", below the line. Without memory, and
 * when it comes too late, nothing is done. */
void rl_prompt_offer(rl_prompt *prompt, rl_slice insert, rl_slice list);

#endif
