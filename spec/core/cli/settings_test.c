#include "cli/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/setting.h"
#include "mem.h"

/* An app's folder with one configuration in it. */
typedef struct app {
    char dir[64], config[80], file[128];
} app;

static app new_app(const char *env, const char *lua) {
    app a = {.dir = "/tmp/rille-settings-XXXXXX"};
    assert_non_null(mkdtemp(a.dir));
    snprintf(a.config, sizeof a.config, "%s/config", a.dir);
    assert_int_equal(mkdir(a.config, 0700), 0);
    snprintf(a.file, sizeof a.file, "%s/%s.lua", a.config, env);
    FILE *file = fopen(a.file, "w");
    assert_non_null(file);
    fputs(lua, file);
    fclose(file);
    return a;
}

static void remove_app(const app *a) {
    unlink(a->file);
    rmdir(a->config);
    rmdir(a->dir);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static size_t count_of(const char *const *words) {
    size_t count = 0;
    while (words != NULL && words[count] != NULL)
        count++;
    return count;
}

static rl_settings_from from_of(const app *a, const char *const *environment, const char *const *flags) {
    return (rl_settings_from){.app_dir = a == NULL ? NULL : a->dir,
                              .environment = environment,
                              .flags = flags,
                              .flag_count = count_of(flags),
                              .cores = 2};
}

static rl_settings *loaded(const app *a, const char *const *environment, const char *const *flags) {
    rl_settings_from from = from_of(a, environment, flags);
    rl_settings *settings = NULL;
    rl_buf complaints;
    rl_buf_init(&complaints, 4096);
    rl_err err = rl_settings_load(&from, &complaints, &settings);
    if (err != RL_OK)
        print_error("%.*s", (int)rl_buf_len(&complaints), rl_buf_live(&complaints).ptr);
    assert_int_equal(err, RL_OK);
    assert_int_equal(rl_buf_len(&complaints), 0);
    rl_buf_clear(&complaints);
    return settings;
}

/* The complaints, in storage of the test's. */
static const char *refused(const app *a, const char *const *environment, const char *const *flags) {
    static char text[4096];
    rl_settings_from from = from_of(a, environment, flags);
    rl_settings *settings = NULL;
    rl_buf complaints;
    rl_buf_init(&complaints, sizeof text - 1);
    assert_int_equal(rl_settings_load(&from, &complaints, &settings), RL_EINVAL);
    assert_null(settings);
    rl_slice live = rl_buf_live(&complaints);
    memcpy(text, live.ptr, live.len);
    text[live.len] = '\0';
    rl_buf_clear(&complaints);
    return text;
}

static void assert_refused(const char *const *environment, const char *const *flags, const char *complaint) {
    assert_string_equal(refused(NULL, environment, flags), complaint);
}

static void defaults_are_safe_and_complete(void **state) {
    (void)state;
    rl_settings *s = loaded(NULL, NULL, NULL);
    assert_string_equal(s->host, "127.0.0.1");
    assert_int_equal(s->port, 8080);
    assert_int_equal(s->workers, 2);
    assert_string_equal(s->env, "development");
    assert_true(s->access_log);
    assert_int_equal(s->log_level, RL_LOG_INFO);
    assert_int_equal(s->max_request_line, 8192);
    assert_int_equal(s->max_body, 8 << 20);
    assert_int_equal(s->vm_memory, 1 << 30);
    assert_int_equal(s->header_timeout_ms, 10000);
    assert_int_equal(s->db_exclusive, 8);
    assert_int_equal(s->db_shared, 1); /* each of two workers */
    assert_int_equal(s->db_depth, 32);
    assert_int_equal(s->db_min_idle, 2);
    assert_int_equal(s->db_max_waiters, 1024);
    assert_int_equal(s->db_connect_timeout_ms, 5000);
    assert_int_equal(s->db_acquire_timeout_ms, 3000);
    assert_int_equal(s->db_query_timeout_ms, 30000);
    assert_int_equal(s->db_cancel_grace_ms, 2000);
    assert_int_equal(s->db_max_result, 64 << 20);
    assert_int_equal(s->db_idle_timeout_ms, 10 * 60 * 1000);
    assert_int_equal(s->db_max_lifetime_ms, 30 * 60 * 1000);
    assert_int_equal(s->db_leak_after_ms, 60000);
    assert_int_equal(s->stop_delay_ms, 0);
    assert_int_equal(s->max_connections, 100000);
    assert_string_equal(s->database_url, "");
    rl_settings_free(s);
}

static void later_layers_win(void **state) {
    (void)state;
    app a = new_app("test", "return { port = 1001, max_body = 1024, header_timeout = '1s',\n"
                            "  access_log = false, keepalive_timeout = 0.25 }\n");
    rl_settings *s =
        loaded(&a, WORDS("RILLE_ENV=test", "RILLE_MAX_BODY=2K", "RILLE_HEADER_TIMEOUT=2s", "HOME=/"),
               WORDS("--header-timeout", "3s"));
    assert_int_equal(s->port, 1001);
    assert_int_equal(s->max_body, 2048);
    assert_int_equal(s->header_timeout_ms, 3000);
    assert_int_equal(s->keepalive_timeout_ms, 250);
    assert_false(s->access_log);
    static const struct {
        const char *name;
        rl_layer layer;
        const char *place;
    } cases[] = {
        {"host", RL_LAYER_DEFAULT, ""},
        {"max_body", RL_LAYER_ENVIRONMENT, "RILLE_MAX_BODY"},
        {"header_timeout", RL_LAYER_FLAG, "--header-timeout"},
    };
    rl_layer layer;
    const char *place;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(rl_settings_origin(s, cases[i].name, &layer, &place), RL_OK);
        assert_int_equal(layer, cases[i].layer);
        assert_string_equal(place, cases[i].place);
    }
    assert_int_equal(rl_settings_origin(s, "access_log", &layer, &place), RL_OK);
    assert_int_equal(layer, RL_LAYER_FILE);
    assert_non_null(strstr(place, "/config/test.lua:2"));
    assert_int_equal(rl_settings_origin(s, "colour", &layer, &place), RL_ENOTFOUND);
    rl_settings_free(s);
    remove_app(&a);
}

