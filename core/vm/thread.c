#include "vm/thread.h"

#include <string.h>

#include "base/mem.h"
#include "loop/clock.h"
#include "vm/thread_state.h"

enum { STACK_BYTES = 1024 * 1024 /* C's: Lua recurses in its own memory, but for patterns and metamethods */ };

/* ---- notes ------------------------------------------------------------------------ */

rl_thread_note *rl_thread_new_note(rl_slice bytes, bool is_end) {
    rl_thread_note *note = rl_mem_alloc(sizeof *note + bytes.len);
    if (note == NULL)
        return NULL;
    rl_list_init(&note->link);
    note->is_end = is_end;
    note->len = bytes.len;
    if (bytes.len > 0)
        memcpy(note->bytes, bytes.ptr, bytes.len);
    return note;
}

void rl_thread_free_note(rl_thread_note *note) {
    rl_mem_free(note);
}

static void drop_notes(rl_thread *thread) {
    for (rl_list *link; (link = rl_list_pop_front(&thread->notes)) != NULL; thread->note_count--)
        rl_thread_free_note(RL_CONTAINER(link, rl_thread_note, link));
}

static void free_thread(rl_thread *thread) {
    drop_notes(thread);
    rl_thread_free_note(thread->input);
    rl_thread_free_note(thread->setup);
    rl_sources_free(thread->sources);
    pthread_cond_destroy(&thread->wanted);
    pthread_mutex_destroy(&thread->lock);
    rl_mem_free(thread);
}

void rl_thread_unlock_and_leave(rl_thread *thread) {
    bool is_last = --thread->holders == 0;
    pthread_mutex_unlock(&thread->lock);
    if (is_last)
        free_thread(thread);
}

static void on_post(rl_post *post) {
    rl_thread *thread = RL_CONTAINER(post, rl_thread, post);
    pthread_mutex_lock(&thread->lock);
    thread->is_posted = false;
    bool is_wanted = thread->home != NULL;
    pthread_mutex_unlock(&thread->lock);
    if (is_wanted)
        thread->heard(thread->owner); /* which may close it */
    pthread_mutex_lock(&thread->lock);
    rl_thread_unlock_and_leave(thread);
}

/* Under the lock. */
static void add_note(rl_thread *thread, rl_thread_note *note) {
    if (thread->note_count == RL_THREAD_MOST_NOTES) {
        rl_thread_free_note(RL_CONTAINER(rl_list_pop_front(&thread->notes), rl_thread_note, link));
        thread->note_count--;
    }
    rl_list_push_back(&thread->notes, &note->link);
    thread->note_count++;
    if (thread->is_posted)
        return;
    thread->is_posted = true;
    thread->holders++;
    rl_loop_post(thread->home, &thread->post);
}

void rl_thread_tell_take(rl_thread *thread, rl_thread_note *note) {
    pthread_mutex_lock(&thread->lock);
    if (thread->home != NULL)
        add_note(thread, note);
    else
        rl_thread_free_note(note);
    pthread_mutex_unlock(&thread->lock);
}

/* ---- opening, running, closing ------------------------------------------------------------------------ */

/* Its handler is the process's; it does nothing but for a thread that this file has sent it to. */
static rl_err hear_signal(void) {
    struct sigaction action = {.sa_sigaction = rl_thread_on_interrupt, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    return sigaction(RL_THREAD_INTERRUPT, &action, NULL) == 0 ? RL_OK : RL_EIO;
}

static rl_err start(rl_thread *thread) {
    pthread_attr_t attr;
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, RL_THREAD_INTERRUPT);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&thread->id, &attr, rl_thread_serve, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return status == 0 ? RL_OK : RL_EIO;
}

rl_err rl_thread_open(rl_loop *home, const rl_thread_options *options, rl_thread **out) {
    rl_thread *thread = rl_mem_zalloc(1, sizeof *thread);
    if (thread == NULL)
        return RL_ENOMEM;
    pthread_mutex_init(&thread->lock, NULL);
    pthread_cond_init(&thread->wanted, NULL);
    rl_list_init(&thread->notes);
    thread->holders = 2;
    thread->home = home;
    thread->heard = options->heard;
    thread->owner = options->owner;
    thread->post.run = on_post;
    thread->memory = options->memory;
    thread->lua_dir = options->lua_dir;
    thread->log = options->log;
    thread->sources = rl_sources_hold(options->sources);
    thread->setup = rl_thread_new_note(options->setup, false);
    rl_err err = thread->setup == NULL ? RL_ENOMEM : hear_signal();
    if (err == RL_OK)
        err = start(thread);
    if (err != RL_OK) {
        free_thread(thread);
        return err;
    }
    *out = thread;
    return RL_OK;
}

rl_err rl_thread_run(rl_thread *thread, rl_slice input) {
    rl_thread_note *note = rl_thread_new_note(input, false);
    if (note == NULL)
        return RL_ENOMEM;
    atomic_store(&thread->must_end, false);
    thread->is_running = true;
    rl_loop_expect(thread->home);
    pthread_mutex_lock(&thread->lock);
    thread->input = note;
    thread->has_job = true;
    pthread_cond_signal(&thread->wanted);
    pthread_mutex_unlock(&thread->lock);
    return RL_OK;
}

static void has_ended(rl_thread *thread) {
    thread->is_running = false;
    rl_loop_heard(thread->home);
}

bool rl_thread_is_running(rl_thread *thread) {
    return thread->is_running;
}

rl_thread_note *rl_thread_take(rl_thread *thread) {
    pthread_mutex_lock(&thread->lock);
    rl_list *link = rl_list_pop_front(&thread->notes);
    thread->note_count -= link != NULL;
    pthread_mutex_unlock(&thread->lock);
    if (link == NULL)
        return NULL;
    rl_thread_note *note = RL_CONTAINER(link, rl_thread_note, link);
    if (note->is_end)
        has_ended(thread);
    return note;
}

void rl_thread_interrupt(rl_thread *thread) {
    atomic_store(&thread->must_end, true);
    pthread_mutex_lock(&thread->lock);
    if (thread->has_job)
        pthread_sigqueue(thread->id, RL_THREAD_INTERRUPT, (union sigval){.sival_ptr = thread});
    pthread_mutex_unlock(&thread->lock);
}

void rl_thread_close(rl_thread *thread) {
    if (thread->is_running)
        has_ended(thread);
    pthread_mutex_lock(&thread->lock);
    thread->home = NULL;
    drop_notes(thread);
    pthread_cond_signal(&thread->wanted);
    rl_thread_unlock_and_leave(thread);
}
