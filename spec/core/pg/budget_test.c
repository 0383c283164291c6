#include "pg/budget.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "mem.h"
#include "pg/turn.h"

/* A worker without a database: its connections are berths and nothing else. */
typedef struct desk {
    rl_loop *loop;
    rl_member member;
    int arrivals;
    bool drops_arrivals; /* as when a connection died under way */
} desk;

typedef struct visitor {
    rl_ticket ticket;
    rl_berth *got;
} visitor;

enum { HOST = 7 /* of every berth */ };

static const rl_budget_limits small = {.max = 2, .max_waiters = 4, .max_streams = 1, .min_open = 1};

static uint32_t count_open(rl_member *member) {
    rl_budget_stats now = rl_member_report(member).exclusive;
    return now.in_use + now.idle + now.connecting;
}

static void place(desk *at, rl_berth *berth) {
    rl_ticket *ticket = NULL;
    switch (rl_member_put(&at->member, berth, &ticket)) {
    case RL_PUT_IDLE: break;
    case RL_PUT_STALE: rl_member_remove(&at->member, berth); break;
    case RL_PUT_AWAY: assert_true(rl_member_send(&at->member, berth)); break;
    case RL_PUT_GRANT: RL_CONTAINER(ticket, visitor, ticket)->got = berth; break;
    }
}

static void on_bell(rl_member *member) {
    desk *at = RL_CONTAINER(member, desk, member);
    rl_berth *berth;
    if (member->is_leaving)
        return;
    while ((berth = rl_member_next_called(member)) != NULL)
        place(at, berth);
    while ((berth = rl_member_next_arrived(member)) != NULL) {
        at->arrivals++;
        if (at->drops_arrivals)
            rl_member_remove(member, berth);
        else
            place(at, berth);
    }
}

static void open_desk(desk *at, rl_budgets *budgets, const char *key, const rl_budget_limits *limits) {
    *at = (desk){.loop = NULL};
    assert_int_equal(rl_loop_new(&at->loop), RL_OK);
    assert_int_equal(rl_member_join(&at->member, budgets, key, limits, at->loop, on_bell), RL_OK);
}

static void turn(desk *at) {
    rl_loop_turn(at->loop, false);
}

/* Berths are the test's own, and need no freeing. */
static void close_desk(desk *at) {
    rl_berth *berth;
    if (at->loop == NULL)
        return;
    rl_member_leave(&at->member);
    while ((berth = rl_member_next_idle(&at->member)) != NULL)
        rl_member_remove(&at->member, berth);
    while ((berth = rl_member_next_called(&at->member)) != NULL)
        if (!rl_member_send(&at->member, berth))
            rl_member_remove(&at->member, berth);
    while ((berth = rl_member_next_arrived(&at->member)) != NULL)
        if (!rl_member_send(&at->member, berth))
            rl_member_remove(&at->member, berth);
    while (!rl_member_is_silent(&at->member))
        turn(at);
    rl_member_clear(&at->member);
    rl_loop_free(at->loop);
    at->loop = NULL;
}

static void ask(desk *at, visitor *one) {
    one->got = NULL;
    assert_int_equal(rl_member_take(&at->member, &one->ticket, &one->got), RL_OK);
}

/* A new connection, for whoever waits at the desk or to be warm. */
static void dial(desk *at, rl_berth *berth) {
    assert_true(rl_member_may_dial(&at->member, true, true));
    rl_member_dialed(&at->member, berth, HOST);
    place(at, berth);
}

/* The fixtures: two workers of one budget, and what `a` has at first. What a test
 * leaves lent is its own storage, and nobody misses it. */
static struct {
    rl_budgets *budgets;
    desk a, b;
    rl_berth berths[2];
    visitor holders[2];
} both;

static int nothing_open(void **state) {
    (void)state;
    assert_int_equal(rl_budgets_new(&both.budgets), RL_OK);
    open_desk(&both.a, both.budgets, "db", &small);
    open_desk(&both.b, both.budgets, "db", &small);
    return 0;
}

