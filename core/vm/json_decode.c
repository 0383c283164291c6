#include "vm/json.h"

#include <lauxlib.h>
#include <lua.h>

/* A container is collected on the Lua stack and made when it ends, when its
 * size is known: filling a table that need not grow takes half the time. */
enum {
    /* At so many slots a container's table is made before its end after all. Small
     * enough for the comparing in `is_pending_key`, large enough for most. */
    MAX_PENDING = 64,
    /* A C function may hold 8,000 slots (LUAI_MAXCSTACK). Past these, containers
     * collect nothing; at 3 slots a level 512 levels fit in the rest. */
    MAX_STACK = 4000,
    /* An escaped string of up to this length is decoded on the C stack. */
    SHORT_STRING = 512
};

typedef struct frame {
    int base; /* the stack slot of the table, nil until it is made */
    bool is_object, is_made;
    uint32_t count;     /* array: elements so far */
    uint64_t seen_keys; /* object: one bit for some bits of each pending key's address */
} frame;

typedef struct builder {
    lua_State *L;
    const rl_vm_json_options *options;
    rl_json_reader reader;
    int array_meta;   /* stack slot */
    int top, checked; /* slots in use, and known to be there */
    frame *frame;
    frame frames[RL_JSON_MAX_DEPTH + 1]; /* [0] stands for the document */
} builder;

static void count_slots(builder *b, int count) {
    b->top += count;
    if (RL_LIKELY(b->top < b->checked))
        return;
    luaL_checkstack(b->L, 2 * MAX_PENDING, "JSON value");
    b->checked = b->top + 2 * MAX_PENDING - 8; /* a few stay free for work */
}

/* ---- containers ------------------------------------------------------------- */

static void make_table(builder *b, const frame *f, int pending) {
    if (f->is_object) {
        lua_createtable(b->L, 0, pending / 2);
    } else {
        lua_createtable(b->L, pending, 0);
        lua_pushvalue(b->L, b->array_meta);
        lua_setmetatable(b->L, -2);
    }
    lua_replace(b->L, f->base);
}

/* Move what was collected into the container's table. */
static void store_pending(builder *b, frame *f) {
    int pending = b->top - f->base;
    if (!f->is_made)
        make_table(b, f, pending);
    f->is_made = true;
    f->seen_keys = 0;
    if (f->is_object)
        for (; pending > 0; pending -= 2)
            lua_rawset(b->L, f->base);
    else
        for (int i = (int)f->count; pending > 0; pending--, i--)
            lua_rawseti(b->L, f->base, i);
    b->top = f->base;
}

static void open_container(builder *b, bool is_object) {
    lua_pushnil(b->L);
    count_slots(b, 1);
    *++b->frame = (frame){.base = b->top, .is_object = is_object};
}

/* A value is complete, on top of the stack, and goes to the innermost container. */
static void add_value(builder *b) {
    frame *f = b->frame;
    f->count++;
    if (b->top - f->base >= MAX_PENDING || b->top > MAX_STACK)
        if (f->base > 0)
            store_pending(b, f);
}

static void close_container(builder *b) {
    frame *f = b->frame--;
    if (!f->is_made || b->top > f->base)
        store_pending(b, f);
    add_value(b);
}

/* ---- keys ------------------------------------------------------------------- */

static bool is_pending_key(builder *b, const frame *f) {
    for (int at = f->base + 1; at < b->top; at += 2)
        if (lua_rawequal(b->L, at, b->top))
            return true;
    return false;
}

static bool is_stored_key(builder *b, const frame *f) {
    lua_pushvalue(b->L, b->top);
    lua_rawget(b->L, f->base);
    bool is_stored = !lua_isnil(b->L, -1);
    lua_pop(b->L, 1);
    return is_stored;
}

/* Whether the key on top of the stack is the innermost object's second of that
 * name. Lua keeps one copy of a string, so that names differ if their addresses
 * do, and one bit for each address spares most comparisons: an object pays for
 * this check with a few instructions a key, and never more than MAX_PENDING
 * comparisons, whatever keys a stranger thinks of. */
