#include "vm/answer.h"

#include <stdio.h>

#include "http/lines.h"
#include "http/tag.h"
#include "vm/json.h"
#include "vm/kind.h"

enum {
    BODY_MOST = 256 * 1024 * 1024, /* one JSON answer */
    FIELDS_MOST = 64 * 1024,
    MOST_RESULTS = 3, /* body, status, headers */
    KEPT = 256 * 1024 /* a larger buffer is given back after its answer */
};

static const rl_slice TEXT = {"text/plain; charset=utf-8", 25};
static const rl_slice JSON = {"application/json", 16};

void rl_answerer_init(rl_answerer *answerer, rl_vm *vm, const rl_news *news) {
    answerer->vm = vm;
    answerer->news = news;
    rl_buf_init(&answerer->body, BODY_MOST);
    rl_buf_init(&answerer->fields, FIELDS_MOST);
    rl_buf_init(&answerer->unseen, BODY_MOST);
}

void rl_answerer_clear(rl_answerer *answerer) {
    rl_buf_clear(&answerer->body);
    rl_buf_clear(&answerer->fields);
    rl_buf_clear(&answerer->unseen);
}

static void empty(rl_buf *body) {
    if (body->cap > KEPT)
        rl_buf_clear(body);
    else
        rl_buf_reset(body);
}

static void reset(rl_answerer *answerer) {
    empty(&answerer->body);
    rl_buf_reset(&answerer->fields);
}

rl_buf *rl_answerer_begin_unseen(rl_answerer *answerer) {
    empty(&answerer->unseen);
    return &answerer->unseen;
}

/* Its address: nobody can come by it. */
void rl_answerer_push_unseen(rl_answerer *answerer, lua_State *L) {
    lua_pushlightuserdata(L, &answerer->unseen);
}

static rl_slice text_at(lua_State *co, int index) {
    size_t len;
    const char *text = lua_tolstring(co, index, &len);
    return rl_slice_of(text, len);
}

/* ---- header fields -------------------------------------------------------- */

static const char *complain(char *message, size_t cap, rl_slice name, const char *why) {
    snprintf(message, cap, "header '%.*s': %s", (int)(name.len < 64 ? name.len : 64), name.ptr, why);
    return message;
}

static const char *append_value(lua_State *L, rl_slice name, rl_buf *lines, char *message, size_t cap) {
    char number[32];
    rl_slice value;
    if (lua_type(L, -1) == LUA_TSTRING) {
        value = text_at(L, -1);
    } else if (lua_type(L, -1) == LUA_TNUMBER) {
        int len = snprintf(number, sizeof number, "%.14g", lua_tonumber(L, -1));
        value = rl_slice_of(number, (size_t)len);
    } else {
        return complain(message, cap, name, "its value must be a string, a number or a list of them");
    }
    const char *why;
    if (rl_lines_append(lines, name, value, &why) != RL_OK)
        return complain(message, cap, name, why);
    return NULL;
}

static const char *append_list(lua_State *L, rl_slice name, rl_buf *lines, char *message, size_t cap) {
    const char *wrong = NULL;
    for (int i = 1; wrong == NULL && i <= (int)lua_objlen(L, -1); i++) {
        lua_rawgeti(L, -1, i);
        wrong = append_value(L, name, lines, message, cap);
        lua_pop(L, 1);
    }
    return wrong;
}

/* What one place sets and another sets as well holds once, but for these. */
static bool adds_up(rl_slice name) {
    return rl_slice_ieq(name, RL_LIT("set-cookie")) || rl_slice_ieq(name, RL_LIT("vary")) ||
           rl_slice_ieq(name, RL_LIT("link"));
}

static const char *append_field(lua_State *L, rl_buf *lines, rl_buf *early, rl_slice *type, char *message,
                                size_t cap) {
    if (lua_type(L, -2) != LUA_TSTRING) {
        snprintf(message, cap, "headers must be a table of names and values");
        return message;
    }
    rl_slice name = text_at(L, -2);
    if (!adds_up(name)) {
        rl_lines_remove(lines, name);
        rl_lines_remove(early, name);
    }
    if (lua_type(L, -1) == LUA_TTABLE)
        return append_list(L, name, lines, message, cap);
    size_t before = rl_buf_len(lines);
    const char *wrong = append_value(L, name, lines, message, cap);
    if (wrong == NULL && type != NULL && lua_type(L, -1) == LUA_TSTRING && rl_slice_ieq(name, RL_LIT("content-type"))) {
        rl_buf_truncate(lines, before); /* it was checked; it has a place of its own */
        *type = text_at(L, -1);
    }
    return wrong;
}

