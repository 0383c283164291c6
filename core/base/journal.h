/* journal -- what requests do, and what they wait for: the one record that whoever looks reads.
 *
 *   begin --> open/close   open/close ... --> end        by the thread that the request is on
 *               |  `-- open/close: an event under another
 *               v
 *   live entries | the last RL_JOURNAL_ENDED that ended | times by route        any thread may copy
 *
 * An event has a beginning, mostly an end, a word that says what it is, and the one that it is under: 0 is the
 * request, else the event's number, from 1 on. Everything is bounded; what is beyond a bound is counted, and
 * otherwise left out. Parameters of statements are never kept: they may be anybody's secrets.
 *
 * It is for who develops, so it is not there at all elsewhere: whoever writes to it asks for an entry first, and
 * an entry is NULL where nothing is kept. */
#ifndef RL_BASE_JOURNAL_H
#define RL_BASE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

typedef struct rl_journal rl_journal;
typedef struct rl_entry rl_entry; /* one request */

enum {
    RL_JOURNAL_LIVE = 1000,  /* entries; requests beyond it are left out */
    RL_JOURNAL_ENDED = 200,
    RL_JOURNAL_EVENTS = 256, /* of one entry */
    RL_JOURNAL_TEXT = 32 * 1024, /* bytes of one entry's texts, of which each has at most */
    RL_JOURNAL_TEXT_OF_ONE = 2000,
    RL_JOURNAL_ROUTES = 512,
    RL_JOURNAL_NAME = 112, /* bytes of a route, cut to fit */
    RL_JOURNAL_PATH = 256,
    RL_JOURNAL_ID = 65,
    RL_JOURNAL_WORD = 12
};

typedef struct rl_entry_head {
    uint64_t number; /* from 1 on, in the order of beginning */
    char id[RL_JOURNAL_ID], method[RL_JOURNAL_WORD], path[RL_JOURNAL_PATH], route[RL_JOURNAL_NAME];
    int64_t wall_us;           /* when it began, by the wall clock */
    uint64_t start_ns, end_ns; /* monotonic; end 0: it is live */
    uint64_t sql_ns;           /* the sum of its statements' times */
    uint32_t sql_count, event_count, dropped; /* events beyond the bound */
    uint32_t worker;
    int status; /* 0: not answered */
} rl_entry_head;

typedef struct rl_event {
    char what[RL_JOURNAL_WORD];
    uint64_t start_ns, end_ns; /* end 0: it has not ended */
    uint64_t sent_ns;          /* of a statement: when it had a connection; 0: not known */
    int64_t rows;              /* -1: not known */
    uint32_t parent;
    uint32_t at, at_len, text, text_len; /* in the entry's texts */
    char sqlstate[6];                    /* what it failed with; "" when it did not */
    bool is_cut;                         /* its text */
    bool has_lane, is_exclusive;         /* of a statement that was answered */
} rl_event;

/* A copy of all of one. */
typedef struct rl_entry_copy {
    rl_entry_head head;
    rl_event events[RL_JOURNAL_EVENTS];
    char text[RL_JOURNAL_TEXT];
} rl_entry_copy;

/* How long a route's requests took, of those that ended. */
typedef struct rl_route_times {
    char method[RL_JOURNAL_WORD], route[RL_JOURNAL_NAME];
    uint64_t count, errors; /* answered 500 or above */
    uint64_t sum_ns, max_ns, p50_ns, p95_ns, p99_ns;
} rl_route_times;

RL_MUST_USE rl_err rl_journal_new(rl_journal **out);
/* Nobody may write to it any more. NULL is allowed. */
void rl_journal_free(rl_journal *journal);

/* ---- for the thread that a request is on; entries may be NULL ---- */

/* `head` says id, method, path, worker, wall_us and start_ns. NULL when too many are live, and without memory. */
rl_entry *rl_journal_begin(rl_journal *journal, const rl_entry_head *head);
void rl_entry_set_route(rl_entry *entry, const char *route);
void rl_entry_set_id(rl_entry *entry, rl_slice id);
/* The entry is not the caller's any more. Events that are open end. */
void rl_entry_end(rl_entry *entry, int status, uint64_t now_ns);

/* `at` and `text` may be empty. 0 when it is not kept: a number that every call here takes. */
uint32_t rl_entry_open(rl_entry *entry, uint32_t parent, const char *what, rl_slice at, rl_slice text, uint64_t now_ns);
void rl_entry_close(rl_entry *entry, uint32_t event, uint64_t now_ns);
/* As it is now; for the writing thread. */
const rl_entry_head *rl_entry_read(const rl_entry *entry);
/* The event that it is under. */
uint32_t rl_entry_parent(const rl_entry *entry, uint32_t event);

typedef struct rl_entry_answer {
    int64_t rows;
    uint64_t sent_ns;
    bool is_exclusive;
    const char *sqlstate;
} rl_entry_answer;
/* What came of a statement. */
void rl_entry_tell(rl_entry *entry, uint32_t event, const rl_entry_answer *answer);

/* ---- for any thread ---- */

/* How many entries there are. */
uint32_t rl_journal_count(rl_journal *journal);
/* The heads of `cap` of them at most: those that are live, and those that ended, each the newest first. Returns how many. */
uint32_t rl_journal_copy_heads(rl_journal *journal, rl_entry_head *out, uint32_t cap);
/* The newest one of that id; false when there is none. */
bool rl_journal_copy_entry(rl_journal *journal, rl_slice id, rl_entry_copy *out);
/* `out` has room for RL_JOURNAL_ROUTES. */
uint32_t rl_journal_copy_routes(rl_journal *journal, rl_route_times *out);

/* Copy `from`, cut to fit between two characters, with a NUL behind it. */
void rl_journal_fit(char *out, size_t cap, rl_slice from);

#endif
