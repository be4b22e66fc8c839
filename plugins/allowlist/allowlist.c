/*
 * allowlist: who may enter, by the domain of the address, the address itself,
 * or what is known of the user.
 *
 * README.md tells the settings.  All is decided in sync_user, the hook that is
 * never passed over, and all that cannot be understood keeps people out.
 */
#include <stdlib.h>
#include <string.h>

#include <usher/adapter.h>
#include <usher/sdk.h>

#define RULES_MAX 32		/* of allow.fields, and of deny.fields */
#define VALUES_MAX 64		/* of one rule's one_of */
#define ENTRIES_MAX 512		/* domains, and addresses, of each list */

struct domain {
	char *key;
	int is_below;		/* "*.": what is below it, not itself */
};

struct rule {
	char *name;		/* the setting's */
	char *from;		/* field; NULL: called as the rule */
	char *values[VALUES_MAX];
	unsigned value_count;
	char separator;		/* of a list in one text; 0: it is no list */
	int is_json;
	int needs_claim;	/* `signed` */
};

struct list {
	struct domain *domains;
	unsigned domain_count;
	char **emails;		/* keys */
	unsigned email_count;
	struct rule rules[RULES_MAX];
	unsigned rule_count;
	int needs_signed;	/* `signed`, of allow */
};

struct gate {
	struct list allow, deny;
	int lets_others_in;
	char *code, *reason;
};

/* ---- the settings ------------------------------------------------------- */

static int set_text(char **to, struct usher_str value)
{
	free(*to);
	*to = usher_str_keep(value);
	return *to ? USHER_OK : USHER_FAIL;
}

/* `name`, or an element of a list of that name. */
static int is_of(struct usher_str property, const char *name)
{
	struct usher_str rest;
	int64_t index;

	return usher_str_is(usher_str_cut(property, '.', &rest), name) &&
	       (!rest.ptr || !usher_str_number(rest, 0, INT64_MAX, &index));
}

static int add_domain(struct usher_call *call, struct usher_str key,
		      struct usher_str value, struct list *list)
{
	struct domain *domain = &list->domains[list->domain_count];
	int is_below = usher_str_has_prefix(value, "*.");
	size_t skip = is_below ? 2 : 0;
	struct usher_str name;

	if (list->domain_count == ENTRIES_MAX)
		return usher_config_refuse(call, key,
			"is too much: 512 domains are taken");
	if (call->host->domain_key(call, value.ptr + skip, value.len - skip,
				   &name))
		return usher_config_refuse(call, key,
			"must be a domain, as \"example.com\", or \"*.\" and a "
			"domain for what is below it");
	domain->key = usher_str_keep(name);
	domain->is_below = is_below;
	if (!domain->key)
		return USHER_FAIL;
	list->domain_count++;
	return USHER_OK;
}

static int add_email(struct usher_call *call, struct usher_str key,
		     struct usher_str value, struct list *list)
{
	struct usher_str email;

	if (list->email_count == ENTRIES_MAX)
		return usher_config_refuse(call, key,
			"is too much: 512 addresses are taken");
	if (call->host->email_key(call, value.ptr, value.len, &email))
		return usher_config_refuse(call, key,
			"must be a mail address, as \"ann@example.com\"");
	list->emails[list->email_count] = usher_str_keep(email);
	if (!list->emails[list->email_count])
		return USHER_FAIL;
	list->email_count++;
	return USHER_OK;
}

static struct rule *rule_find(struct list *list, struct usher_str name)
{
	struct rule *rule;
	unsigned i;

	for (i = 0; i < list->rule_count; i++)
		if (usher_str_is(name, list->rules[i].name))
			return &list->rules[i];
	if (list->rule_count == RULES_MAX)
		return NULL;
	rule = &list->rules[list->rule_count];
	rule->name = usher_str_keep(name);
	if (!rule->name)
		return NULL;
	list->rule_count++;
	return rule;
}

