/* setting -- one row of the table of settings: its name, type and bounds.
 *
 * Knows how a text becomes a value and what to say when it does not; which
 * text counts is the business of settings.c. */
#ifndef RL_CLI_SETTING_H
#define RL_CLI_SETTING_H

#include "base/slice.h"
#include "cli/settings.h"
#include "cli/slip.h"

typedef enum rl_setting_type {
    RL_SETTING_TEXT,
    RL_SETTING_WORD, /* letters, digits, - and _: it becomes part of a path */
    RL_SETTING_LEVEL,
    RL_SETTING_LIST, /* a text, its items apart by spaces and commas; in the file perhaps a list of texts */
    RL_SETTING_BOOL,
    RL_SETTING_INTEGER,
    RL_SETTING_SIZE,
    RL_SETTING_DURATION
} rl_setting_type;

enum { RL_SETTING_NAME_MOST = RL_SLIP_NAME_MOST /* bytes of the longest name, with room to spare */ };

typedef struct rl_setting {
    const char *name;
    rl_setting_type type;
    size_t offset;        /* of its field in rl_settings */
    const char *fallback; /* its default, as an operator would write it */
    uint64_t least, most; /* of numbers: things, bytes or milliseconds */
    const char *help;
    bool is_secret;
} rl_setting;

/* The table, in the order of --help. */
extern const rl_setting rl_setting_table[];
extern const size_t rl_setting_count;

/* The setting called `name`, with - for _ if it likes; NULL when there is none. */
const rl_setting *rl_setting_find(rl_slice name);
/* The setting whose name is most like `name`, NULL when none is much like it. */
const rl_setting *rl_setting_nearest(rl_slice name);

/* Reads `text` into the setting's field of `into`; a text field then points at
 * `text`, which must be NUL-terminated. RL_EINVAL leaves `into` as it was. */
RL_MUST_USE rl_err rl_setting_parse(const rl_setting *setting, const char *text, rl_settings *into);
/* What would have been right: `a size from 1K to 1G, such as "64M"`. */
RL_MUST_USE rl_err rl_setting_expect(const rl_setting *setting, rl_buf *out);

/* "RILLE_MAX_BODY" and "--max-body". */
void rl_setting_variable(const rl_setting *setting, char out[RL_SETTING_NAME_MOST + 8]);
void rl_setting_flag(const rl_setting *setting, char out[RL_SETTING_NAME_MOST + 8]);

/* The settings' part of --help, from the table. */
RL_MUST_USE rl_err rl_setting_help(rl_buf *out);

#endif
