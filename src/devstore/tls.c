/* OpenSSL, driven by the sockets' readiness. */
#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "util.h"

struct tls_server {
	SSL_CTX *context;
};

struct tls {
	SSL *ssl;
};

static int choose_http1(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char http1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, http1, sizeof(http1), in, in_len) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_get_error());

	return text ? text : "unknown reason";
}

struct tls_server *tls_server_new(const char *cert_file, const char *key_file, struct error *error)
{
	struct tls_server *server = xcalloc(1, sizeof(*server));

	ERR_clear_error();
	server->context = SSL_CTX_new(TLS_server_method());
	if (!server->context) {
		error_set(error, ERROR_FATAL, "cannot set up TLS: %s", reason());
	} else if (SSL_CTX_use_certificate_chain_file(server->context, cert_file) != 1) {
		error_set(error, ERROR_INPUT, "--tls-cert %s: %s", cert_file, reason());
	} else if (SSL_CTX_use_PrivateKey_file(server->context, key_file, SSL_FILETYPE_PEM) != 1) {
		error_set(error, ERROR_INPUT,
			"--tls-key %s: %s (it must be an unencrypted PEM file that fits the "
			"certificate)",
			key_file, reason());
	} else {
		SSL_CTX_set_min_proto_version(server->context, TLS1_2_VERSION);
		SSL_CTX_set_mode(server->context,
			SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		SSL_CTX_set_alpn_select_cb(server->context, choose_http1, NULL);
		return server;
	}
	tls_server_free(server);
	return NULL;
}

void tls_server_free(struct tls_server *server)
{
	if (!server)
		return;
	SSL_CTX_free(server->context);
	free(server);
}

struct tls *tls_new(struct tls_server *server, int fd)
{
	struct tls *tls = xcalloc(1, sizeof(*tls));

	tls->ssl = SSL_new(server->context);
	if (!tls->ssl || SSL_set_fd(tls->ssl, fd) != 1) {
		tls_free(tls);
		return NULL;
	}
	SSL_set_accept_state(tls->ssl);
	return tls;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	if (tls->ssl && SSL_is_init_finished(tls->ssl))
		SSL_shutdown(tls->ssl);
	SSL_free(tls->ssl);
	ERR_clear_error();
	free(tls);
}

static ssize_t outcome(struct tls *tls, int result, size_t count, bool *wants_write)
{
	int error;

	*wants_write = false;
	if (result == 1)
		return (ssize_t)count;
	error = SSL_get_error(tls->ssl, result);
	ERR_clear_error();
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	*wants_write = error == SSL_ERROR_WANT_WRITE;
	errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
	return -1;
}

ssize_t tls_read(struct tls *tls, void *bytes, size_t size, bool *wants_write)
{
	size_t count = 0;
	int result;

	ERR_clear_error();
	result = SSL_read_ex(tls->ssl, bytes, size, &count);
	return outcome(tls, result, count, wants_write);
}

ssize_t tls_write(struct tls *tls, const void *bytes, size_t len, bool *wants_write)
{
	size_t count = 0;
	int result;

	ERR_clear_error();
	result = SSL_write_ex(tls->ssl, bytes, len, &count);
	return outcome(tls, result, count, wants_write);
}