static int add_value(struct usher_call *call, struct usher_str key,
		     struct usher_str value, struct rule *rule)
{
	if (rule->value_count == VALUES_MAX)
		return usher_config_refuse(call, key,
			"is the 65th value; 64 are taken");
	if (!value.len)
		return usher_config_refuse(call, key, "must not be empty");
	rule->values[rule->value_count] = usher_str_keep(value);
	if (!rule->values[rule->value_count])
		return USHER_FAIL;
	rule->value_count++;
	return USHER_OK;
}

static int set_separator(struct usher_call *call, struct usher_str key,
			 struct usher_str value, struct rule *rule)
{
	if (value.len != 1 || (unsigned char)value.ptr[0] >= 0x80)
		return usher_config_refuse(call, key,
			"must be one ASCII character, as \",\"");
	rule->separator = value.ptr[0];
	return USHER_OK;
}

static int rule_set(struct usher_call *call, struct usher_str key,
		    struct usher_str value, struct rule *rule,
		    struct usher_str property, int is_deny)
{
	if (is_of(property, "one_of"))
		return add_value(call, key, value, rule);
	if (usher_str_is(property, "from"))
		return value.len ? set_text(&rule->from, value) :
			usher_config_refuse(call, key, "must not be empty");
	if (usher_str_is(property, "separator"))
		return set_separator(call, key, value, rule);
	if (usher_str_is(property, "json"))
		return usher_config_flag(call, key, value, &rule->is_json);
	if (usher_str_is(property, "signed") && is_deny)
		return usher_config_refuse(call, key,
			"does not apply: who is denied is denied, signed or "
			"not");
	if (usher_str_is(property, "signed"))
		return usher_config_flag(call, key, value, &rule->needs_claim);
	return usher_config_refuse(call, key,
		"is not known; a field has one_of, from, separator, json and, "
		"in allow, signed");
}

static int set_field(struct usher_call *call, struct usher_str key,
		     struct usher_str value, struct list *list,
		     struct usher_str rest, int is_deny)
{
	struct usher_str property;
	struct usher_str name = usher_str_cut(rest, '.', &property);
	struct rule *rule;

	if (!property.ptr)
		return usher_config_refuse(call, key,
			"must be a group: { one_of = [ \"value\" ]; }");
	rule = rule_find(list, name);
	if (!rule)
		return usher_config_refuse(call, key,
			"is too much: 32 fields are taken");
	return rule_set(call, key, value, rule, property, is_deny);
}

static int list_set(struct usher_call *call, struct usher_str key,
		    struct usher_str value, struct list *list,
		    struct usher_str property, int is_deny)
{
	struct usher_str rest;

	if (is_of(property, "domains"))
		return add_domain(call, key, value, list);
	if (is_of(property, "emails"))
		return add_email(call, key, value, list);
	if (usher_str_is(usher_str_cut(property, '.', &rest), "fields") &&
	    rest.ptr)
		return set_field(call, key, value, list, rest, is_deny);
	if (usher_str_is(property, "signed") && !is_deny)
		return usher_config_flag(call, key, value, &list->needs_signed);
	return usher_config_refuse(call, key, is_deny ?
		"is not known; deny has domains, emails and fields" :
		"is not known; allow has domains, emails, fields and signed");
}

/* As the host wants it: found out now rather than at the first refusal. */
static int set_code(struct usher_call *call, struct usher_str key,
		    struct usher_str value, struct gate *gate)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	size_t i;

	for (i = 0; i < value.len; i++)
		if (!strchr(letters, value.ptr[i]) &&
		    (!i || !strchr("0123456789_", value.ptr[i])))
			break;
	if (!value.len || i < value.len || value.len > USHER_CODE_MAX)
		return usher_config_refuse(call, key,
			"must be 1 to 64 small letters, digits and '_', a "
			"letter first");
	return set_text(&gate->code, value);
}

