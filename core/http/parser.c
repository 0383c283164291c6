#include "http/parser.h"

#include <assert.h>

#include "http/byte.h"
#include "http/fields.h"
#include "http/start_line.h"

enum state {
    IDLE,   /* between messages: begin has to come */
    BEFORE, /* no byte but of empty lines */
    LINE,
    FIELDS,
    COUNTED, /* a body of known length */
    CHUNKS,
    ENDED,
    REFUSED
};

/* A robust reader passes over an empty line before the request line (RFC 9112,
 * 2.2): old clients sent one behind a body. Two is generous. */
enum { MAX_BLANK = 4 };

/* What one execute is fed. The current head's bytes begin at `head`, the next
 * byte to look at is `at`. */
typedef struct feed {
    const char *ptr;
    size_t len, at, head;
} feed;

/* What llhttp's callbacks need: `piece` lies `offset` bytes into the head. */
typedef struct run {
    rl_parser *parser;
    const char *piece;
    size_t offset;
} run;

static int on_header_field(llhttp_t *llhttp, const char *at, size_t len);
static int on_excess_field(llhttp_t *llhttp);
static int on_headers_complete(llhttp_t *llhttp);

/* Always false: the stages end with `return refuse(...)`. */
static bool refuse(rl_parser *parser, int status, const char *reason) {
    parser->state = REFUSED;
    parser->status = (uint16_t)status;
    parser->reason = reason;
    return false;
}

static bool enter(rl_parser *parser, enum state state) {
    parser->state = (uint8_t)state;
    return state < ENDED;
}

static const llhttp_settings_t SETTINGS = {
    .on_header_field = on_header_field,
    .on_headers_complete = on_headers_complete,
};

/* While the name of a field comes for which there is no room: it may yet turn
 * out to be malformed, which counts more. */
static const llhttp_settings_t EXCESS_SETTINGS = {
    .on_header_field = on_header_field,
    .on_header_field_complete = on_excess_field,
};

/* As it stands behind a request line. Lines are parsed here, more strictly, so
 * llhttp begins every message there: it saves a third of its time, and it never
 * sees a method or target that it has its own ideas about. */
static void init_after_line(llhttp_t *llhttp) {
    static const char line[] = "GET / HTTP/1.1\r\n";
    llhttp_init(llhttp, HTTP_REQUEST, &SETTINGS);
    llhttp_errno_t err = llhttp_execute(llhttp, line, sizeof line - 1);
    assert(err == HPE_OK);
    (void)err;
}

void rl_parser_init(rl_parser *parser, const rl_parser_limits *limits, const rl_parser_events *events,
                    void *owner) {
    assert(limits->max_request_line < UINT32_MAX / 4 && limits->max_headers < UINT32_MAX / 4);
    *parser = (rl_parser){.limits = limits, .events = events, .owner = owner};
    init_after_line(&parser->after_line);
    /* a line and fields that are just too long are gathered before they are refused */
    rl_buf_init(&parser->gathered, limits->max_request_line + limits->max_headers + 4);
}

void rl_parser_clear(rl_parser *parser) {
    rl_buf_clear(&parser->gathered);
    parser->head = NULL;
    parser->state = IDLE;
}

static void empty_head(rl_head *head) {
    *head = (rl_head){.fields = head->fields, .field_cap = head->field_cap};
}

void rl_parser_begin(rl_parser *parser, rl_head *head) {
    rl_buf_clear(&parser->gathered);
    empty_head(head);
    parser->head = head;
    parser->state = BEFORE;
    parser->blank = 0;
    parser->status = 0;
    parser->reason = NULL;
}

bool rl_parser_in_head(const rl_parser *parser) {
    return parser->state <= FIELDS;
}

bool rl_parser_has_begun(const rl_parser *parser) {
    return parser->state > BEFORE;
}

/* Put the head's bytes of this piece, up to in->at, behind those gathered. */
static bool gather(rl_parser *parser, feed *in) {
    rl_slice piece = rl_slice_of(in->ptr + in->head, in->at - in->head);
    if (rl_buf_append(&parser->gathered, piece) != RL_OK)
        return refuse(parser, 503, "no memory for the head");
    in->head = in->at;
    if (parser->head->base != NULL)
        parser->head->base = rl_buf_live(&parser->gathered).ptr;
    return true;
}

static bool skip_empty_lines(rl_parser *parser, feed *in) {
    while (in->at < in->len) {
        bool wants_lf = parser->blank % 2 == 1;
        char byte = in->ptr[in->at];
        if (wants_lf ? byte != '\n' : byte == '\r' && parser->blank == MAX_BLANK)
            return refuse(parser, 400, "empty lines instead of a request line");
        if (!wants_lf && byte != '\r') {
            in->head = in->at;
            return enter(parser, LINE);
        }
        parser->blank++;
        in->at++;
    }
    return false;
}