static void flags_take_their_value_in_every_form(void **state) {
    (void)state;
    rl_settings *s = loaded(NULL, NULL,
                            WORDS("--port=1", "--host", "::1", "--no-access-log", "--port", "2",
                                  "--log-level=warn", "--max_body", "1G"));
    assert_int_equal(s->port, 2);
    assert_string_equal(s->host, "::1");
    assert_false(s->access_log);
    assert_int_equal(s->log_level, RL_LOG_WARN);
    assert_int_equal(s->max_body, 1 << 30);
    rl_settings_free(s);
    s = loaded(NULL, WORDS("RILLE_ACCESS_LOG=off"), WORDS("--access-log"));
    assert_true(s->access_log);
    rl_settings_free(s);
}

static void a_flag_knows_how_many_arguments_are_its_own(void **state) {
    (void)state;
    assert_int_equal(rl_settings_flag_len(WORDS("apps/shop", "--port"), 2), 0);
    assert_int_equal(rl_settings_flag_len(WORDS("--", "--port"), 2), 0);
    assert_int_equal(rl_settings_flag_len(WORDS("--port", "80", "x"), 3), 2);
    assert_int_equal(rl_settings_flag_len(WORDS("--port=80", "x"), 2), 1);
    assert_int_equal(rl_settings_flag_len(WORDS("--port"), 1), 1);
    assert_int_equal(rl_settings_flag_len(WORDS("--access-log", "x"), 2), 1);
    assert_int_equal(rl_settings_flag_len(WORDS("--no-access-log", "x"), 2), 1);
    assert_int_equal(rl_settings_flag_len(WORDS("--colour", "x"), 2), 1);
}

