#include "pg/audience.h"

#include <pthread.h>

#include "mem.h"
#include "pg/ear.h"
#include "pg/looped.h"

#define THOSE "from pg_stat_activity where query like 'listen %' or query like 'unlisten %'"
#define COUNT "select count(*) " THOSE
#define TERMINATE "select pg_terminate_backend(pid) " THOSE


static rl_audience *open_audience(rl_pg_listeners *listeners) {
    rl_audience *audience = NULL;
    assert_int_equal(rl_audience_open(loop, listeners, server.url, 2000, &audience), RL_OK);
    return audience;
}

static void hears_what_is_sent_once_it_is_confirmed(void **state) {
    (void)state;
    ear one = {.loop = loop}, other = {.loop = loop};
    rl_audience *audience = open_audience(NULL);
    ear_join(&one, audience, "Odd \"name\"");
    ear_join(&other, audience, "other");
    ear_await(&one);
    ear_await(&other);
    assert_true(one.has_news);
    notify("notify \"Odd \"\"name\"\"\", 'first'; notify other, ''");
    ear_expect(&one, "first");
    ear_expect(&other, "");
    assert_int_equal(rl_subscription_peek(&one.subscription), RL_HEARD_NOTHING);
    rl_subscription_leave(&one.subscription);
    rl_subscription_leave(&other.subscription);
    rl_audience_close(audience);
}

static void gives_a_note_until_it_is_shifted(void **state) {
    (void)state;
    ear one = {.loop = loop};
    rl_audience *audience = open_audience(NULL);
    ear_join(&one, audience, "twice");
    ear_await(&one);
    notify("notify twice, 'x'");
    ear_await_note(&one);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rl_subscription_peek(&one.subscription), RL_HEARD_NOTE);
        assert_string_equal(one.subscription.current->payload, "x");
    }
    rl_audience_close(audience); /* what was heard before is heard */
    assert_int_equal(rl_subscription_peek(&one.subscription), RL_HEARD_NOTE);
    rl_subscription_shift(&one.subscription);
    assert_int_equal(rl_subscription_peek(&one.subscription), RL_HEARD_NOTHING);
    assert_int_equal(rl_subscription_hearing(&one.subscription), RL_HEARING_OVER);
    rl_subscription_leave(&one.subscription);
}

static void listens_again_when_the_connection_was_lost(void **state) {
    (void)state;
    ear one = {.loop = loop};
    rl_audience *audience = open_audience(NULL);
    ear_join(&one, audience, "again");
    ear_await(&one);
    notify(TERMINATE);
    ear_await_note(&one);
    assert_int_equal(rl_subscription_peek(&one.subscription), RL_HEARD_GAP);
    rl_subscription_shift(&one.subscription);
    char error[64];
    rl_audience_read_error(audience, error, sizeof error);
    assert_string_equal(error, "");
    notify("notify again, 'x'");
    ear_expect(&one, "x");
    assert_int_equal(rl_audience_stats(audience).lost, 1);
    rl_audience_close(audience);
    rl_subscription_leave(&one.subscription);
}

static bool has_dropped_five(void *arg) {
    return rl_audience_stats(arg).dropped == 5;
}

static void drops_the_oldest_of_too_many(void **state) {
    (void)state;
    ear one = {.loop = loop};
    rl_audience *audience = open_audience(NULL);
    ear_join(&one, audience, "many");
    ear_await(&one);
    char sql[128];
    snprintf(sql, sizeof sql, "select pg_notify('many', n::text) from generate_series(1, %d) n",
             RL_SUBSCRIPTION_NOTES + 5);
    notify(sql);
    turn_looking_until(loop, has_dropped_five, audience);
    ear_expect(&one, "6");
    assert_int_equal(one.subscription.missed, 5);
    ear_expect(&one, "7");
    assert_int_equal(one.subscription.missed, 0);
    rl_subscription_leave(&one.subscription);
    rl_audience_close(audience);
}

/* The channel is being left when somebody comes: what was heard will not be, for a moment. */
static void hears_again_what_was_just_left(void **state) {
    (void)state;
    ear one = {.loop = loop}, two = {.loop = loop};
    rl_audience *audience = open_audience(NULL);
    for (uint64_t i = 0; i < 200; i++) {
        ear_join(&one, audience, "brief");
        if (i % 8 > 0)
            ear_await(&one);
        rl_subscription_leave(&one.subscription);
        for (uint64_t until_ns = rl_clock_ns() + i * 1000; rl_clock_ns() < until_ns;)
            ; /* UNLISTEN is not sent yet, or on its way, or done */
        ear_join(&two, audience, "brief");
        ear_await(&two);
        notify("notify brief, 'y'");
        ear_expect(&two, "y");
        rl_subscription_leave(&two.subscription);
    }
    rl_audience_close(audience);
}

static void refuses_names_that_the_server_would_cut(void **state) {
    (void)state;
    ear one = {.loop = loop};
    rl_audience *audience = open_audience(NULL);
    char name[RL_CHANNEL_NAME_MAX + 1];
    memset(name, 'x', sizeof name);
    rl_slice wrong[] = {RL_LIT(""), rl_slice_of(name, sizeof name), RL_LIT("a\0b")};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(rl_subscription_join(&one.subscription, audience, wrong[i], ear_on_news), RL_EINVAL);
    rl_audience_close(audience);
}

/* ---- workers on threads of their own --------------------------------------------- */

enum { WORKERS = 4, EARS = 3, NOTES = 500 };

