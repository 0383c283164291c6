/* libFuzzer: however a stream of requests is cut, the parser makes the same of
 * it. The first two bytes choose the cuts, the rest is the stream.
 * Small limits, so that short inputs reach them. */
#include <stdint.h>

#include "transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_small(transcript *t) {
    transcript_open(t);
    t->with_fields = true;
    t->limits = (rl_parser_limits){
        .max_request_line = 100, .max_headers = 300, .max_header_count = 8, .max_body = 64};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    uint32_t random = (uint32_t)(data[0] << 8 | data[1]);
    uint32_t longest = 1 + random % 64;
    rl_slice bytes = rl_slice_of((const char *)data + 2, size - 2);
    transcript whole, cut;
    open_small(&whole);
    open_small(&cut);

    transcript_feed(&whole, bytes);
    transcript_end(&whole);
    for (bool more = true; more && bytes.len > 0;) {
        random = random * 1103515245 + 12345; /* any sequence will do */
        size_t len = 1 + (random >> 16) % longest;
        if (len > bytes.len)
            len = bytes.len;
        more = transcript_feed(&cut, rl_slice_of(bytes.ptr, len));
        bytes = rl_slice_of(bytes.ptr + len, bytes.len - len);
    }
    transcript_end(&cut);
    if (strcmp(whole.text, cut.text) != 0 || whole.len != cut.len) {
        fprintf(stderr, "whole: %s\ncut:   %s\n", whole.text, cut.text);
        abort();
    }
    transcript_close(&whole);
    transcript_close(&cut);
    return 0;
}
