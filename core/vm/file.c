/* file -- reading files without blocking the loop, for lua/rille/file.lua.
 *
 *   handle (Lua's)  <-->  rl_op (the job's)
 *
 * Opening and reading run as jobs on other threads. One job at a time runs for
 * a handle; its memory belongs to the op, which outlives a handle that was
 * collected meanwhile and then frees itself when the job comes back. */
#include "vm/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/job.h"
#include "vm/task.h"

#define FILE_META "rille.file"

enum { CASE_DONE = 1, READ_MOST = 1024 * 1024 };

typedef struct rl_op {
    rl_job job;
    rl_signal done;
    rl_vm *vm; /* while it is busy; NULL once its handle was collected */
    bool is_busy, is_orphan;
    int fd, error; /* error: errno of the last job, or 0 */
    struct stat about;
    char *bytes; /* of the last read */
    size_t cap;
    ssize_t len;
    off_t offset;
    char path[];
} rl_op;

typedef struct handle {
    rl_op *op;
} handle;

static void free_op(rl_op *op) {
    if (op->fd >= 0)
        close(op->fd);
    rl_mem_free(op->bytes);
    rl_mem_free(op);
}

static void open_now(rl_job *job) {
    rl_op *op = RL_CONTAINER(job, rl_op, job);
    op->fd = open(op->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    op->error = op->fd < 0 || fstat(op->fd, &op->about) != 0 ? errno : 0;
}

static void read_now(rl_job *job) {
    rl_op *op = RL_CONTAINER(job, rl_op, job);
    do
        op->len = pread(op->fd, op->bytes, op->cap, op->offset);
    while (op->len < 0 && errno == EINTR);
    op->error = op->len < 0 ? errno : 0;
}

static void on_done(rl_job *job) {
    rl_op *op = RL_CONTAINER(job, rl_op, job);
    op->is_busy = false;
    if (op->vm != NULL)
        op->vm->jobs--;
    rl_signal_all(&op->done); /* also of a file that was closed meanwhile: whoever waits must not stay in its list */
    if (op->is_orphan)
        free_op(op);
}

static int collect(lua_State *L) {
    handle *at = lua_touserdata(L, 1);
    if (at->op == NULL)
        return 0;
    if (at->op->is_busy) {
        at->op->is_orphan = true;
        if (at->op->vm != NULL)
            at->op->vm->jobs--;
        at->op->vm = NULL;
    } else
        free_op(at->op);
    at->op = NULL;
    return 0;
}

static rl_op *check_op(lua_State *L) {
    handle *at = luaL_checkudata(L, 1, FILE_META);
    if (at->op == NULL || at->op->is_busy)
        luaL_error(L, at->op == NULL ? "the file is closed" : "the file is being read already");
    return at->op;
}

static rl_op *push_handle(lua_State *L, rl_slice path) {
    handle *at = lua_newuserdata(L, sizeof *at);
    at->op = NULL;
    luaL_getmetatable(L, FILE_META);
    lua_setmetatable(L, -2);
    at->op = rl_mem_zalloc(1, sizeof *at->op + path.len + 1);
    if (at->op == NULL)
        luaL_error(L, "not enough memory");
    memcpy(at->op->path, path.ptr, path.len);
    at->op->fd = -1;
    at->op->job.done = on_done;
    rl_signal_init(&at->op->done);
    return at->op;
}

/* file(path) -> handle */
static int new_file(lua_State *L) {
    size_t len;
    const char *path = luaL_checklstring(L, 1, &len);
    luaL_argcheck(L, strlen(path) == len, 1, "a path without NUL");
    (void)push_handle(L, rl_slice_of(path, len));
    return 1;
}

void rl_file_push(lua_State *L, int fd) {
    rl_op *op = push_handle(L, RL_LIT(""));
    op->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (op->fd < 0)
        luaL_error(L, "a file could not be opened: %s", strerror(errno));
}

static int run(lua_State *L, rl_op *op, void (*work)(rl_job *job)) {
    rl_task *task = rl_task_may_wait(L);
    op->job.work = work;
    if (rl_job_submit(task->vm->loop, &op->job) != RL_OK)
        return luaL_error(L, "not enough memory");
    op->is_busy = true;
    op->vm = task->vm;
    op->vm->jobs++;
    return rl_signal_wait(L, task, &op->done, UINT64_MAX, "file");
}

/* file_open(handle) -> case; then file_about */
static int open_file(lua_State *L) {
    rl_op *op = check_op(L);
    if (op->fd >= 0)
        return luaL_error(L, "the file is open already");
    return run(L, op, open_now);
}

/* file_about(handle) -> size, seconds of the last change, "file" | "directory" | "other"; or nil, why */
static int about(lua_State *L) {
    const rl_op *op = check_op(L);
    if (op->fd < 0 || op->error != 0) {
        lua_pushnil(L);
        lua_pushstring(L, op->error == ENOENT || op->error == ENOTDIR ? "not found" : strerror(op->error));
        return 2;
    }
    lua_pushnumber(L, (lua_Number)op->about.st_size);
    lua_pushnumber(L, (lua_Number)op->about.st_mtim.tv_sec + (lua_Number)op->about.st_mtim.tv_nsec / 1e9);
    lua_pushstring(L, S_ISREG(op->about.st_mode) ? "file" : S_ISDIR(op->about.st_mode) ? "directory" : "other");
    return 3;
}

/* file_read(handle, offset, most) -> case; then file_take */
static int read_file(lua_State *L) {
    rl_op *op = check_op(L);
    lua_Number offset = luaL_checknumber(L, 2), most = luaL_checknumber(L, 3);
    luaL_argcheck(L, offset >= 0 && offset < 1e15, 2, "an offset from 0 on");
    luaL_argcheck(L, most >= 1 && most <= READ_MOST, 3, "1 byte to 1 MB");
    if (op->fd < 0)
        return luaL_error(L, "the file is not open");
    if (op->cap < (size_t)most) {
        char *bytes = rl_mem_realloc(op->bytes, (size_t)most);
        if (bytes == NULL)
            return luaL_error(L, "not enough memory");
        op->bytes = bytes;
    }
    op->cap = (size_t)most;
    op->offset = (off_t)offset;
    return run(L, op, read_now);
}

/* file_take(handle) -> the bytes read, "" at the end; or nil, why */
static int take(lua_State *L) {
    const rl_op *op = check_op(L);
    if (op->error != 0) {
        lua_pushnil(L);
        lua_pushstring(L, strerror(op->error));
        return 2;
    }
    lua_pushlstring(L, op->bytes == NULL ? "" : op->bytes, op->len > 0 ? (size_t)op->len : 0);
    return 1;
}

/* file_close(handle) */
static int close_file(lua_State *L) {
    (void)luaL_checkudata(L, 1, FILE_META);
    return collect(L);
}

/* Calls `note` with each name in a folder that is not hidden, while that returns
 * true; false when there is no such folder. */
static bool each_name(const char *path, bool (*note)(void *arg, const char *name), void *arg) {
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    for (const struct dirent *one; (one = readdir(folder)) != NULL;)
        if (one->d_name[0] != '.' && !note(arg, one->d_name))
            break;
    closedir(folder);
    return true;
}

typedef struct names {
    char *at, *end;
} names;

static bool count_name(void *arg, const char *name) {
    *(size_t *)arg += strlen(name) + 1;
    return true;
}

static bool copy_name(void *arg, const char *name) {
    names *into = arg;
    size_t len = strlen(name) + 1;
    if (len > (size_t)(into->end - into->at))
        return false;
    memcpy(into->at, name, len);
    into->at += len;
    return true;
}

/* file_names(folder) -> the names in it; nil when there is no such folder. Blocks:
 * it is for boot, commands and errors. Twice, as Lua may raise while it finds memory,
 * and the folder must not be open then. */
static int names_in(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    size_t len = 0;
    if (!each_name(path, count_name, &len))
        return 0;
    char *first = lua_newuserdata(L, len + 1);
    names into = {.at = first, .end = first + len};
    if (!each_name(path, copy_name, &into))
        return 0;
    lua_newtable(L);
    int count = 0;
    for (const char *name = first; name < into.at; name += strlen(name) + 1) {
        lua_pushstring(L, name);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

/* file_stamp(path) -> a text that is another one once the file is, and whether it is a folder; nil when there is
 * nothing. Blocks: for commands. */
static int stamp(lua_State *L) {
    struct stat about;
    if (lstat(luaL_checkstring(L, 1), &about) != 0)
        return 0;
    lua_pushfstring(L, "%d %d %d %d", (int)about.st_mtim.tv_sec, (int)about.st_mtim.tv_nsec, (int)about.st_ino,
                    (int)about.st_size);
    lua_pushboolean(L, S_ISDIR(about.st_mode));
    return 2;
}

void rl_vm_open_file(lua_State *L) {
    const luaL_Reg functions[] = {{"file", new_file},       {"file_open", open_file}, {"file_about", about},
                                  {"file_read", read_file}, {"file_take", take},      {"file_close", close_file},
                                  {"file_names", names_in}, {"file_stamp", stamp},  {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, FILE_META);
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}
