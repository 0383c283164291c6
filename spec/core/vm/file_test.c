#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/disk.h"
#include "vm/rig.h"

/* A folder of its own, with the file `ten` in it. */
typedef struct folder {
    char path[64];
    rig *r;
} folder;

static void put(const folder *f, const char *name, const char *bytes) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
    close(fd);
}

static bool folder_open(folder *f) {
    *f = (folder){.path = "/tmp/rille-file-XXXXXX", .r = rig_new()};
    assert_non_null(mkdtemp(f->path));
    put(f, "ten", "0123456789");
    if (!rig_open(f->r, RIG_CEILING))
        return false;
    char code[256];
    snprintf(code, sizeof code,
             "dir = '%s/'\n"
             "function opened(name) local f = core.file(dir .. name) core.file_open(f) return f end",
             f->path);
    rig_run *one = start(f->r, code);
    drive(f->r, 100);
    return one != NULL && one->status == 0;
}

static folder folder_opened(void) {
    folder f;
    assert_true(folder_open(&f));
    return f;
}

static void folder_free(folder *f) {
    rig_free(f->r);
    char path[128];
    for (const char *const *name = (const char *const[]){"ten", "pipe", NULL}; *name != NULL; name++) {
        snprintf(path, sizeof path, "%s/%s", f->path, *name);
        unlink(path);
    }
    assert_int_equal(rmdir(f->path), 0);
}

/* How many descriptors this process has open. */
static int descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void a_file_is_read_piece_by_piece(void **state) {
    (void)state;
    folder f = folder_opened();
    rig_run *one = run(f.r, "local f = opened 'ten' local out, at = {}, 0\n"
                            "repeat core.file_read(f, at, 4) local piece = core.file_take(f)\n"
                            "  out[#out + 1] = piece at = at + #piece until piece == ''\n"
                            "return table.concat(out, ',')");
    assert_result(one, "0123,4567,89,");
    assert_result(run(f.r, "local f = opened 'ten' core.file_read(f, 7, 1) return core.file_take(f)"), "7");
    assert_result(run(f.r, "local f = opened 'ten' core.file_read(f, 999, 10) return core.file_take(f)"), "");
    folder_free(&f);
}

static void it_tells_what_it_is_about(void **state) {
    (void)state;
    folder f = folder_opened();
    assert_result(run(f.r, "local size, at, kind = core.file_about(opened 'ten')\n"
                           "return size .. kind .. tostring(at > 1e9)"),
                  "10filetrue");
    assert_result(run(f.r, "return select(3, core.file_about(opened '.'))"), "directory");
    assert_result(run(f.r, "local f = core.file '/dev/null' core.file_open(f)\n"
                           "return select(3, core.file_about(f))"),
                  "other");
    folder_free(&f);
}

static void what_is_not_there_is_told_in_words(void **state) {
    (void)state;
    folder f = folder_opened();
    assert_result(run(f.r, "return select(2, core.file_about(opened 'none'))"), "not found");
    assert_result(run(f.r, "return select(2, core.file_about(opened 'ten/x'))"), "not found");
    assert_failed(run(f.r, "core.file_read(opened 'none', 0, 1)"), "the file is not open");
    assert_result(run(f.r, "local f = opened '.' core.file_read(f, 0, 1)\n"
                           "return select(2, core.file_take(f))"),
                  "Is a directory");
    folder_free(&f);
}

