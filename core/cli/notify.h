/* notify -- what the service manager is told (sd_notify(3), without its library). */
#ifndef RL_CLI_NOTIFY_H
#define RL_CLI_NOTIFY_H

/* "READY=1", "STOPPING=1". Nothing happens without NOTIFY_SOCKET in the environment. */
void rl_notify(const char *state);

#endif
