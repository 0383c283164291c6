#include <assert.h>

#include "base/mem.h"
#include "sync/channel_state.h"

/* For a moment a thread that holds it is about to give it back: to sleep costs a hundred times as much. */
static void init_lock(pthread_mutex_t *lock) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

rl_err rl_channel_new(size_t capacity, rl_channel **out) {
    rl_channel *channel = rl_mem_zalloc(1, sizeof *channel);
    if (channel == NULL)
        return RL_ENOMEM;
    rl_queue_init(&channel->queue);
    channel->capacity = capacity;
    atomic_init(&channel->uses, 1);
    init_lock(&channel->sending);
    init_lock(&channel->receiving);
    rl_list_init(&channel->senders);
    rl_list_init(&channel->receivers);
    *out = channel;
    return RL_OK;
}

rl_channel *rl_channel_ref(rl_channel *channel) {
    atomic_fetch_add_explicit(&channel->uses, 1, memory_order_relaxed);
    return channel;
}

void rl_channel_unref(rl_channel *channel) {
    if (channel == NULL || atomic_fetch_sub_explicit(&channel->uses, 1, memory_order_acq_rel) > 1)
        return;
    assert(rl_list_is_empty(&channel->senders) && rl_list_is_empty(&channel->receivers));
    rl_queue_clear(&channel->queue);
    pthread_mutex_destroy(&channel->sending);
    pthread_mutex_destroy(&channel->receiving);
    rl_mem_free(channel);
}

/* ---- what there is ------------------------------------------------------------- */

/* Under `sending`: a yes is sure, while a no takes what is reserved for what fills it. */
static bool surely_has_room(rl_channel *channel) {
    return rl_queue_is_below(&channel->queue, channel->capacity, RL_CHANNEL_BYTES);
}

/* Under both locks. */
static bool has_room(rl_channel *channel) {
    uint64_t reserved = atomic_load_explicit(&channel->reserved, memory_order_relaxed);
    return channel->capacity > 0 &&
           rl_queue_is_below(&channel->queue, channel->capacity + reserved, RL_CHANNEL_BYTES);
}

/* Under `receiving`: whether there is a message that is nobody's. */
static bool has_message(rl_channel *channel) {
    uint64_t reserved = atomic_load_explicit(&channel->reserved, memory_order_relaxed);
    return rl_queue_readable(&channel->queue, reserved) > reserved;
}

void rl_channel_add_reserved(rl_channel *channel, int64_t more) {
    uint64_t reserved = atomic_load_explicit(&channel->reserved, memory_order_relaxed);
    atomic_store_explicit(&channel->reserved, reserved + (uint64_t)more, memory_order_release);
}

static bool is_waited(rl_list *line) {
    for (rl_list *at = line->next; at != line; at = at->next)
        if (rl_waiter_is_parked(RL_CONTAINER(at, rl_party, link)->one.waiter))
            return true;
    return false;
}

/* ---- serving, under both locks --------------------------------------------------- */

void rl_channel_note_lines(rl_channel *channel) {
    atomic_store_explicit(&channel->senders_wait, !rl_list_is_empty(&channel->senders), memory_order_relaxed);
    atomic_store_explicit(&channel->receivers_wait, !rl_list_is_empty(&channel->receivers), memory_order_relaxed);
}

/* The first who waits still, claimed and out of line; NULL when nobody does. It is woken
 * when the locks are free, and until then nobody else touches it. */
static rl_party *claim_first(rl_list *line, rl_party_state state, rl_list *woken) {
    for (rl_list *link; (link = rl_list_pop_front(line)) != NULL;) {
        rl_party *party = RL_CONTAINER(link, rl_party, link);
        party->state = RL_PARTY_AWAY;
        if (!rl_waiter_claim(party->one.waiter, party->one.number))
            continue;
        party->state = state;
        rl_list_push_back(woken, &party->link);
        return party;
    }
    return NULL;
}

static bool let_sender_in(rl_channel *channel, rl_list *woken) {
    if (rl_list_is_empty(&channel->senders) || !has_room(channel))
        return false;
    if (rl_queue_reserve(&channel->queue) != RL_OK)
        return false; /* whoever receives takes it from its hands */
    rl_party *party = claim_first(&channel->senders, RL_PARTY_SERVED, woken);
    if (party != NULL)
        rl_queue_write_parcel_take(&channel->queue, rl_party_detach_parcel(party));
    return party != NULL;
}

