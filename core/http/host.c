#include "http/host.h"

#include "http/byte.h"

static bool is_port(rl_slice text) {
    unsigned port = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.ptr[i] - (unsigned)'0';
        port = port * 10 + digit;
        if (digit > 9 || port > 65535)
            return false;
    }
    return true;
}

/* What is inside the brackets. Not the whole grammar of IPv6: nobody resolves
 * it, it only must not hold what could mean something elsewhere. */
static bool is_ip_literal(rl_slice text) {
    size_t colons = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ':')
            colons++;
        else if (rl_byte_hex(text.ptr[i]) < 0 && text.ptr[i] != '.')
            return false;
    }
    return colons >= 2 && colons <= 8 && text.len <= 45; /* INET6_ADDRSTRLEN - 1 */
}

static bool is_escape(rl_slice text, size_t at) {
    return at + 2 < text.len && text.ptr[at] == '%' && rl_byte_hex(text.ptr[at + 1]) >= 0 &&
           rl_byte_hex(text.ptr[at + 2]) >= 0;
}

/* The length of the name at the front of `host`. It may end at a broken escape,
 * behind which no port follows either. */
static size_t reg_name_len(rl_slice host) {
    size_t len = rl_byte_span(host, 0, RL_BYTE_NAME);
    while (is_escape(host, len))
        len = rl_byte_span(host, len + 1, RL_BYTE_NAME);
    return len;
}

static size_t ip_literal_len(rl_slice host) {
    const char *close = memchr(host.ptr, ']', host.len);
    if (close == NULL)
        return 0;
    size_t len = (size_t)(close - host.ptr) + 1;
    return is_ip_literal(rl_slice_of(host.ptr + 1, len - 2)) ? len : 0;
}

bool rl_host_is_valid(rl_slice host) {
    if (host.len == 0)
        return false;
    size_t len = host.ptr[0] == '[' ? ip_literal_len(host) : reg_name_len(host);
    if (len == 0 || len == host.len)
        return len > 0;
    return host.ptr[len] == ':' && is_port(rl_slice_of(host.ptr + len + 1, host.len - len - 1));
}

bool rl_host_is_valid_again(rl_slice host, rl_host_seen *seen) {
    if (seen->len > 0 && rl_slice_eq(host, rl_slice_of(seen->text, seen->len)))
        return true;
    if (!rl_host_is_valid(host))
        return false;
    if (host.len <= RL_HOST_SEEN_MOST) {
        memcpy(seen->text, host.ptr, host.len);
        seen->len = (uint8_t)host.len;
    }
    return true;
}

/* Without the port. */
static rl_slice name_of(rl_slice host) {
    size_t len = host.len > 0 && host.ptr[0] == '[' ? ip_literal_len(host) : reg_name_len(host);
    return rl_slice_of(host.ptr, len);
}

bool rl_host_is_local(rl_slice host) {
    static const rl_slice BELOW = {".localhost", 10};
    rl_slice name = name_of(host);
    if (rl_slice_ieq(name, RL_LIT("localhost")) || rl_slice_eq(name, RL_LIT("127.0.0.1")) ||
        rl_slice_eq(name, RL_LIT("[::1]")))
        return true;
    return name.len > BELOW.len &&
           rl_slice_ieq(rl_slice_of(name.ptr + name.len - BELOW.len, BELOW.len), BELOW);
}

bool rl_host_is_listed(rl_slice host, const char *list) {
    static const char BETWEEN[] = " ,\t";
    rl_slice name = name_of(host);
    for (list += strspn(list, BETWEEN); *list != '\0'; list += strspn(list, BETWEEN)) {
        size_t len = strcspn(list, BETWEEN);
        if (rl_slice_ieq(name, rl_slice_of(list, len)))
            return true;
        list += len;
    }
    return false;
}
