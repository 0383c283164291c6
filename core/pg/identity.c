#include "pg/identity.h"

#include <string.h>

#include "base/hash.h"

static uint64_t add_text(uint64_t sum, const char *text) {
    return text == NULL ? sum : rl_hash_bytes(sum, text, strlen(text));
}

uint64_t rl_identity_of_session(const PGconn *pg) {
    static const char *const names[] = {"TimeZone",      "DateStyle",        "client_encoding",
                                        "IntervalStyle", "application_name", "standard_conforming_strings",
                                        "search_path",   "session_authorization"};
    uint64_t sum = RL_HASH_BEGIN;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        sum = add_text(sum, PQparameterStatus(pg, names[i]));
    return sum;
}

uint64_t rl_identity_of_server(const PGconn *pg) {
    const char *address = PQhostaddr(pg);
    return add_text(add_text(RL_HASH_BEGIN, *address == '\0' ? PQhost(pg) : address), PQport(pg)) | 1;
}
