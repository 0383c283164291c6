/* config -- a Lua file that returns a table of settings.
 *
 *     return { port = 8081, access_log = false, wechat = { appid = "wx12" }, origins = { "a", "b" } }
 *
 * It runs in a throwaway state of its own: 10 MB, a bounded number of steps,
 * and of the library only what computes values (string, table, math, and of os
 * getenv, time and date), so that an endless loop or a stray io call is a line
 * that says so, and not a server that never starts. */
#ifndef RL_VM_CONFIG_H
#define RL_VM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

typedef enum rl_config_type {
    RL_CONFIG_STRING,
    RL_CONFIG_NUMBER,
    RL_CONFIG_BOOLEAN,
    RL_CONFIG_TABLE /* what it holds follows, one level deeper */
} rl_config_type;

/* One value of the file; all of it is borrowed for the call. */
typedef struct rl_config_pair {
    unsigned depth; /* 0 in the table that the file returns */
    rl_slice key;   /* its name, NUL-terminated; an item of a list has none: ptr is NULL */
    rl_config_type type;
    rl_slice text;  /* as written in an environment: "16M", "8081", "true"; "" for a table */
    double number;  /* of RL_CONFIG_NUMBER, every bit of it */
    unsigned line;  /* where the file seems to set it; 0 when that cannot be told */
} rl_config_pair;

/* Any failure ends the reading and is handed on. */
typedef rl_err rl_config_fn(void *owner, const rl_config_pair *pair);

/* Calls `each` for every value: names in alphabetical order, items of a list in
 * theirs, a table before what it holds. os.getenv sees `environment`
 * ("NAME=value"s up to a NULL; NULL: none) and nothing else. What is handed on
 * before a mistake is found counts no more.
 * RL_ENOTFOUND when there is no such file; RL_EINVAL when it is wrong, with
 * "path:line: what is wrong" in `message` (cut to fit, NUL-terminated; may be
 * NULL); RL_EIO when it cannot be read; RL_ENOMEM without memory. */
RL_MUST_USE rl_err rl_config_read(const char *path, const char *const *environment, rl_config_fn *each,
                                  void *owner, char *message, size_t message_cap);

#endif
