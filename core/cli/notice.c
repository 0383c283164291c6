#include "cli/notice.h"

#include <string.h>

#include "base/mem.h"

static void on_posted(rl_post *post) {
    rl_notice *notice = RL_CONTAINER(post, rl_notice, post);
    atomic_store(&notice->is_posted, false); /* first: what comes from now on is posted again */
    notice->arrived(notice, atomic_exchange(&notice->text, NULL));
}

void rl_notice_init(rl_notice *notice, rl_loop *loop, void (*arrived)(rl_notice *notice, char *text)) {
    *notice = (rl_notice){.loop = loop, .post.run = on_posted, .arrived = arrived};
}

void rl_notice_clear(rl_notice *notice) {
    rl_mem_free(atomic_exchange(&notice->text, NULL));
}

void rl_notice_send(rl_notice *notice, const char *text) {
    rl_mem_free(atomic_exchange(&notice->text, text == NULL ? NULL : rl_mem_strndup(text, strlen(text))));
    if (!atomic_exchange(&notice->is_posted, true))
        rl_loop_post(notice->loop, &notice->post);
}
