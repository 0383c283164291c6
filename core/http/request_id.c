#include "http/request_id.h"

#include <ctype.h>
#include <string.h>

#include "http/conn.h"

_Static_assert((int)RL_REQUEST_ID_MOST == (int)RL_BULLETIN_ID, "any id can be pinned up");

static rl_slice write_own(uint64_t prefix, uint64_t number, char out[RL_REQUEST_ID_LEN]) {
    static const char digits[] = "0123456789abcdef";
    for (int i = RL_REQUEST_ID_LEN - 1; i >= 12; i--, number >>= 4)
        out[i] = digits[number & 15];
    for (int i = 11; i >= 0; i--, prefix >>= 4)
        out[i] = digits[prefix & 15];
    return rl_slice_of(out, RL_REQUEST_ID_LEN);
}

rl_slice rl_request_id(const rl_request *request, char out[RL_REQUEST_ID_LEN]) {
    return request->given_id.len > 0 ? request->given_id : write_own(request->server->id_prefix, request->number, out);
}

void rl_request_pin(const rl_request *request, const char *name, rl_bulletin_row *row) {
    rl_bulletin_request pinned = {0};
    if (request != NULL)
        pinned = (rl_bulletin_request){request->server->id_prefix, request->number, request->given_id};
    rl_bulletin_pin(row, name, pinned);
}

/* Who writes the row may be halfway, or may have died there. */
rl_slice rl_request_id_pinned(const rl_bulletin_row *row, char out[RL_REQUEST_ID_MOST]) {
    size_t len = row->given_len <= RL_BULLETIN_ID ? row->given_len : 0;
    if (len == 0)
        return row->number == 0 ? RL_LIT("") : write_own(row->prefix, row->number, out);
    memcpy(out, row->given, len);
    return rl_slice_of(out, len);
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
