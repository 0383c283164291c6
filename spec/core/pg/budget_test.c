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

static const rl_budget_limits small = {.max = 2, .max_waiters = 4, .min_open = 1};

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
}

typedef struct bench {
    rl_budgets *budgets;
    desk a, b;
    rl_berth berths[2];
} bench;

static void open_bench(bench *at) {
    *at = (bench){.budgets = NULL};
    assert_int_equal(rl_budgets_new(&at->budgets), RL_OK);
    open_desk(&at->a, at->budgets, "db", &small);
    open_desk(&at->b, at->budgets, "db", &small);
}

static void close_bench(bench *at) {
    close_desk(&at->a);
    close_desk(&at->b);
    rl_budgets_free(at->budgets);
}

static void ask(desk *at, visitor *one) {
    one->got = NULL;
    assert_int_equal(rl_member_take(&at->member, &one->ticket, &one->got), RL_OK);
}

/* A new connection, for whoever waits at the desk or to be warm. */
static void dial(desk *at, rl_berth *berth) {
    assert_true(rl_member_may_dial(&at->member, true, true));
    rl_member_dialed(&at->member, berth);
    place(at, berth);
}

static void a_member_lends_at_once_what_is_idle_at_home(void **state) {
    (void)state;
    bench at;
    visitor one = {0};
    open_bench(&at);
    dial(&at.a, &at.berths[0]);
    ask(&at.a, &one);
    assert_ptr_equal(one.got, &at.berths[0]);
    assert_int_equal(rl_member_stats(&at.a.member).handovers, 0);
    place(&at.a, one.got);
    close_bench(&at);
}

static void an_idle_one_moves_to_who_asks_elsewhere(void **state) {
    (void)state;
    bench at;
    visitor one = {0};
    open_bench(&at);
    dial(&at.a, &at.berths[0]);
    ask(&at.b, &one);
    assert_null(one.got);
    assert_false(rl_member_may_dial(&at.b.member, false, false)); /* one is on its way */
    turn(&at.b);
    assert_null(one.got);
    turn(&at.a);
    turn(&at.b);
    assert_ptr_equal(one.got, &at.berths[0]);
    assert_int_equal(rl_member_stats(&at.b.member).handovers, 1);
    place(&at.b, one.got);
    ask(&at.b, &one); /* and stays there */
    assert_ptr_equal(one.got, &at.berths[0]);
    place(&at.b, one.got);
    close_bench(&at);
}

static void the_oldest_is_served_first_wherever_it_waits(void **state) {
    (void)state;
    bench at;
    visitor holder = {0}, some[4] = {{.got = NULL}};
    open_bench(&at);
    dial(&at.a, &at.berths[0]);
    ask(&at.a, &holder);
    for (int i = 0; i < 4; i++)
        ask(i % 2 == 0 ? &at.b : &at.a, &some[i]);
    place(&at.a, holder.got);
    for (int i = 0; i < 4; i++) {
        turn(&at.a);
        turn(&at.b);
        for (int k = 0; k < 4; k++)
            assert_true((some[k].got != NULL) == (k == i));
        rl_berth *berth = some[i].got;
        some[i].got = NULL;
        place(i % 2 == 0 ? &at.b : &at.a, berth);
    }
    close_bench(&at);
}

static void the_queue_is_bounded_for_all_together(void **state) {
    (void)state;
    bench at;
    visitor some[5] = {{.got = NULL}};
    open_bench(&at);
    for (int i = 0; i < 4; i++)
        ask(i % 2 == 0 ? &at.a : &at.b, &some[i]);
    assert_int_equal(rl_member_take(&at.a.member, &some[4].ticket, &some[4].got), RL_EFULL);
    assert_int_equal(rl_member_take(&at.b.member, &some[4].ticket, &some[4].got), RL_EFULL);
    rl_ticket_forget(&some[1].ticket, true);
    ask(&at.a, &some[4]);
    rl_budget_stats now = rl_member_stats(&at.a.member);
    assert_int_equal(now.waiting, 4);
    assert_int_equal(now.refused, 2);
    assert_int_equal(now.timeouts, 1);
    for (int i = 0; i < 5; i++)
        if (i != 1)
            rl_ticket_forget(&some[i].ticket, false);
    close_bench(&at);
}

static void one_that_nobody_wants_any_more_arrives_and_rests(void **state) {
    (void)state;
    bench at;
    visitor one = {0};
    open_bench(&at);
    dial(&at.a, &at.berths[0]);
    ask(&at.b, &one);
    turn(&at.a); /* sent: promised, and under way */
    rl_ticket_forget(&one.ticket, true);
    turn(&at.b);
    assert_int_equal(at.b.arrivals, 1);
    assert_int_equal(rl_member_stats(&at.b.member).idle, 1);
    ask(&at.b, &one);
    assert_ptr_equal(one.got, &at.berths[0]);
    place(&at.b, one.got);
    close_bench(&at);
}

