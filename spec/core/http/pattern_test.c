#include "http/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* What is wrong with malformed patterns is in router_test.c. */

static void takes_patterns_apart(void **state) {
    static const char *const samples[][2] = {
        {"/", "[]"},
        {"/a/b", "[a][b]"},
        {"/a/", "[a][]"},
        {"/:id", "[<:id>]"},
        {"/users/:id/posts/:post_2", "[users][<:id>][posts][<:post_2>]"},
        {"/v:version", "[v<:version>]"},
        {"/:name.json", "[<:name>.json]"},
        {"/a-:b-c", "[a-<:b>-c]"},
        {"/:a-b", "[<:a>-b]"},
        {"/f/*path", "[f][<*path>]"},
        {"/caf\xc3\xa9/:\xc3\xa9", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char got[100] = "";
        const char *problem;
        rl_slice rest = rl_slice_str(samples[i][0]);
        assert_int_equal(rl_pattern_check(rest, &problem), samples[i][1] != NULL ? RL_OK : RL_EINVAL);
        assert_true((problem == NULL) == (samples[i][1] != NULL));
        if (samples[i][1] == NULL)
            continue;
        for (rl_part part; rl_pattern_next(&rest, &part);) {
            const char *mark = part.kind == RL_PART_PARAM ? "<:" : part.kind == RL_PART_WILDCARD ? "<*" : "";
            snprintf(got + strlen(got), sizeof got - strlen(got), "[%.*s%s%.*s%s%.*s]", (int)part.prefix.len,
                     part.prefix.ptr, mark, (int)part.name.len, part.name.len > 0 ? part.name.ptr : "",
                     mark[0] != '\0' ? ">" : "", (int)part.suffix.len,
                     part.suffix.len > 0 ? part.suffix.ptr : "");
        }
        assert_string_equal(got, samples[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(takes_patterns_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