static int set_reason(struct usher_call *call, struct usher_str key,
		      struct usher_str value, struct gate *gate)
{
	if (!value.len || value.len > USHER_MESSAGE_MAX)
		return usher_config_refuse(call, key,
			"must have 1 to 512 bytes");
	return set_text(&gate->reason, value);
}

static int set(struct usher_call *call, struct usher_str key,
	       struct usher_str value, struct gate *gate)
{
	struct usher_str rest;
	struct usher_str name = usher_str_cut(key, '.', &rest);

	if (usher_str_is(name, "allow") && rest.ptr)
		return list_set(call, key, value, &gate->allow, rest, 0);
	if (usher_str_is(name, "deny") && rest.ptr)
		return list_set(call, key, value, &gate->deny, rest, 1);
	if (usher_str_is(key, "code"))
		return set_code(call, key, value, gate);
	if (usher_str_is(key, "reason"))
		return set_reason(call, key, value, gate);
	if (!usher_str_is(key, "others"))
		return usher_config_refuse(call, key,
			"is not known; there are allow, deny, others, code "
			"and reason");
	gate->lets_others_in = usher_str_is(value, "allow");
	if (gate->lets_others_in || usher_str_is(value, "deny"))
		return USHER_OK;
	return usher_config_refuse(call, key, "must be \"allow\" or \"deny\"");
}

static int is_empty(const struct list *list)
{
	return !list->domain_count && !list->email_count && !list->rule_count;
}

static int check_rules(struct usher_call *call, const struct list *list,
		       const char *prefix)
{
	char text[USHER_CONFIG_KEY_MAX + 1];
	struct usher_buf buf;
	struct usher_str key;
	unsigned i;

	for (i = 0; i < list->rule_count; i++) {
		if (list->rules[i].value_count)
			continue;
		usher_buf_init_array(&buf, text, sizeof(text));
		usher_buf_puts(&buf, prefix);
		usher_buf_puts(&buf, list->rules[i].name);
		if (usher_buf_end(&buf, &key))
			return USHER_FAIL;
		return usher_config_refuse(call, key,
			"has no one_of, the values that it is about");
	}
	return USHER_OK;
}

/* What each setting says may be right, and the whole still wrong: an empty
 * list is not to be seen from here, so that nothing may be made of one. */
static int check_whole(struct usher_call *call, const struct gate *gate)
{
	if (check_rules(call, &gate->allow, "allow.fields.") ||
	    check_rules(call, &gate->deny, "deny.fields."))
		return USHER_FAIL;
	if (is_empty(&gate->allow) && !gate->lets_others_in)
		return usher_config_refuse(call, usher_str_from("allow"),
			"names nobody, so nobody could enter; to let all in "
			"but those of deny, write others = \"allow\"");
	if (is_empty(&gate->deny) && gate->lets_others_in)
		return usher_config_refuse(call, usher_str_from("others"),
			"is \"allow\", and deny names nobody: everybody could "
			"enter");
	return USHER_OK;
}

static void list_free(struct list *list)
{
	unsigned i, j;

	for (i = 0; i < list->domain_count; i++)
		free(list->domains[i].key);
	for (i = 0; i < list->email_count; i++)
		free(list->emails[i]);
	for (i = 0; i < list->rule_count; i++) {
		free(list->rules[i].name);
		free(list->rules[i].from);
		for (j = 0; j < list->rules[i].value_count; j++)
			free(list->rules[i].values[j]);
	}
	free(list->domains);
	free(list->emails);
}

static void gate_free(void *state)
{
	struct gate *gate = state;

	if (!gate)
		return;
	list_free(&gate->allow);
	list_free(&gate->deny);
	free(gate->code);
	free(gate->reason);
	free(gate);
}

static int list_init(struct list *list)
{
	list->domains = calloc(ENTRIES_MAX, sizeof(*list->domains));
	list->emails = calloc(ENTRIES_MAX, sizeof(*list->emails));
	return list->domains && list->emails ? USHER_OK : USHER_FAIL;
}

