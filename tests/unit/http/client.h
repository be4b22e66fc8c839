/*
 * client: one that speaks TLS, for the edge of edge.h.
 *
 *	client_connect(&client);
 *	client_shake(&client, "NORMAL", "acme.localhost", NULL);
 *	... gnutls_record_send(client.session, ...)
 *	client_close(&client);
 */
#ifndef TESTS_UNIT_HTTP_CLIENT_H
#define TESTS_UNIT_HTTP_CLIENT_H

#include "unit/http/edge.h"

struct raw_client {
	int fd;
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	char name[256];			/* of the certificate */
};

__attribute__((unused)) static void client_connect(struct raw_client *client)
{
	*client = (struct raw_client){ .fd = edge_connect(0) };
}

/* The handshake's result. */
__attribute__((unused)) static int client_shake(struct raw_client *client,
						const char *priorities,
						const char *sni,
						const gnutls_datum_t *ticket)
{
	gnutls_x509_crt_t crt;
	const gnutls_datum_t *chain;
	unsigned count;
	size_t len = sizeof(client->name);
	int rc;

	gnutls_init(&client->session, GNUTLS_CLIENT);
	gnutls_certificate_allocate_credentials(&client->credentials);
	gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE,
			       client->credentials);
	ck_assert_int_eq(gnutls_priority_set_direct(client->session,
						    priorities, NULL), 0);
	if (sni)
		gnutls_server_name_set(client->session, GNUTLS_NAME_DNS, sni,
				       strlen(sni));
	if (ticket)
		gnutls_session_set_data(client->session, ticket->data,
					ticket->size);
	gnutls_transport_set_int(client->session, client->fd);
	gnutls_handshake_set_timeout(client->session, EDGE_PATIENCE_MS);
	do
		rc = gnutls_handshake(client->session);
	while (rc < 0 && !gnutls_error_is_fatal(rc));
	chain = rc == 0 ? gnutls_certificate_get_peers(client->session, &count)
			: NULL;
	if (!chain)
		return rc;
	gnutls_x509_crt_init(&crt);
	gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER);
	gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0,
				      client->name, &len);
	gnutls_x509_crt_deinit(crt);
	return rc;
}

__attribute__((unused)) static void client_close(struct raw_client *client)
{
	gnutls_deinit(client->session);
	gnutls_certificate_free_credentials(client->credentials);
	close(client->fd);
}

#endif
