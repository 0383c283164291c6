/* error -- why a text is no JSON, and where, for the human who wrote it. */
#ifndef RL_JSON_ERROR_H
#define RL_JSON_ERROR_H

#include "json/decode.h"

enum { RL_JSON_PATH_CAP = 192 /* some ten steps of usual keys */ };

typedef struct rl_json_error {
    char reason[128];
    size_t offset, line, column; /* line and column (of characters) count from 1 */
    char path[RL_JSON_PATH_CAP]; /* `items[3].price`, indexes from 0; empty at the root */
} rl_json_error;

/* Why and where `reader` has failed. The place is found by reading the text
 * once more up to there, so that a valid text pays nothing for it. */
void rl_json_error_of(const rl_json_reader *reader, rl_json_error *error);
/* "invalid JSON at line 1, column 17 (items[3].price): a number may not ...",
 * cut to fit `cap` bytes. */
void rl_json_error_print(const rl_json_error *error, char *out, size_t cap);

#endif
