#include "pg/connector.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"
#include "pg/cluster.h"
#include "pg/turn.h"

typedef struct answer {
    bool here;
    PGconn *pg;
    char why[512];
} answer;

static void take_answer(void *owner, PGconn *pg, const char *why) {
    answer *got = owner;
    got->here = true;
    got->pg = pg;
    snprintf(got->why, sizeof got->why, "%s", why == NULL ? "" : why);
}

typedef struct ticks {
    rl_timer timer;
    rl_loop *loop;
    int count;
} ticks;

static answer dial_by(bool is_sessionless, const char *url) {
    answer got = {.here = false};
    rl_loop *loop;
    rl_connector *connector;
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    assert_int_equal(is_sessionless ? rl_connector_new_sessionless(loop, url, 2000, &connector)
                                    : rl_connector_new(loop, url, 2000, 12345, &connector),
                     RL_OK);
    assert_int_equal(rl_connector_dial(connector, take_answer, &got), RL_OK);
    turn_until_set(loop, &got.here);
    rl_connector_close(connector);
    rl_loop_free(loop);
    return got;
}

static answer dial(const char *url) {
    return dial_by(false, url);
}

static void expect_setting(PGconn *pg, const char *name, const char *value) {
    char sql[64];
    snprintf(sql, sizeof sql, "show %s", name);
    PGresult *result = PQexec(pg, sql);
    assert_string_equal(PQgetvalue(result, 0, 0), value);
    PQclear(result);
}

static void begins_sessions_in_utc_and_returns_there(void **state) {
    (void)state;
    answer got = dial(server.url);
    assert_non_null(got.pg);
    PQclear(
        PQexec(got.pg, "set timezone = 'Asia/Tokyo'; set datestyle = 'German'; set statement_timeout = 0"));
    PQclear(PQexec(got.pg, "reset all"));
    expect_setting(got.pg, "timezone", "UTC");
    expect_setting(got.pg, "datestyle", "ISO, MDY");
    expect_setting(got.pg, "client_encoding", "UTF8");
    expect_setting(got.pg, "statement_timeout", "12345ms");
    expect_setting(got.pg, "application_name", "rille");
    PQfinish(got.pg);
}

static void keeps_the_options_of_the_url(void **state) {
    (void)state;
    char url[512];
    snprintf(url, sizeof url, "%s application_name=mine options='-c work_mem=5MB -c statement_timeout=777'",
             server.url);
    answer got = dial(url);
    assert_non_null(got.pg);
    expect_setting(got.pg, "work_mem", "5MB");
    expect_setting(got.pg, "statement_timeout", "777ms");
    expect_setting(got.pg, "application_name", "mine");
    expect_setting(got.pg, "timezone", "UTC");
    PQfinish(got.pg);
}

static void asks_a_pooler_for_nothing_but_what_the_url_says(void **state) {
    (void)state;
    char url[512];
    snprintf(url, sizeof url, "%s options='-c timezone=Asia/Tokyo -c statement_timeout=777'", server.url);
    answer got = dial_by(true, url);
    assert_non_null(got.pg);
    expect_setting(got.pg, "statement_timeout", "777ms");
    expect_setting(got.pg, "timezone", "UTC");
    expect_setting(got.pg, "datestyle", "ISO, MDY");
    expect_setting(got.pg, "client_encoding", "UTF8");
    PQfinish(got.pg);
    got = dial_by(true, server.url);
    assert_non_null(got.pg);
    expect_setting(got.pg, "statement_timeout", "0");
    PQfinish(got.pg);
}

/* A pooler whose server has gone: it lets us in, and answers no statement. */
static void let_in_and_be_silent(int fd) {
    static const char welcome[] = "R\0\0\0\10\0\0\0\0Z\0\0\0\5I";
    int client = accept(fd, NULL, NULL);
    char hello[1024];
    assert_true(recv(client, hello, sizeof hello, 0) > 0);
    assert_int_equal(send(client, welcome, sizeof welcome - 1, 0), sizeof welcome - 1);
}

static void tick(rl_timer *timer) {
    RL_CONTAINER(timer, ticks, timer)->count++;
    rl_timer_start(RL_CONTAINER(timer, ticks, timer)->loop, timer, 10);
}

