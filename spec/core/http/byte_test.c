#include "http/byte.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void classes_follow_the_grammar(void **state) {
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool ascii = byte > 0 && byte < 128;
        bool alnum = ascii && isalnum(byte);
        assert_int_equal(rl_byte_is((char)byte, RL_BYTE_TOKEN),
                         alnum || (ascii && strchr("!#$%&'*+-.^_`|~", byte) != NULL));
        assert_int_equal(rl_byte_is((char)byte, RL_BYTE_NAME),
                         alnum || (ascii && strchr("-._~!$&'()*+;=", byte) != NULL));
        assert_int_equal(rl_byte_is((char)byte, RL_BYTE_DIGIT), ascii && isdigit(byte));
        assert_int_equal(rl_byte_is((char)byte, RL_BYTE_ALPHA), ascii && isalpha(byte));
        assert_int_equal(rl_byte_is((char)byte, RL_BYTE_TARGET),
                         isgraph(byte) && strchr("\"<>#", byte) == NULL);
        assert_int_equal(rl_byte_is((char)byte, RL_BYTE_PATH),
                         isgraph(byte) && strchr("\"<>#?", byte) == NULL);
        assert_int_equal(rl_byte_is((char)byte, RL_BYTE_PLAIN),
                         isgraph(byte) && strchr("\"<>#?%.\\", byte) == NULL);
        assert_int_equal(rl_byte_is((char)byte, RL_BYTE_VALUE),
                         byte == '\t' || (byte >= 0x20 && byte != 0x7f));
    }
}

/* Every byte value at every place of a few words, and at every alignment. */
static void finds_one_byte_anywhere(void **state) {
    (void)state;
    for (size_t len = 1; len < 27; len++)
        for (size_t at = 0; at < len; at++)
            for (int byte = 0; byte < 256; byte++) {
                char text[27];
                memset(text, 'a', sizeof text);
                text[at] = (char)byte;
                rl_slice s = rl_slice_of(text, len);
                bool visible = byte >= 0x20 && byte < 0x7f;
                assert_int_equal(rl_byte_visible_len(s), visible ? len : at);
                assert_int_equal(rl_byte_is_value(s), byte == '\t' || (byte >= 0x20 && byte != 0x7f));
            }
}

static void finds_the_first_of_two_bytes(void **state) {
    (void)state;
    for (size_t first = 0; first < 16; first++)
        for (size_t second = first; second < 16; second++) {
            char text[16];
            memset(text, '\x80', sizeof text); /* borrows the most */
            memset(text, 'a', first);
            text[second] = '\n';
            assert_int_equal(rl_byte_visible_len(rl_slice_of(text, sizeof text)), first);
        }
}

static void reads_hex_digits(void **state) {
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        const char *digits = "0123456789abcdef";
        const char *found = byte > 0 && byte < 128 ? strchr(digits, tolower(byte)) : NULL;
        assert_int_equal(rl_byte_hex((char)byte), found == NULL ? -1 : (int)(found - digits));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_follow_the_grammar),
        cmocka_unit_test(finds_one_byte_anywhere),
        cmocka_unit_test(finds_the_first_of_two_bytes),
        cmocka_unit_test(reads_hex_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
