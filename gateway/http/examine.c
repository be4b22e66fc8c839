#include "http/examine.h"

#include "http/cert.h"

#define PROBLEM_MAX 8192	/* octets: paths are long */

/* "names /etc/tls/a.pem, which expires in 5 days". */
static void say_dates(const struct cert *cert, int64_t now_s,
		      struct finding finding, struct report *report)
{
	const char *remedy;
	struct buf problem;

	buf_init(&problem, PROBLEM_MAX);
	buf_printf(&problem, "names %s, ", cert->cert_path);
	remedy = cert_judge_dates(cert, now_s, &problem);
	finding.level = REPORT_WARNING;
	finding.problem = buf_str(&problem);
	finding.remedy = str_from(remedy);
	finding.is_of_now = true;
	if (remedy)
		report_add(report, finding);
	buf_done(&problem);
}

void examine_dates(const struct examine *e, int64_t now_s,
		   struct report *report)
{
	const struct snapshot *snapshot = e->snapshot;
	char setting[48];

	for (unsigned i = 0; i < e->count; i++) {
		const struct cert *cert = e->listeners[i].is_https ?
			tls_set_find(e->set, i, STR("")) : NULL;

		snprintf(setting, sizeof(setting), "listen[%u].certificate",
			 e->listeners[i].index);
		if (cert)
			say_dates(cert, now_s, (struct finding){
				.file = snapshot->gateway.file,
				.line = e->listeners[i].certificate_line,
				.setting = str_from(setting) }, report);
	}
	for (unsigned i = 0; i < snapshot->tenant_count; i++) {
		const struct tenant *t = snapshot->tenants[i];
		const struct cert *cert = t->certificate.ptr ?
			tls_set_find(e->set, TLS_NO_LISTENER, t->url.host) :
			NULL;

		if (cert && t->state != TENANT_DISABLED)
			say_dates(cert, now_s, (struct finding){
				.file = t->file, .line = t->certificate_line,
				.tenant = t->slug,
				.setting = STR("certificate") }, report);
	}
}

/* The first one that is shown for the host and is not for it; NULL: none. */
static const struct cert *wrong_one(const struct examine *e, struct str host)
{
	for (unsigned i = 0; i < e->count; i++) {
		const struct cert *cert = e->listeners[i].is_https ?
			tls_set_find(e->set, i, host) : NULL;

		if (cert && !cert_covers(cert, host))
			return cert;
	}
	return NULL;
}

static void say_host(const struct examine *e, const struct url *url,
		     struct finding finding, struct report *report)
{
	const struct cert *cert = url->is_https ? wrong_one(e, url->host) :
						  NULL;
	struct buf problem;

	if (!cert)
		return;
	buf_init(&problem, PROBLEM_MAX);
	buf_printf(&problem, "has a host that the certificate %s is not for: "
		   "browsers refuse it", cert->cert_path);
	finding.level = REPORT_WARNING;
	finding.problem = buf_str(&problem);
	report_add(report, finding);
	buf_done(&problem);
}

void examine_hosts(const struct examine *e, struct report *report)
{
	const struct snapshot *snapshot = e->snapshot;
	const struct gateway_config *gateway = &snapshot->gateway;

	say_host(e, &gateway->public_url, (struct finding){
		.file = gateway->file, .line = gateway->public_url_line,
		.setting = STR("public_url"),
		.remedy = STR("get one with this host among its names "
			      "(subjectAltName)") }, report);
	for (unsigned i = 0; i < snapshot->tenant_count; i++) {
		const struct tenant *t = snapshot->tenants[i];

		/* the gateway's own host is told once, above */
		if (t->state == TENANT_DISABLED || str_is_null(t->url.host) ||
		    str_eq(t->url.host, gateway->public_url.host))
			continue;
		say_host(e, &t->url, (struct finding){ .file = t->file,
			.line = t->url_line, .tenant = t->slug,
			.setting = STR("url"),
			.remedy = STR("get one with this host among its names "
				      "(subjectAltName), or give the tenant a "
				      "certificate and key of its own") },
			 report);
	}
}
