/* Connection strings of any bytes; and whatever stands around a password, no error holds it. */
#include <stdlib.h>
#include <string.h>

#include "../../src/es_address.h"
#include "strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static void parse(const char *text, const char *secret)
{
	struct es_address address;
	struct error error = {0};

	if (es_address_parse(&address, text, &error)) {
		expect(address.host && address.host[0] && !strpbrk(address.host, "/?#@ \\"));
		expect(address.port > 0 && address.port < 65536);
		expect(!address.username || !strchr(address.username, ':'));
	} else {
		expect(error.kind == ERROR_INPUT && error.text[0]);
		expect(!secret || !strstr(error.text, secret));
	}
	es_address_clear(&address);
}

/* The password is the input's first half, the secret, and its second half. */
static void parse_with_secret(const char *text, size_t len)
{
	struct strbuf url = {0};

	strbuf_add_text(&url, "esdb://u:");
	strbuf_add(&url, text, len / 2);
	strbuf_add_text(&url, "Q7zS");
	strbuf_add_text(&url, text + len / 2);
	strbuf_add_text(&url, "@h");
	parse(url.data, "Q7zS");
	strbuf_clear(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup(size ? (const char *)data : "", size);

	parse(text, NULL);
	parse_with_secret(text, strlen(text));
	free(text);
	return 0;
}
