/* list -- a ring of links embedded in the things it lists.
 *
 *        +-> head <-> a.link <-> b.link <-+
 *        +--------------------------------+
 *
 * The list owns nothing and never allocates, so linking cannot fail. A link
 * that is in no list points at itself: removing it twice does no harm. */
#ifndef RL_BASE_LIST_H
#define RL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct rl_list {
    struct rl_list *next, *prev;
} rl_list;

/* The thing of `type` whose field `member` is the link `ptr`. */
#define RL_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

static inline void rl_list_init(rl_list *list) {
    list->next = list->prev = list;
}

static inline bool rl_list_is_empty(const rl_list *list) {
    return list->next == list;
}

static inline void rl_list_push_back(rl_list *list, rl_list *link) {
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

static inline void rl_list_push_front(rl_list *list, rl_list *link) {
    rl_list_push_back(list->next, link);
}

static inline void rl_list_remove(rl_list *link) {
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = link;
}

/* The first link, taken out of the list; NULL when it is empty. */
static inline rl_list *rl_list_pop_front(rl_list *list) {
    if (rl_list_is_empty(list))
        return NULL;
    rl_list *link = list->next;
    rl_list_remove(link);
    return link;
}

/* Move all of `from` behind `to`; `from` is empty afterwards. */
static inline void rl_list_splice(rl_list *to, rl_list *from) {
    if (rl_list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    rl_list_init(from);
}

#endif