/* libpq forgets the limit unless it makes the whole connection in one call, which would hold up a loop. */
static void gives_up_whoever_is_silent_while_the_loop_goes_on(void **state) {
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 2), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    char url[128];
    snprintf(url, sizeof url, "host=127.0.0.1 port=%u user=rille sslmode=disable", ntohs(address.sin_port));
    rl_connector *pooler, *server_itself;
    answer of_pooler = {.here = false}, of_server = {.here = false};
    ticks time = {.count = 0};
    assert_int_equal(rl_loop_new(&time.loop), RL_OK);
    assert_int_equal(rl_connector_new_sessionless(time.loop, url, 2000, &pooler), RL_OK);
    assert_int_equal(rl_connector_new(time.loop, url, 2000, 0, &server_itself), RL_OK);
    assert_int_equal(rl_connector_dial(pooler, take_answer, &of_pooler), RL_OK);
    let_in_and_be_silent(fd);
    assert_int_equal(rl_connector_dial(server_itself, take_answer, &of_server), RL_OK);
    rl_timer_init(&time.timer, tick);
    rl_timer_start(time.loop, &time.timer, 10);
    turn_until_set(time.loop, &of_pooler.here);
    turn_until_set(time.loop, &of_server.here);
    rl_timer_stop(time.loop, &time.timer);
    assert_null(of_pooler.pg);
    assert_string_equal(of_pooler.why, "the session's settings were not answered within 2 s");
    assert_null(of_server.pg);
    assert_non_null(strstr(of_server.why, "timeout expired"));
    assert_true(time.count > 10);
    rl_connector_close(pooler);
    rl_connector_close(server_itself);
    rl_loop_free(time.loop);
    close(fd);
}

/* A server that vanished without a word is noticed by the kernel, which libpq tells so. */
static void has_the_kernel_ask_after_the_server(void **state) {
    (void)state;
    answer got = dial(server.url);
    assert_non_null(got.pg);
    PQconninfoOption *options = PQconninfo(got.pg);
    int found = 0;
    for (const PQconninfoOption *one = options; one->keyword != NULL; one++) {
        found += strcmp(one->keyword, "tcp_user_timeout") == 0 && strcmp(one->val, "10000") == 0;
        found += strcmp(one->keyword, "keepalives_idle") == 0 && strcmp(one->val, "30") == 0;
    }
    PQconninfoFree(options);
    PQfinish(got.pg);
    assert_int_equal(found, 2);
}

static void says_in_one_line_why_it_failed(void **state) {
    (void)state;
    answer got = dial("postgres://nobody:hidden@127.0.0.1:1/nothing");
    assert_null(got.pg);
    assert_non_null(strstr(got.why, "Connection refused"));
    assert_null(strchr(got.why, '\n'));
    assert_null(strstr(got.why, "hidden"));
}

static void names_a_missing_database(void **state) {
    (void)state;
    char url[512];
    snprintf(url, sizeof url, "host=%s user=rille dbname=absent", server.dir);
    answer got = dial(url);
    assert_null(got.pg);
    assert_non_null(strstr(got.why, "database \"absent\" does not exist"));
}

static void refuses_what_is_no_url(void **state) {
    (void)state;
    rl_loop *loop;
    rl_connector *connector;
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    assert_int_equal(rl_connector_new(loop, "postgres://[::1", 2000, 0, &connector), RL_EINVAL);
    assert_int_equal(rl_connector_new(loop, "nonsense", 2000, 0, &connector), RL_EINVAL);
    rl_loop_free(loop);
}

static void forgets_a_dial_that_is_under_way_when_closed(void **state) {
    (void)state;
    rl_loop *loop;
    rl_connector *connector;
    answer got = {.here = false};
    assert_int_equal(rl_loop_new(&loop), RL_OK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(rl_connector_new(loop, server.url, 2000, 0, &connector), RL_OK);
        assert_int_equal(rl_connector_dial(connector, take_answer, &got), RL_OK);
        if (i % 2 == 0)
            rl_loop_turn(loop, false);
        got.here = false;
        rl_connector_close(connector);
        rl_loop_turn(loop, false);
        assert_false(got.here);
    }
    rl_loop_free(loop);
}

static rl_loop *shared_loop;

static void dial_once(void) {
    rl_connector *connector;
    answer got = {.here = false};
    if (rl_connector_new(shared_loop, server.url, 2000, 0, &connector) != RL_OK)
        return;
    if (rl_connector_dial(connector, take_answer, &got) == RL_OK)
        turn_until_set(shared_loop, &got.here);
    PQfinish(got.pg);
    rl_connector_close(connector);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    assert_int_equal(rl_loop_new(&shared_loop), RL_OK);
    each_allocation_fails(dial_once);
    rl_loop_free(shared_loop);
}

