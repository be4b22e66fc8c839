#include "admin/services.h"

#include "base/log-budget.h"
#include "crypto/digest.h"

static enum err hmac(struct str key, const void *data, size_t len,
		     unsigned char mac_r[32])
{
	return digest_hmac_sha256(key.ptr, key.len, data, len, mac_r);
}

static void write_line(enum log_level level, struct str tenant,
		       struct str adapter, struct str text)
{
	const struct log_field fields[] = {
		LOG_STR("tenant", tenant),
		LOG_STR("adapter", adapter),
		LOG_STR("text", text),
	};

	log_emit_within(LOG_PURSE_SAYS, tenant, level, LOG_EVENT(adapter_says),
			fields, N_ELEMENTS(fields));
}

static void count_lines(struct str tenant, unsigned lines)
{
	log_budget_drop(LOG_PURSE_SAYS, tenant, lines);
}

static void write_event(enum log_level level, const struct log_event *event,
			struct str tenant, struct str text)
{
	const struct log_field fields[] = {
		LOG_STR("tenant", tenant),
		LOG_STR("text", text),
	};

	log_emit_within(LOG_PURSE_ABOUT, tenant, level, event, fields,
			N_ELEMENTS(fields));
}

const struct adapter_services services_of_adapters = {
	.hmac_sha256 = hmac,
	.log = write_line,
	.tell = write_event,
	.dropped = count_lines,
};
