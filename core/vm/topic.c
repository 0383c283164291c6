/* topic -- topics between workers, for lua/rille/topic.lua. What was subscribed to is received
 * from as a channel is: vm/shared.c. */
#include "vm/shared.h"

/* topic_publish(name, value) -> to how many subscribers; or nil and a text: not such a value */
static int publish(lua_State *L) {
    rl_desk *desk = rl_desk_of(L);
    rl_topics *topics = rl_desk_commons(L, desk)->topics;
    rl_slice name = rl_shared_check_name(L, 1);
    if (!rl_topics_is_heard(topics, name)) {
        lua_pushinteger(L, 0);
        return 1;
    }
    rl_parcel *parcel = rl_desk_parcel(L, desk, 2);
    if (parcel == NULL) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    size_t heard = rl_topics_publish(topics, name, parcel, desk->vm->loop);
    rl_parcel_unref(parcel);
    lua_pushinteger(L, (lua_Integer)heard);
    return 1;
}

/* Its own task has ended, so that hardly anybody waits there. */
static void on_scope_end(rl_lent *lent) {
    rl_subscriber_leave(&RL_CONTAINER(lent, rl_shared_handle, lent)->subscriber, NULL);
}

/* topic_subscribe(name, buffer, on_full) -> handle; or nil: there are too many. It belongs to the current task's scope.
 * on_full: 0 drops the oldest, 1 the newest, 2 disconnects */
static int subscribe(lua_State *L) {
    rl_desk *desk = rl_desk_of(L);
    rl_slice name = rl_shared_check_name(L, 1);
    lua_Integer buffer = luaL_checkinteger(L, 2);
    luaL_argcheck(L, buffer >= 1 && buffer <= RL_SUBSCRIBER_BUFFER_MOST, 2, "a number from 1 to 65536");
    rl_on_full on_full = (rl_on_full)luaL_checkinteger(L, 3);
    rl_task *task = rl_task_may_wait(L);
    rl_shared_handle *handle = rl_shared_push_handle(L);
    rl_err err = rl_topics_subscribe(rl_desk_commons(L, desk)->topics, name, (size_t)buffer, on_full, &handle->subscriber);
    if (err == RL_EFULL)
        return 0;
    if (err != RL_OK)
        return luaL_error(L, "not enough memory");
    handle->channel = rl_channel_ref(handle->subscriber.channel);
    rl_scope_lend(&task->scope, &handle->lent, "subscription", on_scope_end);
    return 1;
}

/* topic_leave(handle): it hears no more. */
static int unsubscribe(lua_State *L) {
    rl_shared_handle *handle = rl_shared_check_handle(L, 1);
    if (handle->subscriber.topic == NULL)
        return 0;
    rl_lent_return(&handle->lent);
    rl_subscriber_leave(&handle->subscriber, rl_desk_of(L)->vm->loop);
    return 0;
}

/* topic_dropped(handle) -> how many it did not hear because it was full */
static int dropped(lua_State *L) {
    rl_shared_handle *handle = rl_shared_check_handle(L, 1);
    lua_pushnumber(L, (lua_Number)atomic_load_explicit(&handle->subscriber.dropped, memory_order_relaxed));
    return 1;
}

void rl_vm_open_topics(lua_State *L, int desk_at) {
    const luaL_Reg functions[] = {{"topic_publish", publish},
                                  {"topic_subscribe", subscribe},
                                  {"topic_leave", unsubscribe},
                                  {"topic_dropped", dropped},
                                  {NULL, NULL}};
    rl_shared_add_functions(L, functions, desk_at);
}
