/*
 * sdk: the browser SDK, as partners' pages load it:
 *
 *	GET /sdk/usher.js	the newest: kept for an hour, then asked again
 *	GET /sdk/usher-1.1.0.js	one version, for ever the same
 *
 *	GET /sdk/usher.d.ts	the newest's types, for compilers
 *
 * All are the same for everybody, readable by every page (integrity needs
 * that), and loaded from anywhere.
 *
 * A page that names a version and its hash must find it after every upgrade of
 * the gateway.  So what was released never changes: whoever changes usher.js
 * raises the version in it and here, and keeps the old file as one more asset
 * with a row of its own in sdk.c.
 */
#ifndef DESK_SDK_H
#define DESK_SDK_H

#include "handoff/exchange.h"

#define SDK_VERSION "1.1.0"		/* what usher.js calls itself */
#define SDK_PATH "/sdk/usher-" SDK_VERSION ".js"

extern const struct steps steps_sdk;

#endif
