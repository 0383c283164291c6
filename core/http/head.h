/* head -- a request's line and header fields, as offsets into the bytes sent.
 *
 *   base                                                            base+len
 *   |GET /a?b=1 HTTP/1.1\r\n|Host: x\r\n|Accept: text/html\r\n|...|\r\n|
 *        |-- target --|      |name| |value|
 *
 * Nothing is copied or decoded here. All offsets count from `base`, so an owner
 * who must keep the head copies `len` bytes and sets `base` to the copy.
 * Names are as sent and compare without case; values have no space around. */
#ifndef RL_HTTP_HEAD_H
#define RL_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "http/method.h"

typedef struct rl_field {
    uint32_t name, name_len, value, value_len;
} rl_field;

typedef struct rl_head {
    const char *base;            /* first byte of the request line; NULL until the line is whole */
    uint32_t len;                /* of the whole head, the empty line included */
    uint32_t target, target_len; /* as sent */
    uint32_t path, path_len;     /* raw, begins with '/'; empty for `OPTIONS *` alone */
    uint32_t query, query_len;   /* raw, without the '?' */
    uint32_t host, host_len;     /* of an absolute target, which wins, else of Host (RFC 9112, 3.2.2) */
    rl_field *fields;            /* the owner's storage, field_cap of them */
    uint32_t field_count, field_cap;
    rl_method method;
    uint8_t minor;           /* of HTTP/1.minor: 0, else 1 */
    bool keep_alive;         /* the client wants the connection to stay */
    bool chunked;            /* a body in chunks follows */
    bool has_length;         /* Content-Length was sent: content_length holds */
    bool expect_continue;    /* wants a 100 before it sends its body */
    bool asterisk;           /* `OPTIONS *` */
    uint64_t content_length; /* bytes */
} rl_head;

static inline rl_slice rl_head_slice(const rl_head *head, uint32_t offset, uint32_t len) {
    return (rl_slice){head->base + offset, len};
}

static inline rl_slice rl_head_target(const rl_head *head) {
    return rl_head_slice(head, head->target, head->target_len);
}

/* The path to route by. */
static inline rl_slice rl_head_path(const rl_head *head) {
    return rl_head_slice(head, head->path, head->path_len);
}

static inline rl_slice rl_head_query(const rl_head *head) {
    return rl_head_slice(head, head->query, head->query_len);
}

static inline rl_slice rl_head_host(const rl_head *head) {
    return rl_head_slice(head, head->host, head->host_len);
}

/* Field `i`, below field_count, in the order sent. */
static inline rl_slice rl_head_name(const rl_head *head, uint32_t i) {
    return rl_head_slice(head, head->fields[i].name, head->fields[i].name_len);
}

static inline rl_slice rl_head_value(const rl_head *head, uint32_t i) {
    return rl_head_slice(head, head->fields[i].value, head->fields[i].value_len);
}

/* The index of the first field called `name` at or behind index `from`;
 * field_count when there is none. */
static inline uint32_t rl_head_next(const rl_head *head, rl_slice name, uint32_t from) {
    while (from < head->field_count && !rl_slice_ieq(rl_head_name(head, from), name))
        from++;
    return from;
}

/* The value of the first field called `name`; ptr is NULL when there is none. */
static inline rl_slice rl_head_find(const rl_head *head, rl_slice name) {
    uint32_t i = rl_head_next(head, name, 0);
    return i < head->field_count ? rl_head_value(head, i) : (rl_slice){NULL, 0};
}

/* How many fields are called `name`. */
static inline uint32_t rl_head_count(const rl_head *head, rl_slice name) {
    uint32_t count = 0;
    for (uint32_t i = rl_head_next(head, name, 0); i < head->field_count; i = rl_head_next(head, name, i + 1))
        count++;
    return count;
}

#endif