static int one_idle(void **state) {
    nothing_open(state);
    dial(&both.a, &both.berths[0]);
    return 0;
}

static int both_held(void **state) {
    nothing_open(state);
    for (int i = 0; i < 2; i++) {
        ask(&both.a, &both.holders[i]);
        dial(&both.a, &both.berths[i]);
    }
    return 0;
}

static int close_all(void **state) {
    (void)state;
    close_desk(&both.a);
    close_desk(&both.b);
    rl_budgets_free(both.budgets);
    return 0;
}

static void a_member_lends_at_once_what_is_idle_at_home(void **state) {
    (void)state;
    visitor one = {0};
    ask(&both.a, &one);
    assert_ptr_equal(one.got, &both.berths[0]);
    assert_int_equal(rl_member_report(&both.a.member).exclusive.handovers, 0);
}

static void an_idle_one_moves_to_who_asks_elsewhere(void **state) {
    (void)state;
    visitor one = {0};
    ask(&both.b, &one);
    assert_null(one.got);
    assert_false(rl_member_may_dial(&both.b.member, false, false)); /* one is on its way */
    turn(&both.b);
    assert_null(one.got);
    turn(&both.a);
    turn(&both.b);
    assert_ptr_equal(one.got, &both.berths[0]);
    assert_int_equal(rl_member_report(&both.b.member).exclusive.handovers, 1);
    place(&both.b, one.got);
    ask(&both.b, &one); /* and stays there */
    assert_ptr_equal(one.got, &both.berths[0]);
}

static void the_oldest_is_served_first_wherever_it_waits(void **state) {
    (void)state;
    visitor holder = {0}, some[4] = {{.got = NULL}};
    ask(&both.a, &holder);
    for (int i = 0; i < 4; i++)
        ask(i % 2 == 0 ? &both.b : &both.a, &some[i]);
    place(&both.a, holder.got);
    for (int i = 0; i < 4; i++) {
        turn(&both.a);
        turn(&both.b);
        for (int k = 0; k < 4; k++)
            assert_true((some[k].got != NULL) == (k == i));
        rl_berth *berth = some[i].got;
        some[i].got = NULL;
        place(i % 2 == 0 ? &both.b : &both.a, berth);
    }
}

static void the_queue_is_bounded_for_all_together(void **state) {
    (void)state;
    visitor some[5] = {{.got = NULL}};
    for (int i = 0; i < 4; i++)
        ask(i % 2 == 0 ? &both.a : &both.b, &some[i]);
    assert_int_equal(rl_member_take(&both.a.member, &some[4].ticket, &some[4].got), RL_EFULL);
    assert_int_equal(rl_member_take(&both.b.member, &some[4].ticket, &some[4].got), RL_EFULL);
    rl_ticket_forget(&some[1].ticket, true);
    ask(&both.a, &some[4]);
    rl_budget_stats now = rl_member_report(&both.a.member).exclusive;
    assert_int_equal(now.waiting, 4);
    assert_int_equal(now.refused, 2);
    assert_int_equal(now.timeouts, 1);
    for (int i = 0; i < 5; i++)
        if (i != 1)
            rl_ticket_forget(&some[i].ticket, false);
}