static bool is_duplicate(builder *b) {
    frame *f = b->frame;
    uint64_t address = (uint64_t)(uintptr_t)lua_tostring(b->L, b->top);
    uint64_t bit = (uint64_t)1 << (address * 0x9E3779B97F4A7C15u >> 58);
    bool maybe = (f->seen_keys & bit) != 0;
    f->seen_keys |= bit;
    return (maybe && is_pending_key(b, f)) || (f->is_made && is_stored_key(b, f));
}

/* ---- values ----------------------------------------------------------------- */

static void push_string(builder *b, const rl_json_token *token) {
    rl_slice text = token->text;
    char room[SHORT_STRING];
    if (!token->is_escaped) {
        lua_pushlstring(b->L, text.ptr, text.len);
    } else if (text.len <= sizeof room) {
        lua_pushlstring(b->L, room, rl_json_unescape(text, room));
    } else { /* memory that Lua frees, whatever is raised */
        char *scratch = lua_newuserdata(b->L, text.len);
        lua_pushlstring(b->L, scratch, rl_json_unescape(text, scratch));
        lua_remove(b->L, -2);
    }
    count_slots(b, 1);
}

static rl_err add_key(builder *b, const rl_json_token *token) {
    push_string(b, token);
    if (RL_LIKELY(!is_duplicate(b)))
        return RL_OK;
    if (!b->options->last_duplicate_wins)
        return rl_json_reject(&b->reader, token->offset, "a duplicate key");
    /* Pending fields are stored from the last to the first, so the first of two
     * of a name would win: store what there is before the second comes. */
    lua_pop(b->L, 1);
    b->top--;
    store_pending(b, b->frame);
    push_string(b, token);
    return RL_OK;
}

static rl_err add_bigint(builder *b, const rl_json_token *token) {
    if (!b->options->bigint_is_string)
        return rl_json_reject(&b->reader, token->offset, "an integer beyond 2^53");
    lua_pushlstring(b->L, token->text.ptr, token->text.len);
    count_slots(b, 1);
    return RL_OK;
}

static rl_err build(builder *b) {
    rl_json_token token;
    for (;;) {
        rl_err err = rl_json_next(&b->reader, &token);
        if (RL_UNLIKELY(err != RL_OK))
            return err;
        switch (token.type) {
        case RL_JSON_DONE: return RL_OK;
        case RL_JSON_ARRAY:
        case RL_JSON_OBJECT: open_container(b, token.type == RL_JSON_OBJECT); continue;
        case RL_JSON_END: close_container(b); continue;
        case RL_JSON_KEY:
            if ((err = add_key(b, &token)) != RL_OK)
                return err;
            continue;
        case RL_JSON_STRING: push_string(b, &token); break;
        case RL_JSON_BIGINT:
            if ((err = add_bigint(b, &token)) != RL_OK)
                return err;
            break;
        case RL_JSON_NUMBER:
            lua_pushnumber(b->L, token.number);
            count_slots(b, 1);
            break;
        case RL_JSON_NULL:
            lua_pushlightuserdata(b->L, NULL);
            count_slots(b, 1);
            break;
        case RL_JSON_TRUE:
        case RL_JSON_FALSE:
            lua_pushboolean(b->L, token.type == RL_JSON_TRUE);
            count_slots(b, 1);
            break;
        }
        add_value(b);
    }
}

rl_err rl_vm_json_decode(lua_State *L, rl_slice text, const rl_vm_json_options *options,
                         rl_json_error *error) {
    builder b; /* 12 KB of frames that are written before they are read */
    int before = lua_gettop(L);
    b.L = L;
    b.options = options;
    b.top = b.array_meta = before + 1;
    b.checked = 0;
    b.frame = b.frames;
    b.frames[0] = (frame){.base = 0};
    rl_json_reader_init(&b.reader, text, &options->limits);
    count_slots(&b, 0);
    rl_vm_push_array_meta(L);
    rl_err err = build(&b);
    if (err == RL_OK) {
        lua_remove(L, b.array_meta);
        return RL_OK;
    }
    lua_settop(L, before);
    rl_json_error_of(&b.reader, error);
    return err;
}
