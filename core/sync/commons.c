#include "sync/commons.h"

#include "base/mem.h"

rl_err rl_commons_new(rl_commons **out) {
    rl_commons *commons = rl_mem_zalloc(1, sizeof *commons);
    if (commons == NULL)
        return RL_ENOMEM;
    rl_err err = rl_channels_new(&commons->channels);
    if (err == RL_OK)
        err = rl_topics_new(&commons->topics);
    if (err == RL_OK)
        err = rl_stores_new(&commons->stores);
    if (err != RL_OK) {
        rl_commons_free(commons);
        return err;
    }
    *out = commons;
    return RL_OK;
}

void rl_commons_free(rl_commons *commons) {
    if (commons == NULL)
        return;
    rl_channels_free(commons->channels);
    rl_topics_free(commons->topics);
    rl_stores_free(commons->stores);
    rl_mem_free(commons);
}
