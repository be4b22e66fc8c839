#include "base/list.h"

#include "unit/unit.h"

struct item {
	char name;
	struct list link;
};

/* The names in order, read forwards, with the way back checked. */
static void names(const struct list *head, char *out)
{
	const struct list *n;

	for (n = head->next; n != head; n = n->next) {
		ck_assert_ptr_eq(n->next->prev, n);
		*out++ = list_entry(n, struct item, link)->name;
	}
	*out = '\0';
}

START_TEST(test_items_come_and_go)
{
	struct item a = { .name = 'a' }, b = { .name = 'b' },
		    c = { .name = 'c' };
	struct list head;
	char text[4];

	list_init(&head);
	list_init(&b.link);
	ck_assert(list_is_empty(&head));
	list_del(&b.link);	/* in no list */
	list_add(&head, &a.link);
	list_add(&head, &b.link);
	list_add(&head, &c.link);
	names(&head, text);
	ck_assert_str_eq(text, "abc");
	list_del(&b.link);
	list_del(&b.link);
	names(&head, text);
	ck_assert_str_eq(text, "ac");
	list_del(&a.link);
	list_add(&head, &a.link);
	names(&head, text);
	ck_assert_str_eq(text, "ca");
	list_del(&a.link);
	list_del(&c.link);
	ck_assert(list_is_empty(&head) && list_is_empty(&a.link));
}
END_TEST

START_TEST(test_a_loop_may_remove_where_it_stands)
{
	struct item items[5];
	struct list head, *pos, *safe;
	char text[6];

	list_init(&head);
	for (int i = 0; i < 5; i++) {
		items[i].name = (char)('a' + i);
		list_add(&head, &items[i].link);
	}
	list_each (pos, safe, &head)
		if (list_entry(pos, struct item, link)->name % 2)
			list_del(pos);
	names(&head, text);
	ck_assert_str_eq(text, "bd");
}
END_TEST

static void list_tests(TCase *t)
{
	tcase_add_test(t, test_items_come_and_go);
	tcase_add_test(t, test_a_loop_may_remove_where_it_stands);
}

UNIT_MAIN("list", list_tests)
