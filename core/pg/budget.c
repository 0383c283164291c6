#include "pg/budget.h"

#include <assert.h>

#include "loop/clock.h"
#include "pg/budget_state.h"

static rl_budget *lock_of(rl_member *member) {
    pthread_mutex_lock(&member->budget->lock);
    return member->budget;
}

static void unlock(rl_budget *budget) {
    pthread_mutex_unlock(&budget->lock);
}

/* ---- under the lock --------------------------------------------------------- */

static void ring(rl_member *member) {
    if (member->is_rung)
        return;
    member->is_rung = true;
    rl_loop_post(member->loop, &member->bell);
}

static void leave_idle(rl_budget *budget, rl_berth *berth) {
    rl_list_remove(&berth->all);
    berth->is_idle = false;
    budget->stats.idle--;
}

static void leave_called(rl_budget *budget, rl_berth *berth) {
    rl_list_remove(&berth->link);
    berth->is_called = false;
    budget->called--;
}

static void enqueue(rl_budget *budget, rl_ticket *ticket, bool is_oldest) {
    if (is_oldest)
        rl_list_push_front(&budget->queue, &ticket->link);
    else
        rl_list_push_back(&budget->queue, &ticket->link);
    budget->queued++;
    ticket->member->queued++;
}

static void dequeue(rl_budget *budget, rl_ticket *ticket) {
    rl_list_remove(&ticket->link);
    budget->queued--;
    ticket->member->queued--;
}

static rl_ticket *oldest(const rl_budget *budget) {
    return rl_list_is_empty(&budget->queue) ? NULL : RL_CONTAINER(budget->queue.next, rl_ticket, link);
}

static void call(rl_budget *budget, rl_berth *berth) {
    leave_idle(budget, berth);
    rl_list_remove(&berth->link);
    rl_list_push_back(&berth->member->called, &berth->link);
    berth->is_called = true;
    budget->called++;
    ring(berth->member);
}

/* One idle connection for each ticket, from wherever it is. */
static void call_idle(rl_budget *budget) {
    while (budget->called < budget->queued && !rl_list_is_empty(&budget->idle))
        call(budget, RL_CONTAINER(budget->idle.next, rl_berth, all));
}

/* A stream has ended, or wants no connection any more. */
static void end_stream(rl_budget *budget) {
    budget->stats.streams--;
    rl_list *link = rl_list_pop_front(&budget->gate);
    if (link == NULL)
        return;
    rl_ticket *next = RL_CONTAINER(link, rl_ticket, link);
    next->is_at_gate = false;
    budget->stats.streams++;
    enqueue(budget, next, false);
    call_idle(budget);
    ring(next->member); /* it may dial for it now */
}

static void take_back(rl_budget *budget, rl_berth *berth) {
    if (berth->is_stream)
        end_stream(budget);
    berth->is_stream = false;
}

/* Whoever waits counted on a connection that is no more, or found the budget full: he may dial now. */
static void ring_waiting(rl_budget *budget) {
    for (rl_list *at = budget->members.next; at != &budget->members; at = at->next) {
        rl_member *member = RL_CONTAINER(at, rl_member, link);
        if (member->queued > member->dialing)
            ring(member);
    }
}

/* One connection less, of those that are open or were to be. */
static void close_one(rl_budget *budget) {
    budget->open--;
    ring_waiting(budget);
}

static void promise(rl_budget *budget, rl_berth *berth, rl_ticket *ticket) {
    dequeue(budget, ticket);
    berth->promised_to = ticket;
    ticket->coming = berth;
}

static void break_promise(rl_berth *berth) {
    if (berth->promised_to != NULL)
        berth->promised_to->coming = NULL;
    berth->promised_to = NULL;
}

static void grant(rl_budget *budget, rl_berth *berth, const rl_ticket *ticket) {
    berth->is_stream = ticket->is_stream;
    budget->stats.waiting--;
    budget->stats.acquired++;
    budget->stats.waited_ns += rl_loop_read_ns(ticket->member->loop) - ticket->since_ns;
}

/* ---- waiting ---------------------------------------------------------------- */

