#include "cli/inquiry.h"

#include <stdio.h>

#include "cli/control.h"

double rl_inquiry_number(const cJSON *in, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

const char *rl_inquiry_text(const cJSON *in, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static void complain(const rl_command *command, rl_err err) {
    const rl_settings *settings = command->settings;
    fprintf(stderr, "rille %s: ", command->name);
    if (err == RL_ENOTFOUND)
        fprintf(stderr, "no server of Rille listens on %s:%llu: --host and --port say which one is meant\n",
                settings->host, (unsigned long long)settings->port);
    else if (err == RL_EINVAL)
        fprintf(stderr, "the server on %s:%llu is another user's: only that one and root are answered\n",
                settings->host, (unsigned long long)settings->port);
    else
        fprintf(stderr, "the server on %s:%llu gave no answer: %s\n", settings->host,
                (unsigned long long)settings->port, rl_err_name(err));
}

/* What the server said is in `answer`; NULL with RL_OK: that is no JSON. */
static cJSON *ask(const rl_command *command, rl_buf *answer, rl_err *err) {
    rl_buf_init(answer, RL_INQUIRY_MOST);
    *err = rl_control_ask(command->settings->host, (uint16_t)command->settings->port, answer);
    return *err == RL_OK ? cJSON_ParseWithLength(rl_buf_live(answer).ptr, rl_buf_len(answer)) : NULL;
}

cJSON *rl_inquire_quietly(const rl_command *command) {
    rl_buf answer;
    rl_err err;
    cJSON *all = ask(command, &answer, &err);
    rl_buf_clear(&answer);
    return all;
}

cJSON *rl_inquire(const rl_command *command, rl_buf *text) {
    rl_buf answer;
    rl_err err;
    cJSON *all = ask(command, &answer, &err);
    if (err != RL_OK)
        complain(command, err);
    else if (all == NULL)
        fprintf(stderr, "rille %s: the answer is no JSON\n", command->name);
    else if (text != NULL && rl_buf_append(text, rl_buf_live(&answer)) != RL_OK)
        fprintf(stderr, "rille %s: out of memory\n", command->name);
    rl_buf_clear(&answer);
    return all;
}
