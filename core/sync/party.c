#include "sync/party.h"

#include <assert.h>

#include "sync/channel_state.h"

void rl_parties_wake(rl_list *woken, rl_loop *here) {
    for (rl_list *link; (link = rl_list_pop_front(woken)) != NULL;) {
        rl_waiter *waiter = RL_CONTAINER(link, rl_party, link)->one.waiter;
        if (waiter->loop == here) {
            rl_waiter_wake(waiter);
            continue;
        }
        rl_waiter_wake_from_afar(waiter);
        if (here != NULL)
            rl_loop_ask(here);
    }
}

void rl_party_init_take(rl_party *party, rl_channel *channel, rl_parcel *parcel) {
    *party = (rl_party){.channel = rl_channel_ref(channel), .parcel = parcel, .sends = parcel != NULL};
    rl_list_init(&party->link);
}

static void leave_line(rl_case *one) {
    rl_party *party = RL_CONTAINER(one, rl_party, one);
    rl_channel_lock(party->channel);
    if (party->state == RL_PARTY_WAITS) {
        rl_list_remove(&party->link);
        party->state = RL_PARTY_AWAY;
        rl_channel_note_lines(party->channel);
    }
    rl_channel_unlock(party->channel);
}

bool rl_party_is_case(const rl_case *one) {
    return one->unlink == leave_line;
}

/* The channels of `parties`, each once, by address: whoever takes the locks of several
 * takes them in this order. */
static size_t sort_channels(const rl_party *parties, size_t count, rl_channel *sorted[]) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        rl_channel *one = parties[i].channel;
        size_t at = len;
        while (at > 0 && sorted[at - 1] > one)
            at--;
        if (at > 0 && sorted[at - 1] == one)
            continue;
        memmove(sorted + at + 1, sorted + at, (len++ - at) * sizeof *sorted);
        sorted[at] = one;
    }
    return len;
}

static bool stand_in_line(rl_party *parties, size_t count, rl_waiter *waiter, uint32_t first, rl_list *woken) {
    for (size_t i = 0; i < count; i++) {
        rl_channel_settle(parties[i].channel, woken); /* whoever went away meanwhile keeps nobody waiting */
        if (rl_channel_can_go_on(parties[i].channel, parties[i].sends))
            return false;
    }
    for (size_t i = 0; i < count; i++) {
        rl_party *party = &parties[i];
        rl_waiter_add(waiter, &party->one, first + (uint32_t)i, leave_line);
        rl_list_push_back(party->sends ? &party->channel->senders : &party->channel->receivers, &party->link);
        party->state = RL_PARTY_WAITS;
        rl_channel_note_lines(party->channel);
    }
    rl_waiter_park(waiter);
    return true;
}

bool rl_parties_wait(rl_party *parties, size_t count, rl_waiter *waiter, uint32_t first) {
    rl_list woken;
    rl_list_init(&woken);
    assert(count > 0 && count <= RL_PARTIES_MOST);
    rl_channel *sorted[RL_PARTIES_MOST];
    size_t len = sort_channels(parties, count, sorted);
    for (size_t i = 0; i < len; i++)
        rl_channel_lock(sorted[i]);
    bool waits = stand_in_line(parties, count, waiter, first, &woken);
    for (size_t i = len; i-- > 0;)
        rl_channel_unlock(sorted[i]);
    rl_parties_wake(&woken, waiter->loop);
    return waits;
}

rl_err rl_party_end(rl_party *party, rl_message *out, rl_loop *here) {
    rl_channel *channel = party->channel;
    rl_party_state state = party->state;
    party->state = RL_PARTY_AWAY;
    if (state == RL_PARTY_CLOSED)
        return RL_ECLOSED;
    if (party->sends)
        return RL_OK;
    pthread_mutex_lock(&channel->receiving);
    rl_channel_add_reserved(channel, -1); /* first: a sender must not see the room twice */
    rl_queue_read(&channel->queue, out);
    bool is_waited_for = rl_channel_is(&channel->senders_wait);
    pthread_mutex_unlock(&channel->receiving);
    if (is_waited_for)
        rl_channel_settle_alone(channel, here);
    return RL_OK;
}

void rl_party_clear(rl_party *party, rl_loop *here) {
    rl_channel *channel = party->channel;
    if (channel == NULL)
        return;
    assert(party->state != RL_PARTY_WAITS);
    if (!party->sends && party->state == RL_PARTY_SERVED) {
        pthread_mutex_lock(&channel->receiving);
        rl_channel_add_reserved(channel, -1);
        pthread_mutex_unlock(&channel->receiving);
        rl_channel_settle_alone(channel, here);
    }
    rl_parcel_unref(rl_party_detach_parcel(party));
    rl_channel_unref(channel);
    *party = (rl_party){.channel = NULL};
}
