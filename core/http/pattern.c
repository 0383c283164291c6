#include "http/pattern.h"

#include "http/byte.h"
#include "http/router.h"
#include "http/target.h"

static bool is_name_byte(char byte, bool first) {
    return byte == '_' || rl_byte_is(byte, first ? RL_BYTE_ALPHA : RL_BYTE_ALPHA | RL_BYTE_DIGIT);
}

static rl_part split_segment(rl_slice segment) {
    rl_part part = {RL_PART_STATIC, segment, {NULL, 0}, {NULL, 0}};
    size_t mark = 0;
    while (mark < segment.len && segment.ptr[mark] != ':' && segment.ptr[mark] != '*')
        mark++;
    if (mark == segment.len)
        return part;
    size_t end = mark + 1;
    while (end < segment.len && is_name_byte(segment.ptr[end], end == mark + 1))
        end++;
    part.kind = segment.ptr[mark] == ':' ? RL_PART_PARAM : RL_PART_WILDCARD;
    part.prefix = rl_slice_of(segment.ptr, mark);
    part.name = rl_slice_of(segment.ptr + mark + 1, end - mark - 1);
    part.suffix = rl_slice_of(segment.ptr + end, segment.len - end);
    return part;
}

bool rl_pattern_next(rl_slice *rest, rl_part *part) {
    rl_slice segment;
    if (!rl_target_next_segment(rest, &segment))
        return false;
    *part = split_segment(segment);
    return true;
}

static bool holds(rl_slice text, const char *bytes) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != '\0' && strchr(bytes, text.ptr[i]) != NULL)
            return true;
    return false;
}

static const char *problem_of(const rl_part *part, bool last) {
    if (part->prefix.len > RL_PATTERN_MAX_TEXT || part->suffix.len > RL_PATTERN_MAX_TEXT)
        return "has a segment that is too long";
    if (part->kind == RL_PART_STATIC)
        return NULL;
    if (part->name.len == 0)
        return "has a parameter or wildcard without a name, such as :id or *path";
    if (holds(part->suffix, ":*"))
        return "has more than one parameter in a segment";
    if (part->kind == RL_PART_PARAM)
        return NULL;
    if (part->prefix.len > 0 || part->suffix.len > 0)
        return "has text around a wildcard in its segment";
    return last ? NULL : "has a wildcard that is not at its end";
}

static bool is_name_taken(rl_slice pattern, rl_slice until, rl_slice name) {
    rl_part part;
    while (pattern.len > until.len && rl_pattern_next(&pattern, &part))
        if (pattern.len > until.len && part.kind != RL_PART_STATIC && rl_slice_eq(part.name, name))
            return true;
    return false;
}

rl_err rl_pattern_check(rl_slice pattern, const char **problem) {
    size_t params = 0;
    rl_part part;
    if (pattern.len == 0 || pattern.ptr[0] != '/')
        *problem = "does not begin with /";
    else if (holds(pattern, "?#"))
        *problem = "holds a ? or #, which are never part of a path";
    else if (holds(pattern, "%"))
        *problem = "holds a %: patterns are written decoded, as in /caf\xc3\xa9";
    else if (rl_target_check_path(pattern) != RL_OK)
        *problem = "can never match: it holds a dot segment, a backslash, a NUL or bytes that are not UTF-8";
    else {
        *problem = NULL;
        for (rl_slice rest = pattern; *problem == NULL && rl_pattern_next(&rest, &part);) {
            *problem = problem_of(&part, rest.len == 0);
            if (part.kind == RL_PART_STATIC || *problem != NULL)
                continue;
            if (is_name_taken(pattern, rest, part.name))
                *problem = "has two parameters of the same name";
            else if (++params > RL_ROUTER_MAX_PARAMS)
                *problem = "has too many parameters";
        }
    }
    return *problem == NULL ? RL_OK : RL_EINVAL;
}
