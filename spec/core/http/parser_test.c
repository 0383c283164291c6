/* Over 400 lines, because nearly all of them are tables of cases. */
#include "http/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"
#include "transcript.h"

#define H "Host: x\r\n"
#define GET11 "GET / HTTP/1.1\r\n"
#define POST11 "POST / HTTP/1.1\r\n" H
#define CHUNKED POST11 "Transfer-Encoding: chunked\r\n\r\n"
#define BYTES(text) text, sizeof(text) - 1

typedef struct sample {
    const char *bytes;
    size_t len;
    const char *expected;
} sample;

static void expect_pieces(const sample *s, size_t piece, size_t first) {
    transcript t;
    transcript_open(&t);
    rl_slice rest = rl_slice_of(s->bytes, s->len);
    size_t len = first < s->len ? first : s->len;
    while (rest.len > 0 && transcript_feed(&t, rl_slice_of(rest.ptr, len))) {
        rest = rl_slice_of(rest.ptr + len, rest.len - len);
        len = piece < rest.len ? piece : rest.len;
    }
    transcript_end(&t);
    if (strcmp(t.text, s->expected) != 0)
        fail_msg("%.60s\n  cut at %zu, then each %zu:\n  expected %s\n  got      %.200s (%s)", s->bytes,
                 first, piece, s->expected, t.text, t.parser.reason != NULL ? t.parser.reason : "");
    transcript_close(&t);
}

/* In one piece, byte by byte, and cut in two everywhere. */
static void expect_all_cuts(const sample *samples, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const sample *s = &samples[i];
        expect_pieces(s, SIZE_MAX, SIZE_MAX);
        expect_pieces(s, 1, 1);
        for (size_t cut = 1; cut < s->len; cut++)
            expect_pieces(s, SIZE_MAX, cut);
    }
}

#define EXPECT_ALL_CUTS(samples) expect_all_cuts(samples, sizeof(samples) / sizeof *(samples))

static void reads_request_lines(void **state) {
    static const sample samples[] = {
        {BYTES(GET11 H "\r\n"), "GET / @x keep END"},
        {BYTES("HEAD /a/b HTTP/1.1\r\n" H "\r\n"), "HEAD /a/b @x keep END"},
        {BYTES("POST /a HTTP/1.1\r\n" H "\r\n"), "POST /a @x keep END"},
        {BYTES("PUT /a HTTP/1.1\r\n" H "\r\n"), "PUT /a @x keep END"},
        {BYTES("PATCH /a HTTP/1.1\r\n" H "\r\n"), "PATCH /a @x keep END"},
        {BYTES("DELETE /a HTTP/1.1\r\n" H "\r\n"), "DELETE /a @x keep END"},
        {BYTES("OPTIONS /a HTTP/1.1\r\n" H "\r\n"), "OPTIONS /a @x keep END"},
        {BYTES("OPTIONS * HTTP/1.1\r\n" H "\r\n"), "OPTIONS * @x keep END"},
        {BYTES("GET /a?b=c&d HTTP/1.1\r\n" H "\r\n"), "GET /a ?b=c&d @x keep END"},
        {BYTES("GET /a? HTTP/1.1\r\n" H "\r\n"), "GET /a @x keep END"},
        {BYTES("GET /a?b?c HTTP/1.1\r\n" H "\r\n"), "GET /a ?b?c @x keep END"},
        {BYTES("GET //a//b/ HTTP/1.1\r\n" H "\r\n"), "GET //a//b/ @x keep END"},
        {BYTES("GET /%2e%2E/%00 HTTP/1.1\r\n" H "\r\n"), "GET /%2e%2E/%00 @x keep END"},
        {BYTES("GET /a?q={\"x\":[1|2]} HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET /a?q={[1|2^`\\']} HTTP/1.1\r\n" H "\r\n"), "GET /a ?q={[1|2^`\\']} @x keep END"},
        {BYTES("GET http://y/a?b HTTP/1.1\r\n" H "\r\n"), "GET /a ?b @y keep END"},
        {BYTES("GET http://y HTTP/1.1\r\n" H "\r\n"), "GET / @y keep END"},
        {BYTES("GET http://y?b HTTP/1.1\r\n" H "\r\n"), "GET / ?b @y keep END"},
        {BYTES("GET HTTPS://Y:8443/ HTTP/1.1\r\n" H "\r\n"), "GET / @Y:8443 keep END"},
        {BYTES("GET http://[::1]:80/a HTTP/1.1\r\n" H "\r\n"), "GET /a @[::1]:80 keep END"},
        {BYTES("GET / HTTP/1.2\r\n" H "\r\n"), "GET / @x keep END"},
        {BYTES("GET / HTTP/1.9\r\n" H "\r\n"), "GET / @x keep END"},
        {BYTES("GET / HTTP/1.0\r\n\r\n"), "GET / @ 1.0 close END"},
        {BYTES("\r\n" GET11 H "\r\n"), "GET / @x keep END"},
        {BYTES("\r\n\r\n" GET11 H "\r\n"), "GET / @x keep END"},
        {BYTES(""), ""},
        {BYTES("\r\n"), ""},
        {BYTES("G"), "MORE"},
        {BYTES("GET / HTTP/1.1\r"), "MORE"},
        {BYTES(GET11), "MORE"},
        {BYTES(GET11 H "\r"), "MORE"},
    };
    (void)state;
    EXPECT_ALL_CUTS(samples);
}

