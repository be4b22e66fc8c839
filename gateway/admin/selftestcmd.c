/* `selftest TENANT`: a link to the self-test page (handoff/selftest.h). */
#include "admin/sanitize.h"
#include "admin/status.h"
#include "base/clock.h"
#include "codec/json.h"
#include "handoff/selftest.h"

static void add_link(struct str url, bool json, struct buf *body)
{
	if (!json) {
		buf_adds(body, url);
		buf_printf(body, "\ngood for %d minutes, and for this tenant "
			   "alone: give it to who makes the partner's page\n",
			   SELFTEST_LINK_S / 60);
		return;
	}
	buf_addc(body, '{');
	json_add_member(body, "url", url);
	json_add_member_int(body, "expires_in", SELFTEST_LINK_S);
	buf_puts(body, "}\n");
}

const char *command_selftest(struct status *status, const struct str *words,
			     bool json, struct buf *body)
{
	struct snapshot *snapshot =
		snapshot_slot_get(status->gateway->snapshots);
	const struct tenant *tenant = snapshot_tenant(snapshot, words[0]);
	const char *trouble = NULL;
	char text[SELFTEST_URL_MAX];
	struct buf url;
	enum err err;

	buf_init_fixed(&url, text, sizeof(text));
	if (!tenant) {
		trouble = status_no_tenant(snapshot, words[0], body);
	} else {
		err = selftest_link(tenant, snapshot->gateway.public_origin,
				    clock_steady_s(), &url);
		if (err == ERR_AUTH)
			trouble = status_not_serving(tenant, body);
		else if (err)
			trouble = err_text(err);
		else
			add_link(buf_str(&url), json, body);
	}
	snapshot_unref(snapshot);
	return trouble;
}