/* Two connections, one of them for streams: the second stream waits, others do not. */
static void only_so_many_are_lent_to_streams_wherever(void **state) {
    (void)state;
    visitor first = {.ticket.is_stream = true}, second = first, third = first, other = {.got = NULL};
    place(&both.a, both.holders[0].got);
    place(&both.a, both.holders[1].got);
    ask(&both.a, &first);
    assert_non_null(first.got);
    ask(&both.b, &second);
    ask(&both.a, &third);
    turn(&both.a);
    turn(&both.b);
    assert_null(second.got);
    ask(&both.a, &other); /* behind nobody: they are not in the queue */
    assert_non_null(other.got);
    place(&both.a, other.got);
    assert_int_equal(rl_member_report(&both.a.member).exclusive.streams, 1);
    assert_int_equal(rl_member_report(&both.a.member).exclusive.waiting, 2);
    place(&both.a, first.got);
    turn(&both.a);
    turn(&both.b);
    assert_non_null(second.got);
    assert_null(third.got);
    rl_member_remove(&both.b.member, second.got); /* its connection died */
    turn(&both.a);
    assert_non_null(third.got);
    ask(&both.b, &second);
    rl_ticket_forget(&second.ticket, true);
    place(&both.a, third.got);
    assert_int_equal(rl_member_report(&both.a.member).exclusive.streams, 0);
    assert_int_equal(rl_member_report(&both.a.member).exclusive.waiting, 0);
}

static void one_that_nobody_wants_any_more_rests_there(void **state) {
    (void)state;
    visitor one = {0};
    ask(&both.b, &one);
    turn(&both.a); /* sent: promised, and under way */
    rl_ticket_forget(&one.ticket, true);
    turn(&both.b);
    assert_int_equal(both.b.arrivals, 1);
    assert_int_equal(rl_member_report(&both.b.member).exclusive.idle, 1);
    ask(&both.b, &one);
    assert_ptr_equal(one.got, &both.berths[0]);
}

static void who_gives_up_under_way_leaves_it_to_the_next(void **state) {
    (void)state;
    visitor first = {0}, second = {0};
    ask(&both.b, &first);
    ask(&both.a, &second);
    turn(&both.a);
    rl_ticket_forget(&first.ticket, true);
    turn(&both.b);
    turn(&both.a);
    assert_ptr_equal(second.got, &both.berths[0]);
}

static void one_that_dies_under_way_leaves_its_waiter_first(void **state) {
    (void)state;
    visitor first = {0}, second = {0};
    ask(&both.b, &first);
    ask(&both.a, &second);
    turn(&both.a);
    both.b.drops_arrivals = true;
    turn(&both.b);
    both.b.drops_arrivals = false;
    assert_null(first.got);
    dial(&both.a, &both.berths[1]); /* by the second one's worker, for the first */
    turn(&both.b);
    assert_ptr_equal(first.got, &both.berths[1]);
    assert_null(second.got);
    place(&both.b, first.got);
    turn(&both.a);
    assert_ptr_equal(second.got, &both.berths[1]);
}

static void a_worker_that_is_stuck_keeps_nobody_waiting(void **state) {
    (void)state;
    visitor one = {0};
    ask(&both.b, &one);
    assert_true(rl_member_may_dial(&both.b.member, false, true)); /* a's loop does not turn */
    rl_member_dialed(&both.b.member, &both.berths[1], HOST);
    place(&both.b, &both.berths[1]);
    assert_ptr_equal(one.got, &both.berths[1]);
    turn(&both.a); /* called in vain */
    assert_int_equal(rl_member_report(&both.a.member).exclusive.idle, 1);
}

static void whoever_found_it_full_hears_of_a_place(void **state) {
    (void)state;
    visitor late = {.got = NULL};
    ask(&both.b, &late);
    assert_false(rl_member_may_dial(&both.b.member, true, true));
    rl_member_remove(&both.a.member, both.holders[0].got);
    assert_false(rl_member_is_silent(&both.b.member));
    assert_true(rl_member_may_dial(&both.b.member, false, false));
    assert_false(rl_member_may_dial(&both.b.member, false, false)); /* one waits, one is dialled */
    rl_member_dialed(&both.b.member, NULL, 0);
    turn(&both.b);
    assert_int_equal(rl_member_report(&both.b.member).exclusive.connect_failures, 1);
    rl_ticket_forget(&late.ticket, false);
}

