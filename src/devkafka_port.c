/* librdkafka binds its mock broker to port 0 and has no setter for another; its call of bind()
 * goes through the dynamic linker, so this one is found first. */
#include "devkafka_port.h"

#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

unsigned short devkafka_port;

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
	int (*real)(int, const struct sockaddr *, socklen_t);
	struct sockaddr_in changed;
	void *symbol = dlsym(RTLD_NEXT, "bind");
	int one = 1;

	/* A data pointer becomes a function pointer: POSIX allows it, ISO C does not. */
	memcpy(&real, &symbol, sizeof(real));
	if (devkafka_port && address->sa_family == AF_INET && size >= sizeof(changed)) {
		memcpy(&changed, address, sizeof(changed));
		if (changed.sin_port == 0) {
			changed.sin_port = htons(devkafka_port);
			devkafka_port = 0;
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
			return real(fd, (const struct sockaddr *)&changed, sizeof(changed));
		}
	}
	return real(fd, address, size);
}