const char *rl_answer_fields(lua_State *L, int index, rl_buf *lines, rl_buf *early, rl_slice *type, char *message,
                             size_t cap) {
    int top = lua_gettop(L);
    const char *wrong = NULL;
    lua_pushnil(L);
    while (wrong == NULL && lua_next(L, index) != 0) {
        wrong = append_field(L, lines, early, type, message, cap);
        lua_pop(L, 1);
    }
    lua_settop(L, top);
    return wrong;
}

/* ---- results --------------------------------------------------------------- */

typedef struct encoding {
    rl_answerer *answerer;
    lua_State *co;
    int index;
    rl_err err;
} encoding;

static int encode(lua_State *L, void *arg) {
    (void)L;
    encoding *work = arg;
    work->err = rl_vm_json_encode(work->co, work->index, &work->answerer->body, work->answerer->message,
                                  sizeof work->answerer->message);
    return 0;
}

static void set_json(rl_answer *answer, const rl_buf *text) {
    answer->body = rl_buf_live(text);
    if (answer->type.len == 0)
        answer->type = JSON;
}

static const char *encode_json(rl_answerer *answerer, lua_State *co, int index, rl_answer *answer) {
    encoding work = {answerer, co, index, RL_OK};
    rl_err err = rl_vm_protect(answerer->vm, encode, &work, NULL, 0);
    if (err == RL_OK)
        err = work.err;
    if (err == RL_EFULL)
        return "the answer is larger than 256 MB: stream it or page it";
    if (err == RL_ENOMEM)
        return "out of memory while the answer was encoded";
    if (err != RL_OK)
        return answerer->message;
    set_json(answer, &answerer->body);
    return NULL;
}

static const char *read_status(rl_answerer *answerer, lua_State *co, int index, int *status) {
    if (index == 0 || lua_isnil(co, index))
        return NULL;
    lua_Number number = lua_type(co, index) == LUA_TNUMBER ? lua_tonumber(co, index) : 0;
    if (number >= 200 && number <= 599 && number == (lua_Number)(int)number) {
        *status = (int)number;
        return NULL;
    }
    if (lua_type(co, index) == LUA_TNUMBER)
        snprintf(answerer->message, sizeof answerer->message,
                 "handler returned status %.14g: a status is an integer from 200 to 599", number);
    else
        snprintf(answerer->message, sizeof answerer->message,
                 "handler returned a %s as the status, which is a number: return body, status, headers",
                 luaL_typename(co, index));
    return answerer->message;
}

static const char *read_headers(rl_answerer *answerer, lua_State *co, int index, rl_request *request,
                                rl_answer *answer) {
    if (index == 0 || lua_isnil(co, index))
        return NULL;
    if (lua_type(co, index) != LUA_TTABLE) {
        snprintf(answerer->message, sizeof answerer->message,
                 "handler returned a %s as its headers: they are a table, as in "
                 "return body, 200, { [\"X-Pages\"] = 7 }",
                 luaL_typename(co, index));
        return answerer->message;
    }
    return rl_answer_fields(co, index, &answerer->fields, &request->fields, &answer->type, answerer->message,
                            sizeof answerer->message);
}

static bool is_status(lua_State *co, int index) {
    return lua_type(co, index) == LUA_TNUMBER && lua_tonumber(co, index) >= 100 && lua_tonumber(co, index) <= 599;
}

static const char *read_body(rl_answerer *answerer, lua_State *co, int index, int status, rl_answer *answer) {
    if (index == 0)
        return NULL;
    if (lua_touserdata(co, index) == &answerer->unseen) {
        set_json(answer, &answerer->unseen);
        return NULL;
    }
    switch (lua_type(co, index)) {
    case LUA_TSTRING:
        answer->body = text_at(co, index);
        if (answer->type.len == 0)
            answer->type = TEXT;
        return NULL;
    case LUA_TTABLE: return encode_json(answerer, co, index, answer);
    case LUA_TNIL:
        if (status != 0 && !lua_isnil(co, status))
            return "handler returned nil with a status: an empty body is \"\", and an error c:fail(status)";
        return "handler returned nil: return nothing for 204, or the answer";
    case LUA_TFUNCTION:
        return "handler returned a function, not what it returns: call it, as in c:fail(404, \"no such note\")";
    default:
        snprintf(answerer->message, sizeof answerer->message,
                 "handler returned a %s: a body is a string or a table (tostring() makes a text of it)%s",
                 luaL_typename(co, index),
                 is_status(co, index) ? "; a status stands behind it: return body, status" : "");
        return answerer->message;
    }
}

