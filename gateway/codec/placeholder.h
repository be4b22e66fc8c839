/*
 * placeholder: what stands where a value should, because there was none: a word
 * of a script's, or a template's mark.  Guesses, for a hint to who made the page.
 */
#ifndef CODEC_PLACEHOLDER_H
#define CODEC_PLACEHOLDER_H

#include <stdbool.h>

#include "base/str.h"

/* All of it is a word for no value, such as `undefined`, or what a script makes
 * of an object that it was to write as text. */
bool placeholder_is_word(struct str text);
/* A template's mark stands in it: {{ }}, {% %}, {!! !!}, ${ }, <? ?>, <% %>. */
bool placeholder_is_template(struct str text);

#endif
