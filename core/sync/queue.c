#include "sync/queue.h"

#include "base/mem.h"

/* A record is two bytes and what they tell of: so many bytes, or an address. */
enum {
    IS_PARCEL = UINT16_MAX,
    IS_END = UINT16_MAX - 1, /* go on in the next segment */
    HEAD = sizeof(uint16_t),
    PARCEL_RECORD = HEAD + sizeof(rl_parcel *),
    LEAST_SEGMENT = 240,      /* bytes: a subscription that hears little stays small, */
    MOST_SEGMENT = 16 * 1024  /* and to go on in the next segment costs little of so many messages */
};

struct rl_segment {
    rl_segment *next;
    size_t cap;
    char bytes[];
};

void rl_message_clear(rl_message *message) {
    rl_parcel_unref(message->parcel);
    message->parcel = NULL;
    message->len = 0;
}

void rl_queue_init(rl_queue *queue) {
    *queue = (rl_queue){.first = NULL};
}

void rl_queue_clear(rl_queue *queue) {
    rl_message message;
    while (rl_queue_readable(queue, 0) > 0) {
        rl_queue_read(queue, &message);
        rl_message_clear(&message);
    }
    rl_segment *left = queue->out.segment != NULL ? queue->out.segment : queue->first;
    for (rl_segment *next; left != NULL; left = next) {
        next = left->next;
        rl_mem_free(left);
    }
    rl_mem_free(atomic_load(&queue->spare));
    rl_queue_init(queue);
}

/* ---- the writing end ----------------------------------------------------------- */

/* As large as half of what is waiting to be read: large for what is deep, not for what merely flows. */
static size_t next_cap(const rl_queue *queue, size_t least) {
    size_t wanted = LEAST_SEGMENT;
    while (wanted < MOST_SEGMENT && (wanted < least || wanted < rl_queue_bytes(queue) / 2))
        wanted *= 2;
    return wanted;
}

static rl_segment *new_segment(rl_queue *queue, size_t least) {
    size_t cap = next_cap(queue, least);
    rl_segment *segment = atomic_exchange_explicit(&queue->spare, NULL, memory_order_acquire);
    if (segment != NULL && segment->cap >= cap)
        return segment;
    rl_mem_free(segment);
    segment = rl_mem_alloc(sizeof *segment + cap);
    if (segment != NULL)
        segment->cap = cap;
    return segment;
}

static void put_head(rl_queue_end *in, uint16_t head) {
    memcpy(in->segment->bytes + in->at, &head, HEAD);
    in->at += HEAD;
}

/* There is always room left for IS_END. */
static rl_err make_room(rl_queue *queue, size_t len) {
    rl_queue_end *in = &queue->in;
    if (RL_LIKELY(in->segment != NULL && in->segment->cap - in->at >= len + HEAD))
        return RL_OK;
    rl_segment *next = new_segment(queue, len + HEAD);
    if (next == NULL)
        return RL_ENOMEM;
    next->next = NULL;
    if (in->segment == NULL) {
        queue->first = next;
    } else {
        in->segment->next = next;
        put_head(in, IS_END);
    }
    in->segment = next;
    in->at = 0;
    return RL_OK;
}

static void wrote(rl_queue_end *in, size_t len) {
    uint64_t bytes = atomic_load_explicit(&in->bytes, memory_order_relaxed);
    uint64_t count = atomic_load_explicit(&in->count, memory_order_relaxed);
    atomic_store_explicit(&in->bytes, bytes + len, memory_order_relaxed);
    atomic_store_explicit(&in->count, count + 1, memory_order_release); /* what stands there may be read now */
}

rl_err rl_queue_reserve(rl_queue *queue) {
    return make_room(queue, PARCEL_RECORD);
}

void rl_queue_write_parcel_take(rl_queue *queue, rl_parcel *parcel) {
    rl_queue_end *in = &queue->in;
    put_head(in, IS_PARCEL);
    memcpy(in->segment->bytes + in->at, &parcel, sizeof parcel);
    in->at += sizeof parcel;
    wrote(in, parcel->len);
}

