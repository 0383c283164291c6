#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pg/budget.h"
#include "pg/connector.h"

typedef struct desk {
    rl_loop *loop;
    rl_member member;
} desk;

static void on_bell(rl_member *member) {
    (void)member;
}

static void open_replica(desk *at, rl_budgets *budgets, const char *key, const char *name, const char *follows) {
    const rl_budget_limits limits = {.name = name, .follows = follows, .max = 3, .max_waiters = 4};
    assert_int_equal(rl_loop_new(&at->loop), RL_OK);
    assert_int_equal(rl_member_join(&at->member, budgets, key, &limits, at->loop, on_bell), RL_OK);
}

static void open_desk(desk *at, rl_budgets *budgets, const char *key, const char *name) {
    open_replica(at, budgets, key, name, NULL);
}

static void close_desk(desk *at) {
    rl_member_leave(&at->member);
    rl_loop_turn(at->loop, false);
    rl_member_clear(&at->member);
    rl_loop_free(at->loop);
}

typedef struct seen {
    int count;
    rl_budget_report last;
    char names[64];
} seen;

static void see(void *owner, const rl_budget_report *report) {
    seen *self = owner;
    self->count++;
    self->last = *report;
    size_t len = strlen(self->names);
    snprintf(self->names + len, sizeof self->names - len, "%s%s", report->is_replica ? "<" : "", report->name);
}

static seen look(rl_budgets *budgets) {
    seen all = {.count = 0};
    rl_budgets_look(budgets, see, &all);
    return all;
}

static void adds_up_what_the_workers_do(void **state) {
    (void)state;
    rl_budgets *budgets;
    desk a, b;
    assert_int_equal(rl_budgets_new(&budgets), RL_OK);
    open_desk(&a, budgets, "k", "shop at moon:1");
    open_desk(&b, budgets, "k", "not asked");
    rl_member_count_lane(&a.member, &(rl_lane_stats){.wires = 2, .busy = 1, .in_flight = 5, .queries = 100, .lost = 1});
    rl_member_count_lane(&b.member, &(rl_lane_stats){.wires = 2, .waiting = 3, .queries = 10, .waited_ns = 7});
    seen all = look(budgets);
    assert_int_equal(all.count, 1);
    assert_string_equal(all.names, "shop at moon:1");
    assert_int_equal(all.last.workers, 2);
    assert_int_equal(all.last.max, 3);
    assert_int_equal(all.last.shared.wires, 4);
    assert_int_equal(all.last.shared.busy, 1);
    assert_int_equal(all.last.shared.in_flight, 5);
    assert_int_equal(all.last.shared.waiting, 3);
    assert_int_equal(all.last.shared.queries, 110);
    assert_int_equal(rl_member_report(&b.member).shared.waited_ns, 7);
    close_desk(&a);
    close_desk(&b);
    rl_budgets_free(budgets);
}

static void keeps_what_a_worker_has_done_when_it_goes(void **state) {
    (void)state;
    rl_budgets *budgets;
    desk a, b;
    assert_int_equal(rl_budgets_new(&budgets), RL_OK);
    open_desk(&a, budgets, "k", "shop");
    open_desk(&b, budgets, "k", "shop");
    rl_member_count_lane(&a.member, &(rl_lane_stats){.wires = 2, .in_flight = 5, .queries = 100, .reconnects = 1});
    close_desk(&a);
    rl_lane_stats left = look(budgets).last.shared;
    assert_int_equal(left.queries, 100);
    assert_int_equal(left.reconnects, 1);
    assert_int_equal(left.wires + left.in_flight, 0);
    close_desk(&b);
    assert_int_equal(look(budgets).count, 0);
    rl_budgets_free(budgets);
}

static void shows_each_database(void **state) {
    (void)state;
    rl_budgets *budgets;
    desk a, b;
    assert_int_equal(rl_budgets_new(&budgets), RL_OK);
    open_desk(&a, budgets, "k", "one ");
    open_desk(&b, budgets, "l", "two");
    seen all = look(budgets);
    assert_int_equal(all.count, 2);
    assert_string_equal(all.names, "one two");
    close_desk(&a);
    close_desk(&b);
    rl_budgets_free(budgets);
}

static void shows_replicas_behind_their_database(void **state) {
    (void)state;
    rl_budgets *budgets;
    desk shop, other, copy, copy_too, probe;
    assert_int_equal(rl_budgets_new(&budgets), RL_OK);
    open_desk(&shop, budgets, "s", "shop ");
    open_desk(&other, budgets, "o", "other ");
    open_desk(&probe, budgets, "p", NULL);
    open_replica(&copy, budgets, "c", "copy ", "s");
    open_replica(&copy_too, budgets, "c", "copy ", "s");
    rl_member_set_reader(&copy.member, true);
    seen all = look(budgets);
    assert_string_equal(all.names, "shop <copy other ");
    rl_budget_report of_copy = rl_member_report(&copy.member);
    assert_int_equal(of_copy.workers, 2);
    assert_int_equal(of_copy.readers, 1);
    close_desk(&shop);
    assert_string_equal(look(budgets).names, "other "); /* what is left of the others is going, too */
    close_desk(&other);
    close_desk(&copy);
    close_desk(&copy_too);
    close_desk(&probe);
    rl_budgets_free(budgets);
}

typedef struct told {
    int count;
    double waited;
} told;

static void hear(void *owner, const char *name, double value) {
    told *self = owner;
    self->count++;
    if (strcmp(name, "waited") == 0)
        self->waited = value;
}

static void tells_each_figure_and_times_in_seconds(void **state) {
    (void)state;
    told lent = {.count = 0}, shared = {.count = 0};
    rl_budget_stats_tell(&(rl_budget_stats){.waited_ns = 1500000000}, hear, &lent);
    rl_lane_stats_tell(&(rl_lane_stats){.waited_ns = 250000000}, hear, &shared);
    assert_true(lent.waited == 1.5 && shared.waited == 0.25);
    assert_int_equal(lent.count, 17);
    assert_int_equal(shared.count, 14);
}

static void names_a_database_without_its_secrets(void **state) {
    (void)state;
    static const struct {
        const char *url, *name;
    } rows[] = {{"postgres://ann:secret@moon:6432/shop", "shop at moon:6432"},
                {"host=/run/pg user=ann password=secret", "ann at /run/pg:5432"},
                {"postgres://ann@/shop", "shop at localhost:5432"},
                {"nonsense", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[64];
        rl_connector_name(rows[i].url, name, sizeof name);
        assert_string_equal(name, rows[i].name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_up_what_the_workers_do),
        cmocka_unit_test(keeps_what_a_worker_has_done_when_it_goes),
        cmocka_unit_test(shows_each_database),
        cmocka_unit_test(shows_replicas_behind_their_database),
        cmocka_unit_test(tells_each_figure_and_times_in_seconds),
        cmocka_unit_test(names_a_database_without_its_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