static void who_gives_up_under_way_leaves_it_to_the_next(void **state) {
    (void)state;
    bench at;
    visitor first = {0}, second = {0};
    open_bench(&at);
    dial(&at.a, &at.berths[0]);
    ask(&at.b, &first);
    ask(&at.a, &second);
    turn(&at.a);
    rl_ticket_forget(&first.ticket, true);
    turn(&at.b);
    turn(&at.a);
    assert_ptr_equal(second.got, &at.berths[0]);
    place(&at.a, second.got);
    close_bench(&at);
}

static void one_that_dies_under_way_leaves_its_waiter_the_oldest(void **state) {
    (void)state;
    bench at;
    visitor first = {0}, second = {0};
    open_bench(&at);
    dial(&at.a, &at.berths[0]);
    ask(&at.b, &first);
    ask(&at.a, &second);
    turn(&at.a);
    at.b.drops_arrivals = true;
    turn(&at.b);
    at.b.drops_arrivals = false;
    assert_null(first.got);
    dial(&at.a, &at.berths[1]); /* by the second one's worker, for the first */
    turn(&at.b);
    assert_ptr_equal(first.got, &at.berths[1]);
    assert_null(second.got);
    place(&at.b, first.got);
    turn(&at.a);
    assert_ptr_equal(second.got, &at.berths[1]);
    place(&at.a, second.got);
    close_bench(&at);
}

static void a_worker_that_is_stuck_keeps_nobody_waiting(void **state) {
    (void)state;
    bench at;
    visitor one = {0};
    open_bench(&at);
    dial(&at.a, &at.berths[0]);
    ask(&at.b, &one);
    assert_true(rl_member_may_dial(&at.b.member, false, true)); /* a's loop does not turn */
    rl_member_dialed(&at.b.member, &at.berths[1]);
    place(&at.b, &at.berths[1]);
    assert_ptr_equal(one.got, &at.berths[1]);
    turn(&at.a); /* called in vain */
    assert_int_equal(rl_member_stats(&at.a.member).idle, 1);
    place(&at.b, one.got);
    close_bench(&at);
}

static void whoever_found_it_full_hears_of_a_place(void **state) {
    (void)state;
    bench at;
    visitor some[3] = {{.got = NULL}};
    open_bench(&at);
    for (int i = 0; i < 2; i++) {
        ask(&at.a, &some[i]);
        dial(&at.a, &at.berths[i]);
    }
    ask(&at.b, &some[2]);
    assert_false(rl_member_may_dial(&at.b.member, true, true));
    rl_member_remove(&at.a.member, some[0].got);
    assert_false(rl_member_is_silent(&at.b.member));
    assert_true(rl_member_may_dial(&at.b.member, false, false));
    assert_false(rl_member_may_dial(&at.b.member, false, false)); /* one waits, one is dialled */
    rl_member_dialed(&at.b.member, NULL);
    turn(&at.b);
    assert_int_equal(rl_member_stats(&at.b.member).connect_failures, 1);
    rl_ticket_forget(&some[2].ticket, false);
    place(&at.a, some[1].got);
    close_bench(&at);
}

static void idleness_alone_leaves_the_least_number(void **state) {
    (void)state;
    bench at;
    visitor some[2] = {{.got = NULL}};
    open_bench(&at);
    for (int i = 0; i < 2; i++) {
        ask(&at.a, &some[i]);
        dial(&at.a, &at.berths[i]);
    }
    for (int i = 0; i < 2; i++)
        place(&at.a, some[i].got);
    assert_true(rl_member_retire(&at.a.member, &at.berths[0], false));
    assert_false(rl_member_retire(&at.a.member, &at.berths[1], false));
    assert_false(rl_member_may_dial(&at.a.member, true, false));
    assert_true(rl_member_retire(&at.a.member, &at.berths[1], true));
    assert_true(rl_member_may_dial(&at.a.member, true, false)); /* warm again */
    rl_member_dialed(&at.a.member, NULL);
    close_bench(&at);
}

static void a_called_one_is_not_retired(void **state) {
    (void)state;
    bench at;
    visitor one = {0};
    open_bench(&at);
    dial(&at.a, &at.berths[0]);
    ask(&at.b, &one);
    assert_false(rl_member_retire(&at.a.member, &at.berths[0], true));
    rl_member_remove(&at.a.member, &at.berths[0]); /* but it may die */
    assert_true(rl_member_may_dial(&at.b.member, false, false));
    rl_member_dialed(&at.b.member, &at.berths[1]);
    place(&at.b, &at.berths[1]);
    assert_ptr_equal(one.got, &at.berths[1]);
    place(&at.b, one.got);
    close_bench(&at);
}