static int read_settings(const struct usher_host *host,
			 struct usher_call *call, struct gate *gate)
{
	struct usher_str key, value;
	int rc = USHER_OK;
	uint32_t i;

	if (list_init(&gate->allow) || list_init(&gate->deny) ||
	    set_text(&gate->code, usher_str_from("not_allowed")) ||
	    set_text(&gate->reason,
		     usher_str_from("This account may not sign in here.")))
		return USHER_FAIL;
	for (i = 0; !host->config_at(call, i, &key, &value); i++)
		if (set(call, key, value, gate))
			rc = USHER_FAIL;
	return rc ? rc : check_whole(call, gate);
}

static int gate_init(const struct usher_host *host, struct usher_call *call,
		     void **state)
{
	struct gate *gate = calloc(1, sizeof(*gate));

	if (!gate)
		return USHER_FAIL;
	if (read_settings(host, call, gate)) {
		gate_free(gate);
		return USHER_FAIL;
	}
	*state = gate;
	return USHER_OK;
}

/* ---- the handoff --------------------------------------------------------- */

/* Of look-ups: besides 1 and 0. */
#define MALFORMED (-2)

static const char *field_name(const struct rule *rule)
{
	return rule->from ? rule->from : rule->name;
}

static int is_value(const struct rule *rule, struct usher_str value)
{
	unsigned i;

	for (i = 0; i < rule->value_count; i++)
		if (usher_str_is(value, rule->values[i]))
			return 1;
	return 0;
}

static int text_holds(const struct rule *rule, struct usher_str text)
{
	struct usher_str item;

	if (!rule->separator)
		return is_value(rule, usher_str_trim(text));
	while (text.ptr) {
		item = usher_str_cut(text, rule->separator, &text);
		if (is_value(rule, usher_str_trim(item)))
			return 1;
	}
	return 0;
}

static int json_holds(struct usher_call *call, const struct rule *rule,
		      struct usher_str json)
{
	struct usher_str item;
	int rc, found = 0;

	while ((rc = usher_json_next(call, &json, &item)) > 0)
		found |= is_value(rule, item);
	if (rc)
		return rc == USHER_E_INVAL ? MALFORMED : -1;
	return found;
}

/* What is stored, or comes from a form, is text that holds JSON.  White space
 * before it makes no plain value of a list, which would match nothing. */
static int is_list(struct usher_str text)
{
	size_t i = 0;

	while (i < text.len && strchr(" \t\r\n", text.ptr[i]))
		i++;
	return i < text.len && text.ptr[i] == '[';
}

/* 1: it has one of the values; 0: it has none, or is not there; -1;
 * MALFORMED. */
static int holds(struct usher_call *call, const struct rule *rule, int kind,
		 int *is_there)
{
	const char *name = field_name(rule);
	struct usher_str value;
	int rc = call->host->get(call, kind, name, &value);

	*is_there = !rc;
	if (rc)
		return rc == USHER_E_NOTFOUND ? 0 : -1;
	if (call->host->type(call, kind, name) == USHER_JSON ||
	    (rule->is_json && is_list(value)))
		return json_holds(call, rule, usher_str_trim(value));
	return text_holds(rule, value);
}

/* What was posted now says more than what was stored once. */
static int is_allowed_by(struct usher_call *call, const struct rule *rule)
{
	int rc, is_there;

	if (rule->needs_claim)
		return holds(call, rule, USHER_CLAIM, &is_there);
	rc = holds(call, rule, USHER_FIELD, &is_there);
	return is_there ? rc : holds(call, rule, USHER_ATTRIBUTE, &is_there);
}

/* To leave out a field helps nobody who is denied, nor does another value. */
static int is_denied_by(struct usher_call *call, const struct rule *rule)
{
	static const int kinds[] = { USHER_CLAIM, USHER_FIELD,
				     USHER_ATTRIBUTE };
	int rc = 0, is_there;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !rc; i++)
		rc = holds(call, rule, kinds[i], &is_there);
	return rc;
}

