/*
 * recipe: how a web server in front of a tenant's own desk asks usher who is
 * there, with the tenant's real addresses: usherctl recipe nginx SLUG.
 *
 * What is printed is console/recipes/nginx.conf with its marks filled in; the
 * one of README.md is that of the tenant in its "A first tenant".
 */
#ifndef CONSOLE_RECIPE_H
#define CONSOLE_RECIPE_H

#include "console/command.h"

extern const struct command_option recipe_options[];

/* The command; `nginx` is the text with its marks.  What the operator still
 * has to do is said on standard error. */
int recipe_run(const struct command_line *line, struct str nginx);

#endif
