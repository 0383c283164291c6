#include "cli/notice.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/* A sent NULL, on its way: a NULL there is nothing that was sent. */
static const char NO_TEXT;

static void drop(char *text) {
    if (text != &NO_TEXT)
        rl_mem_free(text);
}

static void on_posted(rl_post *post) {
    rl_notice *notice = RL_CONTAINER(post, rl_notice, post);
    atomic_store(&notice->is_posted, false); /* first: what comes from now on is posted again, although we may take it here */
    char *text = atomic_exchange(&notice->text, NULL);
    if (text != NULL)
        notice->arrived(notice, text == &NO_TEXT ? NULL : text);
}

void rl_notice_init(rl_notice *notice, rl_loop *loop, void (*arrived)(rl_notice *notice, char *text)) {
    *notice = (rl_notice){.loop = loop, .post.run = on_posted, .arrived = arrived};
}

void rl_notice_clear(rl_notice *notice) {
    drop(atomic_exchange(&notice->text, NULL));
}

void rl_notice_send(rl_notice *notice, const char *text) {
    char *copy = text == NULL ? NULL : rl_mem_strndup(text, strlen(text));
    drop(atomic_exchange(&notice->text, copy == NULL ? (char *)(uintptr_t)&NO_TEXT : copy));
    if (!atomic_exchange(&notice->is_posted, true))
        rl_loop_post(notice->loop, &notice->post);
}
