#include "http/request_id.h"

#include <ctype.h>
#include <string.h>

#include "http/conn.h"

rl_slice rl_request_id(const rl_request *request, char out[RL_REQUEST_ID_LEN]) {
    static const char digits[] = "0123456789abcdef";
    if (request->given_id.len > 0)
        return request->given_id;
    uint64_t prefix = request->server->id_prefix, number = request->number;
    for (int i = RL_REQUEST_ID_LEN - 1; i >= 12; i--, number >>= 4)
        out[i] = digits[number & 15];
    for (int i = 11; i >= 0; i--, prefix >>= 4)
        out[i] = digits[prefix & 15];
    return rl_slice_of(out, RL_REQUEST_ID_LEN);
}

bool rl_request_give_id(rl_request *request, rl_slice id) {
    if (id.len == 0 || id.len > RL_REQUEST_ID_MOST)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!isalnum((unsigned char)id.ptr[i]) && memchr("._-", id.ptr[i], 3) == NULL)
            return false;
    if (rl_arena_copy(&request->arena, id, &request->given_id) != RL_OK)
        return false;
    rl_entry_set_id(request->entry, id);
    return true;
}