/* llhttp gives a name in as many pieces as the input came in. A piece that
 * continues the last one exactly belongs to it: between two names lies at
 * least a colon.
 * The name is why llhttp would read the value in a way of its own (it refuses
 * "Content-Length: 5\t"). State 0 makes it an ordinary value: fields.c judges. */
static int on_header_field(llhttp_t *llhttp, const char *at, size_t len) {
    run *now = llhttp->data;
    llhttp->header_state = 0;
    rl_head *head = now->parser->head;
    uint32_t offset = (uint32_t)(now->offset + (size_t)(at - now->piece));
    if (head->field_count > 0) {
        rl_field *last = &head->fields[head->field_count - 1];
        if (last->name + last->name_len == offset) {
            last->name_len += (uint32_t)len;
            return 0;
        }
    }
    if (head->field_count >= head->field_cap || head->field_count >= now->parser->limits->max_header_count) {
        llhttp->settings = (void *)(uintptr_t)&EXCESS_SETTINGS;
        return 0;
    }
    head->fields[head->field_count++] = (rl_field){.name = offset, .name_len = (uint32_t)len};
    return 0;
}

static int on_excess_field(llhttp_t *llhttp) {
    const run *now = llhttp->data;
    refuse(now->parser, 431, "too many header fields");
    return HPE_USER;
}

static int on_headers_complete(llhttp_t *llhttp) {
    (void)llhttp;
    return HPE_PAUSED; /* so that llhttp says where; it is not resumed */
}

static llhttp_errno_t run_llhttp(rl_parser *parser, rl_slice piece, size_t offset) {
    run now = {parser, piece.ptr, offset};
    parser->part.llhttp.data = &now;
    llhttp_errno_t err = llhttp_execute(&parser->part.llhttp, piece.ptr, piece.len);
    parser->part.llhttp.data = NULL;
    return err;
}

static bool begin_fields(rl_parser *parser) {
    parser->part.llhttp = parser->after_line;
    return enter(parser, FIELDS);
}

/* Most lines come whole, and are sound: to see that they are is to parse them, in one walk. What is wrong with
 * another one, or that its end has yet to come, shows when it is looked at byte by byte. */
static bool take_sound_line(rl_parser *parser, feed *in) {
    size_t most = parser->limits->max_request_line + 2, avail = in->len - in->at;
    parser->head->base = in->ptr + in->at;
    rl_slice bytes = rl_slice_of(parser->head->base, avail < most ? avail : most);
    if (rl_start_line_parse(bytes, parser->head, &parser->line_len).status != 0) {
        empty_head(parser->head); /* of a line that has yet to be found nothing is known, however it came */
        return false;
    }
    in->at += parser->line_len;
    return true;
}

/* The request line is whole: it ends before in->at. */
static bool settle_line(rl_parser *parser, feed *in) {
    bool whole = rl_buf_len(&parser->gathered) == 0;
    if (!whole && !gather(parser, in))
        return false;
    rl_slice line =
        whole ? rl_slice_of(in->ptr + in->head, in->at - in->head) : rl_buf_live(&parser->gathered);
    parser->head->base = line.ptr;
    rl_refusal refusal = rl_start_line_parse(line, parser->head, &parser->line_len);
    if (refusal.status != 0)
        return refuse(parser, refusal.status, refusal.reason);
    return begin_fields(parser);
}

/* A line holds no control byte and ends in CRLF; a CR or LF alone is how one
 * reader sees a line's end that the next one does not. */
static bool take_line(rl_parser *parser, feed *in) {
    size_t before = rl_buf_len(&parser->gathered);
    if (before == 0 && take_sound_line(parser, in))
        return begin_fields(parser);
    bool after_cr = before > 0 && rl_buf_live(&parser->gathered).ptr[before - 1] == '\r';
    if (!after_cr) {
        size_t len = rl_byte_visible_len(rl_slice_of(in->ptr + in->at, in->len - in->at));
        if (len > parser->limits->max_request_line - before)
            return refuse(parser, 414, "the request line is too long");
        in->at += len;
        if (in->at < in->len && in->ptr[in->at++] != '\r')
            return refuse(parser, 400, "the request line holds a control byte or one past 0x7e");
    }
    if (in->at == in->len) {
        gather(parser, in);
        return false;
    }
    if (in->ptr[in->at++] != '\n')
        return refuse(parser, 400, "the request line holds a CR");
    return settle_line(parser, in);
}

