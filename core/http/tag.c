#include "http/tag.h"

#include "http/lines.h"

enum { HEAD_LOOK = 1024 /* what begins a page stands within its first bytes */ };

static const rl_slice POLICY = {"content-security-policy", 23};

/* Where `what`, in lower case, stands in `text`, in any case; NULL when it does not. */
static const char *find(rl_slice text, rl_slice what) {
    for (const char *at = text.ptr; at + what.len <= text.ptr + text.len; at++)
        if (rl_slice_ieq(rl_slice_of(at, what.len), what))
            return at;
    return NULL;
}

static const char *find_last(rl_slice text, rl_slice what) {
    for (size_t at = text.len; at >= what.len && text.len > 0; at--)
        if (rl_slice_ieq(rl_slice_of(text.ptr + at - what.len, what.len), what))
            return text.ptr + at - what.len;
    return NULL;
}

/* ---- what a policy allows ------------------------------------------------------- */

/* The next piece of `text`, which ends at one of `ends`; false when nothing is left. */
static bool next_piece(rl_slice *text, const char *ends, rl_slice *piece) {
    if (text->len == 0)
        return false;
    size_t len = 0;
    while (len < text->len && strchr(ends, text->ptr[len]) == NULL)
        len++;
    *piece = rl_slice_of(text->ptr, len);
    size_t past = len < text->len ? len + 1 : len;
    *text = rl_slice_of(text->ptr + past, text->len - past);
    return true;
}

/* The sources of the directive `name` in one policy; ptr is NULL when it has none. */
static rl_slice sources_of(rl_slice policy, rl_slice name) {
    rl_slice directive, word;
    while (next_piece(&policy, ";", &directive)) {
        rl_slice rest = rl_slice_trim(directive);
        if (next_piece(&rest, " \t", &word) && rl_slice_ieq(word, name))
            return rest;
    }
    return (rl_slice){NULL, 0};
}

static bool has_word(rl_slice words, rl_slice wanted) {
    rl_slice word;
    while (next_piece(&words, " \t", &word))
        if (rl_slice_ieq(word, wanted))
            return true;
    return false;
}

/* What the page's own host serves; the first directive that is there holds. */
static bool allows_own(rl_slice policy, const rl_slice *directives, size_t count) {
    for (size_t i = 0; i < count; i++) {
        rl_slice sources = sources_of(policy, directives[i]);
        if (sources.ptr != NULL)
            return (has_word(sources, RL_LIT("'self'")) || has_word(sources, RL_LIT("*"))) &&
                   !has_word(sources, RL_LIT("'strict-dynamic'"));
    }
    return true;
}

static bool policy_allows(rl_slice policy) {
    const rl_slice scripts[] = {RL_LIT("script-src-elem"), RL_LIT("script-src"), RL_LIT("default-src")};
    const rl_slice connections[] = {RL_LIT("connect-src"), RL_LIT("default-src")};
    return sources_of(policy, RL_LIT("sandbox")).ptr == NULL && allows_own(policy, scripts, 3) &&
           allows_own(policy, connections, 2);
}

static bool policies_allow(rl_slice lines) {
    rl_slice value, policy;
    for (size_t at = 0; rl_lines_next(lines, POLICY, &at, &value);)
        while (next_piece(&value, ",", &policy))
            if (!policy_allows(policy))
                return false;
    return true;
}

/* ---- pages ------------------------------------------------------------------------ */

static bool is_html(rl_slice type) {
    static const rl_slice HTML = {"text/html", 9};
    return type.len >= HTML.len && rl_slice_ieq(rl_slice_of(type.ptr, HTML.len), HTML);
}

static bool has_line(rl_slice lines, rl_slice name) {
    rl_slice value;
    return rl_lines_next(lines, name, &(size_t){0}, &value);
}

static bool takes(const rl_request *request, const rl_answer *answer) {
    rl_slice early = rl_buf_live(&request->fields), type = answer->type, encoding = RL_LIT("content-encoding");
    (void)rl_lines_next(early, RL_LIT("content-type"), &(size_t){0}, &type);
    rl_slice start = rl_slice_of(answer->body.ptr, answer->body.len < HEAD_LOOK ? answer->body.len : HEAD_LOOK);
    return is_html(type) && (find(start, RL_LIT("<html")) != NULL || find(start, RL_LIT("<!doctype html")) != NULL) &&
           !has_line(early, encoding) && !has_line(answer->fields, encoding) && policies_allow(early) &&
           policies_allow(answer->fields) && find(answer->body, POLICY) == NULL; /* in a meta element */
}

bool rl_tag_put(rl_slice tag, const rl_request *request, rl_answer *answer, rl_buf *out) {
    if (answer->body.len == 0 || !takes(request, answer))
        return false;
    const char *end = find_last(answer->body, RL_LIT("</body>"));
    size_t before = end == NULL ? answer->body.len : (size_t)(end - answer->body.ptr);
    rl_err err = rl_buf_append(out, rl_slice_of(answer->body.ptr, before));
    if (err == RL_OK)
        err = rl_buf_append(out, tag);
    if (err == RL_OK)
        err = rl_buf_append(out, rl_slice_of(answer->body.ptr + before, answer->body.len - before));
    if (err == RL_OK)
        answer->body = rl_buf_live(out);
    return err == RL_OK;
}
