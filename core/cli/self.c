#include "cli/self.h"

#include <string.h>
#include <unistd.h>

#define DELETED " (deleted)" /* what the kernel says behind the path of a file that was replaced */

bool rl_self_path(char *out, size_t cap) {
    ssize_t len = readlink("/proc/self/exe", out, cap - 1);
    if (len <= 0)
        return false;
    out[len] = '\0';
    size_t suffix = sizeof DELETED - 1;
    if ((size_t)len > suffix && strcmp(out + len - suffix, DELETED) == 0)
        out[(size_t)len - suffix] = '\0';
    return true;
}
