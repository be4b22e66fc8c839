/*
 * place: where a gateway has its state and its socket, as far as its files
 * tell it, whether they hold or not.
 *
 * For who has to reach a gateway exactly when its configuration is broken: of
 * all files only `state` and `admin` are looked for, in the text of the first
 * one that has a gateway group.  What does not parse is searched all the same.
 * Whoever serves takes a snapshot (config/snapshot.h) instead.
 */
#ifndef CONFIG_PLACE_H
#define CONFIG_PLACE_H

#include "config/snapshot.h"

struct place {
	struct str state;	/* a directory, absolute */
	struct str admin;	/* the path of the socket */
	bool is_broken;		/* the file has errors that the report tells */
	/* they are guesses: the broken file did not tell them, and the defaults
	 * may be another gateway's */
	bool is_state_guessed, is_admin_guessed;
};

/*
 * Both terminated, in the pool.  Only config_dir and state_override of the
 * options count.  ERR_NOT_FOUND: the directory cannot be read, or no file of it
 * has a gateway group; ERR_NOMEM.  *report gains what is wrong with the file.
 */
enum err place_find(const struct snapshot_options *options, struct pool *pool,
		    struct place *place_r, struct report *report);

#endif