static void idleness_alone_leaves_the_least_number(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++)
        place(&both.a, both.holders[i].got);
    assert_true(rl_member_retire(&both.a.member, &both.berths[0], false));
    assert_false(rl_member_retire(&both.a.member, &both.berths[1], false));
    assert_false(rl_member_may_dial(&both.a.member, true, false));
    assert_true(rl_member_retire(&both.a.member, &both.berths[1], true));
    assert_true(rl_member_may_dial(&both.a.member, true, false)); /* warm again */
    rl_member_dialed(&both.a.member, NULL, 0);
}

static void a_called_one_is_not_retired(void **state) {
    (void)state;
    visitor one = {0};
    ask(&both.b, &one);
    assert_false(rl_member_retire(&both.a.member, &both.berths[0], true));
    rl_member_remove(&both.a.member, &both.berths[0]); /* but it may die */
    assert_true(rl_member_may_dial(&both.b.member, false, false));
    rl_member_dialed(&both.b.member, &both.berths[1], HOST);
    place(&both.b, &both.berths[1]);
    assert_ptr_equal(one.got, &both.berths[1]);
}

static void a_member_that_leaves_passes_on_what_was_sent(void **state) {
    (void)state;
    visitor first = {0}, second = {0};
    ask(&both.b, &first);
    ask(&both.a, &second);
    turn(&both.a); /* under way to b */
    rl_ticket_forget(&first.ticket, false);
    close_desk(&both.b);
    turn(&both.a);
    assert_ptr_equal(second.got, &both.berths[0]);
}

static void a_member_that_leaves_hands_over_what_was_called(void **state) {
    (void)state;
    visitor one = {0};
    ask(&both.b, &one);
    close_desk(&both.a); /* its bell has not run yet */
    turn(&both.b);
    assert_ptr_equal(one.got, &both.berths[0]);
    assert_int_equal(count_open(&both.b.member), 1);
}

static void none_from_before_its_host_was_demoted_is_lent_again(void **state) {
    (void)state;
    visitor late = {.got = NULL};
    place(&both.a, both.holders[0].got); /* one is idle, the other lent */
    rl_member_demote(&both.b.member, HOST);
    turn(&both.a);
    assert_int_equal(count_open(&both.a.member), 1);
    ask(&both.b, &late);
    place(&both.a, both.holders[1].got);
    assert_int_equal(count_open(&both.a.member), 0);
    dial(&both.b, &both.berths[0]);
    rl_member_demote(&both.b.member, HOST); /* so soon again: as good as said once */
    assert_ptr_equal(late.got, &both.berths[0]);
    place(&both.b, late.got);
    assert_int_equal(rl_member_report(&both.a.member).exclusive.idle, 1);
}

static void those_of_other_hosts_stay_when_one_is_demoted(void **state) {
    (void)state;
    place(&both.a, both.holders[0].got);
    place(&both.a, both.holders[1].got);
    rl_member_demote(&both.b.member, HOST + 1);
    turn(&both.a);
    assert_int_equal(rl_member_report(&both.a.member).exclusive.idle, 2);
    assert_int_equal(rl_member_next_demoted(&both.a.member), HOST + 1);
    assert_int_equal(rl_member_next_demoted(&both.a.member), 0);
    assert_int_equal(rl_member_next_demoted(&both.b.member), HOST + 1);
}

static void half_may_be_open_while_another_process_runs(void **state) {
    (void)state;
    visitor waiting = {0}, late = {0};
    rl_berth more;
    rl_budgets_halve(both.budgets, true);
    assert_int_equal(count_open(&both.a.member), 2); /* both are lent */
    place(&both.a, &both.berths[0]);
    assert_int_equal(count_open(&both.a.member), 1);
    ask(&both.b, &waiting);
    assert_false(rl_member_may_dial(&both.b.member, false, true));
    place(&both.a, &both.berths[1]);
    turn(&both.b);
    assert_ptr_equal(waiting.got, &both.berths[1]);
    ask(&both.a, &late);
    rl_budgets_halve(both.budgets, false);
    assert_true(both.a.member.is_rung); /* it may dial now */
    dial(&both.a, &more);
    assert_ptr_equal(late.got, &more);
}