static void unknown_names_in_the_environment_are_only_warned_of(void **state) {
    (void)state;
    const char *const *environment =
        WORDS("RILLE_MAX_BDOY=1", "RILLE_DEPLOYED_BY=ci", "RILLE_LUA=lua", "RILLE_HERITAGE=link=7", "RILLE_PORT=9");
    rl_settings_from from = from_of(NULL, environment, NULL);
    rl_settings *s;
    rl_buf complaints;
    rl_buf_init(&complaints, 4096);
    assert_int_equal(rl_settings_load(&from, &complaints, &s), RL_OK);
    assert_true(
        rl_slice_eq(rl_buf_live(&complaints),
                    RL_LIT("unknown setting RILLE_MAX_BDOY in the environment: did you mean RILLE_MAX_BODY?\n"
                           "unknown setting RILLE_DEPLOYED_BY in the environment\n")));
    assert_int_equal(s->port, 9);
    rl_settings_free(s);
    rl_buf_clear(&complaints);
}

static void unknown_names_are_refused_with_the_nearest_known_one(void **state) {
    (void)state;
    assert_refused(NULL, WORDS("--prot", "--keep-alive-timeout=3"),
                   "unknown flag --prot: did you mean --port?\n"
                   "unknown flag --keep-alive-timeout: did you mean --keepalive-timeout?\n");
    assert_refused(NULL, WORDS("--wibblewobble"), "unknown flag --wibblewobble\n");
    assert_refused(NULL, WORDS("--no-port"), "unknown flag --no-port: did you mean --port?\n");
    assert_refused(NULL, WORDS("--port=1", "apps"), "unexpected argument 'apps'\n");
}

static void an_admin_address_wants_a_token(void **state) {
    (void)state;
    static const char complaint[] = "admin is set, so admin_token has to be: at least 16 bytes that nobody guesses, such as "
                                    "`openssl rand -hex 32` prints\n";
    assert_refused(NULL, WORDS("--admin=127.0.0.1:9090"), complaint);
    assert_refused(WORDS("RILLE_ADMIN_TOKEN=123456789012345"), WORDS("--admin=127.0.0.1:9090"), complaint);
    rl_settings_free(loaded(NULL, WORDS("RILLE_ADMIN_TOKEN=1234567890123456"), WORDS("--admin=127.0.0.1:9090")));
}

static void what_else_the_file_holds_is_kept_for_the_app(void **state) {
    (void)state;
    app a = new_app("test", "return {\n  port = 81, max_bdoy = '8M',\n  wechat = {\n    appid = 'x\\0y', port = 3,\n"
                            "    hosts = { 'a' } } }\n");
    rl_settings *s = loaded(&a, WORDS("RILLE_ENV=test"), NULL);
    assert_int_equal(s->port, 81);
    assert_string_equal(rl_settings_file(s), a.file);
    static const rl_config_pair want[] = {
        {0, {"max_bdoy", 8}, RL_CONFIG_STRING, {"8M", 2}, 0, 2},
        {0, {"wechat", 6}, RL_CONFIG_TABLE, {"", 0}, 0, 3},
        {1, {"appid", 5}, RL_CONFIG_STRING, {"x\0y", 3}, 0, 4},
        {1, {"hosts", 5}, RL_CONFIG_TABLE, {"", 0}, 0, 5},
        {2, {NULL, 0}, RL_CONFIG_STRING, {"a", 1}, 0, 5},
        {1, {"port", 4}, RL_CONFIG_NUMBER, {"3", 1}, 3, 4},
    };
    size_t count;
    const rl_config_pair *rest = rl_settings_rest(s, &count);
    assert_int_equal(count, sizeof want / sizeof *want);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rest[i].depth, want[i].depth);
        assert_true(rl_slice_eq(rest[i].key, want[i].key));
        assert_int_equal(rest[i].key.ptr == NULL, want[i].key.ptr == NULL);
        assert_int_equal(rest[i].type, want[i].type);
        assert_true(rl_slice_eq(rest[i].text, want[i].text));
        assert_true(rest[i].number == want[i].number);
        assert_int_equal(rest[i].line, want[i].line);
    }
    rl_settings_free(s);
    remove_app(&a);
}

