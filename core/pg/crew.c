#include "pg/crew.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/mem.h"
#include "loop/clock.h"

enum { IDLE_S = 10 /* long enough to serve a burst of reconnects with the same threads */ };

struct rl_crew {
    rl_loop *loop;
    pthread_mutex_t lock;
    pthread_cond_t wanted, left;
    rl_list queue, finished;
    rl_post post;
    bool posted; /* the post is in the loop's inbox, or running */
    bool closed;
    bool closing; /* rl_crew_close is still in it */
    uint32_t queued, max_queue;
    uint32_t threads, max_threads;
    uint32_t idle, working;
    uint32_t expected; /* jobs that the loop has yet to hear of */
};

static bool is_over(const rl_crew *crew) {
    return crew->closed && !crew->closing && crew->threads == 0 && !crew->posted;
}

static void free_crew(rl_crew *crew) {
    pthread_cond_destroy(&crew->wanted);
    pthread_cond_destroy(&crew->left);
    pthread_mutex_destroy(&crew->lock);
    rl_mem_free(crew);
}

static void unlock_and_free_if_over(rl_crew *crew) {
    bool over = is_over(crew);
    pthread_mutex_unlock(&crew->lock);
    if (over)
        free_crew(crew);
}

/* On the loop. The lock is let go around each `done`, which may close the crew;
 * `posted` stays set meanwhile and keeps its memory. */
static void run_finished(rl_post *post) {
    rl_crew *crew = RL_CONTAINER(post, rl_crew, post);
    pthread_mutex_lock(&crew->lock);
    while (!crew->closed && !rl_list_is_empty(&crew->finished)) {
        rl_crew_job *job = RL_CONTAINER(rl_list_pop_front(&crew->finished), rl_crew_job, link);
        crew->expected--;
        pthread_mutex_unlock(&crew->lock);
        rl_loop_heard(crew->loop);
        job->done(job);
        pthread_mutex_lock(&crew->lock);
    }
    crew->posted = false;
    unlock_and_free_if_over(crew);
}

/* Waits for a job under the lock; NULL when the thread shall leave. */
static rl_crew_job *next_job(rl_crew *crew) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_S;
    int status = 0;
    while (!crew->closed && status != ETIMEDOUT && rl_list_is_empty(&crew->queue)) {
        crew->idle++;
        status = pthread_cond_timedwait(&crew->wanted, &crew->lock, &until);
        crew->idle--;
    }
    if (crew->closed || rl_list_is_empty(&crew->queue))
        return NULL;
    crew->queued--;
    return RL_CONTAINER(rl_list_pop_front(&crew->queue), rl_crew_job, link);
}

static void finish(rl_crew *crew, rl_crew_job *job) {
    if (crew->closed) {
        job->drop(job);
        return;
    }
    rl_list_push_back(&crew->finished, &job->link);
    if (!crew->posted) {
        crew->posted = true;
        rl_loop_post(crew->loop, &crew->post);
    }
}

static void *serve(void *arg) {
    rl_crew *crew = arg;
    pthread_mutex_lock(&crew->lock);
    for (rl_crew_job *job; (job = next_job(crew)) != NULL;) {
        crew->working++;
        pthread_mutex_unlock(&crew->lock);
        job->work(job);
        pthread_mutex_lock(&crew->lock);
        crew->working--;
        finish(crew, job);
    }
    crew->threads--;
    pthread_cond_signal(&crew->left);
    unlock_and_free_if_over(crew);
    return NULL;
}

/* Signals are for the thread that waits for them, never for a crew. */
static int start_thread(rl_crew *crew) {
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&thread, &attr, serve, crew);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return status;
}

rl_err rl_crew_new(rl_loop *loop, uint32_t max_threads, uint32_t max_queue, rl_crew **out) {
    rl_crew *crew = rl_mem_zalloc(1, sizeof *crew);
    if (crew == NULL)
        return RL_ENOMEM;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->wanted, &monotonic);
    pthread_cond_init(&crew->left, &monotonic);
    pthread_condattr_destroy(&monotonic);
    rl_list_init(&crew->queue);
    rl_list_init(&crew->finished);
    crew->loop = loop;
    crew->post.run = run_finished;
    crew->max_threads = max_threads;
    crew->max_queue = max_queue;
    *out = crew;
    return RL_OK;
}

rl_err rl_crew_submit(rl_crew *crew, rl_crew_job *job) {
    rl_err err = RL_OK;
    pthread_mutex_lock(&crew->lock);
    if (crew->queued >= crew->max_queue) {
        err = RL_EFULL;
    } else if (crew->idle <= crew->queued && crew->threads < crew->max_threads) {
        crew->threads++;
        if (start_thread(crew) != 0) {
            crew->threads--;
            err = crew->threads > 0 ? RL_OK : RL_EIO;
        }
    }
    if (err == RL_OK) {
        rl_list_push_back(&crew->queue, &job->link);
        crew->queued++;
        crew->expected++;
        rl_loop_expect(crew->loop);
        pthread_cond_signal(&crew->wanted);
    }
    pthread_mutex_unlock(&crew->lock);
    return err;
}

static void drop_all(rl_list *jobs) {
    for (rl_list *link; (link = rl_list_pop_front(jobs)) != NULL;) {
        rl_crew_job *job = RL_CONTAINER(link, rl_crew_job, link);
        job->drop(job);
    }
}

void rl_crew_close(rl_crew *crew) {
    pthread_mutex_lock(&crew->lock);
    crew->closed = crew->closing = true;
    pthread_cond_broadcast(&crew->wanted);
    while (crew->threads > crew->working)
        pthread_cond_wait(&crew->left, &crew->lock);
    drop_all(&crew->queue);
    drop_all(&crew->finished);
    for (; crew->expected > 0; crew->expected--)
        rl_loop_heard(crew->loop);
    crew->closing = false;
    unlock_and_free_if_over(crew);
}
