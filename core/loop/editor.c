#include "loop/editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "base/mem.h"

enum {
    HISTORY_LINES = 1000,
    HISTORY_BYTES = 256 * 1024, /* of its file: beyond it only the last HISTORY_LINES are kept there */
    TAB = '\t'
};

struct rl_editor {
    rl_editor_events events;
    void *owner;
    EditLine *el;
    History *history;
    char *history_path; /* NULL: none */
    locale_t locale, locale_before;
    const char *prompt;
    rl_editor_event ended_by; /* ABANDON, END; KEY: a line */
};

static rl_editor *editor_of(EditLine *el) {
    void *at;
    return el_get(el, EL_CLIENTDATA, &at) == 0 ? at : NULL;
}

/* ---- history ------------------------------------------------------------------------ */

/* The folders that lead to the file. What is there already stays as it is. */
static void make_folders(char *path) {
    for (char *at = path + 1; (at = strchr(at, '/')) != NULL; *at++ = '/') {
        *at = '\0';
        (void)mkdir(path, S_IRWXU);
    }
}

static FILE *open_history(const rl_editor *at, int how, const char *mode) {
    int fd = open(at->history_path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | how, S_IRUSR | S_IWUSR);
    return fd < 0 ? NULL : fdopen(fd, mode);
}

/* Returns how many bytes they were. */
static size_t read_history(rl_editor *at) {
    HistEvent event;
    char *line = NULL;
    size_t cap = 0, bytes = 0;
    FILE *file = fopen(at->history_path, "re");
    for (ssize_t len; file != NULL && (len = getline(&line, &cap, file)) > 0; bytes += (size_t)len)
        (void)history(at->history, &event, H_ENTER, line);
    free(line);
    if (file != NULL)
        fclose(file);
    return bytes;
}

static void write_history(rl_editor *at) {
    HistEvent event;
    FILE *file = open_history(at, O_TRUNC, "w");
    for (int status = history(at->history, &event, H_LAST); file != NULL && status >= 0;
         status = history(at->history, &event, H_PREV)) /* towards the newest */
        fputs(event.str, file);
    if (file != NULL)
        fclose(file);
}

static void load_history(rl_editor *at, const char *path) {
    HistEvent event;
    (void)history(at->history, &event, H_SETSIZE, HISTORY_LINES);
    (void)history(at->history, &event, H_SETUNIQUE, 1); /* the same line twice in a row is one */
    if (path == NULL || (at->history_path = rl_mem_strndup(path, strlen(path))) == NULL)
        return;
    make_folders(at->history_path);
    if (read_history(at) > HISTORY_BYTES)
        write_history(at);
}

/* At once and not at the end, which may be sudden. A line behind a space is nobody's to remember, as shells have it. */
static void remember(rl_editor *at, const char *line) {
    HistEvent event;
    if (line[0] == ' ' || line[0] == '\n' || history(at->history, &event, H_ENTER, line) <= 0 || at->history_path == NULL)
        return;
    FILE *file = open_history(at, O_APPEND, "a");
    if (file == NULL)
        return;
    fputs(line, file);
    fclose(file);
}

/* ---- keys ---------------------------------------------------------------------------- */

/* One character, of as many bytes as that has; 0 when there are no more. What is no UTF-8 is passed over. */
static int read_character(wchar_t *out) {
    mbstate_t state = {0};
    for (char byte; read(STDIN_FILENO, &byte, 1) == 1;) {
        size_t len = mbrtowc(out, &byte, 1, &state);
        if (len == 0 || len == 1)
            return 1;
        if (len == (size_t)-1)
            state = (mbstate_t){0};
    }
    return 0;
}

/* Its size, and how it is to treat keys. */
static void take_terminal(EditLine *el) {
    el_resize(el);
    el_set(el, EL_PREP_TERM, 0);
    el_set(el, EL_PREP_TERM, 1);
    el_set(el, EL_REFRESH);
}

