#include "http/method.h"

#include <assert.h>

rl_method rl_method_of(rl_slice token) {
    for (int i = 0; i < RL_METHOD_COUNT; i++)
        if (rl_slice_eq(token, rl_slice_str(rl_method_name((rl_method)i))))
            return (rl_method)i;
    return RL_METHOD_OTHER;
}

const char *rl_method_name(rl_method method) {
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"};
    return names[method];
}

rl_slice rl_method_set_text(uint32_t set, char out[RL_METHOD_SET_CAP]) {
    size_t len = 0;
    for (int i = 0; i < RL_METHOD_COUNT; i++) {
        if (!(set & RL_METHOD_BIT(i)))
            continue;
        rl_slice separator = len > 0 ? RL_LIT(", ") : RL_LIT("");
        rl_slice name = rl_slice_str(rl_method_name((rl_method)i));
        assert(len + separator.len + name.len < RL_METHOD_SET_CAP);
        memcpy(out + len, separator.ptr, separator.len);
        memcpy(out + len + separator.len, name.ptr, name.len);
        len += separator.len + name.len;
    }
    out[len] = '\0';
    return (rl_slice){out, len};
}
