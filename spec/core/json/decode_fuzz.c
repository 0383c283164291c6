/* A libFuzzer target: the decoder against cJSON.
 *
 * cJSON takes more than RFC 8259 allows and keeps less than a text says, so the
 * two are compared where both accept and cJSON is exact. What is then claimed:
 * a text that we accept cJSON accepts too, with the same structure, strings and
 * numbers; and no input at all makes the decoder, the error's path or the
 * unescaping leave the text's bounds. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json/error.h"
#include "json/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what) {
    if (holds)
        return;
    fprintf(stderr, "differs: %s\n", what);
    abort();
}

static rl_json_token next(rl_json_reader *reader) {
    rl_json_token token;
    require(rl_json_next(reader, &token) == RL_OK, "the second reading fails");
    return token;
}

/* cJSON ends its strings at the first NUL, so only what comes before is alike. */
static void compare_string(const rl_json_token *token, const char *theirs) {
    char *ours = malloc(token->text.len + 1);
    size_t len = token->text.len;
    require(ours != NULL, "memory");
    if (token->is_escaped)
        len = rl_json_unescape(token->text, ours);
    else
        memcpy(ours, token->text.ptr, len);
    require(len <= token->text.len, "unescaping made the text longer");
    ours[len] = '\0';
    require(strcmp(ours, theirs) == 0, "string");
    free(ours);
}

/* cJSON copies at most 63 bytes of a number. */
static void compare_number(const rl_json_token *token, double theirs) {
    if (token->text.len < 63 && token->type == RL_JSON_NUMBER)
        require(token->number == theirs, "number");
    if (token->type != RL_JSON_NUMBER)
        return;
    char text[RL_NUMBER_TEXT_CAP + 1];
    text[rl_number_write(token->number, text)] = '\0';
    require(strtod(text, NULL) == token->number, "a number's round trip");
}

static void compare_value(rl_json_reader *reader, const rl_json_token *token, const cJSON *theirs);

static void compare_container(rl_json_reader *reader, bool is_object, const cJSON *theirs) {
    const cJSON *child = theirs->child;
    for (;; child = child->next) {
        rl_json_token token = next(reader);
        if (token.type == RL_JSON_END)
            break;
        require(child != NULL, "more children than cJSON's");
        if (is_object) {
            require(token.type == RL_JSON_KEY, "no key");
            compare_string(&token, child->string);
            token = next(reader);
        }
        compare_value(reader, &token, child);
    }
    require(child == NULL, "fewer children than cJSON's");
}

static void compare_value(rl_json_reader *reader, const rl_json_token *token, const cJSON *theirs) {
    switch (token->type) {
    case RL_JSON_NULL: require(cJSON_IsNull(theirs), "null"); break;
    case RL_JSON_FALSE: require(cJSON_IsFalse(theirs), "false"); break;
    case RL_JSON_TRUE: require(cJSON_IsTrue(theirs), "true"); break;
    case RL_JSON_NUMBER:
    case RL_JSON_BIGINT:
        require(cJSON_IsNumber(theirs), "a number");
        compare_number(token, theirs->valuedouble);
        break;
    case RL_JSON_STRING:
        require(cJSON_IsString(theirs), "a string");
        compare_string(token, theirs->valuestring);
        break;
    case RL_JSON_ARRAY:
        require(cJSON_IsArray(theirs), "an array");
        compare_container(reader, false, theirs);
        break;
    case RL_JSON_OBJECT:
        require(cJSON_IsObject(theirs), "an object");
        compare_container(reader, true, theirs);
        break;
    case RL_JSON_KEY:
    case RL_JSON_END:
    case RL_JSON_DONE: require(false, "a token that is no value"); break;
    }
}

/* Whether the text is valid; when not, its error must be one that prints. */
static bool accepts(rl_slice text, const rl_json_limits *limits) {
    rl_json_reader reader;
    rl_json_token token;
    rl_json_reader_init(&reader, text, limits);
    for (;;) {
        rl_err err = rl_json_next(&reader, &token);
        if (err == RL_OK && token.type != RL_JSON_DONE)
            continue;
        if (err == RL_OK)
            return true;
        rl_json_error error;
        char message[512];
        rl_json_error_of(&reader, &error);
        rl_json_error_print(&error, message, sizeof message);
        require(error.offset <= text.len && error.line > 0 && error.column > 0, "an error's place");
        require(error.reason[0] != '\0' && strlen(error.path) < sizeof error.path, "an error's text");
        return false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rl_json_limits limits = RL_JSON_LIMITS_DEFAULT;
    char *exact = malloc(size == 0 ? 1 : size); /* whose end the sanitizer watches */
    require(exact != NULL, "memory");
    memcpy(exact, data, size);
    rl_slice text = rl_slice_of(exact, size);
    if (accepts(text, &limits)) {
        cJSON *theirs = cJSON_ParseWithLength(exact, size);
        require(theirs != NULL, "cJSON refuses the text");
        rl_json_reader reader;
        rl_json_reader_init(&reader, text, &limits);
        rl_json_token token = next(&reader);
        compare_value(&reader, &token, theirs);
        cJSON_Delete(theirs);
    }
    free(exact);
    return 0;
}
