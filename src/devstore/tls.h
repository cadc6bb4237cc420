/* TLS for the server's connections; hides OpenSSL. */
#ifndef DEVSTORE_TLS_H
#define DEVSTORE_TLS_H

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"

struct tls_server;
struct tls;

/* PEM files: the certificate with its chain, and its key. */
struct tls_server *tls_server_new(const char *cert_file, const char *key_file, struct error *error);
void tls_server_free(struct tls_server *server);

/* fd stays the caller's, non-blocking. The handshake happens inside the first reads and writes. */
struct tls *tls_new(struct tls_server *server, int fd);
void tls_free(struct tls *tls);
/* As recv and send: -1 with EAGAIN when the socket has to become ready first; *wants_write then
 * says for what. 0 from tls_read: the peer is done. */
ssize_t tls_read(struct tls *tls, void *bytes, size_t size, bool *wants_write);
ssize_t tls_write(struct tls *tls, const void *bytes, size_t len, bool *wants_write);

#endif
