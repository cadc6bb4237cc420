/* Floating point numbers as Java prints them, which is how a Connect converter writes them. */
#ifndef ROWSTREAM_JAVA_NUMBER_H
#define ROWSTREAM_JAVA_NUMBER_H

#include "strbuf.h"

/* Double.toString and Float.toString of Java 19 and later: the shortest decimal that reads back,
 * with two digits at least. Earlier ones print a digit more in rare cases. What is no number is
 * added as the strings "NaN", "Infinity" and "-Infinity", as Jackson writes them. */
void java_add_double(struct strbuf *out, double value);
void java_add_float(struct strbuf *out, float value);

/* A JSON string as Jackson writes it to bytes: control characters as escapes with capital digits,
 * what lies beyond U+FFFF as two escapes. text is valid UTF-8. */
void java_add_string(struct strbuf *out, struct span text);

#endif