static bool begin_body(rl_parser *parser) {
    const rl_head *head = parser->head;
    if (head->chunked) {
        const rl_parser_limits *limits = parser->limits;
        rl_chunked_init(&parser->part.chunked, limits->max_body, limits->max_headers, limits->max_header_count);
        return enter(parser, CHUNKS);
    }
    parser->body_left = head->content_length;
    return enter(parser, parser->body_left > 0 ? COUNTED : ENDED);
}

/* The head is whole: it ends before in->at. */
static bool settle_head(rl_parser *parser, feed *in) {
    rl_head *head = parser->head;
    head->len = (uint32_t)(rl_buf_len(&parser->gathered) + in->at - in->head);
    if (rl_buf_len(&parser->gathered) > 0 && !gather(parser, in))
        return false;
    rl_refusal refusal = rl_fields_settle(head, parser->line_len, &parser->host);
    if (refusal.status != 0)
        return refuse(parser, refusal.status, refusal.reason);
    if (head->content_length > parser->limits->max_body)
        return refuse(parser, 413, "the body is too large");
    int status = parser->events->head(parser->owner);
    if (status != 0)
        return refuse(parser, status, "refused by the head's owner");
    return begin_body(parser);
}

static bool take_fields(rl_parser *parser, feed *in) {
    size_t before = rl_buf_len(&parser->gathered) + in->at - in->head;
    size_t room = parser->line_len + parser->limits->max_headers + 2 - before;
    size_t avail = in->len - in->at;
    size_t len = avail < room ? avail : room;
    if (len == 0) {
        gather(parser, in);
        return false;
    }
    switch (run_llhttp(parser, rl_slice_of(in->ptr + in->at, len), before)) {
    case HPE_OK:
        in->at += len;
        if (len == room) /* a head within its limits would have ended */
            return refuse(parser, 431, "the header fields are too long");
        gather(parser, in);
        return false;
    case HPE_PAUSED:
        in->at = (size_t)(llhttp_get_error_pos(&parser->part.llhttp) - in->ptr);
        return settle_head(parser, in);
    default: /* a callback has refused, or llhttp */
        return parser->state != REFUSED && refuse(parser, 400, llhttp_get_error_reason(&parser->part.llhttp));
    }
}

static bool give_body(rl_parser *parser, rl_slice bytes) {
    int status = parser->events->body(parser->owner, bytes);
    return status == 0 || refuse(parser, status, "refused by the body's owner");
}

static bool take_counted(rl_parser *parser, feed *in) {
    size_t avail = in->len - in->at;
    size_t len = avail < parser->body_left ? avail : (size_t)parser->body_left;
    if (len == 0)
        return false;
    rl_slice bytes = rl_slice_of(in->ptr + in->at, len);
    in->at += len;
    parser->body_left -= len;
    if (give_body(parser, bytes) && parser->body_left == 0)
        enter(parser, ENDED);
    return false;
}

static bool take_chunks(rl_parser *parser, feed *in) {
    rl_slice rest = rl_slice_of(in->ptr + in->at, in->len - in->at);
    rl_slice data;
    rl_chunked_event event = rl_chunked_next(&parser->part.chunked, &rest, &data);
    in->at = in->len - rest.len;
    switch (event) {
    case RL_CHUNKED_DATA: return give_body(parser, data);
    case RL_CHUNKED_END: return enter(parser, ENDED);
    case RL_CHUNKED_MALFORMED: return refuse(parser, 400, "the chunks are malformed");
    case RL_CHUNKED_TOO_LARGE: return refuse(parser, 413, "the body is too large");
    case RL_CHUNKED_TRAILERS: return refuse(parser, 431, "the trailer fields are too many or too long");
    case RL_CHUNKED_MORE: break;
    }
    return false;
}

/* One stage of the message. True when it is over and the next may go on. */
static bool take(rl_parser *parser, feed *in) {
    switch ((enum state)parser->state) {
    case BEFORE: return skip_empty_lines(parser, in);
    case LINE: return take_line(parser, in);
    case FIELDS: return take_fields(parser, in);
    case COUNTED: return take_counted(parser, in);
    case CHUNKS: return take_chunks(parser, in);
    case IDLE:
    case ENDED:
    case REFUSED: break;
    }
    return false;
}

rl_parse rl_parser_execute(rl_parser *parser, rl_slice in, size_t *consumed) {
    feed fed = {in.ptr, in.len, 0, 0};
    assert(parser->state != IDLE);
    while (take(parser, &fed))
        continue;
    *consumed = fed.at;
    if (parser->state == REFUSED)
        return RL_PARSE_REFUSED;
    return parser->state == ENDED ? RL_PARSE_END : RL_PARSE_MORE;
}
