#include "http/fields.h"

#include "http/byte.h"

/* What one walk over the fields gathers before it is judged as a whole. */
typedef struct survey {
    unsigned hosts, lengths, codings; /* fields of that name; codings: list members */
    bool close, keep_alive;           /* Connection's */
    bool other_coding, bad_coding;    /* members that are not chunked; behind it, or malformed */
    bool bad_length, expects, expects_other;
    uint32_t host; /* the last field of that name */
    uint64_t length;
    rl_host_seen *last; /* the Host that was valid before */
} survey;

static const char MALFORMED[] = "a header field is malformed";

static rl_refusal refuse(int status, const char *reason) {
    return (rl_refusal){status, reason};
}

/* Take the first member of a comma-separated list off `rest`. False at its end,
 * which is a NULL: "a," has an empty second member. */
static bool next_member(rl_slice *rest, rl_slice *member) {
    if (rest->ptr == NULL)
        return false;
    const char *comma = memchr(rest->ptr, ',', rest->len);
    size_t len = comma == NULL ? rest->len : (size_t)(comma - rest->ptr);
    *member = rl_slice_trim(rl_slice_of(rest->ptr, len));
    *rest = comma == NULL ? rl_slice_of(NULL, 0) : rl_slice_of(comma + 1, rest->len - len - 1);
    return true;
}

static void see_connection(survey *seen, rl_slice value) {
    rl_slice option;
    while (next_member(&value, &option)) {
        if (rl_slice_ieq(option, RL_LIT("close")))
            seen->close = true;
        else if (rl_slice_ieq(option, RL_LIT("keep-alive")))
            seen->keep_alive = true;
    }
}

static void see_length(survey *seen, rl_slice value) {
    uint64_t length = 0;
    seen->lengths++;
    if (value.len == 0)
        seen->bad_length = true;
    for (size_t i = 0; i < value.len; i++) {
        unsigned digit = (unsigned char)value.ptr[i] - (unsigned)'0';
        if (digit > 9 || length > (UINT64_MAX - digit) / 10) {
            seen->bad_length = true;
            return;
        }
        length = length * 10 + digit;
    }
    seen->length = length;
}

/* chunked must be the last coding and be there once. A member before it may be
 * well-formed and merely unknown to us, which is a different answer. */
static void see_codings(survey *seen, rl_slice value, bool *chunked) {
    rl_slice coding;
    while (next_member(&value, &coding)) {
        seen->codings++;
        if (*chunked || coding.len == 0 || !rl_byte_is(coding.ptr[0], RL_BYTE_TOKEN))
            seen->bad_coding = true;
        else if (rl_slice_ieq(coding, RL_LIT("chunked")))
            *chunked = true;
        else
            seen->other_coding = true;
    }
}

/* What is wrong with the value, which depends on whose it is; NULL: nothing is by itself. */
static const char *see_field(survey *seen, rl_head *head, uint32_t i) {
    rl_slice name = rl_head_name(head, i);
    rl_slice value = rl_head_value(head, i);
    switch (name.len) { /* most names are told apart by their length alone */
    case 4:
        if (rl_slice_ieq(name, RL_LIT("host"))) {
            seen->hosts++;
            seen->host = i;
            return rl_host_is_valid_again(value, seen->last) ? NULL : "the Host field is not a host";
        }
        break;
    case 6:
        if (rl_slice_ieq(name, RL_LIT("expect"))) {
            seen->expects = true;
            seen->expects_other |= !rl_slice_ieq(value, RL_LIT("100-continue"));
        }
        break;
    case 10:
        if (rl_slice_ieq(name, RL_LIT("connection")))
            see_connection(seen, value);
        break;
    case 14:
        if (rl_slice_ieq(name, RL_LIT("content-length")))
            see_length(seen, value);
        break;
    case 17:
        if (rl_slice_ieq(name, RL_LIT("transfer-encoding")))
            see_codings(seen, value, &head->chunked);
        break;
    default: break;
    }
    return rl_byte_is_value(value) ? NULL : MALFORMED;
}

/* A field is "name:value\r\n" from its own name to the next: what the parser
 * skipped or folded in between shows up here as a control byte of the value. */
static bool find_value(rl_head *head, uint32_t i, uint32_t end) {
    rl_field *field = &head->fields[i];
    uint32_t colon = field->name + field->name_len;
    if (field->name_len == 0 || end < colon + 3 || head->base[colon] != ':' || head->base[end - 2] != '\r' ||
        head->base[end - 1] != '\n')
        return false;
    rl_slice value = rl_slice_trim(rl_head_slice(head, colon + 1, end - 2 - (colon + 1)));
    field->value = (uint32_t)(value.ptr - head->base);
    field->value_len = (uint32_t)value.len;
    return true;
}

static rl_refusal settle_host(rl_head *head, const survey *seen) {
    if (seen->hosts > 1 || (seen->hosts == 0 && head->minor > 0))
        return refuse(400, "there has to be exactly one Host field");
    if (seen->hosts == 0)
        return refuse(0, NULL);
    if (head->host_len == 0) {
        const rl_field *host = &head->fields[seen->host];
        head->host = host->value;
        head->host_len = host->value_len;
    }
    return refuse(0, NULL);
}

static rl_refusal settle_framing(rl_head *head, const survey *seen) {
    bool coded = seen->codings > 0;
    if (coded && head->minor == 0)
        return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
    if (coded && seen->lengths > 0)
        return refuse(400, "both Transfer-Encoding and Content-Length");
    if (seen->lengths > 1 || seen->bad_length)
        return refuse(400, "Content-Length is not one number");
    if (coded && (seen->bad_coding || !head->chunked))
        return refuse(400, "the last transfer coding has to be chunked, once");
    if (seen->other_coding)
        return refuse(501, "a transfer coding besides chunked");
    head->has_length = seen->lengths > 0;
    head->content_length = seen->length;
    return refuse(0, NULL);
}

static rl_refusal settle_expectation(rl_head *head, const survey *seen) {
    if (head->minor == 0) /* a 1.0 client cannot mean it (RFC 9110, 10.1.1) */
        return refuse(0, NULL);
    if (seen->expects_other)
        return refuse(417, "an expectation other than 100-continue");
    head->expect_continue = seen->expects && (head->chunked || head->content_length > 0);
    return refuse(0, NULL);
}

rl_refusal rl_fields_settle(rl_head *head, uint32_t line_len, rl_host_seen *last) {
    survey seen = {.last = last};
    uint32_t empty_line = head->len - 2;
    uint32_t first = head->field_count > 0 ? head->fields[0].name : empty_line;
    if (head->len < line_len + 2 || first != line_len || head->base[empty_line] != '\r')
        return refuse(400, "the header section is malformed");
    for (uint32_t i = 0; i < head->field_count; i++) {
        uint32_t end = i + 1 < head->field_count ? head->fields[i + 1].name : empty_line;
        const char *wrong = find_value(head, i, end) ? see_field(&seen, head, i) : MALFORMED;
        if (wrong != NULL)
            return refuse(400, wrong);
    }
    head->keep_alive = !seen.close && (head->minor > 0 || seen.keep_alive);
    rl_refusal refusal = settle_host(head, &seen);
    if (refusal.status == 0)
        refusal = settle_framing(head, &seen);
    if (refusal.status == 0)
        refusal = settle_expectation(head, &seen);
    return refusal;
}