static void what_goes_on_past_mistakes_has_all_of_them_in_the_end(void **state) {
    (void)state;
    app a = new_app("development", "return { port = 'http', max_body = '1K', workers = { 1 } }\n");
    rl_settings_from from = from_of(&a, WORDS("RILLE_PROT=1"), WORDS("--max-body=8Q"));
    from.goes_on = true;
    rl_settings *s;
    rl_buf complaints;
    rl_buf_init(&complaints, 4096);
    assert_int_equal(rl_settings_load(&from, &complaints, &s), RL_OK);
    assert_int_equal(s->port, 8080);
    assert_int_equal(s->max_body, 1024);
    char want[1024];
    snprintf(want, sizeof want,
             "--max-body is '8Q': expected a size from 0 to 1T, such as 65536, \"64K\" or \"8M\"\n"
             "port in %s:1 is 'http': expected a whole number from 0 to 65535\n"
             "workers in %s:1 is '{ ... }': expected a whole number from 0 to 1024\n",
             a.file, a.file);
    assert_string_equal(rl_settings_problems(s), want);
    assert_string_equal(rl_settings_warnings(s),
                        "unknown setting RILLE_PROT in the environment: did you mean RILLE_PORT?\n");
    rl_buf_clear(&complaints);
    rl_settings_free(s);
    remove_app(&a);
}

static void a_file_that_cannot_be_read_ends_the_reading(void **state) {
    (void)state;
    app a = new_app("development", "return { port = 1, wechat = nil_ }, =\n");
    rl_settings_from from = from_of(&a, NULL, NULL);
    from.goes_on = true;
    rl_settings *s = NULL;
    rl_buf complaints;
    rl_buf_init(&complaints, 4096);
    assert_int_equal(rl_settings_load(&from, &complaints, &s), RL_EINVAL);
    assert_null(s);
    assert_true(rl_buf_len(&complaints) > 0);
    rl_buf_clear(&complaints);
    remove_app(&a);
}

static void wrong_values_are_named_with_place_and_expectation(void **state) {
    (void)state;
    assert_refused(WORDS("RILLE_PORT=http"), NULL,
                   "RILLE_PORT in the environment is 'http': expected a whole number from 0 to 65535\n");
    assert_refused(NULL, WORDS("--max-body=8Q", "--port=65536", "--access-log=maybe", "--log-level", "loud"),
                   "--max-body is '8Q': expected a size from 0 to 1T, such as 65536, \"64K\" or \"8M\"\n"
                   "--port is '65536': expected a whole number from 0 to 65535\n"
                   "--access-log is 'maybe': expected true or false\n"
                   "--log-level is 'loud': expected debug, info, warn or error\n");
    assert_refused(NULL, WORDS("--write-timeout=5 s"),
                   "--write-timeout is '5 s': expected a duration from 1ms to 1d, such as 1.5 (seconds), "
                   "\"250ms\" or \"5m\"\n");
    assert_refused(NULL, WORDS("--stop-delay=2h"),
                   "--stop-delay is '2h': expected a duration from 0s to 1h, such as 1.5 (seconds), "
                   "\"250ms\" or \"5m\"\n");
    assert_refused(NULL, WORDS("--port"),
                   "--port lacks its value: expected a whole number from 0 to 65535\n");
    assert_refused(NULL, WORDS("--env=../../etc/x"),
                   "--env is '../../etc/x': expected a word of letters, digits, - and _\n");
    app a = new_app("development", "return { host = 5, max_headers = 10 }\n");
    char want[512];
    snprintf(want, sizeof want,
             "host in %s:1 is '5': expected a text\n"
             "max_headers in %s:1 is '10': expected a size from 1K to 4M, such as 65536, \"64K\" or \"8M\"\n",
             a.file, a.file);
    assert_string_equal(refused(&a, NULL, NULL), want);
    remove_app(&a);
}

static void a_wrong_value_counts_even_where_it_is_overridden(void **state) {
    (void)state;
    assert_refused(WORDS("RILLE_PORT=http"), WORDS("--port=80"),
                   "RILLE_PORT in the environment is 'http': expected a whole number from 0 to 65535\n");
}

static void the_file_cannot_choose_itself(void **state) {
    (void)state;
    app a = new_app("development", "return { env = 'production' }\n");
    assert_non_null(strstr(refused(&a, NULL, NULL), "it chooses this file; set RILLE_ENV or --env\n"));
    remove_app(&a);
}

static void faults_of_the_file_come_as_one_line(void **state) {
    (void)state;
    app a = new_app("development", "return {\n  port = = 1\n}\n");
    char want[256];
    snprintf(want, sizeof want, "%s:2: unexpected symbol near '='\n", a.file);
    assert_string_equal(refused(&a, NULL, NULL), want);
    remove_app(&a);
}

