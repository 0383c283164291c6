#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"
#include "vm/ids.h"

/* Never looked into: any address will do. */
static struct rl_task *task(uintptr_t number) {
    return (struct rl_task *)number;
}

static void an_id_finds_its_task_until_that_ends(void **state) {
    (void)state;
    rl_ids ids;
    rl_ids_init(&ids);
    uint32_t slots[200];
    double numbers[200];
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(rl_ids_give(&ids, task(i + 1), &slots[i]), RL_OK);
        numbers[i] = rl_ids_number(&ids, slots[i]);
    }
    for (uint32_t i = 0; i < 200; i++)
        assert_ptr_equal(rl_ids_find(&ids, numbers[i]), task(i + 1));
    for (uint32_t i = 0; i < 200; i += 2)
        rl_ids_take_back(&ids, slots[i]);
    for (uint32_t i = 0; i < 200; i++)
        assert_ptr_equal(rl_ids_find(&ids, numbers[i]), i % 2 == 0 ? NULL : task(i + 1));
    rl_ids_free(&ids);
}

static void the_next_in_the_same_slot_has_another_id(void **state) {
    (void)state;
    rl_ids ids;
    rl_ids_init(&ids);
    uint32_t slot, again;
    assert_int_equal(rl_ids_give(&ids, task(1), &slot), RL_OK);
    double old = rl_ids_number(&ids, slot);
    rl_ids_take_back(&ids, slot);
    assert_int_equal(rl_ids_give(&ids, task(2), &again), RL_OK);
    assert_int_equal(slot, again);
    assert_null(rl_ids_find(&ids, old));
    assert_ptr_equal(rl_ids_find(&ids, rl_ids_number(&ids, again)), task(2));
    rl_ids_free(&ids);
}

static void what_is_no_id_finds_nobody(void **state) {
    (void)state;
    rl_ids ids;
    rl_ids_init(&ids);
    uint32_t slot;
    assert_int_equal(rl_ids_give(&ids, task(1), &slot), RL_OK);
    const double id = rl_ids_number(&ids, slot);
    const double others[] = {0, -1, 0.5, id + 0.5, id + 1, id - 1, -id, 1e300, 0x1p53, __builtin_nan(""), __builtin_inf()};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(rl_ids_find(&ids, others[i]));
    rl_ids_free(&ids);
}

static void give_some(void) {
    rl_ids ids;
    rl_ids_init(&ids);
    uint32_t slot;
    for (uintptr_t i = 1; i < 300 && rl_ids_give(&ids, task(i), &slot) == RL_OK; i++)
        continue;
    rl_ids_free(&ids);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    each_allocation_fails(give_some);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_finds_its_task_until_that_ends),
        cmocka_unit_test(the_next_in_the_same_slot_has_another_id),
        cmocka_unit_test(what_is_no_id_finds_nobody),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