rl_err rl_member_take(rl_member *member, rl_ticket *ticket, rl_berth **out) {
    rl_err err = RL_OK;
    rl_budget *budget = lock_of(member);
    *out = NULL;
    bool is_let_in = !ticket->is_stream || budget->stats.streams < budget->limits.max_streams;
    if (is_let_in && budget->queued == 0 && !rl_list_is_empty(&member->idle)) {
        *out = RL_CONTAINER(rl_list_pop_front(&member->idle), rl_berth, link);
        leave_idle(budget, *out);
        (*out)->is_stream = ticket->is_stream;
        budget->stats.streams += ticket->is_stream;
        budget->stats.acquired++;
    } else if (budget->stats.waiting >= budget->limits.max_waiters) {
        budget->stats.refused++;
        err = RL_EFULL;
    } else {
        ticket->member = member;
        ticket->coming = NULL;
        ticket->since_ns = rl_loop_read_ns(member->loop);
        ticket->is_at_gate = !is_let_in;
        budget->stats.waiting++;
        if (is_let_in) {
            budget->stats.streams += ticket->is_stream;
            enqueue(budget, ticket, false);
            call_idle(budget);
        } else {
            rl_list_push_back(&budget->gate, &ticket->link);
        }
    }
    unlock(budget);
    return err;
}

void rl_ticket_forget(rl_ticket *ticket, bool has_timed_out) {
    rl_budget *budget = lock_of(ticket->member);
    if (ticket->is_at_gate)
        rl_list_remove(&ticket->link);
    else if (ticket->coming != NULL)
        break_promise(ticket->coming);
    else
        dequeue(budget, ticket);
    if (ticket->is_stream && !ticket->is_at_gate)
        end_stream(budget);
    budget->stats.waiting--;
    budget->stats.timeouts += has_timed_out;
    unlock(budget);
}

/* ---- changing hands ---------------------------------------------------------- */

static void rest(rl_budget *budget, rl_berth *berth) {
    rl_list_push_front(&berth->member->idle, &berth->link);
    rl_list_push_front(&budget->idle, &berth->all);
    berth->is_idle = true;
    budget->stats.idle++;
}

static uint32_t most_open(const rl_budget *budget) {
    return budget->is_halved ? (budget->limits.max + 1) / 2 : budget->limits.max;
}

static bool is_stale(const rl_budget *budget, const rl_berth *berth) {
    return budget->open > most_open(budget) || rl_demoted_is_stale(&budget->demoted, berth->host, berth->epoch);
}

rl_put rl_member_put(rl_member *member, rl_berth *berth, rl_ticket **out) {
    rl_put put = RL_PUT_IDLE;
    rl_budget *budget = lock_of(member);
    take_back(budget, berth);
    if (berth->promised_to == NULL && oldest(budget) != NULL && !is_stale(budget, berth))
        promise(budget, berth, oldest(budget));
    rl_ticket *ticket = berth->promised_to;
    if (is_stale(budget, berth)) {
        put = RL_PUT_STALE;
    } else if (ticket == NULL) {
        rest(budget, berth);
    } else if (ticket->member != member) {
        put = RL_PUT_AWAY;
    } else {
        put = RL_PUT_GRANT;
        break_promise(berth);
        grant(budget, berth, ticket);
        *out = ticket;
    }
    unlock(budget);
    return put;
}

static void call_stale(rl_budget *budget) {
    for (rl_list *at = budget->idle.next, *next; at != &budget->idle; at = next) {
        next = at->next;
        rl_berth *berth = RL_CONTAINER(at, rl_berth, all);
        if (is_stale(budget, berth))
            call(budget, berth);
    }
}

void rl_budget_halve(rl_budget *budget, bool is_halved) {
    pthread_mutex_lock(&budget->lock);
    budget->is_halved = is_halved;
    for (uint32_t over = budget->open; over > most_open(budget) && !rl_list_is_empty(&budget->idle); over--)
        call(budget, RL_CONTAINER(budget->idle.prev, rl_berth, all)); /* the oldest */
    ring_waiting(budget);
    pthread_mutex_unlock(&budget->lock);
}

void rl_member_demote(rl_member *member, uint64_t host) {
    rl_budget *budget = lock_of(member);
    if (rl_demoted_note(&budget->demoted, host, rl_clock_ns())) {
        call_stale(budget);
        for (rl_list *at = budget->members.next; at != &budget->members; at = at->next)
            ring(RL_CONTAINER(at, rl_member, link));
    }
    unlock(budget);
}

uint64_t rl_member_next_demoted(rl_member *member) {
    rl_budget *budget = lock_of(member);
    uint64_t host = rl_demoted_next(&budget->demoted, &member->heard);
    unlock(budget);
    return host;
}