/* Checked as any header's value is: it may come from outside. */
static const char *read_type(rl_answerer *answerer, lua_State *co, int index, rl_answer *answer) {
    if (index == 0 || lua_type(co, index) != LUA_TSTRING)
        return NULL;
    rl_slice name = RL_LIT("Content-Type"), type = text_at(co, index);
    size_t before = rl_buf_len(&answerer->fields);
    const char *why;
    if (rl_lines_append(&answerer->fields, name, type, &why) != RL_OK)
        return complain(answerer->message, sizeof answerer->message, name, why);
    rl_buf_truncate(&answerer->fields, before);
    answer->type = type;
    return NULL;
}

/* Where on the stack what the handler returned lies; 0: it did not. */
typedef struct parts {
    int body, status, headers, type, more_headers, run;
} parts;

/* Push field `number` of the answer value at 1. The metatable's [number] is its
 * name, a Lua string already, so that nothing is allocated here. */
static int push_field(lua_State *co, int number) {
    lua_getmetatable(co, 1);
    lua_rawgeti(co, -1, number);
    lua_rawget(co, 1);
    lua_remove(co, -2);
    return lua_isnil(co, -1) ? 0 : lua_gettop(co);
}

static parts parts_of(lua_State *co, int count) {
    parts found = {.body = count >= 1 ? 1 : 0, .status = count >= 2 ? 2 : 0, .headers = count >= 3 ? 3 : 0};
    if (count < 1 || lua_type(co, 1) != LUA_TTABLE)
        return found;
    int kind = rl_kind_of(co, 1);
    if (kind == RL_KIND_ROW || kind == RL_KIND_MODEL)
        lua_pop(co, 1);
    if (kind != RL_KIND_ANSWER)
        return found;
    found.body = push_field(co, 1);
    int own_status = push_field(co, 2);
    if (found.status == 0 || lua_isnil(co, found.status))
        found.status = own_status;
    found.more_headers = push_field(co, 3);
    found.type = push_field(co, 4);
    found.run = push_field(co, 5);
    return found;
}

/* NULL, or what is wrong. */
static const char *read_parts(rl_answerer *answerer, rl_request *request, lua_State *co, const parts *found,
                              rl_answer *answer) {
    answer->status = found->body == 0 ? 204 : 200;
    const char *wrong = read_status(answerer, co, found->status, &answer->status);
    if (wrong == NULL)
        wrong = read_type(answerer, co, found->type, answer);
    if (wrong == NULL)
        wrong = read_headers(answerer, co, found->more_headers, request, answer);
    if (wrong == NULL)
        wrong = read_headers(answerer, co, found->headers, request, answer);
    if (wrong == NULL)
        wrong = read_body(answerer, co, found->body, found->status, answer);
    answer->fields = rl_buf_live(&answerer->fields);
    return wrong;
}

/* What the page's script asks, and how it is told, is lua/rille/dashboard/refresh.lua's business. */
static void send_watching(const rl_answerer *answerer, rl_request *request, rl_answer *answer) {
    static const rl_slice DASHBOARD = {"/_rille", 7}; /* which has news of its own */
    char stamp[RL_STAMP_CAP], tag[RL_STAMP_CAP + 128];
    rl_news_stamp(answerer->news, stamp);
    int len = snprintf(tag, sizeof tag, "<script src=\"/_rille/refresh.js\" data-stamp=\"%s\" async></script>", stamp);
    rl_buf page;
    rl_buf_init(&page, BODY_MOST);
    if (request->route == NULL || !rl_slice_has_prefix(rl_slice_str(request->route), DASHBOARD))
        (void)rl_tag_put(rl_slice_of(tag, (size_t)len), request, answer, &page);
    (void)rl_request_answer(request, answer);
    rl_buf_clear(&page);
}

rl_answering rl_answer_results(rl_answerer *answerer, rl_request *request, lua_State *co, int count, const char **wrong) {
    bool is_watched = answerer->news->is_watched;
    if (count == 1 && lua_type(co, 1) == LUA_TSTRING && RL_LIKELY(!is_watched)) { /* a text, and nothing to look up */
        (void)rl_request_answer(request, &(rl_answer){.status = 200, .type = TEXT, .body = text_at(co, 1)});
        return RL_ANSWERED;
    }
    if (count > MOST_RESULTS) { /* and what is pushed below needs no new stack: here nobody could catch its lack */
        *wrong = "handler returned more than three values: return body, status, headers";
        return RL_ANSWER_WRONG;
    }
    reset(answerer);
    parts found = parts_of(co, count);
    if (found.run != 0) {
        lua_settop(co, count);
        return RL_ANSWER_STREAMS;
    }
    rl_answer answer = {0};
    *wrong = read_parts(answerer, request, co, &found, &answer);
    if (*wrong != NULL)
        return RL_ANSWER_WRONG;
    if (RL_UNLIKELY(is_watched))
        send_watching(answerer, request, &answer);
    else
        (void)rl_request_answer(request, &answer); /* a client that has left wants none */
    return RL_ANSWERED;
}