/* What the workers share. */
typedef struct crowd {
    rl_pg_listeners *listeners;
    pthread_barrier_t all_hear;
    _Atomic int done;
} crowd;

typedef struct worker {
    pthread_t thread;
    crowd *all;
    uint64_t heard, gaps, disordered;
} worker;

/* Until the last note is here. */
static void hear_out(worker *self, ear *one) {
    for (long last = 0; last < NOTES; rl_subscription_shift(&one->subscription)) {
        ear_await_note(one);
        bool is_note = rl_subscription_peek(&one->subscription) == RL_HEARD_NOTE;
        self->gaps += !is_note;
        if (!is_note)
            continue;
        long number = strtol(one->subscription.current->payload, NULL, 10);
        self->disordered += number <= last;
        self->heard++;
        last = number;
    }
}

static void *run_worker(void *arg) {
    worker *self = arg;
    rl_loop *own;
    rl_audience *audience;
    ear ears[EARS], passing;
    if (rl_loop_new(&own) != RL_OK ||
        rl_audience_open(own, self->all->listeners, server.url, 2000, &audience) != RL_OK)
        abort();
    passing = (ear){.loop = own};
    for (int i = 0; i < EARS; i++) {
        ears[i] = (ear){.loop = own};
        ear_join(&ears[i], audience, "workers");
        ear_await(&ears[i]);
    }
    pthread_barrier_wait(&self->all->all_hear);
    for (int i = 0; i < EARS; i++) {
        ear_join(&passing, audience, "passing");
        hear_out(self, &ears[i]);
        rl_subscription_leave(&passing.subscription);
    }
    atomic_fetch_add(&self->all->done, 1);
    for (int i = 1; i < EARS; i++)
        rl_subscription_leave(&ears[i].subscription);
    rl_audience_close(audience);
    rl_subscription_leave(&ears[0].subscription);
    rl_loop_free(own);
    return NULL;
}

static void send_number(int number) {
    char sql[64];
    snprintf(sql, sizeof sql, "notify workers, '%d'", number);
    notify(sql);
}

/* Theirs. One that was closed a moment ago ends on the server later. */
static bool is_one_connected(void *arg) {
    (void)arg;
    char count[16];
    return cluster_run(&server, COUNT, count, sizeof count) == 0 && strcmp(count, "1") == 0;
}

static void run_crowd(worker workers[WORKERS], void (*send)(crowd *all)) {
    crowd all = {.done = 0};
    assert_int_equal(rl_pg_listeners_new(&all.listeners), RL_OK);
    pthread_barrier_init(&all.all_hear, NULL, WORKERS + 1);
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.all = &all};
        pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]);
    }
    pthread_barrier_wait(&all.all_hear);
    turn_looking_until(loop, is_one_connected, NULL);
    send(&all);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_barrier_destroy(&all.all_hear);
    rl_pg_listeners_free(all.listeners);
}

static void send_all(crowd *all) {
    (void)all;
    for (int i = 1; i <= NOTES; i++)
        send_number(i);
}

static void tells_each_subscription_of_each_worker_once(void **state) {
    (void)state;
    worker workers[WORKERS];
    run_crowd(workers, send_all);
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(workers[i].heard, EARS * NOTES);
        assert_int_equal(workers[i].gaps, 0);
        assert_int_equal(workers[i].disordered, 0);
    }
}

/* The last ones may fall into the gap: more are sent until everybody has one. */
static void send_and_cut(crowd *all) {
    for (int i = 1; i < NOTES; i++) {
        if (i == NOTES / 2)
            notify(TERMINATE);
        send_number(i);
    }
    for (int i = NOTES; atomic_load(&all->done) < WORKERS; i++)
        send_number(i);
}

static void tells_each_worker_of_a_gap_and_goes_on(void **state) {
    (void)state;
    worker workers[WORKERS];
    run_crowd(workers, send_and_cut);
    for (int i = 0; i < WORKERS; i++) {
        assert_true(workers[i].heard >= EARS); /* what the server had not sent when it was cut is lost, too */
        assert_int_equal(workers[i].gaps, EARS);
        assert_int_equal(workers[i].disordered, 0);
    }
}

/* ---- memory ------------------------------------------------------------------------- */

static void join_and_leave(void) {
    rl_audience *audience = NULL;
    ear one = {.loop = loop};
    if (rl_audience_open(loop, NULL, server.url, 2000, &audience) != RL_OK)
        return;
    if (rl_subscription_join(&one.subscription, audience, RL_LIT("x"), ear_on_news) == RL_OK)
        ear_await(&one);
    rl_subscription_leave(&one.subscription);
    rl_audience_close(audience);
    rl_loop_turn(loop, false); /* its bell may be under way */
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    join_and_leave(); /* the loop grows to what it needs */
    each_allocation_fails(join_and_leave);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* first: later ones leave threads behind that free their job some time */
        cmocka_unit_test(survives_each_refused_allocation),
        cmocka_unit_test(hears_what_is_sent_once_it_is_confirmed),
        cmocka_unit_test(gives_a_note_until_it_is_shifted),
        cmocka_unit_test(listens_again_when_the_connection_was_lost),
        cmocka_unit_test(drops_the_oldest_of_too_many),
        cmocka_unit_test(hears_again_what_was_just_left),
        cmocka_unit_test(refuses_names_that_the_server_would_cut),
        cmocka_unit_test(tells_each_subscription_of_each_worker_once),
        cmocka_unit_test(tells_each_worker_of_a_gap_and_goes_on),
    };
    return cmocka_run_group_tests(tests, start_looped, stop_looped);
}
