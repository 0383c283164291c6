/* editor -- one line after the other, typed at a terminal: libedit, and a file of what was typed.
 *
 * It blocks, and so it is for a thread that has nothing else to do (loop/prompt.h); what else may
 * happen while somebody types comes in through `wait`. */
#ifndef RL_LOOP_EDITOR_H
#define RL_LOOP_EDITOR_H

#include "base/buf.h"

typedef struct rl_editor rl_editor;

typedef enum rl_editor_event {
    RL_EDITOR_KEY,     /* the terminal has a key, or has gone */
    RL_EDITOR_CHANGED, /* the terminal is another size, or was another program's meanwhile */
    RL_EDITOR_ABANDON, /* the line counts for nothing */
    RL_EDITOR_END      /* there will be no more lines */
} rl_editor_event;

typedef struct rl_editor_events {
    /* Wait for the next one. */
    rl_editor_event (*wait)(void *owner);
    /* What may stand behind `before`: what of it is sure goes into `insert`, and what there is to choose from, as
     * lines, into `list`. */
    void (*complete)(void *owner, rl_slice before, rl_buf *insert, rl_buf *list);
} rl_editor_events;

enum {
    RL_EDITOR_OFFER_MOST = 64 * 1024, /* bytes of either */
    RL_EDITOR_COLOUR = '\1'           /* stands before and behind what of a prompt takes no room */
};

/* Of standard input and output, for the calling thread, whose locale is UTF-8 from here on. `history` as for
 * rl_prompt_open. RL_ENOMEM. */
RL_MUST_USE rl_err rl_editor_open(const char *history, const rl_editor_events *events, void *owner, rl_editor **out);
void rl_editor_close(rl_editor *editor);

/* RL_EDITOR_KEY: `line` was typed, without its line feed; borrowed until the next call. Else ABANDON or END. */
rl_editor_event rl_editor_read(rl_editor *editor, const char *prompt, rl_slice *line);

#endif