static bool serve_receiver(rl_channel *channel, rl_list *woken) {
    if (rl_list_is_empty(&channel->receivers) || !has_message(channel) ||
        claim_first(&channel->receivers, RL_PARTY_SERVED, woken) == NULL)
        return false;
    rl_channel_add_reserved(channel, 1);
    return true;
}

/* Afterwards nobody waits for what is there. */
void rl_channel_settle(rl_channel *channel, rl_list *woken) {
    while (let_sender_in(channel, woken) || serve_receiver(channel, woken))
        ;
    rl_channel_note_lines(channel);
}

void rl_channel_settle_alone(rl_channel *channel, rl_loop *here) {
    rl_list woken;
    rl_list_init(&woken);
    rl_channel_lock(channel);
    rl_channel_settle(channel, &woken);
    rl_channel_unlock(channel);
    rl_parties_wake(&woken, here);
}

/* ---- sending --------------------------------------------------------------------- */

/* The bytes to be sent, or a parcel of them. */
typedef struct cargo {
    rl_slice bytes;
    rl_parcel *parcel;
} cargo;

static rl_err write_cargo(rl_channel *channel, const cargo *it) {
    if (it->parcel == NULL)
        return rl_queue_write(&channel->queue, it->bytes);
    rl_err err = rl_queue_reserve(&channel->queue);
    if (err == RL_OK)
        rl_queue_write_parcel_take(&channel->queue, rl_parcel_ref(it->parcel));
    return err;
}

/* Into the hands of a receiver who waits, by way of the queue, where it is reserved. */
static rl_err hand_over(rl_channel *channel, const cargo *it, rl_list *woken) {
    rl_parcel *parcel = it->parcel != NULL ? rl_parcel_ref(it->parcel) : rl_parcel_new(it->bytes);
    rl_err err = parcel == NULL ? RL_ENOMEM : rl_queue_reserve(&channel->queue);
    if (err == RL_OK && claim_first(&channel->receivers, RL_PARTY_SERVED, woken) == NULL)
        err = RL_EFULL;
    if (err != RL_OK) {
        rl_parcel_unref(parcel);
        return err;
    }
    rl_queue_write_parcel_take(&channel->queue, parcel);
    rl_channel_add_reserved(channel, 1);
    return RL_OK;
}

static rl_err send_under_both(rl_channel *channel, const cargo *it, rl_list *woken) {
    rl_channel_settle(channel, woken);
    if (rl_channel_is(&channel->is_closed))
        return RL_ECLOSED;
    rl_err err = RL_EFULL;
    if (rl_channel_is(&channel->receivers_wait))
        err = hand_over(channel, it, woken);
    if (err == RL_EFULL && rl_list_is_empty(&channel->senders) && has_room(channel))
        err = write_cargo(channel, it);
    rl_channel_settle(channel, woken);
    return err;
}

static rl_err send_exactly(rl_channel *channel, const cargo *it, rl_loop *here) {
    rl_list woken;
    rl_list_init(&woken);
    rl_channel_lock(channel);
    rl_err err = send_under_both(channel, it, &woken);
    rl_channel_unlock(channel);
    rl_parties_wake(&woken, here);
    return err;
}

static rl_err send_cargo(rl_channel *channel, const cargo *it, rl_loop *here) {
    pthread_mutex_lock(&channel->sending);
    bool is_plain = !rl_channel_is(&channel->is_closed) && !rl_channel_is(&channel->senders_wait) &&
                    surely_has_room(channel);
    rl_err err = is_plain ? write_cargo(channel, it) : RL_EFULL;
    bool is_waited_for = rl_channel_is(&channel->receivers_wait);
    pthread_mutex_unlock(&channel->sending);
    if (RL_UNLIKELY(!is_plain))
        return send_exactly(channel, it, here);
    if (RL_UNLIKELY(is_waited_for))
        rl_channel_settle_alone(channel, here);
    return err;
}

rl_err rl_channel_send(rl_channel *channel, rl_slice bytes, rl_loop *here) {
    return send_cargo(channel, &(cargo){.bytes = bytes}, here);
}

rl_err rl_channel_send_parcel(rl_channel *channel, rl_parcel *parcel, rl_loop *here) {
    return send_cargo(channel, &(cargo){.parcel = parcel}, here);
}

/* ---- receiving ------------------------------------------------------------------- */

/* From the hands of a sender for whom there is no room. What is reserved for others may be older and from the same
 * sender: the oldest goes first, and what came last is left for them instead. */