static void what_is_idle_beyond_half_is_closed(void **state) {
    (void)state;
    desk other;
    rl_berth one;
    place(&both.a, &both.berths[0]);
    place(&both.a, &both.berths[1]);
    rl_budgets_halve(both.budgets, true);
    turn(&both.a);
    assert_int_equal(count_open(&both.a.member), 1);
    assert_int_equal(rl_member_report(&both.a.member).exclusive.idle, 1);
    open_desk(&other, both.budgets, "another database", &small);
    dial(&other, &one);
    visitor holder = {0}, waiting = {0};
    ask(&other, &holder);
    ask(&other, &waiting);
    assert_false(rl_member_may_dial(&other.member, false, true));
    rl_ticket_forget(&waiting.ticket, false);
    place(&other, holder.got);
    close_desk(&other);
}

static void members_of_one_key_share_and_others_do_not(void **state) {
    (void)state;
    desk other, alone;
    rl_berth berths[2];
    open_desk(&other, both.budgets, "another db", &small);
    open_desk(&alone, NULL, "db", &small);
    dial(&both.a, &both.berths[0]);
    dial(&other, &berths[0]);
    dial(&alone, &berths[1]);
    assert_int_equal(count_open(&both.b.member), 1);
    assert_int_equal(count_open(&other.member), 1);
    close_desk(&alone);
    close_desk(&other);
    assert_int_equal(count_open(&both.b.member), 1);
}

/* ---- threads ------------------------------------------------------------------ */

enum { THREADS = 4, VISITORS = 4, VISITS = 250, BERTHS = 3 };

typedef struct crowd_berth {
    rl_berth berth;
    atomic_int holders;
} crowd_berth;

typedef struct crowd {
    desk desk;
    visitor visitors[VISITORS];
    int visits[VISITORS];
    int served, shared;
    atomic_int *busy; /* visitors of all crowds */
} crowd;

static const rl_budget_limits crowded = {.max = BERTHS, .max_waiters = 64, .min_open = BERTHS};

/* Not an assertion: those are for the test's own thread. */
static bool is_held_alone(rl_berth *berth) {
    crowd_berth *held = RL_CONTAINER(berth, crowd_berth, berth);
    return atomic_fetch_add(&held->holders, 1) == 0 && atomic_fetch_sub(&held->holders, 1) == 1;
}

/* One visitor's next step; every seventh wait is given up, in whatever state it
 * is by then. False when it has come often enough. */
static bool step(crowd *at, int i) {
    visitor *one = &at->visitors[i];
    if (at->visits[i] > 0 && one->got == NULL) {
        if (at->visits[i] % 7 != 0)
            return true;
        rl_ticket_forget(&one->ticket, true);
    } else if (one->got != NULL) {
        rl_berth *berth = one->got;
        one->got = NULL;
        at->served++;
        at->shared += !is_held_alone(berth);
        place(&at->desk, berth);
    }
    if (at->visits[i]++ == VISITS)
        return false;
    ask(&at->desk, one);
    return true;
}

static void *run_crowd(void *arg) {
    crowd *at = arg;
    bool is_over[VISITORS] = {false};
    while (atomic_load(at->busy) > 0) { /* the others may call what is idle here */
        for (int i = 0; i < VISITORS; i++)
            if (!is_over[i] && !step(at, i)) {
                is_over[i] = true;
                atomic_fetch_sub(at->busy, 1);
            }
        turn(&at->desk);
        sched_yield();
    }
    return NULL;
}

