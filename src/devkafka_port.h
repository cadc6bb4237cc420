/* The mock cluster asks the kernel for any port; a fixed one needs a word with bind(). */
#ifndef ROWSTREAM_DEVKAFKA_PORT_H
#define ROWSTREAM_DEVKAFKA_PORT_H

/* Takes the place of port 0 in the next bind(); 0: nothing does. */
extern unsigned short devkafka_port;

#endif
