/*
 * recipe: how a tenant's own desk stands behind usher, with the tenant's real
 * addresses: usherctl recipe NAME SLUG.
 *
 *	nginx	the web server in front of it, which asks usher who is there
 *		and tells the desk; what is in README.md is that of the tenant
 *		in its "A first tenant"
 *	rt, osticket, zammad, znuny, glpi
 *		the settings of such a desk, to believe that web server
 *
 * What is printed are the files of console/recipes/ with their marks filled in.
 */
#ifndef CONSOLE_RECIPE_H
#define CONSOLE_RECIPE_H

#include "console/command.h"

extern const struct command_option recipe_options[];

/* The texts, with their marks. */
struct recipes {
	struct str nginx, rt, osticket, zammad, znuny, glpi;
};

/* The command.  What the operator still has to do is said on standard error.
 * A desk that would take two of the tenant's users for one, or none for any,
 * because of its desk_user gets no recipe. */
int recipe_run(const struct command_line *line, const struct recipes *recipes);

#endif
