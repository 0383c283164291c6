#include "base/board.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"

struct rl_board {
    pthread_mutex_t lock;
    rl_list notes;
    size_t count, text_most;
};

typedef struct note {
    rl_list link;
    char *key, *text;
} note;

rl_err rl_board_new(size_t text_most, rl_board **out) {
    rl_board *board = rl_mem_zalloc(1, sizeof *board);
    if (board == NULL)
        return RL_ENOMEM;
    pthread_mutex_init(&board->lock, NULL);
    rl_list_init(&board->notes);
    board->text_most = text_most;
    *out = board;
    return RL_OK;
}

static void free_note(note *one) {
    if (one == NULL)
        return;
    rl_mem_free(one->key);
    rl_mem_free(one->text);
    rl_mem_free(one);
}

void rl_board_free(rl_board *board) {
    if (board == NULL)
        return;
    for (rl_list *link; (link = rl_list_pop_front(&board->notes)) != NULL;)
        free_note(RL_CONTAINER(link, note, link));
    pthread_mutex_destroy(&board->lock);
    rl_mem_free(board);
}

static note *find(rl_board *board, const char *key) {
    for (rl_list *at = board->notes.next; at != &board->notes; at = at->next) {
        note *one = RL_CONTAINER(at, note, link);
        if (strcmp(one->key, key) == 0)
            return one;
    }
    return NULL;
}

static void take_down(rl_board *board, note *one) {
    if (one == NULL)
        return;
    rl_list_remove(&one->link);
    board->count--;
    free_note(one);
}

static note *new_note(const char *key) {
    note *one = rl_mem_zalloc(1, sizeof *one);
    if (one != NULL && (one->key = rl_mem_strndup(key, strlen(key))) != NULL)
        return one;
    free_note(one);
    return NULL;
}

/* Takes `text`. */
static rl_err put_up(rl_board *board, note *one, const char *key, char *text) {
    if (one == NULL) {
        one = board->count == RL_BOARD_MOST ? NULL : new_note(key);
        if (one == NULL) {
            rl_mem_free(text);
            return board->count == RL_BOARD_MOST ? RL_EFULL : RL_ENOMEM;
        }
        rl_list_push_back(&board->notes, &one->link);
        board->count++;
    }
    rl_mem_free(one->text);
    one->text = text;
    return RL_OK;
}

rl_err rl_board_put(rl_board *board, const char *key, const char *text) {
    if (board == NULL)
        return RL_OK;
    size_t len = text == NULL ? 0 : strlen(text);
    if (len > board->text_most)
        return RL_EFULL;
    char *copy = text == NULL ? NULL : rl_mem_strndup(text, len);
    if (text != NULL && copy == NULL)
        return RL_ENOMEM;
    rl_err err = RL_OK;
    pthread_mutex_lock(&board->lock);
    note *one = find(board, key);
    if (text == NULL)
        take_down(board, one);
    else
        err = put_up(board, one, key, copy);
    pthread_mutex_unlock(&board->lock);
    return err;
}

void rl_board_look(rl_board *board, void (*see)(void *owner, const char *text), void *owner) {
    if (board == NULL)
        return;
    pthread_mutex_lock(&board->lock);
    for (const rl_list *at = board->notes.next; at != &board->notes; at = at->next)
        see(owner, RL_CONTAINER((uintptr_t)at, note, link)->text);
    pthread_mutex_unlock(&board->lock);
}
