/* slip -- how far a written name is from one that is known: for "did you mean". */
#ifndef RL_CLI_SLIP_H
#define RL_CLI_SLIP_H

#include "base/slice.h"

enum { RL_SLIP_NAME_MOST = 32 /* bytes of the longest known name; what is longer is no slip */ };

/* From how far on it is another word; 0 when the written one is too long to be a slip. */
size_t rl_slip_limit(rl_slice written);
/* How far `written` is from `name`, in slips; letters of either case are one, and - is _.
 * `written` is one that rl_slip_limit has a limit for. */
size_t rl_slip_distance(rl_slice written, const char *name);

#endif
