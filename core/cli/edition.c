#include "cli/edition.h"

#include "base/mem.h"

rl_err rl_edition_read(const rl_command *command, uint64_t number, rl_buf *why, rl_edition **out) {
    rl_edition *edition = rl_mem_zalloc(1, sizeof *edition);
    if (edition == NULL)
        return RL_ENOMEM;
    atomic_init(&edition->references, 1);
    edition->number = number;
    edition->settings = command->settings;
    char message[4400]; /* a path's most bytes, and a few words */
    rl_err err = rl_sources_read(command->app_dir, &edition->sources, message, sizeof message);
    if (err != RL_OK)
        (void)!rl_buf_append(why, rl_slice_str(message));
    else if (number > 1)
        err = rl_settings_load(command->from, why, &edition->own_settings);
    if (err != RL_OK) {
        rl_edition_drop(edition);
        return err;
    }
    if (number > 1)
        edition->settings = edition->own_settings;
    *out = edition;
    return RL_OK;
}

rl_edition *rl_edition_share(rl_edition *edition) {
    atomic_fetch_add(&edition->references, 1);
    return edition;
}

void rl_edition_drop(rl_edition *edition) {
    if (edition == NULL || atomic_fetch_sub(&edition->references, 1) > 1)
        return;
    rl_sources_free(edition->sources);
    rl_settings_free(edition->own_settings);
    rl_mem_free(edition);
}
