#include "base/err.h"

const char *rl_err_name(rl_err err) {
    switch (err) {
    case RL_OK: return "ok";
    case RL_ENOMEM: return "out of memory";
    case RL_EFULL: return "full";
    case RL_EINVAL: return "invalid";
    case RL_ENOTFOUND: return "not found";
    case RL_EEXIST: return "exists already";
    case RL_EOF: return "end of file";
    case RL_ERESET: return "connection reset";
    case RL_ETIMEOUT: return "timeout";
    case RL_ECANCELLED: return "cancelled";
    case RL_ECLOSED: return "closed";
    case RL_EIO: return "input/output error";
    case RL_EINUSE: return "address in use";
    }
    return "unknown";
}