static bool take_from_hands(rl_channel *channel, rl_message *out, rl_list *woken) {
    bool has_older = rl_queue_readable(&channel->queue, 0) > 0 && rl_queue_reserve(&channel->queue) == RL_OK;
    rl_party *sender = claim_first(&channel->senders, RL_PARTY_SERVED, woken);
    rl_channel_note_lines(channel);
    if (sender == NULL)
        return false;
    if (has_older) {
        rl_queue_read(&channel->queue, out);
        rl_queue_write_parcel_take(&channel->queue, rl_party_detach_parcel(sender));
    } else {
        out->parcel = rl_party_detach_parcel(sender);
    }
    return true;
}

static rl_err receive_under_both(rl_channel *channel, rl_message *out, rl_list *woken) {
    rl_channel_settle(channel, woken);
    if (has_message(channel)) {
        rl_queue_read(&channel->queue, out);
        rl_channel_settle(channel, woken);
        return RL_OK;
    }
    if (take_from_hands(channel, out, woken))
        return RL_OK;
    return rl_channel_is(&channel->is_closed) ? RL_ECLOSED : RL_ENOTFOUND;
}

rl_err rl_channel_receive(rl_channel *channel, rl_message *out, rl_loop *here) {
    pthread_mutex_lock(&channel->receiving);
    bool is_plain = !rl_channel_is(&channel->receivers_wait) && has_message(channel);
    if (RL_LIKELY(is_plain))
        rl_queue_read(&channel->queue, out);
    bool is_waited_for = rl_channel_is(&channel->senders_wait);
    pthread_mutex_unlock(&channel->receiving);
    if (RL_LIKELY(is_plain)) {
        if (RL_UNLIKELY(is_waited_for))
            rl_channel_settle_alone(channel, here);
        return RL_OK;
    }
    rl_list woken;
    rl_list_init(&woken);
    rl_channel_lock(channel);
    rl_err err = receive_under_both(channel, out, &woken);
    rl_channel_unlock(channel);
    rl_parties_wake(&woken, here);
    return err;
}

/* ---- the rest of what needs no wait ------------------------------------------------ */

rl_err rl_channel_close(rl_channel *channel, rl_loop *here) {
    rl_list woken;
    rl_list_init(&woken);
    rl_channel_lock(channel);
    bool was_closed = rl_channel_is(&channel->is_closed);
    rl_channel_settle(channel, &woken); /* who can go on still does */
    atomic_store_explicit(&channel->is_closed, true, memory_order_relaxed);
    while (claim_first(&channel->senders, RL_PARTY_CLOSED, &woken) != NULL)
        ;
    while (claim_first(&channel->receivers, RL_PARTY_CLOSED, &woken) != NULL)
        ;
    rl_channel_note_lines(channel);
    rl_channel_unlock(channel);
    rl_parties_wake(&woken, here);
    return was_closed ? RL_ECLOSED : RL_OK;
}

bool rl_channel_can_go_on(rl_channel *channel, bool sends) {
    if (rl_channel_is(&channel->is_closed))
        return true;
    if (sends)
        return is_waited(&channel->receivers) || (rl_list_is_empty(&channel->senders) && has_room(channel));
    return has_message(channel) || is_waited(&channel->senders);
}

bool rl_channel_would_wait(rl_channel *channel, bool sends) {
    rl_channel_lock(channel);
    bool can = rl_channel_can_go_on(channel, sends);
    rl_channel_unlock(channel);
    return !can;
}

uint64_t rl_channel_depth(rl_channel *channel) {
    pthread_mutex_lock(&channel->receiving);
    uint64_t depth = rl_queue_count(&channel->queue) - atomic_load_explicit(&channel->reserved, memory_order_relaxed);
    pthread_mutex_unlock(&channel->receiving);
    return depth;
}

static uint32_t length(const rl_list *line) {
    uint32_t count = 0;
    for (const rl_list *at = line->next; at != line; at = at->next)
        count++;
    return count;
}

rl_channel_stats rl_channel_stats_of(rl_channel *channel) {
    rl_channel_lock(channel);
    rl_channel_stats stats = {
        .depth = rl_queue_count(&channel->queue) - atomic_load_explicit(&channel->reserved, memory_order_relaxed),
        .capacity = channel->capacity,
        .bytes = rl_queue_bytes(&channel->queue),
        .senders = length(&channel->senders),
        .receivers = length(&channel->receivers),
        .is_closed = rl_channel_is(&channel->is_closed),
        .sent = atomic_load_explicit(&channel->queue.in.count, memory_order_relaxed)};
    rl_channel_unlock(channel);
    return stats;
}
