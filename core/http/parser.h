/* parser -- turns the bytes of a connection into requests, one at a time.
 *
 *   begin --> execute ... execute --> END --> begin --> ...
 *                |  head event: the head is whole and sound
 *                |  body events: bytes of the body, chunk framing removed
 *                +--> REFUSED: status and reason say why; the connection must end
 *
 * llhttp finds the fields of a head, in its strict mode. It still takes much
 * that two readers could understand differently, so the request line (start_line.h)
 * and the fields (fields.h) are checked again and refused when in doubt (RFC
 * 9112, 11.2). Bodies are counted, or taken out of their chunks by chunked.h,
 * because llhttp bounds no framing. The outcome depends on the bytes alone,
 * never on how they were cut.
 *
 * While a head lies in one piece nothing is copied and no memory is taken. A
 * head that comes in pieces is gathered in a buffer of ours, whose memory goes
 * back with the next begin or clear. */
#ifndef RL_HTTP_PARSER_H
#define RL_HTTP_PARSER_H

#include <llhttp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "http/chunked.h"
#include "http/head.h"
#include "http/host.h"

typedef struct rl_parser_limits {
    size_t max_request_line;   /* bytes, CRLF not counted, below 1 GB; beyond: 414 */
    size_t max_headers;        /* bytes of all header fields, likewise of all trailers; beyond: 431 */
    uint32_t max_header_count; /* of a head, or of a trailer section; beyond: 431 */
    uint64_t max_body;         /* bytes after decoding; beyond: 413 */
} rl_parser_limits;

#define RL_PARSER_LIMITS_DEFAULT \
    ((rl_parser_limits){.max_request_line = 8192, \
                        .max_headers = 32768, \
                        .max_header_count = 100, \
                        .max_body = 8 * 1024 * 1024})

typedef struct rl_parser_events {
    /* The head is whole and valid. 0 to go on, or a status to refuse it. Calls
     * no function of the parser. */
    int (*head)(void *owner);
    /* More of the body; the bytes are borrowed for the call. 0 to go on, or a
     * status to refuse. */
    int (*body)(void *owner, rl_slice bytes);
} rl_parser_events;

typedef enum rl_parse {
    RL_PARSE_MORE,   /* all of the input was taken, the message goes on */
    RL_PARSE_END,    /* the message ended; what was not taken belongs to the next one */
    RL_PARSE_REFUSED /* parser->status and parser->reason say why */
} rl_parse;

typedef struct rl_parser {
    union {
        llhttp_t llhttp;    /* while the head comes */
        rl_chunked chunked; /* while a body in chunks comes */
    } part;
    rl_buf gathered;     /* the head so far, when it came in pieces */
    llhttp_t after_line; /* how llhttp begins a message */
    rl_host_seen host;   /* of whatever it has parsed, for whomever */
    const rl_parser_limits *limits;
    const rl_parser_events *events;
    void *owner;
    rl_head *head;
    const char *reason; /* why it was refused; static text for the log */
    uint64_t body_left; /* bytes that must still come by Content-Length */
    uint32_t line_len;  /* of the request line with its CRLF */
    uint16_t status;    /* of the refusal */
    uint8_t state;
    uint8_t blank; /* bytes of empty lines before the request line */
} rl_parser;

/* `limits` and `events` are borrowed until the parser's last use. Takes no
 * memory. */
void rl_parser_init(rl_parser *parser, const rl_parser_limits *limits, const rl_parser_events *events,
                    void *owner);
/* Gives the memory back; the parser is as after rl_parser_init. To be called
 * too when a connection goes idle. */
void rl_parser_clear(rl_parser *parser);

/* Start a message: its head goes to `head`, whose fields and field_cap the
 * caller has set (field_cap bounds the count as max_header_count does). Needed
 * before the first byte of every message. Ends the life of the gathered bytes
 * that the previous head may point at. */
void rl_parser_begin(rl_parser *parser, rl_head *head);

/* Feed `in`. *consumed says how much was taken: all of it for MORE. After END
 * nothing is taken until the next begin, after REFUSED nothing more at all.
 * head->base points into `in` when the whole head lies in it, else into the
 * parser until the next begin or clear. At a refusal it is NULL, or what of the
 * head was understood may be read for the log, before `in` goes. */
rl_parse rl_parser_execute(rl_parser *parser, rl_slice in, size_t *consumed);

/* The head is not whole yet. True also before its first byte. */
bool rl_parser_in_head(const rl_parser *parser);
/* A byte of the current message has come: at a timeout, the client is owed a
 * 408. Empty lines before the request line do not count. */
bool rl_parser_has_begun(const rl_parser *parser);

#endif