static rl_err write_long(rl_queue *queue, rl_slice bytes) {
    rl_parcel *parcel = rl_parcel_new(bytes);
    if (parcel == NULL)
        return RL_ENOMEM;
    rl_err err = rl_queue_reserve(queue);
    if (err == RL_OK)
        rl_queue_write_parcel_take(queue, parcel);
    else
        rl_parcel_unref(parcel);
    return err;
}

rl_err rl_queue_write(rl_queue *queue, rl_slice bytes) {
    if (RL_UNLIKELY(bytes.len > RL_MESSAGE_ROOM))
        return write_long(queue, bytes);
    rl_err err = make_room(queue, HEAD + bytes.len);
    if (err != RL_OK)
        return err;
    rl_queue_end *in = &queue->in;
    put_head(in, (uint16_t)bytes.len);
    memcpy(in->segment->bytes + in->at, bytes.ptr, bytes.len);
    in->at += bytes.len;
    wrote(in, bytes.len);
    return RL_OK;
}

static bool is_below(const rl_queue_end *in, uint64_t count, uint64_t bytes) {
    return atomic_load_explicit(&in->count, memory_order_relaxed) - in->seen_count < count &&
           atomic_load_explicit(&in->bytes, memory_order_relaxed) - in->seen_bytes < bytes;
}

bool rl_queue_is_below(rl_queue *queue, uint64_t count, uint64_t bytes) {
    rl_queue_end *in = &queue->in;
    if (RL_LIKELY(is_below(in, count, bytes)))
        return true;
    in->seen_count = atomic_load_explicit(&queue->out.count, memory_order_acquire);
    in->seen_bytes = atomic_load_explicit(&queue->out.bytes, memory_order_relaxed);
    return is_below(in, count, bytes);
}

/* ---- the reading end ----------------------------------------------------------- */

uint64_t rl_queue_readable(rl_queue *queue, uint64_t known) {
    rl_queue_end *out = &queue->out;
    uint64_t count = atomic_load_explicit(&out->count, memory_order_relaxed);
    if (out->seen_count <= count + known) /* it may have read past what it has seen */
        out->seen_count = atomic_load_explicit(&queue->in.count, memory_order_acquire);
    return out->seen_count - count;
}

static void keep_spare(rl_queue *queue, rl_segment *segment) {
    rl_mem_free(atomic_exchange_explicit(&queue->spare, segment, memory_order_release));
}

static uint16_t take_head(rl_queue *queue) {
    rl_queue_end *out = &queue->out;
    if (RL_UNLIKELY(out->segment == NULL))
        out->segment = queue->first;
    uint16_t head;
    memcpy(&head, out->segment->bytes + out->at, HEAD);
    if (RL_UNLIKELY(head == IS_END)) {
        rl_segment *read = out->segment;
        out->segment = read->next;
        out->at = 0;
        keep_spare(queue, read);
        memcpy(&head, out->segment->bytes, HEAD);
    }
    out->at += HEAD;
    return head;
}

void rl_queue_read(rl_queue *queue, rl_message *message) {
    rl_queue_end *out = &queue->out;
    uint16_t head = take_head(queue);
    const char *from = out->segment->bytes + out->at;
    if (RL_UNLIKELY(head == IS_PARCEL)) {
        memcpy(&message->parcel, from, sizeof message->parcel);
        message->len = message->parcel->len;
        out->at += sizeof message->parcel;
    } else {
        message->parcel = NULL;
        message->len = head;
        memcpy(message->room, from, head);
        out->at += head;
    }
    uint64_t bytes = atomic_load_explicit(&out->bytes, memory_order_relaxed);
    uint64_t count = atomic_load_explicit(&out->count, memory_order_relaxed);
    atomic_store_explicit(&out->bytes, bytes + message->len, memory_order_relaxed);
    atomic_store_explicit(&out->count, count + 1, memory_order_release);
}

uint64_t rl_queue_count(const rl_queue *queue) {
    uint64_t out = atomic_load_explicit(&queue->out.count, memory_order_relaxed);
    return atomic_load_explicit(&queue->in.count, memory_order_relaxed) - out;
}

uint64_t rl_queue_bytes(const rl_queue *queue) {
    uint64_t out = atomic_load_explicit(&queue->out.bytes, memory_order_relaxed);
    return atomic_load_explicit(&queue->in.bytes, memory_order_relaxed) - out;
}
