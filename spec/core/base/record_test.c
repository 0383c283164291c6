#include "base/record.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define MOMENT_MS INT64_C(1767323045678) /* 2026-01-02T03:04:05.678Z */

static char text[RL_LOG_LINE_MOST + 1];

static const char *written(rl_log_format format, const char *msg, const rl_log_field *fields, size_t count) {
    rl_record record = {.format = format,
                        .unix_ms = MOMENT_MS,
                        .level = RL_LOG_INFO,
                        .msg = msg,
                        .fields = fields,
                        .count = count};
    size_t len = rl_record_write(&record, text);
    assert_true(len > 0 && len <= RL_LOG_LINE_MOST);
    assert_int_equal(text[len - 1], '\n');
    assert_ptr_equal(memchr(text, '\0', len), NULL);
    text[len] = '\0';
    return text;
}

static void json_lines_hold_time_level_message_and_fields(void **state) {
    (void)state;
    rl_log_field fields[] = {
        rl_log_str("method", RL_LIT("GET")),
        rl_log_int("status", 200),
        rl_log_int("least", INT64_MIN),
        rl_log_ms("ms", 0.4126),
        rl_log_bool("reused", true),
        rl_log_text("trace", RL_LIT("a\nb")),
        rl_log_ms("neg", -1.5),
        rl_log_ms("nan", NAN),
        rl_log_ms("inf", INFINITY),
        rl_log_str("none", (rl_slice){0}),
        rl_log_ms("whole", 1234567.0),
    };
    assert_string_equal(written(RL_LOG_JSON, "request", fields, sizeof fields / sizeof *fields),
                        "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\",\"msg\":\"request\","
                        "\"method\":\"GET\",\"status\":200,\"least\":-9223372036854775808,\"ms\":0.413,"
                        "\"reused\":true,\"trace\":\"a\\nb\",\"neg\":-1.500,\"nan\":null,\"inf\":null,"
                        "\"none\":\"\",\"whole\":1234567.000}\n");
}

static void readable_lines_align_their_fields(void **state) {
    (void)state;
    rl_log_field fields[] = {rl_log_str("path", RL_LIT("/a?b=c")), rl_log_str("agent", RL_LIT("two words")),
                             rl_log_str("none", (rl_slice){0}), rl_log_int("status", -1)};
    assert_string_equal(
        written(RL_LOG_READABLE, "request", fields, 4),
        "03:04:05.678 info  request                  path=/a?b=c agent=\"two words\" none=\"\" "
        "status=-1\n");
    assert_string_equal(written(RL_LOG_READABLE, "ready", NULL, 0), "03:04:05.678 info  ready\n");
}

static void readable_lines_use_the_local_clock_and_colours_on_demand(void **state) {
    (void)state;
    rl_log_field field = rl_log_int("n", 1);
    rl_record record = {.format = RL_LOG_READABLE,
                        .coloured = true,
                        .utc_offset_s = 8 * 3600,
                        .unix_ms = MOMENT_MS,
                        .level = RL_LOG_ERROR,
                        .msg = "m",
                        .fields = &field,
                        .count = 1};
    text[rl_record_write(&record, text)] = '\0';
    assert_string_equal(text, "\033[2m11:04:05.678\033[0m \033[31merror\033[0m m                        "
                              "\033[2mn=\033[0m1\n");
    record.format = RL_LOG_JSON;
    text[rl_record_write(&record, text)] = '\0';
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text, "T03:04:05.678Z"));
}

static void a_traceback_stands_below_its_line_behind_bars(void **state) {
    (void)state;
    rl_log_field fields[] = {
        rl_log_text("trace", RL_LIT("app.lua:1: no\n\t03:04:05 info forged\n\033[2Jx\r")),
        rl_log_int("status", 500)};
    assert_string_equal(written(RL_LOG_READABLE, "fault", fields, 2),
                        "03:04:05.678 info  fault                    status=500\n"
                        "    | app.lua:1: no\n"
                        "    |   03:04:05 info forged\n"
                        "    | \\u001b[2Jx\\r\n");
}

static void code_below_a_line_keeps_its_quotes(void **state) {
    (void)state;
    rl_log_field field = rl_log_text("source", RL_LIT("> 7\tlocal a = \"\\n\"\"b\"\n"));
    assert_string_equal(written(RL_LOG_READABLE, "fault", &field, 1),
                        "03:04:05.678 info  fault                   \n"
                        "    | > 7  local a = \"\\\\n\"\"b\"\n");
}

