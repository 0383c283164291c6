#include "cli/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/tcp.h"

enum { HOST_CAP = 256 };

/* "127.0.0.1:9090", "[::1]:9090", "localhost:9090". */
static bool split(const char *address, char host[HOST_CAP], uint16_t *port) {
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || colon[1] < '0' || colon[1] > '9')
        return false;
    char *end;
    unsigned long number = strtoul(colon + 1, &end, 10);
    size_t len = (size_t)(colon - address);
    bool has_brackets = address[0] == '[' && colon[-1] == ']';
    if (*end != '\0' || number > UINT16_MAX || len >= HOST_CAP || (!has_brackets && memchr(address, ':', len) != NULL))
        return false;
    snprintf(host, HOST_CAP, "%.*s", (int)(has_brackets ? len - 2 : len), has_brackets ? address + 1 : address);
    *port = (uint16_t)number;
    return true;
}

bool rl_admin_bind(const rl_settings *settings, int *fd) {
    char host[HOST_CAP], message[256];
    uint16_t port;
    *fd = -1;
    if (settings->admin[0] == '\0')
        return true;
    if (!split(settings->admin, host, &port)) {
        fprintf(stderr, "rille: admin is '%s': expected an address and a port, such as 127.0.0.1:9090\n", settings->admin);
        return false;
    }
    if (rl_tcp_bind(host, &port, fd, 1, message, sizeof message) != RL_OK) {
        fprintf(stderr, "rille: admin: %s\n", message);
        return false;
    }
    fprintf(stderr, "rille: the dashboard is at http://%s%s%s:%u/_rille, with admin_token\n", strchr(host, ':') != NULL ? "[" : "",
            host, strchr(host, ':') != NULL ? "]" : "", port);
    return true;
}
