/*
 * assets: the texts that browsers get, compiled in: what is served is what was
 * built, and no path leads to a file.  And what usherctl prints.
 *
 * Made from desk/assets/, console/recipes/, console/snippets/ and the SDK's
 * browser folder by bundle.awk.
 */
#ifndef DESK_ASSETS_H
#define DESK_ASSETS_H

#include "base/str.h"

/* All terminated. */
extern const struct str asset_desk_css;		/* the desk's page */
extern const struct str asset_desk_js;
extern const struct str asset_embed_css;
extern const struct str asset_embed_js;		/* the frame's side */
extern const struct str asset_usher_js;		/* the partner's side */
extern const struct str asset_usher_1_0_1_js;	/* as they were released */
extern const struct str asset_usher_1_0_0_js;
extern const struct str asset_usher_d_ts;	/* the newest's types */

/* See console/recipe.h. */
extern const struct str asset_glpi_txt;
extern const struct str asset_nginx_conf;
extern const struct str asset_osticket_txt;
extern const struct str asset_rt_txt;
extern const struct str asset_zammad_txt;
extern const struct str asset_znuny_txt;

/* See console/snippet.c. */
extern const struct str asset_embed_html;
extern const struct str asset_fetch_html;
extern const struct str asset_laravel_blade_php;
extern const struct str asset_plain_html;
extern const struct str asset_react_jsx;
extern const struct str asset_signed_blade_php;
extern const struct str asset_signed_html;
extern const struct str asset_signed_jsx;
extern const struct str asset_signed_mjs;
extern const struct str asset_signed_next_js;
extern const struct str asset_signed_php;
extern const struct str asset_signed_py;
extern const struct str asset_signed_routes_php;
extern const struct str asset_signed_server_html;
extern const struct str asset_signed_server_mjs;
extern const struct str asset_signed_server_php;
extern const struct str asset_signed_sign_mjs;
extern const struct str asset_signed_sign_php;
extern const struct str asset_signed_wordpress_php;
extern const struct str asset_wordpress_php;

#endif