/* By `host`, trusting what `authority` signed; "" when it connects, over TLS. */
static void dial_securely(const cluster *secure, uint16_t port, const char *host, const char *authority,
                          const char *complaint) {
    char url[512];
    snprintf(url, sizeof url,
             "host=%s hostaddr=127.0.0.1 port=%u user=rille dbname=postgres sslmode=verify-full "
              "sslrootcert=%s/%s",
              host,
             port, secure->dir, authority);
    answer got = dial(url);
    if (complaint == NULL) {
        assert_string_equal(got.why, "");
        assert_int_equal(PQsslInUse(got.pg), 1);
    } else {
        assert_null(got.pg);
        assert_non_null(strstr(got.why, complaint));
    }
    PQfinish(got.pg);
}

static void verifies_who_the_server_is(void **state) {
    (void)state;
    cluster secure;
    assert_int_equal(cluster_start(&secure), 0);
    uint16_t port = cluster_begin_tls(&secure);
    assert_int_not_equal(port, 0);
    dial_securely(&secure, port, "localhost", "ca.pem", NULL);
    dial_securely(&secure, port, "localhost", "other.pem", "certificate verify failed");
    dial_securely(&secure, port, "127.0.0.1", "ca.pem", "does not match host name");
    dial_securely(&secure, port, "localhost", "none.pem", "does not exist");
    cluster_stop(&secure);
}

static void goes_on_to_the_next_host(void **state) {
    (void)state;
    char url[512];
    snprintf(url, sizeof url, "host=127.0.0.1,%s port=1,5432 user=rille dbname=postgres", server.dir);
    answer got = dial(url);
    assert_non_null(got.pg);
    assert_string_equal(PQhost(got.pg), server.dir);
    PQfinish(got.pg);
}

static void refuses_a_host_that_cannot_be_written_to(void **state) {
    (void)state;
    char url[512];
    assert_int_equal(cluster_run(&server, "create role reader login", NULL, 0), 0);
    const char *sql = "alter role reader set default_transaction_read_only = on";
    assert_int_equal(cluster_run(&server, sql, NULL, 0), 0);
    snprintf(url, sizeof url, "host=%s user=reader dbname=postgres", server.dir);
    answer got = dial(url);
    assert_non_null(got.pg);
    PQfinish(got.pg);
    snprintf(url, sizeof url, "host=%s user=reader dbname=postgres target_session_attrs=read-write",
             server.dir);
    got = dial(url);
    assert_null(got.pg);
    assert_non_null(strstr(got.why, "read-only"));
}

static void finds_the_primary_among_several_hosts(void **state) {
    (void)state;
    cluster standby;
    char command[256], url[512];
    assert_int_equal(cluster_start(&standby), 0);
    snprintf(command, sizeof command, CLUSTER_SCRIPT " standby %s", standby.dir);
    assert_int_equal(system(command), 0);
    snprintf(url, sizeof url, "host=%s,%s user=rille dbname=postgres", standby.dir, server.dir);
    answer got = dial(url);
    assert_non_null(got.pg);
    assert_string_equal(PQhost(got.pg), server.dir);
    PQfinish(got.pg);
    snprintf(url, sizeof url, "host=%s,%s user=rille dbname=postgres target_session_attrs=any", standby.dir,
             server.dir);
    got = dial(url);
    assert_non_null(got.pg);
    assert_string_equal(PQhost(got.pg), standby.dir);
    PQfinish(got.pg);
    cluster_stop(&standby);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* first: later ones leave threads behind that free their job some time */
        cmocka_unit_test(survives_each_refused_allocation),
        cmocka_unit_test(begins_sessions_in_utc_and_returns_there),
        cmocka_unit_test(keeps_the_options_of_the_url),
        cmocka_unit_test(asks_a_pooler_for_nothing_but_what_the_url_says),
        cmocka_unit_test(gives_up_whoever_is_silent_while_the_loop_goes_on),
        cmocka_unit_test(has_the_kernel_ask_after_the_server),
        cmocka_unit_test(says_in_one_line_why_it_failed),
        cmocka_unit_test(names_a_missing_database),
        cmocka_unit_test(refuses_what_is_no_url),
        cmocka_unit_test(verifies_who_the_server_is),
        cmocka_unit_test(goes_on_to_the_next_host),
        cmocka_unit_test(refuses_a_host_that_cannot_be_written_to),
        cmocka_unit_test(finds_the_primary_among_several_hosts),
        cmocka_unit_test(forgets_a_dial_that_is_under_way_when_closed),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
