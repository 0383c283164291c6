/* worker -- one thread that serves: a loop, a server, and generations of the app.
 *
 *   start --> loading --ready--> serving --stop--> draining --> ended
 *                 |                 ^
 *                 +--failed--> ended|
 *                                   |
 *          next:  none --load--> loading --ready--> none, by a switch
 *                   ^                 |
 *                   +---- discard ----+--failed
 *
 * The thread that starts workers hears of each step through an eventfd, and reads the
 * states and failures after it. While a worker serves, its next generation loads
 * beside the one that does; requests go to it from the switch on. */
#ifndef RL_CLI_WORKER_H
#define RL_CLI_WORKER_H

#include "base/board.h"
#include "base/bulletin.h"
#include "cli/edition.h"
#include "cli/notice.h"
#include "cli/pulse.h"
#include "http/server.h"
#include "pg/budget.h"
#include "pg/listener.h"
#include "sync/commons.h"
#include "vm/vm.h"

typedef enum rl_worker_state { RL_WORKER_LOADING, RL_WORKER_READY, RL_WORKER_SERVING, RL_WORKER_FAILED, RL_WORKER_ENDED } rl_worker_state;
typedef enum rl_worker_next { RL_NEXT_NONE, RL_NEXT_LOADING, RL_NEXT_READY, RL_NEXT_FAILED } rl_worker_next;

/* What all workers of a process share. */
typedef struct rl_serving {
    const rl_settings *settings;
    const char *app_dir;
    const char *lua_dir; /* the framework's folder instead of the embedded one, or NULL */
    rl_log *log;
    rl_body_budget body_budget;
    rl_board *board; /* for `rille status` */
    rl_journal *journal; /* NULL: none is kept, and no gauges */
    rl_board *gauges;
    const rl_teller *teller;
    rl_budgets *database_budgets;
    rl_pg_listeners *database_listeners;
    rl_commons *commons;
    _Atomic uint64_t connections;
    rl_server_limits limits;
    uint32_t started; /* workers, by the thread that starts them */
    int admin; /* a bound socket for worker 0, until its listener has it; -1 without */
    int news; /* an eventfd: some worker's state changed */
    rl_bulletin *bulletin; /* a row a worker; NULL: nobody looks after the process */
    bool is_dev;           /* `rille dev`: for whoever writes the app */
} rl_serving;

typedef struct rl_worker rl_worker;

/* Starts the thread of worker `number`, from 0, and loads `edition`. `fd`, a bound socket, belongs to the worker
 * from here on. */
RL_MUST_USE rl_err rl_worker_start(rl_serving *serving, rl_edition *edition, int fd, size_t number, rl_worker **out);
rl_worker_state rl_worker_read_state(const rl_worker *worker);
/* Why it FAILED; NULL when it has not. */
const char *rl_worker_failure(const rl_worker *worker);

/* What it can be told; each order is carried out before it may come again. */
typedef enum rl_worker_do {
    RL_DO_SERVE,   /* all have loaded: accept connections, and be SERVING. Once, when READY */
    RL_DO_SWITCH,  /* requests go to the next generation from the next turn on; when that is READY, and then it is NONE */
    RL_DO_BEGIN,   /* all workers have switched: the old one ends its services, and the new one begins them */
    RL_DO_DISCARD, /* some worker's next FAILED: this one's is given up, too */
    RL_DO_STOP,    /* drain and end; once, in any state */
    RL_DO_COUNT
} rl_worker_do;
void rl_worker_order(rl_worker *worker, rl_worker_do what);

/* ---- the next generation, of a worker that is SERVING ---- */

/* Load it; when its next is NONE. */
void rl_worker_load(rl_worker *worker, rl_edition *edition);
rl_worker_next rl_worker_read_next(const rl_worker *worker);
/* Why that FAILED. */
const char *rl_worker_next_failure(const rl_worker *worker);

/* What its present generation shows browsers instead of pages, until the next one serves; NULL ends it. For who
 * develops. */
rl_notice *rl_worker_notice(rl_worker *worker);
/* Has that generation's pages load again: a number, another one each time, the same for all workers. */
rl_notice *rl_worker_look(rl_worker *worker);

/* Of its loop. */
rl_pulse *rl_worker_pulse(rl_worker *worker);
/* It does not turn: its row says so, and the log which route it is, and where in it when Lua can still be
 * asked (machine code cannot). Returns whether this was told before. */
bool rl_worker_tell_hung(rl_worker *worker);

/* Whether it has not turned for `silent_ns` because it loads a generation, which ends itself after load_timeout; false
 * when twice the time is over. */
bool rl_worker_is_loading(rl_worker *worker, uint64_t silent_ns);

/* It was found to hang, and has not ended since. */
bool rl_worker_is_hung(const rl_worker *worker);

/* Waits for its thread and frees it. */
void rl_worker_join(rl_worker *worker);

#endif
