#include "base/journal.h"

#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/histogram.h"
#include "base/list.h"
#include "base/mem.h"

enum { FEWEST_EVENTS = 8 };

typedef struct route {
    char method[RL_JOURNAL_WORD], name[RL_JOURNAL_NAME];
    uint64_t errors;
    rl_histogram times;
} route;

struct rl_journal {
    pthread_mutex_t lock; /* every entry's, too: they are written for a few nanoseconds each */
    rl_list live, ended;
    uint32_t live_count, ended_count, route_count;
    uint64_t last_number;
    route *routes[RL_JOURNAL_ROUTES];
};

struct rl_entry {
    rl_list link;
    rl_journal *journal;
    rl_entry_head head;
    rl_event *events;
    uint32_t event_cap;
    rl_buf text;
};

rl_err rl_journal_new(rl_journal **out) {
    rl_journal *journal = rl_mem_zalloc(1, sizeof *journal);
    if (journal == NULL)
        return RL_ENOMEM;
    pthread_mutex_init(&journal->lock, NULL);
    rl_list_init(&journal->live);
    rl_list_init(&journal->ended);
    *out = journal;
    return RL_OK;
}

static void free_entry(rl_entry *entry) {
    rl_buf_clear(&entry->text);
    rl_mem_free(entry->events);
    rl_mem_free(entry);
}

static void free_all(rl_list *entries) {
    for (rl_list *link; (link = rl_list_pop_front(entries)) != NULL;)
        free_entry(RL_CONTAINER(link, rl_entry, link));
}

void rl_journal_free(rl_journal *journal) {
    if (journal == NULL)
        return;
    free_all(&journal->live);
    free_all(&journal->ended);
    for (uint32_t i = 0; i < journal->route_count; i++)
        rl_mem_free(journal->routes[i]);
    pthread_mutex_destroy(&journal->lock);
    rl_mem_free(journal);
}

static bool is_inside_character(char byte) {
    return ((unsigned char)byte & 0xC0) == 0x80;
}

static size_t fitting(rl_slice from, size_t most) {
    size_t len = from.len;
    if (len > most)
        for (len = most; len > 0 && is_inside_character(from.ptr[len]);)
            len--;
    return len;
}

void rl_journal_fit(char *out, size_t cap, rl_slice from) {
    size_t len = fitting(from, cap - 1);
    if (len > 0)
        memcpy(out, from.ptr, len);
    out[len] = '\0';
}

/* ---- requests ------------------------------------------------------------------ */

rl_entry *rl_journal_begin(rl_journal *journal, const rl_entry_head *head) {
    rl_entry *entry = rl_mem_zalloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->journal = journal;
    entry->head = *head;
    rl_buf_init(&entry->text, RL_JOURNAL_TEXT);
    pthread_mutex_lock(&journal->lock);
    bool has_room = journal->live_count < RL_JOURNAL_LIVE;
    if (has_room) {
        entry->head.number = ++journal->last_number;
        journal->live_count++;
        rl_list_push_front(&journal->live, &entry->link);
    }
    pthread_mutex_unlock(&journal->lock);
    if (has_room)
        return entry;
    rl_mem_free(entry);
    return NULL;
}

static void set_text(rl_entry *entry, char *out, size_t cap, rl_slice text) {
    pthread_mutex_lock(&entry->journal->lock);
    rl_journal_fit(out, cap, text);
    pthread_mutex_unlock(&entry->journal->lock);
}

void rl_entry_set_route(rl_entry *entry, const char *name) {
    if (entry != NULL)
        set_text(entry, entry->head.route, sizeof entry->head.route, rl_slice_str(name));
}

void rl_entry_set_id(rl_entry *entry, rl_slice id) {
    if (entry != NULL)
        set_text(entry, entry->head.id, sizeof entry->head.id, id);
}

static route *find_route(rl_journal *journal, const rl_entry_head *head) {
    for (uint32_t i = 0; i < journal->route_count; i++)
        if (strcmp(journal->routes[i]->name, head->route) == 0 && strcmp(journal->routes[i]->method, head->method) == 0)
            return journal->routes[i];
    route *made = journal->route_count == RL_JOURNAL_ROUTES ? NULL : rl_mem_zalloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    memcpy(made->method, head->method, sizeof made->method);
    memcpy(made->name, head->route, sizeof made->name);
    journal->routes[journal->route_count++] = made;
    return made;
}

