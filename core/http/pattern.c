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

/* {id}, <int:id> and [id] are parameters elsewhere. */
static bool is_bracketed(const rl_part *part) {
    rl_slice end = part->kind == RL_PART_STATIC ? part->prefix : part->suffix;
    char first = part->prefix.len > 0 ? part->prefix.ptr[0] : '\0';
    char last = end.len > 0 ? end.ptr[end.len - 1] : '\0';
    return (first == '{' && last == '}') || (first == '<' && last == '>') || (first == '[' && last == ']');
}

/* What stands behind a parameter's name, and means more than itself elsewhere. */
static const char *problem_of_suffix(rl_slice suffix) {
    if (suffix.len == 0)
        return NULL;
    if (suffix.ptr[0] == '(')
        return "has an expression behind a parameter: "
               "what it must look like says the route's option `params`";
    if (suffix.len == 1 && suffix.ptr[0] == '?')
        return "has an optional parameter: write a route for each of the two paths";
    if (suffix.len == 1 && (suffix.ptr[0] == '+' || suffix.ptr[0] == '*'))
        return "has a repeated parameter: *path at the end takes the rest, slashes too";
    return holds(suffix, ":*") ? "has more than one parameter in a segment" : NULL;
}

static const char *problem_of(const rl_part *part, bool last) {
    if (part->prefix.len > RL_PATTERN_MAX_TEXT || part->suffix.len > RL_PATTERN_MAX_TEXT)
        return "has a segment that is too long";
    if (is_bracketed(part))
        return "has a segment in brackets: a parameter is written :id";
    if (part->kind == RL_PART_STATIC)
        return NULL;
    if (part->kind == RL_PART_PARAM)
        return part->name.len == 0 ? "has a parameter without a name" : problem_of_suffix(part->suffix);
    if (part->name.len == 0)
        return "has a wildcard without a name: write *path";
    if (part->prefix.len > 0 || part->suffix.len > 0)
        return "has text around a wildcard in its segment";
    return last ? NULL : "has a wildcard that is not at its end: it takes the rest, slashes too";
}

static bool is_name_taken(rl_slice pattern, rl_slice until, rl_slice name) {
    rl_part part;
    while (pattern.len > until.len && rl_pattern_next(&pattern, &part))
        if (pattern.len > until.len && part.kind != RL_PART_STATIC && rl_slice_eq(part.name, name))
            return true;
    return false;
}

static const char *problem_of_segments(rl_slice pattern) {
    size_t params = 0;
    rl_part part;
    for (rl_slice rest = pattern; rl_pattern_next(&rest, &part);) {
        const char *problem = problem_of(&part, rest.len == 0);
        if (problem != NULL)
            return problem;
        if (part.kind == RL_PART_STATIC)
            continue;
        if (is_name_taken(pattern, rest, part.name))
            return "has two parameters of the same name";
        if (++params > RL_ROUTER_MAX_PARAMS)
            return "has too many parameters";
    }
    return NULL;
}

static const char *problem_of_bytes(rl_slice pattern) {
    if (holds(pattern, "?#"))
        return "holds a ? or #, which are never part of a path";
    if (holds(pattern, "%"))
        return "holds a %: patterns are written decoded, as in /caf\xc3\xa9";
    if (rl_target_check_path(pattern) != RL_OK)
        return "can never match: it holds a dot segment, a backslash, a NUL or bytes that are not UTF-8";
    return NULL;
}

rl_err rl_pattern_check(rl_slice pattern, const char **problem) {
    if (pattern.len == 0 || pattern.ptr[0] != '/')
        *problem = "does not begin with /";
    else if ((*problem = problem_of_segments(pattern)) == NULL)
        *problem = problem_of_bytes(pattern);
    return *problem == NULL ? RL_OK : RL_EINVAL;
}
