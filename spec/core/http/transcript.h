/* transcript -- what a parser made of some bytes, as text that can be compared.
 *
 *     GET /a ?q=1 @host keep :5 hello END POST ... !400
 *     method, path, query, host, keep or close, framing, body; then END, a
 *     refusal, or MORE when the input ended inside a message
 *
 * Every piece is copied to a block of its own size and freed after the call, so
 * that the address sanitizer sees a read past it and a slice kept too long. */
#ifndef RL_SPEC_HTTP_TRANSCRIPT_H
#define RL_SPEC_HTTP_TRANSCRIPT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/parser.h"

enum { TRANSCRIPT_FIELDS = 100 };

typedef struct transcript {
    char *text;
    size_t len, cap;
    bool with_fields; /* print every field too */
    bool in_message;  /* between begin and END */
    int head_status;  /* what the head event answers */
    rl_parser_limits limits;
    rl_parser parser;
    rl_head head;
    rl_field fields[TRANSCRIPT_FIELDS];
} transcript;

static inline void transcript_add(transcript *t, rl_slice bytes) {
    if (t->len + bytes.len + 1 > t->cap) {
        t->cap = (t->len + bytes.len + 1) * 2;
        t->text = realloc(t->text, t->cap);
        if (t->text == NULL)
            abort();
    }
    if (bytes.len > 0)
        memcpy(t->text + t->len, bytes.ptr, bytes.len);
    t->len += bytes.len;
    t->text[t->len] = '\0';
}

static inline void transcript_say(transcript *t, const char *word, rl_slice bytes) {
    transcript_add(t, rl_slice_str(word));
    transcript_add(t, bytes);
}

static inline int transcript_on_head(void *owner) {
    transcript *t = owner;
    const rl_head *head = &t->head;
    char framing[32];
    transcript_say(t, rl_method_name(head->method), RL_LIT(" "));
    transcript_say(t, head->asterisk ? "*" : "", rl_head_path(head));
    if (head->query_len > 0)
        transcript_say(t, " ?", rl_head_query(head));
    transcript_say(t, " @", rl_head_host(head));
    transcript_say(t, head->minor == 0 ? " 1.0" : "", RL_LIT(""));
    transcript_say(t, head->keep_alive ? " keep" : " close", RL_LIT(""));
    if (head->expect_continue)
        transcript_add(t, RL_LIT(" 100"));
    if (t->with_fields)
        for (uint32_t i = 0; i < head->field_count; i++) {
            transcript_say(t, " [", rl_head_name(head, i));
            transcript_say(t, "=", rl_head_value(head, i));
            transcript_add(t, RL_LIT("]"));
        }
    if (head->chunked)
        transcript_add(t, RL_LIT(" chunked"));
    snprintf(framing, sizeof framing, " :%llu", (unsigned long long)head->content_length);
    if (head->has_length)
        transcript_say(t, framing, RL_LIT(""));
    if (head->chunked || head->content_length > 0)
        transcript_add(t, RL_LIT(" "));
    return t->head_status;
}

static inline int transcript_on_body(void *owner, rl_slice bytes) {
    transcript_add(owner, bytes);
    return 0;
}

static inline void transcript_open(transcript *t) {
    static const rl_parser_events events = {transcript_on_head, transcript_on_body};
    *t = (transcript){.limits = RL_PARSER_LIMITS_DEFAULT};
    transcript_add(t, RL_LIT(""));
    rl_parser_init(&t->parser, &t->limits, &events, t);
}

static inline void transcript_close(transcript *t) {
    rl_parser_clear(&t->parser);
    free(t->text);
}

/* Feed one piece, over the ends of messages. False when it was refused. */
static inline bool transcript_feed(transcript *t, rl_slice piece) {
    char *copy = malloc(piece.len > 0 ? piece.len : 1);
    if (copy == NULL)
        abort();
    if (piece.len > 0)
        memcpy(copy, piece.ptr, piece.len);
    rl_parse got = RL_PARSE_MORE;
    for (size_t at = 0; at < piece.len && got != RL_PARSE_REFUSED;) {
        size_t consumed;
        if (!t->in_message) {
            t->head = (rl_head){.fields = t->fields, .field_cap = TRANSCRIPT_FIELDS};
            rl_parser_begin(&t->parser, &t->head);
            t->in_message = true;
        }
        got = rl_parser_execute(&t->parser, rl_slice_of(copy + at, piece.len - at), &consumed);
        at += consumed;
        if (got == RL_PARSE_END) {
            t->in_message = false;
            transcript_add(t, RL_LIT(" END "));
        } else if (got == RL_PARSE_REFUSED) {
            char status[16];
            snprintf(status, sizeof status, "!%d", t->parser.status);
            transcript_add(t, rl_slice_str(status));
        } else if (at != piece.len) {
            abort(); /* MORE promises that all was taken */
        }
    }
    free(copy);
    return got != RL_PARSE_REFUSED;
}

/* The input is over. */
static inline void transcript_end(transcript *t) {
    if (t->in_message && t->parser.status == 0 && rl_parser_has_begun(&t->parser))
        transcript_add(t, RL_LIT("MORE"));
    while (t->len > 0 && t->text[t->len - 1] == ' ')
        t->text[--t->len] = '\0';
}

#endif