static void nothing_a_stranger_sends_reaches_a_line_raw(void **state) {
    (void)state;
    static const struct {
        rl_slice from;
        const char *json, *readable;
    } cases[] = {
        {RL_LIT("a\nb\r\t\"\\"), "a\\nb\\r\\t\\\"\\\\", "a\\nb\\r\\t\\\"\\\\"},
        {RL_LIT("\0\x1b\x7f"), "\\u0000\\u001b\\u007f", "\\u0000\\u001b\\u007f"},
        {RL_LIT("\xc2\x9b"), "\\u009b", "\\u009b"},           /* CSI in one code point */
        {RL_LIT("\xe2\x80\xae"), "\\u202e", "\\u202e"},       /* right-to-left override */
        {RL_LIT("\xe2\x80\xa8"), "\\u2028", "\\u2028"},       /* line separator */
        {RL_LIT("\xff"), "\\ufffd", "\\xff"},                 /* never in UTF-8 */
        {RL_LIT("\xc3"), "\\ufffd", "\\xc3"},                 /* cut short */
        {RL_LIT("\xc0\xaf"), "\\ufffd\\ufffd", "\\xc0\\xaf"}, /* overlong */
        {RL_LIT("\xe0\x80\xaf"), "\\ufffd\\ufffd\\ufffd", "\\xe0\\x80\\xaf"},
        {RL_LIT("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd", "\\xed\\xa0\\x80"}, /* a surrogate */
        {RL_LIT("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd", "\\xf4\\x90\\x80\\x80"},
        {RL_LIT("\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\x99"), "\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\x99",
         "\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\x99"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[128];
        rl_log_field field = rl_log_str("k", cases[i].from);
        snprintf(want, sizeof want, "\"k\":\"%s\"}\n", cases[i].json);
        assert_string_equal(strstr(written(RL_LOG_JSON, "m", &field, 1), "\"k\""), want);
        snprintf(want, sizeof want, "k=\"%s\"\n", cases[i].readable);
        assert_string_equal(strstr(written(RL_LOG_READABLE, "m", &field, 1), "k="), want);
    }
}

static void every_byte_is_printable_whatever_came(void **state) {
    (void)state;
    char bytes[512];
    for (int i = 0; i < 512; i++)
        bytes[i] = (char)(i < 256 ? i : 511 - i);
    rl_log_field fields[] = {rl_log_str("k", rl_slice_of(bytes, sizeof bytes)),
                             rl_log_text("t", rl_slice_of(bytes, sizeof bytes)),
                             rl_log_bool("a\nb\x1b\"", true)};
    for (int format = RL_LOG_READABLE; format <= RL_LOG_JSON; format++) {
        const char *line = written((rl_log_format)format, "a\nb", fields, 3);
        assert_non_null(strstr(line, "a\\nb\\u001b\\\""));
        for (const char *at = line; at[1] != '\0'; at++)
            assert_true((*at >= ' ' && *at <= '~') || (*at == '\n' && at[1] == ' '));
    }
}

static void a_line_too_long_is_cut_and_still_whole(void **state) {
    (void)state;
    static char filler[3 * RL_LOG_LINE_MOST];
    static const char kinds[] = {'x', '\n', '\xff'};
    for (size_t kind = 0; kind < sizeof kinds; kind++) {
        memset(filler, kinds[kind], sizeof filler);
        for (size_t len = 0; len < sizeof filler; len += len < 2000 || len > 18000 ? 4001 : 13) {
            rl_log_field fields[] = {rl_log_str("a", rl_slice_of(filler, len)), rl_log_int("b", 12345)};
            const char *line = written(RL_LOG_JSON, "m", fields, 2);
            const char *end = line + strlen(line);
            bool is_whole = memcmp(end - 12, ",\"b\":12345}\n", 12) == 0;
            bool is_cut = memcmp(end - 14, "\",\"cut\":true}\n", 14) == 0;
            assert_true(is_whole != is_cut);
            line = written(RL_LOG_READABLE, "m", fields, 2);
            end = line + strlen(line);
            assert_true(memcmp(end - 9, " b=12345\n", 9) == 0 || memcmp(end - 7, " (cut)\n", 7) == 0);
        }
    }
}

static void dates_are_those_of_the_calendar(void **state) {
    (void)state;
    for (int64_t day = 0; day < 60000; day++) {
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        struct tm utc;
        assert_non_null(gmtime_r(&seconds, &utc));
        char want[64];
        strftime(want, sizeof want, "{\"time\":\"%Y-%m-%dT%H:%M:%S.000Z\"", &utc);
        rl_record record = {.format = RL_LOG_JSON, .unix_ms = (int64_t)seconds * 1000, .msg = ""};
        rl_record_write(&record, text);
        assert_memory_equal(text, want, strlen(want));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_lines_hold_time_level_message_and_fields),
        cmocka_unit_test(readable_lines_align_their_fields),
        cmocka_unit_test(readable_lines_use_the_local_clock_and_colours_on_demand),
        cmocka_unit_test(a_traceback_stands_below_its_line_behind_bars),
        cmocka_unit_test(code_below_a_line_keeps_its_quotes),
        cmocka_unit_test(nothing_a_stranger_sends_reaches_a_line_raw),
        cmocka_unit_test(every_byte_is_printable_whatever_came),
        cmocka_unit_test(a_line_too_long_is_cut_and_still_whole),
        cmocka_unit_test(dates_are_those_of_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