static void count(rl_journal *journal, const rl_entry_head *head) {
    route *at = find_route(journal, head);
    if (at == NULL)
        return;
    rl_histogram_add(&at->times, head->end_ns - head->start_ns);
    at->errors += head->status >= 500;
}

/* The oldest one goes; returns it, for the caller to free outside of the lock. */
static rl_entry *make_room(rl_journal *journal) {
    if (journal->ended_count++ < RL_JOURNAL_ENDED)
        return NULL;
    journal->ended_count--;
    rl_entry *oldest = RL_CONTAINER(journal->ended.prev, rl_entry, link);
    rl_list_remove(&oldest->link);
    return oldest;
}

static void close_event(rl_entry *entry, rl_event *event, uint64_t now_ns) {
    event->end_ns = now_ns;
    if (strcmp(event->what, "sql") == 0)
        entry->head.sql_ns += now_ns - event->start_ns;
}

void rl_entry_end(rl_entry *entry, int status, uint64_t now_ns) {
    if (entry == NULL)
        return;
    rl_journal *journal = entry->journal;
    pthread_mutex_lock(&journal->lock);
    for (uint32_t i = 0; i < entry->head.event_count; i++)
        if (entry->events[i].end_ns == 0)
            close_event(entry, &entry->events[i], now_ns);
    entry->head.status = status;
    entry->head.end_ns = now_ns;
    rl_list_remove(&entry->link);
    journal->live_count--;
    rl_list_push_front(&journal->ended, &entry->link);
    rl_entry *oldest = make_room(journal);
    count(journal, &entry->head);
    pthread_mutex_unlock(&journal->lock);
    if (oldest != NULL)
        free_entry(oldest);
}

/* ---- events ------------------------------------------------------------------------ */

static bool has_room(rl_entry *entry) {
    uint32_t count = entry->head.event_count;
    if (count < entry->event_cap)
        return true;
    uint32_t cap = count == 0 ? FEWEST_EVENTS : 2 * count;
    rl_event *events = count == RL_JOURNAL_EVENTS ? NULL : rl_mem_realloc(entry->events, cap * sizeof *events);
    if (events == NULL)
        return false;
    entry->events = events;
    entry->event_cap = cap;
    return true;
}

/* A loop asks for the same again and again: it is kept once. */
static bool find_text(const rl_entry *entry, rl_slice text, uint32_t *at) {
    const char *base = rl_buf_live(&entry->text).ptr;
    for (uint32_t i = 0; i < entry->head.event_count; i++) {
        const rl_event *other = &entry->events[i];
        bool is_text = other->text_len == text.len && memcmp(base + other->text, text.ptr, text.len) == 0;
        bool is_at = other->at_len == text.len && memcmp(base + other->at, text.ptr, text.len) == 0;
        *at = is_text ? other->text : other->at;
        if (is_text || is_at)
            return true;
    }
    return false;
}

/* Where it is kept; what has no place any more is as if it were empty. */
static void keep_text(rl_entry *entry, rl_slice text, uint32_t *at, uint32_t *len) {
    if (text.len == 0)
        return;
    if (!find_text(entry, text, at)) {
        *at = (uint32_t)rl_buf_len(&entry->text);
        if (rl_buf_append(&entry->text, text) != RL_OK)
            return;
    }
    *len = (uint32_t)text.len;
}

static uint32_t add_event(rl_entry *entry, uint32_t parent, const char *what, rl_slice at, rl_slice text, uint64_t now_ns) {
    if (!has_room(entry)) {
        entry->head.dropped++;
        return 0;
    }
    rl_event event = {.start_ns = now_ns, .parent = parent, .rows = -1};
    rl_journal_fit(event.what, sizeof event.what, rl_slice_str(what));
    size_t len = text.len;
    at.len = fitting(at, RL_JOURNAL_TEXT_OF_ONE);
    text.len = fitting(text, RL_JOURNAL_TEXT_OF_ONE);
    keep_text(entry, at, &event.at, &event.at_len);
    keep_text(entry, text, &event.text, &event.text_len);
    event.is_cut = event.text_len < len;
    entry->events[entry->head.event_count++] = event;
    entry->head.sql_count += strcmp(event.what, "sql") == 0;
    return entry->head.event_count;
}

uint32_t rl_entry_open(rl_entry *entry, uint32_t parent, const char *what, rl_slice at, rl_slice text, uint64_t now_ns) {
    if (entry == NULL)
        return 0;
    pthread_mutex_lock(&entry->journal->lock);
    uint32_t number = add_event(entry, parent, what, at, text, now_ns);
    pthread_mutex_unlock(&entry->journal->lock);
    return number;
}