static void refuses_malformed_request_lines(void **state) {
    static const sample samples[] = {
        {BYTES("GET / HTTP/1.1\n" H "\r\n"), "!400"},
        {BYTES("GET / HTTP/1.1\r" H "\r\n"), "!400"},
        {BYTES("GET / HTTP/1.1\r\r\n" H "\r\n"), "!400"},
        {BYTES("GET  / HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET /  HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET / HTTP/1.1 \r\n" H "\r\n"), "!400"},
        {BYTES(" GET / HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET\t/ HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET /\tHTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET /\r\n"), "!400"},
        {BYTES("GET /\r\n\r\n"), "!400"},
        {BYTES("GET\r\n\r\n"), "!400"},
        {BYTES("GET HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET / a HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET a HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET * HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET ?a HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("OPTIONS ** HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET x:80 HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET ftp://x/ HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET http:///a HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET http:/a HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET http://u@x/ HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET http://u:p@x/ HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET http://x:99999/ HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET http://[::1/ HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET /#a HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET /a?b#c HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET /\x80 HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET /caf\xc3\xa9 HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET /\x7f HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET /\x01 HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET /\0 HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET /<a> HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET / http/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET / HTTP/1\r\n" H "\r\n"), "!400"},
        {BYTES("GET / HTTP/1.\r\n" H "\r\n"), "!400"},
        {BYTES("GET / HTTP/1.10\r\n" H "\r\n"), "!400"},
        {BYTES("GET / HTTP/11.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET / HTTP/x.1\r\n" H "\r\n"), "!400"},
        {BYTES("GET / HTTP/1,1\r\n" H "\r\n"), "!400"},
        {BYTES("GET / RTSP/1.0\r\n" H "\r\n"), "!400"},
        {BYTES("SOURCE / ICE/1.0\r\n" H "\r\n"), "!400"},
        {BYTES("G=T / HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("G(T / HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("G\xffT / HTTP/1.1\r\n" H "\r\n"), "!400"},
        {BYTES("\n" GET11 H "\r\n"), "!400"},
        {BYTES("\r" GET11 H "\r\n"), "!400"},
        {BYTES("\r\n\r\n\r\n" GET11 H "\r\n"), "!400"},
        {BYTES("\x16\x03\x01\x02"), "!400"},
        {BYTES("\0"), "!400"},
        {BYTES("GET / HTTP/2.0\r\n\r\n"), "!505"},
        {BYTES("GET / HTTP/0.9\r\n" H "\r\n"), "!505"},
        {BYTES("GET / HTTP/3.1\r\n" H "\r\n"), "!505"},
        {BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "!505"},
        {BYTES("FOO / HTTP/1.1\r\n" H "\r\n"), "!501"},
        {BYTES("get / HTTP/1.1\r\n" H "\r\n"), "!501"},
        {BYTES("GETT / HTTP/1.1\r\n" H "\r\n"), "!501"},
        {BYTES("GE / HTTP/1.1\r\n" H "\r\n"), "!501"},
        {BYTES("TRACE / HTTP/1.1\r\n" H "\r\n"), "!501"},
        {BYTES("CONNECT x:443 HTTP/1.1\r\n" H "\r\n"), "!501"},
        {BYTES("PROPFIND / HTTP/1.1\r\n" H "\r\n"), "!501"},
        {BYTES("DESCRIBE / HTTP/1.1\r\n" H "\r\n"), "!501"},
        {BYTES("M-SEARCH * HTTP/1.1\r\n" H "\r\n"), "!501"},
    };
    (void)state;
    EXPECT_ALL_CUTS(samples);
}

/* Not even when it came whole: whether the answer goes without a body, as HEAD's does, must not hang on that. */
static void knows_nothing_of_a_line_that_is_none(void **state) {
    static const char *const lines[] = {"HEAD /a\x01 HTTP/1.1\r\n", "HEAD /a HTTP/1.1\n", "HEAD /a HTTP/1.1\r\x01",
                                        "HEAD http://a/ HTTP/1.1\r "};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        transcript t;
        transcript_open(&t);
        assert_false(transcript_feed(&t, rl_slice_str(lines[i])));
        assert_int_equal(t.parser.status, 400);
        assert_null(t.head.base);
        assert_int_equal(t.head.method, 0);
        assert_int_equal(t.head.target_len, 0);
        transcript_close(&t);
    }
}

static void reads_hosts(void **state) {
    static const sample samples[] = {
        {BYTES(GET11 "Host: example.com\r\n\r\n"), "GET / @example.com keep END"},
        {BYTES(GET11 "HOST:example.com:8080\r\n\r\n"), "GET / @example.com:8080 keep END"},
        {BYTES(GET11 "hOsT: \t x:\t\r\n\r\n"), "GET / @x: keep END"},
        {BYTES(GET11 "Host: 127.0.0.1:80\r\n\r\n"), "GET / @127.0.0.1:80 keep END"},
        {BYTES(GET11 "Host: [::1]\r\n\r\n"), "GET / @[::1] keep END"},
        {BYTES(GET11 "Host: [2001:db8::1]:65535\r\n\r\n"), "GET / @[2001:db8::1]:65535 keep END"},
        {BYTES(GET11 "Host: [::ffff:1.2.3.4]\r\n\r\n"), "GET / @[::ffff:1.2.3.4] keep END"},
        {BYTES(GET11 "Host: a_b-c.~x%41!\r\n\r\n"), "GET / @a_b-c.~x%41! keep END"},
        {BYTES("GET / HTTP/1.0\r\nHost: y\r\n\r\n"), "GET / @y 1.0 close END"},
        {BYTES(GET11 "\r\n"), "!400"},
        {BYTES(GET11 "Accept: a\r\n\r\n"), "!400"},
        {BYTES(GET11 H H "\r\n"), "!400"},
        {BYTES(GET11 "Host: x\r\nhost: y\r\n\r\n"), "!400"},
        {BYTES("GET / HTTP/1.0\r\n" H H "\r\n"), "!400"},
        {BYTES("GET http://y/ HTTP/1.1\r\n\r\n"), "!400"},
        {BYTES("GET http://y/ HTTP/1.1\r\nHost: /\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host:\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: \r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: :80\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a b\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a,b\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a@b\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a/b\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a?b\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a#b\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a\\b\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a%4\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a%zz\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a:b\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a:80:80\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a:-1\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: a:65536\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: ::1\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: [::1\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: [::1]a\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: []\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: [x::]\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: x\xc3\xa9\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: <x>\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host: http://x\r\n\r\n"), "!400"},
    };
    (void)state;
    EXPECT_ALL_CUTS(samples);
}

static void refuses_malformed_fields(void **state) {
    static const sample samples[] = {
        {BYTES(GET11 H "A: b\r\n c\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A: b\r\n\tc\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A:\r\n b\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A: \r\n \r\n\r\n"), "!400"},
        {BYTES(GET11 " Host: x\r\n\r\n"), "!400"},
        {BYTES(GET11 "\tHost: x\r\n\r\n"), "!400"},
        {BYTES(GET11 H " A: b\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A : b\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A\t: b\r\n\r\n"), "!400"},
        {BYTES(GET11 "Host : x\r\n\r\n"), "!400"},
        {BYTES(GET11 H "Content-Length : 0\r\n\r\n"), "!400"},
        {BYTES(GET11 H "Content-Length\x0b: 0\r\n\r\n"), "!400"},
        {BYTES(GET11 H ": b\r\n\r\n"), "!400"},
        {BYTES(GET11 H ":\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A b: c\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A(b): c\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A\x80: c\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A\0b: c\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A: b\0c\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A: b\x01\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A: 1234567890123\x7f\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A: b\rc\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A: b\r\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A: b\nC: d\r\n\r\n"), "!400"},
        {BYTES(GET11 H "A: b\n\r\n"), "!400"},
        {BYTES(GET11 H "A: b\n\n"), "!400"},
        {BYTES(GET11 H "A: b\r\n\n"), "!400"},
        {BYTES(GET11 H "A:\nB: c\r\n\r\n"), "!400"},
        {BYTES(GET11 H "\n"), "!400"},
        {BYTES(GET11 H "\rX"), "!400"},
        {BYTES(GET11 "\n" H "\r\n"), "!400"},
        {BYTES(GET11 H "Transfer-Encoding:\r\n chunked\r\n\r\n"), "!400"},
        {BYTES(GET11 H "Content-Length:\r\n 5\r\n\r\nhello"), "!400"},
        {BYTES(GET11 H "Connection: keep-alive,\r\n close\r\n\r\n"), "!400"},
    };
    (void)state;
    EXPECT_ALL_CUTS(samples);
}

static void reads_bodies_by_length(void **state) {
    static const sample samples[] = {
        {BYTES(POST11 "Content-Length: 5\r\n\r\nhello"), "POST / @x keep :5 hello END"},
        {BYTES(POST11 "content-length:5 \t\r\n\r\nhello"), "POST / @x keep :5 hello END"},
        {BYTES(POST11 "Content-Length: 005\r\n\r\nhello"), "POST / @x keep :5 hello END"},
        {BYTES(POST11 "Content-Length: 0\r\n\r\n"), "POST / @x keep :0 END"},
        {BYTES(GET11 H "Content-Length: 0\r\n\r\n"), "GET / @x keep :0 END"},
        {BYTES(GET11 H "Content-Length: 2\r\n\r\nab"), "GET / @x keep :2 ab END"},
        {BYTES(POST11 "Content-Length: 5\r\n\r\nhel"), "POST / @x keep :5 helMORE"},
        {BYTES("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab"), "POST / @ 1.0 close :2 ab END"},
        {BYTES(POST11 "Content-Length: 8388608\r\n\r\n"), "POST / @x keep :8388608 MORE"},
        {BYTES(POST11 "Content-Length: 8388609\r\n\r\n"), "!413"},
        {BYTES(POST11 "Content-Length: 18446744073709551615\r\n\r\n"), "!413"},
        {BYTES(POST11 "Content-Length: 18446744073709551616\r\n\r\n"), "!400"},
        {BYTES(POST11 "Content-Length: 99999999999999999999999999\r\n\r\n"), "!400"},
        {BYTES(POST11 "Content-Length:\r\n\r\n"), "!400"},
        {BYTES(POST11 "Content-Length: +5\r\n\r\nhello"), "!400"},
        {BYTES(POST11 "Content-Length: -5\r\n\r\nhello"), "!400"},
        {BYTES(POST11 "Content-Length: 5 5\r\n\r\nhello"), "!400"},
        {BYTES(POST11 "Content-Length: 5, 5\r\n\r\nhello"), "!400"},
        {BYTES(POST11 "Content-Length: 5,\r\n\r\nhello"), "!400"},
        {BYTES(POST11 "Content-Length: 0x5\r\n\r\nhello"), "!400"},
        {BYTES(POST11 "Content-Length: 5.0\r\n\r\nhello"), "!400"},
        {BYTES(POST11 "Content-Length: \"5\"\r\n\r\nhello"), "!400"},
        {BYTES(POST11 "Content-Length: five\r\n\r\nhello"), "!400"},
        {BYTES(POST11 "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"), "!400"},
        {BYTES(POST11 "Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello"), "!400"},
        {BYTES(POST11 "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), "!400"},
    };
    (void)state;
    EXPECT_ALL_CUTS(samples);
}

static void reads_bodies_in_chunks(void **state) {
    static const sample samples[] = {
        {BYTES(CHUNKED "0\r\n\r\n"), "POST / @x keep chunked  END"},
        {BYTES(CHUNKED "5\r\nhello\r\n0\r\n\r\n"), "POST / @x keep chunked hello END"},
        {BYTES(CHUNKED "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"), "POST / @x keep chunked hello END"},
        {BYTES(CHUNKED "0A\r\n0123456789\r\n000\r\n\r\n"), "POST / @x keep chunked 0123456789 END"},
        {BYTES(CHUNKED "00000000000000000000001\r\na\r\n0\r\n\r\n"), "POST / @x keep chunked a END"},
        {BYTES(CHUNKED "1;a\r\nx\r\n0;b=c\r\n\r\n"), "POST / @x keep chunked x END"},
        {BYTES(CHUNKED "1;a=b;c=\"d;\\\"\r\"\r\nx\r\n0\r\n\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "1;a=b;c=\"d;\\\" \";e\r\nx\r\n0\r\n\r\n"), "POST / @x keep chunked x END"},
        {BYTES(CHUNKED "1 ; a = b\r\nx\r\n0\r\n\r\n"), "POST / @x keep chunked x END"},
        {BYTES(CHUNKED "0\r\nA: b\r\nContent-Length: 9\r\nHost: y\r\n\r\n"), "POST / @x keep chunked  END"},
        {BYTES(CHUNKED "5\r\nhello"), "POST / @x keep chunked helloMORE"},
        {BYTES(POST11 "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n"), "POST / @x keep chunked  END"},
        {BYTES(POST11 "Transfer-Encoding:chunked \t\r\n\r\n0\r\n\r\n"), "POST / @x keep chunked  END"},
        {BYTES(CHUNKED "\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED ";a\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "g\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "0x5\r\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "-1\r\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "+5\r\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED " 5\r\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "5 \r\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "5\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "5\rhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "5\r\r\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "5;\r\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "5;a=\r\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "5;a\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "5;a \r\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "5;a b\r\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "5;a=\"b\r\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "5;a=\"b\"c\r\nhello\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "5\r\nhello0\r\n\r\n"), "POST / @x keep chunked hello!400"},
        {BYTES(CHUNKED "5\r\nhello\n0\r\n\r\n"), "POST / @x keep chunked hello!400"},
        {BYTES(CHUNKED "5\r\nhello\rX"), "POST / @x keep chunked hello!400"},
        {BYTES(CHUNKED "5\r\nhello \r\n"), "POST / @x keep chunked hello!400"},
        {BYTES(CHUNKED "10000000000000000\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "FFFFFFFFFFFFFFFFF\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "FFFFFFFFFFFFFFFF\r\n"), "POST / @x keep chunked !413"},
        {BYTES(CHUNKED "800001\r\n"), "POST / @x keep chunked !413"},
        {BYTES(CHUNKED "1\r\na\r\n800000\r\n"), "POST / @x keep chunked a!413"},
        {BYTES(CHUNKED "0\r\nA: b\n\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "0\r\nA: b\r\n c\r\n\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "0\r\nA : b\r\n\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "0\r\n: b\r\n\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "0\r\nA\r\n\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "0\r\nA: \0\r\n\r\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "0\r\n\n"), "POST / @x keep chunked !400"},
        {BYTES(CHUNKED "0\r\n\rX"), "POST / @x keep chunked !400"},
    };
    (void)state;
    EXPECT_ALL_CUTS(samples);
}

static void refuses_other_transfer_codings(void **state) {
    static const sample samples[] = {
        {BYTES(POST11 "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "!501"},
        {BYTES(POST11 "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "!501"},
        {BYTES(POST11 "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"), "!501"},
        {BYTES(POST11 "Transfer-Encoding: gzip\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: identity\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: chunked, gzip\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: chun ked\r\n\r\n0\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding:\r\n\r\n"), "!400"},
        {BYTES(POST11 "Transfer-Encoding: \x0b"
                      "chunked\r\n\r\n0\r\n\r\n"),
         "!400"},
        {BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "!400"},
        {BYTES("POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
         "!400"},
    };
    (void)state;
    EXPECT_ALL_CUTS(samples);
}

static void reads_connection_options(void **state) {
    static const sample samples[] = {
        {BYTES(GET11 H "Connection: close\r\n\r\n"), "GET / @x close END"},
        {BYTES(GET11 H "Connection: CLOSE\r\n\r\n"), "GET / @x close END"},
        {BYTES(GET11 H "Connection: keep-alive\r\n\r\n"), "GET / @x keep END"},
        {BYTES(GET11 H "Connection: keep-alive, close\r\n\r\n"), "GET / @x close END"},
        {BYTES(GET11 H "Connection: close\r\nConnection: keep-alive\r\n\r\n"), "GET / @x close END"},
        {BYTES(GET11 H "Connection: ,, close ,\r\n\r\n"), "GET / @x close END"},
        {BYTES(GET11 H "Connection:\tclose\t\r\n\r\n"), "GET / @x close END"},
        {BYTES(GET11 H "Connection: closed\r\n\r\n"), "GET / @x keep END"},
        {BYTES(GET11 H "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\n\r\n"),
         "GET / @x keep END"},
        {BYTES(GET11 H "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" GET11 H "\r\n"),
         "GET / @x keep END GET / @x keep END"},
        {BYTES(GET11 H "Proxy-Connection: close\r\n\r\n"), "GET / @x keep END"},
        {BYTES("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "GET / @ 1.0 keep END"},
        {BYTES("GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n"), "GET / @ 1.0 close END"},
        {BYTES(GET11 H "TE: trailers, deflate\r\nTrailer: A\r\n\r\n"), "GET / @x keep END"},
    };
    (void)state;
    EXPECT_ALL_CUTS(samples);
}

static void reads_expectations(void **state) {
    static const sample samples[] = {
        {BYTES(POST11 "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab"), "POST / @x keep 100 :2 ab END"},
        {BYTES(POST11 "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nab"), "POST / @x keep 100 :2 ab END"},
        {BYTES(POST11 "Expect: 100-continue\r\n\r\n"), "POST / @x keep END"},
        {BYTES(POST11 "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n"), "POST / @x keep :0 END"},
        {BYTES(POST11 "Expect: 200-ok\r\nContent-Length: 2\r\n\r\nab"), "!417"},
        {BYTES(POST11 "Expect: 100-continue, x\r\n\r\n"), "!417"},
        {BYTES(POST11 "Expect: 100-continue\r\nExpect: x\r\n\r\n"), "!417"},
        {BYTES("POST / HTTP/1.0\r\nExpect: x\r\nContent-Length: 2\r\n\r\nab"),
         "POST / @ 1.0 close :2 ab END"},
        {BYTES("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab"),
         "POST / @ 1.0 close :2 ab END"},
    };
    (void)state;
    EXPECT_ALL_CUTS(samples);
}

static void reads_pipelined_requests(void **state) {
    static const sample samples[] = {
        {BYTES(GET11 H "\r\n" GET11 H "\r\n"), "GET / @x keep END GET / @x keep END"},
        {BYTES(POST11 "Content-Length: 2\r\n\r\nab" GET11 H "\r\n"),
         "POST / @x keep :2 ab END GET / @x keep END"},
        {BYTES(CHUNKED "1\r\na\r\n0\r\n\r\n" GET11 H "\r\n"),
         "POST / @x keep chunked a END GET / @x keep END"},
        {BYTES(POST11 "Content-Length: 2\r\n\r\nab\r\n" GET11 H "\r\n"),
         "POST / @x keep :2 ab END GET / @x keep END"},
        {BYTES(GET11 H "\r\nGET"), "GET / @x keep END MORE"},
        {BYTES(GET11 H "\r\nnonsense\r\n"), "GET / @x keep END !400"},
        {BYTES(POST11 "Content-Length: 2\r\n\r\nabc"), "POST / @x keep :2 ab END MORE"},
    };
    (void)state;
    EXPECT_ALL_CUTS(samples);
}

/* `len` times `byte`, NUL-terminated; the caller frees it. */
static char *repeat(char byte, size_t len) {
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, byte, len);
    text[len] = '\0';
    return text;
}

/* `format` holds one %s for `len` times 'a'. Cut in one, in bytes, and near limits. */
static void expect_long(const char *format, size_t len, const char *expected) {
    char *filler = repeat('a', len);
    size_t cap = len + 200;
    char *bytes = malloc(cap);
    assert_non_null(bytes);
    sample s = {bytes, (size_t)snprintf(bytes, cap, format, filler), expected};
    expect_pieces(&s, SIZE_MAX, SIZE_MAX);
    expect_pieces(&s, 1, 1);
    for (size_t piece = 997; piece < 9000; piece += 997)
        expect_pieces(&s, piece, piece);
    for (size_t cut = s.len - 8; cut < s.len; cut++)
        expect_pieces(&s, SIZE_MAX, cut);
    free(bytes);
    free(filler);
}

static void bounds_the_request_line(void **state) {
    const char *format = "FOO /%s HTTP/1.1\r\n" H "\r\n";
    size_t around = strlen("FOO / HTTP/1.1");
    (void)state;
    expect_long(format, 8192 - around, "!501");
    expect_long(format, 8193 - around, "!414");
    expect_long(format, 20000, "!414");
    expect_long("%s", 8192, "MORE");
    expect_long("%s", 8193, "!414");
}

static void bounds_the_header_section(void **state) {
    const char *format = GET11 H "A: %s\r\n\r\n";
    size_t around = strlen(H "A: \r\n");
    (void)state;
    expect_long(format, 32768 - around, "GET / @x keep END");
    expect_long(format, 32769 - around, "!431");
    expect_long(format, 100000, "!431");
    expect_long(GET11 H "%s", 40000, "!431");
}

static void bounds_the_number_of_fields(void **state) {
    char bytes[1024];
    (void)state;
    for (int count = 99; count <= 101; count++) {
        size_t len = (size_t)snprintf(bytes, sizeof bytes, GET11 H);
        for (int i = 1; i < count; i++)
            len += (size_t)snprintf(bytes + len, sizeof bytes - len, "a:b\r\n");
        len += (size_t)snprintf(bytes + len, sizeof bytes - len, "\r\n");
        sample s = {bytes, len, count <= 100 ? "GET / @x keep END" : "!431"};
        expect_all_cuts(&s, 1);
    }
}

static void bounds_chunk_extensions_and_trailers(void **state) {
    const char *over = "POST / @x keep chunked  END";
    (void)state;
    expect_long(CHUNKED "0;%s\r\n\r\n", 4095, over);
    expect_long(CHUNKED "0;%s\r\n\r\n", 4096, "POST / @x keep chunked !400");
    expect_long(CHUNKED "0\r\na:%s\r\n\r\n", 32768 - 4, over);
    expect_long(CHUNKED "0\r\na:%s\r\n\r\n", 32768 - 3, "POST / @x keep chunked !431");

    char *zeros = repeat('0', 5000);
    char bytes[6000];
    sample s = {bytes, (size_t)snprintf(bytes, sizeof bytes, CHUNKED "%s\r\n\r\n", zeros),
                "POST / @x keep chunked !400"};
    expect_pieces(&s, SIZE_MAX, SIZE_MAX);
    expect_pieces(&s, 1, 1);
    free(zeros);
}

static void bounds_the_number_of_trailers(void **state) {
    char bytes[1024];
    (void)state;
    for (int count = 100; count <= 101; count++) {
        size_t len = (size_t)snprintf(bytes, sizeof bytes, CHUNKED "0\r\n");
        for (int i = 0; i < count; i++)
            len += (size_t)snprintf(bytes + len, sizeof bytes - len, "a:b\r\n");
        len += (size_t)snprintf(bytes + len, sizeof bytes - len, "\r\n");
        sample s = {bytes, len, count <= 100 ? "POST / @x keep chunked  END" : "POST / @x keep chunked !431"};
        expect_all_cuts(&s, 1);
    }
}

static void gives_fields_in_the_order_sent(void **state) {
    static const char bytes[] =
        GET11 "Accept: a\r\nHost: x\r\nX-Empty:\r\naccept:\t b c \t\r\nX-Obs: \xe9\tz\r\n\r\n";
    transcript t;
    (void)state;
    for (size_t cut = 0; cut < sizeof bytes - 1; cut++) {
        transcript_open(&t);
        t.with_fields = true;
        transcript_feed(&t, rl_slice_of(bytes, cut));
        transcript_feed(&t, rl_slice_of(bytes + cut, sizeof bytes - 1 - cut));
        transcript_end(&t);
        assert_string_equal(t.text,
                            "GET / @x keep [Accept=a] [Host=x] [X-Empty=] [accept=b c] [X-Obs=\xe9\tz] END");
        transcript_close(&t);
    }
}

static void points_into_the_input_when_the_head_is_whole(void **state) {
    static const char bytes[] = "\r\n" GET11 "Accept: a\r\nHost: x\r\naccept: b\r\n\r\nrest";
    transcript t;
    size_t consumed;
    (void)state;
    transcript_open(&t);
    t.head = (rl_head){.fields = t.fields, .field_cap = TRANSCRIPT_FIELDS};
    rl_parser_begin(&t.parser, &t.head);
    assert_true(rl_parser_in_head(&t.parser));
    assert_int_equal(rl_parser_execute(&t.parser, rl_slice_of(bytes, sizeof bytes - 1), &consumed),
                     RL_PARSE_END);
    assert_ptr_equal(t.head.base, bytes + 2);
    assert_int_equal(consumed, sizeof bytes - 1 - 4);
    assert_int_equal(t.head.len, consumed - 2);
    assert_int_equal(mem_live(), 0);
    assert_int_equal(rl_head_count(&t.head, RL_LIT("accept")), 2);
    assert_true(rl_slice_eq(rl_head_find(&t.head, RL_LIT("accept")), RL_LIT("a")));
    assert_int_equal(rl_head_next(&t.head, RL_LIT("accept"), 1), 2);
    assert_null(rl_head_find(&t.head, RL_LIT("cookie")).ptr);
    transcript_close(&t);
}

static void lets_the_line_be_read_while_fields_come(void **state) {
    transcript t;
    (void)state;
    transcript_open(&t);
    transcript_feed(&t, RL_LIT("GET /slow HTTP/1.1\r"));
    assert_null(t.head.base);
    transcript_feed(&t, RL_LIT("\n"));
    for (int i = 0; i < 500; i++) { /* the buffer moves as it grows */
        transcript_feed(&t, RL_LIT("a"));
        assert_true(rl_slice_eq(rl_head_path(&t.head), RL_LIT("/slow")));
    }
    transcript_close(&t);
}

static void holds_no_memory_between_messages(void **state) {
    static const char bytes[] = GET11 H "\r\n";
    transcript t;
    (void)state;
    transcript_open(&t);
    transcript_feed(&t, rl_slice_of(bytes, 20));
    assert_true(mem_live() > 0);
    assert_true(rl_parser_has_begun(&t.parser));
    transcript_feed(&t, rl_slice_of(bytes + 20, sizeof bytes - 1 - 20));
    rl_parser_clear(&t.parser);
    assert_int_equal(mem_live(), 0);
    assert_false(rl_parser_has_begun(&t.parser));
    transcript_close(&t);
}

static void does_not_count_empty_lines_as_a_message(void **state) {
    transcript t;
    (void)state;
    transcript_open(&t);
    transcript_feed(&t, RL_LIT("\r\n"));
    assert_false(rl_parser_has_begun(&t.parser));
    transcript_feed(&t, RL_LIT("G"));
    assert_true(rl_parser_has_begun(&t.parser));
    assert_true(rl_parser_in_head(&t.parser));
    transcript_close(&t);
}

static void refuses_what_the_owner_refuses(void **state) {
    transcript t;
    (void)state;
    transcript_open(&t);
    t.head_status = 404;
    assert_false(transcript_feed(&t, RL_LIT(GET11 H "\r\n" GET11)));
    assert_int_equal(t.parser.status, 404);
    assert_false(transcript_feed(&t, RL_LIT("more")));
    transcript_close(&t);
}

static int take_head(void *owner) {
    (void)owner;
    return 0;
}

static int take_body(void *owner, rl_slice bytes) {
    (void)owner;
    (void)bytes;
    return 0;
}

static void bounds_the_body(void **state) {
    static const rl_parser_events events = {take_head, take_body};
    static const struct {
        const char *bytes;
        rl_parse expected;
    } samples[] = {
        {POST11 "Content-Length: 3\r\n\r\nabc", RL_PARSE_END},
        {POST11 "Content-Length: 4\r\n\r\nabcd", RL_PARSE_REFUSED},
        {CHUNKED "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", RL_PARSE_END},
        {CHUNKED "1\r\na\r\n3\r\nbcd\r\n0\r\n\r\n", RL_PARSE_REFUSED},
    };
    rl_parser_limits limits = RL_PARSER_LIMITS_DEFAULT;
    limits.max_body = 3;
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        rl_field fields[10];
        rl_head head = {.fields = fields, .field_cap = 10};
        rl_parser parser;
        size_t consumed;
        rl_parser_init(&parser, &limits, &events, &parser);
        rl_parser_begin(&parser, &head);
        rl_slice bytes = rl_slice_str(samples[i].bytes);
        assert_int_equal(rl_parser_execute(&parser, bytes, &consumed), samples[i].expected);
        assert_int_equal(parser.status, samples[i].expected == RL_PARSE_END ? 0 : 413);
        rl_parser_clear(&parser);
    }
}

static void feed_byte_by_byte(void) {
    static const char bytes[] =
        "GET /a-path-longer-than-the-first-block HTTP/1.1\r\n" H
        "Accept: text/html, application/xhtml+xml, application/xml\r\n"
        "User-Agent: something that makes the buffer grow once more, and again\r\n\r\n";
    transcript t;
    transcript_open(&t);
    for (size_t i = 0; i < sizeof bytes - 1; i++)
        if (!transcript_feed(&t, rl_slice_of(bytes + i, 1)))
            break;
    assert_true(t.parser.status == 0 || t.parser.status == 503);
    transcript_close(&t);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(feed_byte_by_byte);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_request_lines),
        cmocka_unit_test(refuses_malformed_request_lines),
        cmocka_unit_test(knows_nothing_of_a_line_that_is_none),
        cmocka_unit_test(reads_hosts),
        cmocka_unit_test(refuses_malformed_fields),
        cmocka_unit_test(reads_bodies_by_length),
        cmocka_unit_test(reads_bodies_in_chunks),
        cmocka_unit_test(refuses_other_transfer_codings),
        cmocka_unit_test(reads_connection_options),
        cmocka_unit_test(reads_expectations),
        cmocka_unit_test(reads_pipelined_requests),
        cmocka_unit_test(bounds_the_request_line),
        cmocka_unit_test(bounds_the_header_section),
        cmocka_unit_test(bounds_the_number_of_fields),
        cmocka_unit_test(bounds_chunk_extensions_and_trailers),
        cmocka_unit_test(bounds_the_number_of_trailers),
        cmocka_unit_test(gives_fields_in_the_order_sent),
        cmocka_unit_test(points_into_the_input_when_the_head_is_whole),
        cmocka_unit_test(lets_the_line_be_read_while_fields_come),
        cmocka_unit_test(holds_no_memory_between_messages),
        cmocka_unit_test(does_not_count_empty_lines_as_a_message),
        cmocka_unit_test(refuses_what_the_owner_refuses),
        cmocka_unit_test(bounds_the_body),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