static int read_key(EditLine *el, wchar_t *out) {
    rl_editor *at = editor_of(el);
    for (;;)
        switch (at->events.wait(at->owner)) {
        case RL_EDITOR_KEY: return read_character(out);
        case RL_EDITOR_CHANGED: take_terminal(el); break;
        case RL_EDITOR_ABANDON:
            at->ended_by = RL_EDITOR_ABANDON;
            *out = L'\n'; /* it ends the line in every mode */
            return 1;
        case RL_EDITOR_END: at->ended_by = RL_EDITOR_END; return 0;
        }
}

static char *show_prompt(EditLine *el) {
    return (char *)(uintptr_t)editor_of(el)->prompt;
}

static unsigned char complete(EditLine *el, int key) {
    rl_editor *at = editor_of(el);
    const LineInfo *line = el_line(el);
    unsigned char then = CC_REFRESH;
    rl_buf insert, list;
    (void)key;
    rl_buf_init(&insert, RL_EDITOR_OFFER_MOST + 1);
    rl_buf_init(&list, RL_EDITOR_OFFER_MOST);
    at->events.complete(at->owner, rl_slice_of(line->buffer, (size_t)(line->cursor - line->buffer)), &insert, &list);
    if (rl_buf_len(&list) > 0) {
        rl_slice text = rl_buf_live(&list);
        printf("\n%.*s\n", (int)text.len, text.ptr);
        fflush(stdout);
        then = CC_REDISPLAY;
    }
    if (rl_buf_len(&insert) > 0 && (rl_buf_append_byte(&insert, '\0') != RL_OK || el_insertstr(el, insert.base + insert.head) != 0))
        then = CC_ERROR;
    else if (rl_buf_len(&insert) == 0 && rl_buf_len(&list) == 0)
        then = CC_REFRESH_BEEP;
    rl_buf_clear(&insert);
    rl_buf_clear(&list);
    return then;
}

/* ---- the whole ------------------------------------------------------------------------- */

rl_editor_event rl_editor_read(rl_editor *at, const char *prompt, rl_slice *line) {
    int count = 0;
    at->prompt = prompt;
    at->ended_by = RL_EDITOR_KEY;
    el_set(at->el, EL_PREP_TERM, 1); /* before the prompt is seen: who types on its sight is heard */
    const char *text = el_gets(at->el, &count);
    if (at->ended_by == RL_EDITOR_KEY && (text == NULL || count <= 0))
        at->ended_by = RL_EDITOR_END;
    if (at->ended_by == RL_EDITOR_KEY) {
        remember(at, text);
        *line = rl_slice_of(text, (size_t)count - (text[count - 1] == '\n'));
    }
    return at->ended_by;
}

static rl_err set_up(rl_editor *at, const char *history_path) {
    at->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (at->locale != (locale_t)0)
        at->locale_before = uselocale(at->locale);
    at->history = history_init();
    at->el = el_init("rille", stdin, stdout, stderr);
    if (at->history == NULL || at->el == NULL)
        return RL_ENOMEM;
    load_history(at, history_path);
    el_set(at->el, EL_CLIENTDATA, at);
    el_set(at->el, EL_PROMPT_ESC, show_prompt, RL_EDITOR_COLOUR);
    el_set(at->el, EL_HIST, history, at->history);
    el_set(at->el, EL_EDITOR, "emacs");
    el_set(at->el, EL_GETCFN, read_key);
    el_set(at->el, EL_ADDFN, "rille-complete", "what may stand here", complete);
    el_set(at->el, EL_BIND, "^I", "rille-complete", NULL);
    el_set(at->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_source(at->el, NULL); /* the user's own choice, last */
    return RL_OK;
}

rl_err rl_editor_open(const char *history_path, const rl_editor_events *events, void *owner, rl_editor **out) {
    rl_editor *at = rl_mem_zalloc(1, sizeof *at);
    if (at == NULL)
        return RL_ENOMEM;
    at->events = *events;
    at->owner = owner;
    rl_err err = set_up(at, history_path);
    if (err == RL_OK)
        *out = at;
    else
        rl_editor_close(at);
    return err;
}

void rl_editor_close(rl_editor *at) {
    if (at->el != NULL)
        el_end(at->el);
    if (at->history != NULL)
        history_end(at->history);
    if (at->locale != (locale_t)0) {
        uselocale(at->locale_before);
        freelocale(at->locale);
    }
    rl_mem_free(at->history_path);
    rl_mem_free(at);
}
