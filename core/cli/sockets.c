#include "cli/sockets.h"

#include <stdio.h>

#include "cli/activation.h"
#include "cli/control.h"
#include "loop/tcp.h"

bool rl_sockets_open(const rl_settings *settings, int *fds, size_t count, uint16_t *port, int *control) {
    char message[256];
    *port = (uint16_t)settings->port;
    rl_err err = rl_activation_take(fds, count, port, message, sizeof message);
    if (err == RL_ENOTFOUND)
        err = rl_tcp_bind(settings->host, port, fds, count, message, sizeof message);
    if (err != RL_OK) {
        fprintf(stderr, "rille: %s\n", message);
        return false;
    }
    err = rl_control_listen(settings->host, *port, control);
    if (err != RL_OK) /* the server serves without it */
        fprintf(stderr, "rille: `rille status` will not find this server: %s\n",
                err == RL_EINUSE ? "its name is taken" : rl_err_name(err));
    return true;
}