static void a_member_that_leaves_passes_on_what_was_sent_to_it(void **state) {
    (void)state;
    bench at;
    visitor first = {0}, second = {0};
    open_bench(&at);
    dial(&at.a, &at.berths[0]);
    ask(&at.b, &first);
    ask(&at.a, &second);
    turn(&at.a); /* under way to b */
    rl_ticket_forget(&first.ticket, false);
    close_desk(&at.b);
    turn(&at.a);
    assert_ptr_equal(second.got, &at.berths[0]);
    place(&at.a, second.got);
    close_desk(&at.a);
    rl_budgets_free(at.budgets);
}

static void a_member_that_leaves_hands_over_what_was_called(void **state) {
    (void)state;
    bench at;
    visitor one = {0};
    open_bench(&at);
    dial(&at.a, &at.berths[0]);
    ask(&at.b, &one);
    close_desk(&at.a); /* its bell has not run yet */
    turn(&at.b);
    assert_ptr_equal(one.got, &at.berths[0]);
    assert_int_equal(rl_member_stats(&at.b.member).open, 1);
    place(&at.b, one.got);
    close_desk(&at.b);
    rl_budgets_free(at.budgets);
}

static void none_from_before_a_renewal_is_lent_again(void **state) {
    (void)state;
    bench at;
    visitor some[2] = {{.got = NULL}}, late = {.got = NULL};
    open_bench(&at);
    for (int i = 0; i < 2; i++) {
        ask(&at.a, &some[i]);
        dial(&at.a, &at.berths[i]);
    }
    place(&at.a, some[0].got); /* one is idle, the other lent */
    rl_member_renew(&at.b.member);
    turn(&at.a);
    assert_int_equal(rl_member_stats(&at.a.member).open, 1);
    ask(&at.b, &late);
    place(&at.a, some[1].got);
    assert_int_equal(rl_member_stats(&at.a.member).open, 0);
    dial(&at.b, &at.berths[0]);
    rl_member_renew(&at.b.member); /* so soon again: as good as said once */
    assert_ptr_equal(late.got, &at.berths[0]);
    place(&at.b, late.got);
    assert_int_equal(rl_member_stats(&at.a.member).idle, 1);
    close_bench(&at);
}

static void members_of_one_key_share_and_others_do_not(void **state) {
    (void)state;
    bench at;
    desk other, alone;
    rl_berth berths[2];
    open_bench(&at);
    open_desk(&other, at.budgets, "another db", &small);
    open_desk(&alone, NULL, "db", &small);
    dial(&at.a, &at.berths[0]);
    dial(&other, &berths[0]);
    dial(&alone, &berths[1]);
    assert_int_equal(rl_member_stats(&at.b.member).open, 1);
    assert_int_equal(rl_member_stats(&other.member).open, 1);
    close_desk(&alone);
    close_desk(&other);
    assert_int_equal(rl_member_stats(&at.b.member).open, 1);
    close_bench(&at);
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
    rl_budget_stats now = rl_member_stats(&crowds[0].desk.member);
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
        cmocka_unit_test(a_member_lends_at_once_what_is_idle_at_home),
        cmocka_unit_test(an_idle_one_moves_to_who_asks_elsewhere),
        cmocka_unit_test(the_oldest_is_served_first_wherever_it_waits),
        cmocka_unit_test(the_queue_is_bounded_for_all_together),
        cmocka_unit_test(one_that_nobody_wants_any_more_arrives_and_rests),
        cmocka_unit_test(who_gives_up_under_way_leaves_it_to_the_next),
        cmocka_unit_test(one_that_dies_under_way_leaves_its_waiter_the_oldest),
        cmocka_unit_test(a_worker_that_is_stuck_keeps_nobody_waiting),
        cmocka_unit_test(whoever_found_it_full_hears_of_a_place),
        cmocka_unit_test(idleness_alone_leaves_the_least_number),
        cmocka_unit_test(a_called_one_is_not_retired),
        cmocka_unit_test(a_member_that_leaves_passes_on_what_was_sent_to_it),
        cmocka_unit_test(a_member_that_leaves_hands_over_what_was_called),
        cmocka_unit_test(none_from_before_a_renewal_is_lent_again),
        cmocka_unit_test(members_of_one_key_share_and_others_do_not),
        cmocka_unit_test(many_threads_never_hold_one_together),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
