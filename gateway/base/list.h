/*
 * list: an intrusive, circular, doubly linked list.
 *
 * A list head is a struct list that points to itself; so is an element that
 * is in no list, and removing it again does nothing.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

#define list_entry(node, type, member) \
	((type *)((char *)(node) - offsetof(type, member)))
/* `pos` may be removed inside the loop. */
#define list_each(pos, safe, head)					\
	for (pos = (head)->next, safe = pos->next; pos != (head);	\
	     pos = safe, safe = pos->next)

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* At the end. */
static inline void list_add(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

static inline void list_del(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#endif