/* Opening a pipe for reading waits for a writer: it would hold a thread of four. */
static void a_pipe_without_a_writer_holds_nobody(void **state) {
    (void)state;
    folder f = folder_opened();
    char path[128];
    snprintf(path, sizeof path, "%s/pipe", f.path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_result(run(f.r, "return select(3, core.file_about(opened 'pipe'))"), "other");
    folder_free(&f);
}

static void misuse_raises(void **state) {
    (void)state;
    folder f = folder_opened();
    static const char *const cases[][2] = {
        {"core.file()", "string expected"},
        {"core.file 'a\\0b'", "a path without NUL"},
        {"core.file_open({})", "rille.file expected"},
        {"core.file_open(opened 'ten')", "the file is open already"},
        {"core.file_read(core.file(dir .. 'ten'), 0, 1)", "the file is not open"},
        {"core.file_read(opened 'ten', -1, 1)", "an offset from 0 on"},
        {"core.file_read(opened 'ten', 0/0, 1)", "an offset from 0 on"},
        {"core.file_read(opened 'ten', 0, 0)", "1 byte to 1 MB"},
        {"core.file_read(opened 'ten', 0, 1048577)", "1 byte to 1 MB"},
        {"local f = opened 'ten' core.file_close(f) core.file_read(f, 0, 1)", "the file is closed"},
        {"local f = opened 'ten' core.file_close(f) core.file_close(f) core.file_take(f)",
         "the file is closed"},
        {"table.sort({ 1, 2 }, function() core.file_open(core.file(dir .. 'ten')) end)", "table.sort"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_failed(run(f.r, cases[i][0]), cases[i][1]);
    folder_free(&f);
}

/* The coroutine waits for its job, and we, its task, do not yet. */
static void one_job_at_a_time_runs_for_a_file(void **state) {
    (void)state;
    folder f = folder_opened();
    rig_run *one = run(f.r, "local f = opened 'ten'\n"
                            "local co = coroutine.create(function() core.file_read(f, 0, 10) end)\n"
                            "local _, park = coroutine.resume(co)\n"
                            "local _, why = pcall(core.file_read, f, 0, 1)\n"
                            "coroutine.yield(park)\n"
                            "return why .. ' ' .. core.file_take(f)");
    assert_result(one, "the file is being read already 0123456789");
    folder_free(&f);
}

/* What becomes of a file whose reader does `code` while the job is under way. */
static void drop_while_read(const char *code, bool is_cancelled, const char *result) {
    folder f = folder_opened();
    int before = descriptors();
    run(f.r, "f = opened 'ten'");
    assert_int_equal(descriptors(), before + 1);
    disk_stall(f.r->loop);
    rig_run *one = start(f.r, code);
    turns(f.r, 3);
    if (is_cancelled)
        rl_scope_cancel(&one->task.scope, RL_ECANCELLED);
    turns(f.r, 3);
    assert_int_equal(descriptors(), before + 1);
    disk_go_on();
    rl_loop_run(f.r->loop);
    assert_result(one, result);
    assert_int_equal(descriptors(), before);
    folder_free(&f);
}

static void a_file_dropped_while_it_is_read_is_closed_behind_the_job(void **state) {
    (void)state;
    drop_while_read("local case = core.file_read(f, 0, 10) core.file_close(f) return case", true, "0");
    drop_while_read("local case = core.file_read(f, 0, 10) f = nil collectgarbage() return case", true, "0");
}

static void whoever_reads_a_file_that_is_closed_under_him_is_woken(void **state) {
    (void)state;
    drop_while_read("local co = coroutine.create(function() core.file_read(f, 0, 10) end)\n"
                    "local _, park = coroutine.resume(co)\n"
                    "core.file_close(f) coroutine.yield(park)\n"
                    "return select(2, pcall(core.file_take, f))",
                    false, "the file is closed");
}

static void read_some(void) {
    folder f;
    if (folder_open(&f)) {
        start(f.r, "local f = opened 'ten' core.file_about(f) core.file_read(f, 0, 4096) core.file_take(f)\n"
                   "core.file_read(f, 0, 8192) core.file_close(f)");
        drive(f.r, 1000);
    }
    folder_free(&f);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    int before = descriptors();
    each_allocation_fails(read_some);
    assert_int_equal(descriptors(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_piece_by_piece),
        cmocka_unit_test(it_tells_what_it_is_about),
        cmocka_unit_test(what_is_not_there_is_told_in_words),
        cmocka_unit_test(a_pipe_without_a_writer_holds_nobody),
        cmocka_unit_test(misuse_raises),
        cmocka_unit_test(one_job_at_a_time_runs_for_a_file),
        cmocka_unit_test_teardown(a_file_dropped_while_it_is_read_is_closed_behind_the_job, disk_mend),
        cmocka_unit_test_teardown(whoever_reads_a_file_that_is_closed_under_him_is_woken, disk_mend),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
