/* notice -- a text for a loop's thread: the newest that another thread has for it. */
#ifndef RL_CLI_NOTICE_H
#define RL_CLI_NOTICE_H

#include <stdatomic.h>

#include "loop/loop.h"

typedef struct rl_notice rl_notice;
struct rl_notice {
    rl_loop *loop;
    rl_post post;
    _Atomic(char *) text;   /* on its way */
    _Atomic bool is_posted; /* the post is in the inbox: it must not be there twice */
    /* On the loop; the text, which may be NULL, is the callee's, for rl_mem_free. */
    void (*arrived)(rl_notice *notice, char *text);
};

void rl_notice_init(rl_notice *notice, rl_loop *loop, void (*arrived)(rl_notice *notice, char *text));
/* What is still on its way. */
void rl_notice_clear(rl_notice *notice);
/* Send a copy of `text`, or NULL; one that has not arrived yet never will. */
void rl_notice_send(rl_notice *notice, const char *text);

#endif