static int has_address(const struct list *list, struct usher_str email)
{
	struct usher_str domain;
	unsigned i;

	for (i = 0; i < list->email_count; i++)
		if (usher_str_is(email, list->emails[i]))
			return 1;
	usher_str_cut(email, '@', &domain);
	for (i = 0; i < list->domain_count; i++) {
		const struct domain *d = &list->domains[i];
		size_t len = strlen(d->key);

		if (!d->is_below && usher_str_is(domain, d->key))
			return 1;
		if (d->is_below && domain.len > len + 1 &&
		    domain.ptr[domain.len - len - 1] == '.' &&
		    usher_str_has_suffix(domain, d->key))
			return 1;
	}
	return 0;
}

/* Which field was malformed is for the one who posted it. */
static int complain(struct usher_call *call, const struct rule *rule)
{
	static const char text[] = "This must be a list of texts.";

	call->host->set_error(call, field_name(rule), text, sizeof(text) - 1);
	return MALFORMED;
}

/* As holds(). */
static int is_listed(struct usher_call *call, const struct list *list,
		     struct usher_str email, int is_deny)
{
	int rc = has_address(list, email);
	unsigned i;

	for (i = 0; i < list->rule_count && !rc; i++) {
		const struct rule *rule = &list->rules[i];

		rc = is_deny ? is_denied_by(call, rule) :
			       is_allowed_by(call, rule);
		if (rc == MALFORMED)
			return complain(call, rule);
	}
	return rc;
}

static int is_signed(struct usher_call *call)
{
	struct usher_str identity;

	return !call->host->get(call, USHER_INFO, "identity", &identity) &&
	       usher_str_is(identity, "signed");
}

static int refuse(const struct gate *gate, struct usher_call *call,
		  const char *why)
{
	call->host->log(call, USHER_LOG_INFO, why, strlen(why));
	call->host->set_deny(call, gate->code, gate->reason,
			     strlen(gate->reason));
	return USHER_DENY;
}

/* In the words of the gateway, which would say the same a moment later. */
static int refuse_address(struct usher_call *call, const char *text)
{
	call->host->set_error(call, "email", text, strlen(text));
	return USHER_OK;
}

static int decide(const struct gate *gate, struct usher_call *call,
		  struct usher_str email)
{
	int rc = is_listed(call, &gate->deny, email, 1);

	if (rc == 1)
		return refuse(gate, call, "refused: deny names them");
	if (!rc && gate->lets_others_in)
		return USHER_OK;
	if (!rc && gate->allow.needs_signed && !is_signed(call))
		return refuse(gate, call, "refused: allow is for signed users");
	if (!rc)
		rc = is_listed(call, &gate->allow, email, 0);
	if (!rc)
		return refuse(gate, call, "refused: allow does not name them");
	/* A complaint about a field is an answer too. */
	return rc == 1 || rc == MALFORMED ? USHER_OK : USHER_FAIL;
}

static int sync_user(void *state, struct usher_call *call)
{
	const struct gate *gate = state;
	struct usher_str posted, email;
	int rc = call->host->get(call, USHER_FIELD, "email", &posted);

	if (rc && rc != USHER_E_NOTFOUND)
		return USHER_FAIL;
	if (rc || !usher_str_trim(posted).len)
		return refuse_address(call, "The email field is required.");
	rc = call->host->email_key(call, posted.ptr, posted.len, &email);
	if (rc == USHER_E_INVAL)
		return refuse_address(call, "The email field must be a valid "
					    "email address.");
	return rc ? USHER_FAIL : decide(gate, call, email);
}

USHER_ADAPTER_DEFINE(.name = "allowlist", .version = "1.0", .init = gate_init,
		     .fini = gate_free, .sync_user = sync_user)
