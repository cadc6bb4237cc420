/* RFC 3339 and its shorter forms, to and from milliseconds since 1970. */
#include "timestamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

struct cursor {
	const char *at, *end;
};

static bool take(struct cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

static bool take_number(struct cursor *cursor, int digits, int low, int high, int *number)
{
	for (*number = 0; digits > 0; digits--, cursor->at++) {
		if (cursor->at == cursor->end || *cursor->at < '0' || *cursor->at > '9')
			return false;
		*number = *number * 10 + (*cursor->at - '0');
	}
	return *number >= low && *number <= high;
}

/* False for the 30th of February, which timegm would take for the 2nd of March. */
static bool take_date(struct cursor *cursor, int64_t *ms)
{
	int year, month, day;
	struct tm tm = {0};

	if (!take_number(cursor, 4, 0, 9999, &year) || !take(cursor, '-') ||
		!take_number(cursor, 2, 1, 12, &month) || !take(cursor, '-') ||
		!take_number(cursor, 2, 1, 31, &day))
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	*ms = (int64_t)timegm(&tm) * 1000;
	return tm.tm_mday == day;
}

/* What a point behind the seconds says in milliseconds. */
static bool take_fraction(struct cursor *cursor, int64_t *ms)
{
	int unit, digits = 0;

	for (unit = 100; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9';
		cursor->at++, digits++, unit /= 10)
		*ms += unit * (*cursor->at - '0');
	return digits > 0;
}

static bool take_time(struct cursor *cursor, int64_t *ms)
{
	int hour, minute, second = 0;

	if (!take_number(cursor, 2, 0, 23, &hour) || !take(cursor, ':') ||
		!take_number(cursor, 2, 0, 59, &minute))
		return false;
	if (take(cursor, ':') && !take_number(cursor, 2, 0, 59, &second))
		return false;
	*ms += ((hour * 60 + minute) * INT64_C(60) + second) * 1000;
	return !take(cursor, '.') || take_fraction(cursor, ms);
}

static bool take_zone(struct cursor *cursor, int64_t *ms)
{
	int sign, hour, minute;

	if (take(cursor, 'Z') || take(cursor, 'z') || cursor->at == cursor->end)
		return true;
	sign = *cursor->at == '-' ? 1 : -1;
	if (!take(cursor, '-') && !take(cursor, '+'))
		return false;
	if (!take_number(cursor, 2, 0, 23, &hour) || !take(cursor, ':') ||
		!take_number(cursor, 2, 0, 59, &minute))
		return false;
	*ms += sign * (hour * 60 + minute) * INT64_C(60000);
	return true;
}

bool timestamp_parse(struct span text, int64_t *ms)
{
	struct cursor cursor = {text.ptr, text.ptr + text.len};

	if (text.len >= 9 && span_to_int64(text, ms))
		return true;
	if (!take_date(&cursor, ms))
		return false;
	if (cursor.at == cursor.end)
		return true;
	if (!take(&cursor, 'T') && !take(&cursor, 't') && !take(&cursor, ' '))
		return false;
	return take_time(&cursor, ms) && take_zone(&cursor, ms) && cursor.at == cursor.end;
}

/* 0000-01-01 and the last millisecond of 9999. */
#define FIRST_MS INT64_C(-62167219200000)
#define LAST_MS INT64_C(253402300799999)

void timestamp_format(int64_t ms, char text[TIMESTAMP_BYTES])
{
	int64_t rest = (ms % 1000 + 1000) % 1000;
	time_t seconds;
	struct tm tm;

	if (ms < FIRST_MS || ms > LAST_MS) {
		snprintf(text, TIMESTAMP_BYTES, "%" PRId64, ms);
		return;
	}
	seconds = (time_t)((ms - rest) / 1000);
	gmtime_r(&seconds, &tm);
	snprintf(text, TIMESTAMP_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
		(tm.tm_year + 1900) % 10000, (tm.tm_mon + 1) % 100, tm.tm_mday % 100,
		tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100, (int)rest);
}
