#include "http/start_line.h"

#include "http/byte.h"
#include "http/host.h"

static rl_refusal refuse(int status, const char *reason) {
    return (rl_refusal){status, reason};
}

static rl_refusal accept(void) {
    return (rl_refusal){0, NULL};
}

/* The path goes from `from` to `path_end`, where the query begins, or the target ends. */
static void split_path(rl_head *head, uint32_t from, uint32_t path_end) {
    uint32_t end = head->target + head->target_len;
    head->path = from;
    head->path_len = path_end - from;
    head->query = path_end < end ? path_end + 1 : end;
    head->query_len = end - head->query;
}

/* The length of "http://" or "https://" in front of `target`, 0 without one. */
static uint32_t scheme_len(rl_slice target) {
    if (target.len >= 7 && rl_slice_ieq(rl_slice_of(target.ptr, 7), RL_LIT("http://")))
        return 7;
    if (target.len >= 8 && rl_slice_ieq(rl_slice_of(target.ptr, 8), RL_LIT("https://")))
        return 8;
    return 0;
}

static rl_refusal parse_absolute(rl_head *head, uint32_t path_end) {
    rl_slice target = rl_head_target(head);
    uint32_t authority = scheme_len(target);
    if (authority == 0)
        return refuse(400, "the request target has no form we know");
    uint32_t end = authority;
    while (end < target.len && target.ptr[end] != '/' && target.ptr[end] != '?')
        end++;
    head->host = head->target + authority;
    head->host_len = end - authority;
    if (!rl_host_is_valid(rl_head_host(head)))
        return refuse(400, "the request target has no valid host");
    split_path(head, head->target + end, path_end);
    if (head->path_len == 0) {
        /* No path means "/" (RFC 9110, 4.2.3), and the scheme has one to point at. */
        head->path = head->target + authority - 1;
        head->path_len = 1;
    }
    return accept();
}

static rl_refusal parse_target(rl_head *head, uint32_t path_end) {
    rl_slice target = rl_head_target(head);
    if (target.len == 0)
        return refuse(400, "the request target is missing");
    if (target.ptr[0] == '/') {
        split_path(head, head->target, path_end);
        return accept();
    }
    if (target.len == 1 && target.ptr[0] == '*' && head->method == RL_OPTIONS) {
        head->asterisk = true;
        return accept();
    }
    return parse_absolute(head, path_end);
}

enum { VERSION_LEN = sizeof "HTTP/1.1\r\n" - 1 };

/* Major versions differ in how a message is framed, minor ones do not: a
 * higher minor is served as 1.1 (RFC 9110, 2.5). */
static rl_refusal parse_version(rl_slice in, rl_head *head) {
    if (in.len < VERSION_LEN)
        return refuse(400, "the request line is malformed");
    if (memcmp(in.ptr, "HTTP/1.1\r\n", VERSION_LEN) == 0) { /* as nearly all are */
        head->minor = 1;
        return accept();
    }
    if (memcmp(in.ptr, "HTTP/", 5) != 0 || !rl_byte_is(in.ptr[5], RL_BYTE_DIGIT) || in.ptr[6] != '.' ||
        !rl_byte_is(in.ptr[7], RL_BYTE_DIGIT) || memcmp(in.ptr + 8, "\r\n", 2) != 0)
        return refuse(400, "the request line is malformed");
    if (in.ptr[5] != '1')
        return refuse(505, "the HTTP version is not 1");
    head->minor = in.ptr[7] != '0';
    return accept();
}

rl_refusal rl_start_line_parse(rl_slice in, rl_head *head, uint32_t *len) {
    bool is_get = rl_slice_has_prefix(in, RL_LIT("GET ")); /* as most are: no need to look for its end */
    rl_slice method = rl_slice_of(in.ptr, is_get ? 3 : rl_byte_span(in, 0, RL_BYTE_TOKEN));
    if (method.len == 0 || method.len == in.len)
        return refuse(400, "the request line is malformed");
    if (in.ptr[method.len] != ' ')
        return refuse(400, "the method is malformed");
    head->method = rl_method_of(method);

    size_t target = method.len + 1, path_end = rl_byte_span(in, target, RL_BYTE_PATH), sound_end = path_end;
    if (path_end < in.len && in.ptr[path_end] == '?')
        sound_end = rl_byte_span(in, path_end + 1, RL_BYTE_TARGET);
    size_t end = sound_end;
    while (end < in.len && in.ptr[end] != ' ')
        end++;
    if (end == in.len)
        return refuse(400, "the request line is malformed");
    head->target = (uint32_t)target;
    head->target_len = (uint32_t)(end - target);
    *len = (uint32_t)(end + 1 + VERSION_LEN);

    rl_refusal refusal = parse_version(rl_slice_of(in.ptr + end + 1, in.len - end - 1), head);
    if (refusal.status != 0)
        return refusal;
    if (head->method == RL_METHOD_OTHER)
        return refuse(501, "the method is not one we serve");
    if (end > sound_end)
        return refuse(400, "the request target holds a byte that has to be escaped");
    return parse_target(head, (uint32_t)path_end);
}