static void assert_row(const rl_settings *s, const char *name, const char *shown, const char *place) {
    size_t index = (size_t)(rl_setting_find(rl_slice_str(name)) - rl_setting_table);
    rl_settings_row row = rl_settings_read_row(s, index);
    assert_string_equal(row.name, name);
    assert_string_equal(row.shown, shown);
    assert_string_equal(row.place, place);
}

static void secrets_are_never_repeated(void **state) {
    (void)state;
    app a = new_app("development", "return { database_url = 4711 }\n");
    assert_null(strstr(refused(&a, NULL, NULL), "4711"));
    remove_app(&a);
    rl_settings *s = loaded(NULL, WORDS("DATABASE_URL=postgres://u:hush@h/d", "RILLE_PORT=9"), NULL);
    assert_string_equal(s->database_url, "postgres://u:hush@h/d");
    assert_row(s, "database_url", "********", "DATABASE_URL");
    assert_row(s, "port", "9", "RILLE_PORT");
    assert_row(s, "max_body", "8M", "default");
    rl_settings_free(s);
    s = loaded(NULL, NULL, NULL);
    assert_row(s, "database_url", "", "default");
    rl_settings_free(s);
}

static void a_list_is_a_list_in_the_file_and_a_text_elsewhere(void **state) {
    (void)state;
    app a = new_app("development", "return { db_replicas = { 'postgres://a/x', 'postgres://b,c/x' }, max_body = 1024,\n"
                                   "  origins = { 'left', 'alone' }, trusted_proxies = '10.0.0.0/8, ::1' }\n");
    rl_settings *s = loaded(&a, NULL, NULL);
    assert_string_equal(s->db_replicas, "postgres://a/x postgres://b,c/x");
    assert_string_equal(s->trusted_proxies, "10.0.0.0/8, ::1");
    assert_int_equal(s->max_body, 1024);
    char place[160];
    snprintf(place, sizeof place, "%s:1", a.file);
    assert_row(s, "db_replicas", "********", place);
    size_t rest;
    rl_settings_rest(s, &rest);
    assert_int_equal(rest, 3);
    rl_settings_free(s);
    s = loaded(&a, WORDS("RILLE_DB_REPLICAS=postgres://d/x"), NULL);
    assert_string_equal(s->db_replicas, "postgres://d/x");
    rl_settings_free(s);
    remove_app(&a);
    const char *const wrong[] = {"{ 1 }", "{ a = 'b' }", "{ { 'a' } }", "{ 'a', true }", "7"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char lua[128];
        snprintf(lua, sizeof lua, "return { trusted_proxies = %s }\n", wrong[i]);
        a = new_app("development", lua);
        assert_non_null(strstr(refused(&a, NULL, NULL), "expected a list, as a text with spaces between"));
        remove_app(&a);
    }
}

static void a_list_that_is_empty_is_the_default(void **state) {
    (void)state;
    app a = new_app("development", "return { db_replicas = {} }\n");
    rl_settings *s = loaded(&a, NULL, NULL);
    assert_string_equal(s->db_replicas, "");
    rl_settings_free(s);
    remove_app(&a);
}

static void our_own_name_of_the_database_wins(void **state) {
    (void)state;
    rl_settings *s = loaded(NULL, WORDS("RILLE_DATABASE_URL=a", "DATABASE_URL=b"), NULL);
    assert_string_equal(s->database_url, "a");
    rl_settings_free(s);
}

static void a_worker_that_is_alone_shares_two_database_connections(void **state) {
    (void)state;
    rl_settings *s = loaded(NULL, NULL, WORDS("--workers", "1"));
    assert_int_equal(s->db_shared, 2);
    rl_settings_free(s);
    s = loaded(NULL, NULL, WORDS("--workers", "1", "--db-shared", "3"));
    assert_int_equal(s->db_shared, 3);
    rl_settings_free(s);
}

