/* chunked -- takes the chunk framing off a body (RFC 9112, 7.1).
 *
 *   5;ext=1\r\n   hello\r\n   0\r\n   Trailer: x\r\n   \r\n
 *   size line     data        last    trailers         end
 *
 * Strict: CRLF only, hex digits only, no space where the grammar has none.
 * Extensions and trailer fields are checked, counted and dropped: nothing that
 * comes behind the body may change what the head said. */
#ifndef RL_HTTP_CHUNKED_H
#define RL_HTTP_CHUNKED_H

#include <stdint.h>

#include "base/slice.h"

/* Bytes of chunk extensions, and of digits past the 16th, in one body. Nobody
 * uses extensions; without a bound they are a body that no limit sees. */
#define RL_CHUNKED_MAX_EXTENSIONS 4096

typedef enum rl_chunked_event {
    RL_CHUNKED_MORE,      /* the input was taken, the body goes on */
    RL_CHUNKED_DATA,      /* `data` is the next of the body; ask again */
    RL_CHUNKED_END,       /* the body and its trailers are over */
    RL_CHUNKED_MALFORMED, /* 400 */
    RL_CHUNKED_TOO_LARGE, /* 413: a chunk goes past the budget */
    RL_CHUNKED_TRAILERS   /* 431: too many trailer fields, or too long */
} rl_chunked_event;

typedef struct rl_chunked {
    uint64_t left;   /* data bytes of this chunk that are to come */
    uint64_t budget; /* data bytes that further chunks may have */
    uint32_t extension_left, trailer_left, trailer_count_left;
    uint8_t state, digits;
} rl_chunked;

/* `max_trailers` in bytes. */
void rl_chunked_init(rl_chunked *chunked, uint64_t max_body, size_t max_trailers, uint32_t max_trailer_count);

/* Take bytes off the front of `in` up to the next event. */
rl_chunked_event rl_chunked_next(rl_chunked *chunked, rl_slice *in, rl_slice *data);

#endif
