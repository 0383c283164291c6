/* err -- the one vocabulary of failure below Lua.
 *
 * A function that can fail returns an rl_err, RL_OK (0) on success. What it
 * hands out goes through an `out` parameter, which a failure leaves untouched.
 * Running out of input is a state, never an rl_err. */
#ifndef RL_BASE_ERR_H
#define RL_BASE_ERR_H

#define RL_MUST_USE __attribute__((warn_unused_result))
#define RL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define RL_LIKELY(x) __builtin_expect(!!(x), 1)
#define RL_UNLIKELY(x) __builtin_expect(!!(x), 0)

typedef enum rl_err {
    RL_OK = 0,
    RL_ENOMEM,     /* memory ran out */
    RL_EFULL,      /* a ceiling or a queue bound was reached */
    RL_EINVAL,     /* the input is malformed */
    RL_ENOTFOUND,  /* there is no such thing */
    RL_EEXIST,     /* there is one already */
    RL_EOF,        /* the peer ended its side */
    RL_ERESET,     /* the peer, or the network, broke the connection */
    RL_ETIMEOUT,   /* a deadline passed */
    RL_ECANCELLED, /* whoever wanted it has gone */
    RL_ECLOSED,    /* the thing was closed by us */
    RL_EIO,        /* the operating system refused; errno tells more */
    RL_EINUSE      /* the address belongs to somebody else */
} rl_err;

/* A short stable word for `err`, "ok" for RL_OK. Never NULL. */
const char *rl_err_name(rl_err err);

#endif