static void connections_stay_below_the_descriptors(void **state) {
    (void)state;
    rl_buf complaints;
    rl_buf_init(&complaints, 4096);
    for (uint64_t limit = 16; limit < 100000; limit = limit * 3 / 2) {
        rl_settings_from from = {.cores = 2, .descriptor_limit = limit};
        rl_settings *s;
        assert_int_equal(rl_settings_load(&from, &complaints, &s), RL_OK);
        assert_in_range(s->max_connections, 1, limit - 1);
        assert_true(s->max_connections <= 100000);
        assert_int_equal(s->max_connections_asked, 100000);
        if (limit > 1000)
            assert_true(s->max_connections > limit / 2);
        uint64_t without_replicas = s->max_connections;
        rl_settings_free(s);
        from.flags = WORDS("--db-replicas=postgres://a/x postgres://b/x");
        from.flag_count = 1;
        assert_int_equal(rl_settings_load(&from, &complaints, &s), RL_OK);
        assert_true(s->max_connections <= without_replicas);
        rl_settings_free(s);
    }
    rl_buf_clear(&complaints);
}

static void help_names_every_setting(void **state) {
    (void)state;
    rl_buf out;
    rl_buf_init(&out, 65536);
    assert_int_equal(rl_setting_help(&out), RL_OK);
    assert_int_equal(rl_buf_append_byte(&out, '\0'), RL_OK);
    for (size_t i = 0; i < rl_setting_count; i++) {
        char flag[RL_SETTING_NAME_MOST + 8];
        assert_true(strlen(rl_setting_table[i].name) <= RL_SETTING_NAME_MOST);
        rl_setting_flag(&rl_setting_table[i], flag);
        assert_non_null(strstr(rl_buf_live(&out).ptr, flag));
    }
    for (const char *line = strtok(out.base, "\n"); line != NULL; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 100);
    rl_buf_clear(&out);
}

static app refusal_app;

static void load_under_refusal(void) {
    const char *const *environment = WORDS("RILLE_PORT=81", "DATABASE_URL=x", "RILLE_X=1");
    rl_settings_from from = from_of(&refusal_app, environment, WORDS("--max-body=2M"));
    rl_settings *s = NULL;
    rl_buf complaints;
    rl_buf_init(&complaints, 4096);
    rl_err err = rl_settings_load(&from, &complaints, &s);
    assert_true(err == RL_OK || err == RL_ENOMEM);
    assert_int_equal(s != NULL, err == RL_OK);
    if (s != NULL)
        assert_int_equal(s->max_json, 4096);
    rl_settings_free(s);
    rl_buf_clear(&complaints);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    refusal_app = new_app("development", "return { max_json = '4K', workers = 1, wechat = { appid = 'x' } }\n");
    each_allocation_fails(load_under_refusal);
    remove_app(&refusal_app);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_safe_and_complete),
        cmocka_unit_test(later_layers_win),
        cmocka_unit_test(flags_take_their_value_in_every_form),
        cmocka_unit_test(a_flag_knows_how_many_arguments_are_its_own),
        cmocka_unit_test(unknown_names_in_the_environment_are_only_warned_of),
        cmocka_unit_test(unknown_names_are_refused_with_the_nearest_known_one),
        cmocka_unit_test(an_admin_address_wants_a_token),
        cmocka_unit_test(what_else_the_file_holds_is_kept_for_the_app),
        cmocka_unit_test(what_goes_on_past_mistakes_has_all_of_them_in_the_end),
        cmocka_unit_test(a_file_that_cannot_be_read_ends_the_reading),
        cmocka_unit_test(wrong_values_are_named_with_place_and_expectation),
        cmocka_unit_test(a_wrong_value_counts_even_where_it_is_overridden),
        cmocka_unit_test(the_file_cannot_choose_itself),
        cmocka_unit_test(faults_of_the_file_come_as_one_line),
        cmocka_unit_test(secrets_are_never_repeated),
        cmocka_unit_test(a_list_is_a_list_in_the_file_and_a_text_elsewhere),
        cmocka_unit_test(a_list_that_is_empty_is_the_default),
        cmocka_unit_test(our_own_name_of_the_database_wins),
        cmocka_unit_test(a_worker_that_is_alone_shares_two_database_connections),
        cmocka_unit_test(connections_stay_below_the_descriptors),
        cmocka_unit_test(help_names_every_setting),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
