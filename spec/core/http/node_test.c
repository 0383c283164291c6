#include "http/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "mem.h"

/* What the tree is for is in router_test.c. */

static void leads_one_pattern_to_one_leaf(void **state) {
    rl_leaf *first, *second;
    (void)state;
    rl_node *root = rl_node_new(RL_LIT(""));
    assert_non_null(root);
    assert_int_equal(rl_node_grow(root, RL_LIT("/a/:b.x/c"), &first), RL_OK);
    assert_int_equal(rl_node_grow(root, RL_LIT("/a/:other.x/c"), &second), RL_OK);
    assert_ptr_equal(first, second);
    assert_int_equal(rl_node_grow(root, RL_LIT("/a/:b.y/c"), &second), RL_OK);
    assert_ptr_not_equal(first, second);
    assert_int_equal(rl_node_grow(root, RL_LIT("/a/*w"), &second), RL_OK);
    assert_ptr_not_equal(first, second);
    rl_node_free(root);
    assert_int_equal(mem_live(), 0);
}

static void finds_static_children_by_their_text(void **state) {
    char text[20];
    rl_leaf *leaf;
    (void)state;
    rl_node *root = rl_node_new(RL_LIT(""));
    assert_null(rl_node_find(root, RL_LIT("a")));
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "/%d", i);
        assert_int_equal(rl_node_grow(root, rl_slice_str(text), &leaf), RL_OK);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "%d", i);
        const rl_node *child = rl_node_find(root, rl_slice_str(text));
        assert_non_null(child);
        assert_true(rl_slice_eq(child->text, rl_slice_str(text)));
    }
    assert_null(rl_node_find(root, RL_LIT("1000")));
    assert_null(rl_node_find(root, RL_LIT("")));
    rl_node_free(root);
}

static void grow_a_tree(void) {
    rl_leaf *leaf;
    rl_node *root = rl_node_new(RL_LIT(""));
    if (root == NULL)
        return;
    rl_err err = rl_node_grow(root, RL_LIT("/a/:b/c:d.e/*f"), &leaf);
    assert_true(err == RL_OK || err == RL_ENOMEM);
    rl_node_free(root);
}

static void survives_each_refused_allocation(void **state) {
    (void)state;
    each_allocation_fails(grow_a_tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leads_one_pattern_to_one_leaf),
        cmocka_unit_test(finds_static_children_by_their_text),
        cmocka_unit_test(survives_each_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
