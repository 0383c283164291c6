#include "pg/learn.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum {
    QUICK_NS = 2 * 1000 * 1000,      /* what waits behind may wait that long and not notice */
    MOST_QUICK_NS = 8 * 1000 * 1000, /* where the server is so busy that nothing is faster */
    QUICK_PACES = 4,
    PACE_OVER = 64,
    /* By a slow run, and not to nothing: where CPU is short anything takes 3 ms now and then. */
    SET_BACK = 8,
    FIRST_WANTED = 3,
    MOST_WANTED = 3 * 256, /* a statement used once a second gets another chance within the hour */
    WANTED_GROWTH = 4,
    FORGIVEN = 4096, /* quick runs: a slow one holds up some twenty others, so p99 is none the worse */
    AVERAGE_OVER = 8
};

rl_err rl_lessons_init(rl_lessons *lessons, uint32_t max) {
    *lessons = (rl_lessons){.max = max, .bucket_count = 16};
    rl_list_init(&lessons->newest);
    while (lessons->bucket_count < max)
        lessons->bucket_count *= 2;
    lessons->buckets = rl_mem_zalloc(lessons->bucket_count, sizeof *lessons->buckets);
    return lessons->buckets == NULL ? RL_ENOMEM : RL_OK;
}

void rl_lessons_clear(rl_lessons *lessons) {
    for (rl_list *link; (link = rl_list_pop_front(&lessons->newest)) != NULL;)
        rl_mem_free(RL_CONTAINER(link, rl_lesson, link));
    rl_mem_free(lessons->buckets);
    lessons->buckets = NULL;
}

static rl_lesson **bucket_of(rl_lessons *lessons, uint64_t hash) {
    return &lessons->buckets[hash & (lessons->bucket_count - 1)];
}

static rl_lesson *find(rl_lessons *lessons, uint64_t hash, rl_slice sql) {
    rl_lesson *one = *bucket_of(lessons, hash);
    while (one != NULL && !(one->hash == hash && rl_slice_eq(rl_slice_of(one->sql, one->sql_len), sql)))
        one = one->next;
    return one;
}

static void forget_oldest(rl_lessons *lessons) {
    rl_list *at = lessons->newest.prev;
    while (at != &lessons->newest && RL_CONTAINER(at, rl_lesson, link)->users > 0)
        at = at->prev;
    if (at == &lessons->newest)
        return;
    rl_lesson *oldest = RL_CONTAINER(at, rl_lesson, link);
    rl_lesson **in = bucket_of(lessons, oldest->hash);
    while (*in != oldest)
        in = &(*in)->next;
    *in = oldest->next;
    rl_list_remove(&oldest->link);
    lessons->count--;
    rl_mem_free(oldest);
}

static rl_lesson *begin(rl_lessons *lessons, uint64_t hash, rl_slice sql) {
    rl_lesson *one = rl_mem_zalloc(1, sizeof *one + sql.len + 1);
    if (one == NULL)
        return NULL;
    if (lessons->count >= lessons->max)
        forget_oldest(lessons);
    one->hash = hash;
    one->shape = rl_sql_classify(sql);
    one->wanted = FIRST_WANTED;
    one->sql_len = sql.len;
    memcpy(one->sql, sql.ptr, sql.len);
    rl_lesson **bucket = bucket_of(lessons, hash);
    one->next = *bucket;
    *bucket = one;
    lessons->count++;
    return one;
}

rl_lesson *rl_lessons_hold(rl_lessons *lessons, rl_slice sql) {
    uint64_t hash = rl_hash_bytes(RL_HASH_BEGIN, sql.ptr, sql.len);
    rl_lesson *one = find(lessons, hash, sql);
    if (one != NULL)
        rl_list_remove(&one->link);
    else
        one = begin(lessons, hash, sql);
    if (one == NULL)
        return NULL;
    rl_list_push_front(&lessons->newest, &one->link);
    one->users++;
    return one;
}

void rl_lesson_release(rl_lesson *lesson) {
    lesson->users--;
}

static void demote(rl_lesson *lesson) {
    if (lesson->is_quick && lesson->runs >= FORGIVEN)
        lesson->wanted = FIRST_WANTED;
    else if (lesson->is_quick && lesson->wanted < MOST_WANTED)
        lesson->wanted *= WANTED_GROWTH;
    lesson->is_quick = false;
    lesson->runs = 0;
}

static uint64_t quick_ns(const rl_lessons *lessons) {
    uint64_t quick_ns = lessons->pace_ns * QUICK_PACES;
    return quick_ns < QUICK_NS ? QUICK_NS : quick_ns > MOST_QUICK_NS ? MOST_QUICK_NS : quick_ns;
}

static void note_pace(rl_lessons *lessons, uint64_t took_ns) {
    uint64_t counted_ns = took_ns < MOST_QUICK_NS ? took_ns : MOST_QUICK_NS;
    lessons->pace_ns = (lessons->pace_ns * (PACE_OVER - 1) + counted_ns) / PACE_OVER;
}

void rl_lessons_note(rl_lessons *lessons, rl_lesson *lesson, uint64_t took_ns) {
    lesson->average_ns = (lesson->average_ns * (AVERAGE_OVER - 1) + took_ns) / AVERAGE_OVER;
    if (lesson->is_quick) {
        note_pace(lessons, took_ns);
        lesson->runs += lesson->runs < FORGIVEN;
        if (lesson->average_ns > quick_ns(lessons))
            demote(lesson);
    } else if (took_ns > quick_ns(lessons)) {
        lesson->runs -= lesson->runs < SET_BACK ? lesson->runs : SET_BACK;
    } else if (++lesson->runs >= lesson->wanted) {
        lesson->is_quick = true;
        lesson->runs = 0;
        lesson->average_ns = took_ns; /* what it was before is over */
    }
}

void rl_lesson_note_slow(rl_lesson *lesson) {
    demote(lesson);
}
