#include "sync/parcel.h"

#include "base/mem.h"

rl_parcel *rl_parcel_new(rl_slice bytes) {
    if (bytes.len > UINT32_MAX)
        return NULL;
    rl_parcel *parcel = rl_mem_alloc(sizeof *parcel + bytes.len);
    if (parcel == NULL)
        return NULL;
    atomic_init(&parcel->uses, 1);
    parcel->len = (uint32_t)bytes.len;
    memcpy(parcel->bytes, bytes.ptr, bytes.len);
    return parcel;
}

void rl_parcel_unref(rl_parcel *parcel) {
    if (parcel != NULL && atomic_fetch_sub_explicit(&parcel->uses, 1, memory_order_acq_rel) == 1)
        rl_mem_free(parcel);
}
