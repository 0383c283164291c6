#include "http/chunked.h"

#include "http/byte.h"

enum state {
    SIZE_FIRST, /* a digit has to come */
    SIZE,
    BEFORE_SEMICOLON, /* space that only an extension may follow */
    EXT_NAME_FIRST,
    EXT_NAME,
    EXT_AFTER_NAME,
    EXT_VALUE_FIRST,
    EXT_VALUE,
    EXT_QUOTED,
    EXT_ESCAPED,
    EXT_AFTER_VALUE,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST, /* a trailer field, or the empty line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    OVER,
    BROKEN
};

void rl_chunked_init(rl_chunked *chunked, uint64_t max_body, size_t max_trailers,
                     uint32_t max_trailer_count) {
    *chunked = (rl_chunked){
        .budget = max_body,
        .extension_left = RL_CHUNKED_MAX_EXTENSIONS,
        .trailer_left = max_trailers > UINT32_MAX ? UINT32_MAX : (uint32_t)max_trailers,
        .trailer_count_left = max_trailer_count,
        .state = SIZE_FIRST,
    };
}

static bool is_space(char byte) {
    return byte == ' ' || byte == '\t';
}

/* What may stand behind a size, an extension's name or its value. BROKEN when
 * it is neither the end of the line nor the next extension. */
static enum state line_goes_on(char byte) {
    return byte == '\r' ? SIZE_LF : byte == ';' ? EXT_NAME_FIRST : BROKEN;
}

static enum state take_digit(rl_chunked *chunked, char byte) {
    int digit = rl_byte_hex(byte);
    if (digit < 0) {
        if (chunked->state == SIZE_FIRST)
            return BROKEN;
        return is_space(byte) ? BEFORE_SEMICOLON : line_goes_on(byte);
    }
    if (chunked->left >> 60 != 0)
        return BROKEN; /* the next digit would overflow */
    chunked->left = chunked->left << 4 | (unsigned)digit;
    if (chunked->digits < 16)
        chunked->digits++;
    else if (chunked->extension_left-- == 0)
        return BROKEN;
    return SIZE;
}

static enum state take_extension(enum state state, char byte) {
    switch (state) {
    case BEFORE_SEMICOLON: return is_space(byte) ? BEFORE_SEMICOLON : byte == ';' ? EXT_NAME_FIRST : BROKEN;
    case EXT_NAME_FIRST:
        return is_space(byte) ? EXT_NAME_FIRST : rl_byte_is(byte, RL_BYTE_TOKEN) ? EXT_NAME : BROKEN;
    case EXT_NAME:
        if (rl_byte_is(byte, RL_BYTE_TOKEN))
            return EXT_NAME;
        return is_space(byte) ? EXT_AFTER_NAME : byte == '=' ? EXT_VALUE_FIRST : line_goes_on(byte);
    case EXT_AFTER_NAME:
        if (is_space(byte))
            return EXT_AFTER_NAME;
        return byte == '=' ? EXT_VALUE_FIRST : byte == ';' ? EXT_NAME_FIRST : BROKEN;
    case EXT_VALUE_FIRST:
        if (is_space(byte))
            return EXT_VALUE_FIRST;
        return byte == '"' ? EXT_QUOTED : rl_byte_is(byte, RL_BYTE_TOKEN) ? EXT_VALUE : BROKEN;
    case EXT_VALUE:
        if (rl_byte_is(byte, RL_BYTE_TOKEN))
            return EXT_VALUE;
        return is_space(byte) ? BEFORE_SEMICOLON : line_goes_on(byte);
    case EXT_QUOTED:
        if (byte == '"' || byte == '\\')
            return byte == '"' ? EXT_AFTER_VALUE : EXT_ESCAPED;
        return rl_byte_is(byte, RL_BYTE_VALUE) ? EXT_QUOTED : BROKEN;
    case EXT_ESCAPED: return rl_byte_is(byte, RL_BYTE_VALUE) ? EXT_QUOTED : BROKEN;
    default: /* EXT_AFTER_VALUE */ return is_space(byte) ? BEFORE_SEMICOLON : line_goes_on(byte);
    }
}

static enum state take_trailer(enum state state, char byte) {
    switch (state) {
    case TRAILER_FIRST:
        return byte == '\r' ? END_LF : rl_byte_is(byte, RL_BYTE_TOKEN) ? TRAILER_NAME : BROKEN;
    case TRAILER_NAME:
        return byte == ':' ? TRAILER_VALUE : rl_byte_is(byte, RL_BYTE_TOKEN) ? TRAILER_NAME : BROKEN;
    case TRAILER_VALUE:
        return byte == '\r' ? TRAILER_LF : rl_byte_is(byte, RL_BYTE_VALUE) ? TRAILER_VALUE : BROKEN;
    case TRAILER_LF: return byte == '\n' ? TRAILER_FIRST : BROKEN;
    default: /* END_LF */ return byte == '\n' ? OVER : BROKEN;
    }
}

static enum state take_framing(rl_chunked *chunked, char byte) {
    enum state state = chunked->state;
    switch (state) {
    case SIZE_FIRST:
    case SIZE: return take_digit(chunked, byte);
    case SIZE_LF:
        if (byte != '\n')
            return BROKEN;
        return chunked->left > 0 ? DATA : TRAILER_FIRST;
    case DATA_CR: return byte == '\r' ? DATA_LF : BROKEN;
    case DATA_LF: chunked->digits = 0; return byte == '\n' ? SIZE_FIRST : BROKEN;
    default:
        if (state >= TRAILER_FIRST)
            return take_trailer(state, byte);
        if (chunked->extension_left-- == 0)
            return BROKEN;
        return take_extension(state, byte);
    }
}

/* Whether the byte just taken went past a bound; `old` is the state before it. */
static rl_chunked_event check_bounds(rl_chunked *chunked, enum state old) {
    if (old == SIZE_LF) {
        if (chunked->left > chunked->budget)
            return RL_CHUNKED_TOO_LARGE;
        chunked->budget -= chunked->left;
    } else if (old == TRAILER_FIRST && chunked->state == TRAILER_NAME) {
        if (chunked->trailer_count_left-- == 0)
            return RL_CHUNKED_TRAILERS;
    }
    if (old >= TRAILER_FIRST && old < END_LF && chunked->state != END_LF && chunked->trailer_left-- == 0)
        return RL_CHUNKED_TRAILERS;
    return RL_CHUNKED_MORE;
}

static rl_slice take_data(rl_chunked *chunked, rl_slice *in) {
    rl_slice data = rl_slice_of(in->ptr, in->len < chunked->left ? in->len : (size_t)chunked->left);
    *in = rl_slice_of(in->ptr + data.len, in->len - data.len);
    chunked->left -= data.len;
    if (chunked->left == 0)
        chunked->state = DATA_CR;
    return data;
}

rl_chunked_event rl_chunked_next(rl_chunked *chunked, rl_slice *in, rl_slice *data) {
    while (in->len > 0) {
        if (chunked->state == DATA) {
            *data = take_data(chunked, in);
            return RL_CHUNKED_DATA;
        }
        enum state old = chunked->state;
        chunked->state = (uint8_t)take_framing(chunked, *in->ptr);
        *in = rl_slice_of(in->ptr + 1, in->len - 1);
        rl_chunked_event bound = RL_CHUNKED_MORE;
        if (chunked->state != BROKEN)
            bound = check_bounds(chunked, old);
        if (chunked->state == OVER)
            return RL_CHUNKED_END;
        if (chunked->state == BROKEN || bound != RL_CHUNKED_MORE) {
            chunked->state = BROKEN;
            return bound != RL_CHUNKED_MORE ? bound : RL_CHUNKED_MALFORMED;
        }
    }
    return RL_CHUNKED_MORE;
}