void rl_entry_close(rl_entry *entry, uint32_t number, uint64_t now_ns) {
    if (entry == NULL || number == 0)
        return;
    pthread_mutex_lock(&entry->journal->lock);
    if (entry->events[number - 1].end_ns == 0)
        close_event(entry, &entry->events[number - 1], now_ns);
    pthread_mutex_unlock(&entry->journal->lock);
}

const rl_entry_head *rl_entry_read(const rl_entry *entry) {
    return &entry->head;
}

uint32_t rl_entry_parent(const rl_entry *entry, uint32_t number) {
    return entry == NULL || number == 0 ? 0 : entry->events[number - 1].parent; /* written once, by this thread */
}

void rl_entry_tell(rl_entry *entry, uint32_t number, const rl_entry_answer *answer) {
    if (entry == NULL || number == 0)
        return;
    pthread_mutex_lock(&entry->journal->lock);
    rl_event *event = &entry->events[number - 1];
    event->rows = answer->rows;
    event->has_lane = true;
    event->is_exclusive = answer->is_exclusive;
    event->sent_ns = answer->sent_ns;
    rl_journal_fit(event->sqlstate, sizeof event->sqlstate, rl_slice_str(answer->sqlstate));
    pthread_mutex_unlock(&entry->journal->lock);
}

/* ---- looking ------------------------------------------------------------------------ */

uint32_t rl_journal_count(rl_journal *journal) {
    pthread_mutex_lock(&journal->lock);
    uint32_t count = journal->live_count + journal->ended_count;
    pthread_mutex_unlock(&journal->lock);
    return count;
}

static uint32_t copy_heads(const rl_list *entries, rl_entry_head *out, uint32_t cap) {
    uint32_t count = 0;
    for (rl_list *link = entries->next; link != entries && count < cap; link = link->next)
        out[count++] = RL_CONTAINER(link, rl_entry, link)->head;
    return count;
}

uint32_t rl_journal_copy_heads(rl_journal *journal, rl_entry_head *out, uint32_t cap) {
    pthread_mutex_lock(&journal->lock);
    uint32_t count = copy_heads(&journal->live, out, cap);
    count += copy_heads(&journal->ended, out + count, cap - count);
    pthread_mutex_unlock(&journal->lock);
    return count;
}

static const rl_entry *find_entry(const rl_list *entries, rl_slice id) {
    for (rl_list *link = entries->next; link != entries; link = link->next) {
        const rl_entry *entry = RL_CONTAINER(link, rl_entry, link);
        if (rl_slice_eq(rl_slice_str(entry->head.id), id))
            return entry;
    }
    return NULL;
}

bool rl_journal_copy_entry(rl_journal *journal, rl_slice id, rl_entry_copy *out) {
    pthread_mutex_lock(&journal->lock);
    const rl_entry *entry = find_entry(&journal->live, id);
    if (entry == NULL)
        entry = find_entry(&journal->ended, id);
    if (entry != NULL) {
        rl_slice text = rl_buf_live(&entry->text);
        out->head = entry->head;
        if (entry->head.event_count > 0)
            memcpy(out->events, entry->events, entry->head.event_count * sizeof *out->events);
        if (text.len > 0)
            memcpy(out->text, text.ptr, text.len);
    }
    pthread_mutex_unlock(&journal->lock);
    return entry != NULL;
}

uint32_t rl_journal_copy_routes(rl_journal *journal, rl_route_times *out) {
    pthread_mutex_lock(&journal->lock);
    uint32_t count = journal->route_count;
    for (uint32_t i = 0; i < count; i++) {
        const route *from = journal->routes[i];
        const rl_histogram *times = &from->times;
        out[i] = (rl_route_times){.count = times->count,
                                  .errors = from->errors,
                                  .sum_ns = times->sum_ns,
                                  .max_ns = times->max_ns,
                                  .p50_ns = rl_histogram_quantile(times, 0.5),
                                  .p95_ns = rl_histogram_quantile(times, 0.95),
                                  .p99_ns = rl_histogram_quantile(times, 0.99)};
        memcpy(out[i].method, from->method, sizeof out[i].method);
        memcpy(out[i].route, from->name, sizeof out[i].route);
    }
    pthread_mutex_unlock(&journal->lock);
    return count;
}
