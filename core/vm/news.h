/* news -- what pages that are open want to hear of an app that is being written: that there is newer code, that the
 * newest does not load, that a file that they show is another.
 *
 *   core.news(most_ms)   waits for it
 *   core.stamp()         "4711-7": this code, in this process; "4711-7-r3" when pages were to load again three times since,
 *                        "4711-7-9e3779b1" while what a save brought does not load
 *   core.is_leaving()    whether the app gets no more requests
 *   core.is_dev()        whether `rille dev` serves it
 *   core.watch_pages()   have each HTML page it answers with watch for another stamp than its own (http/tag.h)
 */
#ifndef RL_VM_NEWS_H
#define RL_VM_NEWS_H

#include "vm/task.h"

enum { RL_STAMP_CAP = 64 };

typedef struct rl_news {
    rl_vm *vm;
    rl_signal signal;
    char *notice;      /* why the code that should serve now does not, or NULL */
    uint32_t look;     /* another one whenever what pages show has changed, and no code */
    bool is_leaving;
    bool is_watched;   /* by the app's pages */
} rl_news;

void rl_news_init(rl_news *news, rl_vm *vm);
void rl_news_clear(rl_news *news);
/* `notice` is freed by rl_mem_free; NULL ends it. */
void rl_news_set_notice_take(rl_news *news, char *notice);
void rl_news_set_look(rl_news *news, uint32_t look);
void rl_news_leave(rl_news *news);
void rl_news_stamp(const rl_news *news, char out[RL_STAMP_CAP]);

#endif