bool rl_member_send(rl_member *member, rl_berth *berth) {
    rl_budget *budget = lock_of(member);
    /* Whom it was taken off the loop for may be served by now, or gone. */
    if (berth->promised_to == NULL && oldest(budget) != NULL)
        promise(budget, berth, oldest(budget));
    rl_member *to = berth->promised_to == NULL ? member : berth->promised_to->member;
    bool can = !to->is_leaving;
    if (can) {
        berth->member = to;
        rl_list_push_back(&to->arrived, &berth->link);
        budget->stats.handovers += to != member;
        ring(to);
    }
    unlock(budget);
    return can;
}

rl_berth *rl_member_next_called(rl_member *member) {
    rl_berth *berth = NULL;
    rl_budget *budget = lock_of(member);
    if (!rl_list_is_empty(&member->called)) {
        berth = RL_CONTAINER(member->called.next, rl_berth, link);
        leave_called(budget, berth);
    }
    unlock(budget);
    return berth;
}

static rl_berth *next_of(rl_budget *budget, rl_list *berths) {
    rl_list *link = rl_list_pop_front(berths);
    unlock(budget);
    return link == NULL ? NULL : RL_CONTAINER(link, rl_berth, link);
}

rl_berth *rl_member_next_arrived(rl_member *member) {
    return next_of(lock_of(member), &member->arrived);
}

rl_berth *rl_member_next_idle(rl_member *member) {
    rl_budget *budget = lock_of(member);
    if (!rl_list_is_empty(&member->idle))
        leave_idle(budget, RL_CONTAINER(member->idle.next, rl_berth, link));
    return next_of(budget, &member->idle);
}

/* ---- coming and going --------------------------------------------------------- */

bool rl_member_may_dial(rl_member *member, bool is_warming, bool is_impatient) {
    rl_budget *budget = lock_of(member);
    bool is_short = is_impatient || budget->queued > budget->called + budget->stats.connecting;
    bool is_wanted = (member->queued > member->dialing && is_short) ||
                     (is_warming && budget->open < budget->limits.min_open);
    bool may = is_wanted && !member->is_leaving && budget->open < most_open(budget);
    if (may) {
        budget->open++;
        budget->stats.connecting++;
        member->dialing++;
    }
    unlock(budget);
    return may;
}

void rl_member_dialed(rl_member *member, rl_berth *berth, uint64_t host) {
    rl_budget *budget = lock_of(member);
    member->dialing--;
    budget->stats.connecting--;
    if (berth == NULL) {
        budget->stats.connect_failures++;
        close_one(budget);
    } else {
        *berth = (rl_berth){.member = member, .host = host, .epoch = budget->demoted.epoch};
        rl_list_init(&berth->link);
        rl_list_init(&berth->all);
        budget->stats.connects++;
        if (budget->owed > 0) {
            budget->owed--;
            budget->stats.reconnects++;
        }
    }
    unlock(budget);
}

static void remove_berth(rl_budget *budget, rl_berth *berth) {
    take_back(budget, berth);
    if (berth->is_called)
        leave_called(budget, berth);
    if (berth->is_idle)
        leave_idle(budget, berth);
    rl_list_remove(&berth->link);
    rl_ticket *ticket = berth->promised_to;
    if (ticket != NULL) {
        break_promise(berth);
        enqueue(budget, ticket, true);
    }
    close_one(budget);
    call_idle(budget);
}

void rl_member_remove(rl_member *member, rl_berth *berth) {
    rl_budget *budget = lock_of(member);
    remove_berth(budget, berth);
    unlock(budget);
}

bool rl_member_retire(rl_member *member, rl_berth *berth, bool is_old) {
    rl_budget *budget = lock_of(member);
    bool can = berth->is_idle && (is_old || budget->open > budget->limits.min_open);
    if (can)
        remove_berth(budget, berth);
    unlock(budget);
    return can;
}

/* ---- members ------------------------------------------------------------------ */

void rl_member_leave(rl_member *member) {
    rl_budget *budget = lock_of(member);
    assert(member->queued == 0);
    member->is_leaving = true;
    while (member->dialing > 0) {
        member->dialing--;
        budget->stats.connecting--;
        close_one(budget);
    }
    unlock(budget);
}

bool rl_member_is_silent(rl_member *member) {
    rl_budget *budget = lock_of(member);
    bool is_silent = !member->is_rung;
    unlock(budget);
    return is_silent;
}

uint32_t rl_member_queued(rl_member *member, bool *are_called) {
    rl_budget *budget = lock_of(member);
    uint32_t queued = budget->queued;
    *are_called = budget->called > 0 && member->queued > 0;
    unlock(budget);
    return queued;
}
