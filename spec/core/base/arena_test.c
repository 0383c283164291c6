#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"

static void takes_no_memory_before_the_first_allocation(void **state) {
    (void)state;
    size_t before = mem_live();
    rl_arena arena;
    rl_arena_init(&arena, 1000);
    assert_int_equal(mem_live(), before);
    rl_arena_clear(&arena);
}

static void gives_aligned_blocks_that_do_not_overlap(void **state) {
    (void)state;
    enum { BLOCKS = 300 };
    rl_arena arena;
    rl_arena_init(&arena, 1 << 20);
    unsigned char *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = rl_arena_alloc(&arena, i);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        memset(blocks[i], (int)i, i);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_equal(blocks[i][j], (unsigned char)i);
    rl_arena_clear(&arena);
}

static void one_allocation_serves_many_small_blocks(void **state) {
    (void)state;
    size_t before = mem_live();
    rl_arena arena;
    rl_arena_init(&arena, 1 << 20);
    for (int i = 0; i < 100; i++)
        assert_non_null(rl_arena_alloc(&arena, 16));
    assert_int_equal(mem_live(), before + 1);
    rl_arena_clear(&arena);
    assert_int_equal(mem_live(), before);
}

static void stops_at_its_ceiling(void **state) {
    (void)state;
    rl_arena arena;
    rl_arena_init(&arena, 10000);
    size_t got = 0;
    while (rl_arena_alloc(&arena, 100) != NULL)
        got += 100;
    assert_in_range(got, 7000, 10000);
    assert_true(arena.taken <= 10000);
    assert_null(rl_arena_alloc(&arena, SIZE_MAX));
    rl_arena_clear(&arena);
    assert_non_null(rl_arena_alloc(&arena, 9984));
    rl_arena_clear(&arena);
    rl_arena_init(&arena, SIZE_MAX);
    assert_null(rl_arena_alloc(&arena, SIZE_MAX));
    rl_arena_clear(&arena);
}

static void copies_bytes_with_a_nul_behind(void **state) {
    (void)state;
    rl_arena arena;
    rl_arena_init(&arena, 10000);
    rl_slice copy, empty;
    assert_int_equal(rl_arena_copy(&arena, RL_LIT("a\0b"), &copy), RL_OK);
    assert_int_equal(rl_arena_copy(&arena, rl_slice_of(NULL, 0), &empty), RL_OK);
    assert_true(rl_slice_eq(copy, RL_LIT("a\0b")));
    assert_int_equal(copy.ptr[3], '\0');
    assert_int_equal(empty.len, 0);
    rl_arena_clear(&arena);
}

static void a_copy_past_the_ceiling_is_full_not_out_of_memory(void **state) {
    (void)state;
    static const char bytes[200];
    for (size_t len = 90; len < sizeof bytes; len++) {
        rl_arena arena;
        rl_slice copy = {NULL, 7};
        rl_arena_init(&arena, 100);
        rl_err err = rl_arena_copy(&arena, rl_slice_of(bytes, len), &copy);
        assert_int_equal(err, len < 96 ? RL_OK : RL_EFULL);
        assert_int_equal(copy.len, err == RL_OK ? len : 7);
        rl_arena_clear(&arena);
    }
}

static void allocate_under_refusal(void) {
    rl_arena arena;
    rl_arena_init(&arena, 1 << 20);
    for (size_t size = 1; size < 100000; size *= 3) {
        char *block = rl_arena_alloc(&arena, size);
        if (block != NULL)
            memset(block, 1, size);
        rl_slice copy;
        rl_err err = rl_arena_copy(&arena, RL_LIT("text"), &copy);
        assert_true(err == RL_OK || err == RL_ENOMEM);
    }
    rl_arena_clear(&arena);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(allocate_under_refusal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_no_memory_before_the_first_allocation),
        cmocka_unit_test(gives_aligned_blocks_that_do_not_overlap),
        cmocka_unit_test(one_allocation_serves_many_small_blocks),
        cmocka_unit_test(stops_at_its_ceiling),
        cmocka_unit_test(copies_bytes_with_a_nul_behind),
        cmocka_unit_test(a_copy_past_the_ceiling_is_full_not_out_of_memory),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