static void many_threads_never_hold_one_together(void **state) {
    (void)state;
    rl_budgets *budgets;
    static crowd crowds[THREADS];
    static crowd_berth berths[BERTHS];
    pthread_t threads[THREADS];
    assert_int_equal(rl_budgets_new(&budgets), RL_OK);
    atomic_int busy = THREADS * VISITORS;
    for (int i = 0; i < THREADS; i++) {
        open_desk(&crowds[i].desk, budgets, "db", &crowded);
        crowds[i].busy = &busy;
    }
    for (int i = 0; i < BERTHS; i++)
        dial(&crowds[i].desk, &berths[i].berth);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_crowd, &crowds[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(crowds[i].shared, 0);
        assert_in_range(crowds[i].served, VISITORS * VISITS * 6 / 7 - VISITORS, VISITORS * VISITS);
    }
    for (int i = 0; i < 2 * THREADS; i++)
        turn(&crowds[i % THREADS].desk);
    rl_budget_stats now = rl_member_report(&crowds[0].desk.member).exclusive;
    assert_int_equal(now.waiting, 0);
    assert_int_equal(now.idle, BERTHS);
    assert_true(now.handovers > 0);
    for (int i = 0; i < THREADS; i++)
        close_desk(&crowds[i].desk);
    rl_budgets_free(budgets);
}

/* ---- memory --------------------------------------------------------------------- */

static rl_loop *shared_loop;

static void join_and_leave(void) {
    rl_budgets *budgets;
    rl_member member;
    if (rl_budgets_new(&budgets) != RL_OK)
        return;
    if (rl_member_join(&member, budgets, "db", &small, shared_loop, on_bell) == RL_OK) {
        rl_member_leave(&member);
        rl_member_clear(&member);
    }
    rl_budgets_free(budgets);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    assert_int_equal(rl_loop_new(&shared_loop), RL_OK);
    each_allocation_fails(join_and_leave);
    rl_loop_free(shared_loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_member_lends_at_once_what_is_idle_at_home, one_idle, close_all),
        cmocka_unit_test_setup_teardown(an_idle_one_moves_to_who_asks_elsewhere, one_idle, close_all),
        cmocka_unit_test_setup_teardown(the_oldest_is_served_first_wherever_it_waits, one_idle, close_all),
        cmocka_unit_test_setup_teardown(the_queue_is_bounded_for_all_together, nothing_open, close_all),
        cmocka_unit_test_setup_teardown(only_so_many_are_lent_to_streams_wherever, both_held, close_all),
        cmocka_unit_test_setup_teardown(half_may_be_open_while_another_process_runs, both_held, close_all),
        cmocka_unit_test_setup_teardown(what_is_idle_beyond_half_is_closed, both_held, close_all),
        cmocka_unit_test_setup_teardown(one_that_nobody_wants_any_more_rests_there, one_idle, close_all),
        cmocka_unit_test_setup_teardown(who_gives_up_under_way_leaves_it_to_the_next, one_idle, close_all),
        cmocka_unit_test_setup_teardown(one_that_dies_under_way_leaves_its_waiter_first, one_idle, close_all),
        cmocka_unit_test_setup_teardown(a_worker_that_is_stuck_keeps_nobody_waiting, one_idle, close_all),
        cmocka_unit_test_setup_teardown(whoever_found_it_full_hears_of_a_place, both_held, close_all),
        cmocka_unit_test_setup_teardown(idleness_alone_leaves_the_least_number, both_held, close_all),
        cmocka_unit_test_setup_teardown(a_called_one_is_not_retired, one_idle, close_all),
        cmocka_unit_test_setup_teardown(a_member_that_leaves_passes_on_what_was_sent, one_idle, close_all),
        cmocka_unit_test_setup_teardown(a_member_that_leaves_hands_over_what_was_called, one_idle, close_all),
        cmocka_unit_test_setup_teardown(none_from_before_its_host_was_demoted_is_lent_again, both_held, close_all),
        cmocka_unit_test_setup_teardown(those_of_other_hosts_stay_when_one_is_demoted, both_held, close_all),
        cmocka_unit_test_setup_teardown(members_of_one_key_share_and_others_do_not, nothing_open, close_all),
        cmocka_unit_test(many_threads_never_hold_one_together),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
