/*
 * usercmd: a tenant's users and their sessions; commands of the admin socket.
 *
 *	users show TENANT WHO		WHO: an address, or the user's id
 *	users block TENANT WHO		sessions end, no new ones begin
 *	users unblock TENANT WHO
 *	users erase TENANT WHO		with their sessions and tickets
 *	users export TENANT WHO		all that is kept, as JSON
 *	users conflicts [TENANT [AFTER]]
 *					addresses that are several users', and
 *					of a tenant admin/laddercmd.h
 *	sessions TENANT WHO		WHO: "-" for everybody
 *	session end ID
 *
 * Where an address is several users' (one who proved it and one who did not,
 * or rows of older releases: store/users.h), the ones that change something ask
 * for the id.
 */
#ifndef ADMIN_USERCMD_H
#define ADMIN_USERCMD_H

#include "admin/status.h"

#define USERCMD_SESSIONS_MAX 500		/* shown at once */

#endif
