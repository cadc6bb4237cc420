/* The HTTP client, blocking and not, over a real connection, against a server that answers by a
 * script. */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_client.h"
#include "http_stub.h"

#define JSON "application/json"

static struct stub *stub;
static struct http_client *client;
static struct http_client_answer answer;
static struct error error;

static struct http_client_options options_of(const char *url)
{
	return (struct http_client_options){.option = "connect.url",
		.url = url,
		.connect_timeout_ms = 5000,
		.request_timeout_ms = 20000};
}

static void start(const struct stub_answer *answers, size_t count, const char *userinfo)
{
	char url[96];
	struct http_client_options options = options_of(url);

	stub = stub_start(answers, count);
	snprintf(url, sizeof(url), "http://%s127.0.0.1:%d/base/", userinfo, stub_port(stub));
	client = http_client_new(&options, &error);
	ck_assert_msg(client != NULL, "%s", error.text);
}

static void stop(void)
{
	http_client_free(client);
	stub_free(stub);
	strbuf_clear(&answer.body);
	client = NULL;
	stub = NULL;
	error_clear(&error);
}

/* The same through a loop that sleeps on the descriptor. */
static enum http_client_state call_in_steps(void)
{
	enum http_client_state state;

	http_client_begin(client, "/x", JSON, &answer);
	while ((state = http_client_step(client, clock_ms(), &error)) == HTTP_CLIENT_BUSY) {
		struct pollfd fd = {.fd = http_client_fd(client), .events = POLLIN};
		int64_t due_ms = http_client_due_ms(client), now_ms = clock_ms();

		poll(&fd, 1, due_ms < 0 ? -1 : due_ms > now_ms ? (int)(due_ms - now_ms) : 0);
	}
	return state;
}

static bool call(const char *method, const char *body)
{
	return http_client_call(
		client, method, "/x?a=b", JSON, body ? span_of(body) : SPAN_NULL, &answer, &error);
}

START_TEST(requests_in_steps)
{
	static const struct stub_answer answers[] = {
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", .pause_us = 1000},
		{.text = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc"},
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nabc", .then = STUB_CLOSE},
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7"},
	};

	start(answers, 4, "");
	ck_assert_int_eq(call_in_steps(), HTTP_CLIENT_ANSWERED);
	ck_assert_int_eq(answer.status, 200);
	ck_assert_str_eq(answer.body.data, "[]");
	ck_assert_int_eq(call_in_steps(), HTTP_CLIENT_ANSWERED);
	ck_assert_int_eq(answer.status, 404);
	ck_assert_str_eq(answer.body.data, "abc");
	ck_assert_int_eq(call_in_steps(), HTTP_CLIENT_FAILED);
	ck_assert_int_eq(error.kind, ERROR_RETRY);
	ck_assert_int_eq(answer.status, 0);
	error_clear(&error);
	ck_assert_int_eq(call_in_steps(), HTTP_CLIENT_ANSWERED);
	ck_assert_str_eq(answer.body.data, "7");
	stub_stop(stub);
	ck_assert_uint_eq(stub_connections(stub), 2);
	stop();
}
END_TEST

/* Given up while it goes on: nothing blocks, nothing is left. */
START_TEST(a_request_that_hangs_can_be_left)
{
	static const struct stub_answer hang = {.then = STUB_HANG};
	int i;

	start(&hang, 1, "");
	http_client_begin(client, "/x", JSON, &answer);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(http_client_step(client, clock_ms(), &error), HTTP_CLIENT_BUSY);
	stop();
}
END_TEST

START_TEST(an_answer_that_is_too_large_fails)
{
	static const struct stub_answer large = {
		.text = "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", .padding = 101};
	char url[96];
	struct http_client_options options = options_of(url);

	stub = stub_start(&large, 1);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", stub_port(stub));
	options.max_answer_bytes = 100;
	client = http_client_new(&options, &error);
	ck_assert_int_eq(call_in_steps(), HTTP_CLIENT_FAILED);
	ck_assert_msg(strstr(error.text, "over 100 bytes") != NULL, "%s", error.text);
	stop();
}
END_TEST

START_TEST(requests_and_answers)
{
	static const struct stub_answer answers[] = {
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"},
		{.text = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc"},
		{.text = "HTTP/1.1 204 No Content\r\n\r\n"},
	};

	start(answers, 3, "");
	ck_assert(call("GET", NULL));
	ck_assert_int_eq(answer.status, 200);
	ck_assert_str_eq(answer.body.data, "[]");
	ck_assert(call("PUT", "{\"a\":1}"));
	ck_assert_int_eq(answer.status, 404);
	ck_assert_str_eq(answer.body.data, "abc");
	ck_assert(call("DELETE", NULL));
	ck_assert_int_eq(answer.status, 204);
	ck_assert_uint_eq(answer.body.len, 0);
	stub_stop(stub);
	ck_assert_uint_eq(stub_connections(stub), 1);
	ck_assert(strncmp(stub_request(stub, 0), "GET /base/x?a=b HTTP/1.1\r\n", 26) == 0);
	ck_assert(strstr(stub_request(stub, 0), "Content-Type") == NULL);
	ck_assert(strstr(stub_request(stub, 0), "Authorization") == NULL);
	ck_assert(strncmp(stub_request(stub, 1), "PUT ", 4) == 0);
	ck_assert(strstr(stub_request(stub, 1), "Content-Type: application/json\r\n") != NULL);
	ck_assert(strstr(stub_request(stub, 1), "\r\n\r\n{\"a\":1}") != NULL);
	ck_assert(strncmp(stub_request(stub, 2), "DELETE ", 7) == 0);
	stop();
}
END_TEST

START_TEST(credentials_go_out_but_stand_in_no_message)
{
	static const struct stub_answer answers[] = {
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{.text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal", .then = STUB_CLOSE},
	};

	start(answers, 2, "joe:s%40cret@");
	ck_assert(strstr(http_client_address(client), "cret") == NULL);
	ck_assert(call("GET", NULL));
	ck_assert(!call("GET", NULL));
	ck_assert_int_eq(error.kind, ERROR_RETRY);
	ck_assert(strstr(error.text, "/base/x?a=b") != NULL);
	ck_assert(strstr(error.text, "cret") == NULL);
	ck_assert_int_eq(answer.status, 0);
	stub_stop(stub);
	/* joe:s@cret */
	ck_assert(strstr(stub_request(stub, 0), "Authorization: Basic am9lOnNAY3JldA==") != NULL);
	stop();
}
END_TEST

START_TEST(nobody_listens)
{
	static const struct stub_answer none[] = {{.then = STUB_CLOSE}};

	start(none, 1, "");
	stub_stop(stub);
	ck_assert(!call("GET", NULL));
	ck_assert_int_eq(error.kind, ERROR_RETRY);
	stop();
}
END_TEST

START_TEST(addresses_that_are_none)
{
	static const char *const wrong[] = {"", "localhost", "ftp://host", "http://",
		"http://h:99999", "http://user:geheim@", "a b"};
	struct http_client_options options = options_of(wrong[_i]);

	ck_assert(http_client_new(&options, &error) == NULL);
	ck_assert_int_eq(error.kind, ERROR_INPUT);
	ck_assert(strstr(error.text, "connect.url") != NULL);
	ck_assert(strstr(error.text, "geheim") == NULL);
	error_clear(&error);
}
END_TEST

START_TEST(a_file_of_certificates_that_is_not_there)
{
	struct http_client_options options = options_of("https://host");

	options.ca_file = "/nonexistent.pem";
	ck_assert(http_client_new(&options, &error) == NULL);
	ck_assert_int_eq(error.kind, ERROR_INPUT);
	ck_assert(strstr(error.text, "/nonexistent.pem") != NULL);
	error_clear(&error);
}
END_TEST

START_TEST(names_in_paths)
{
	struct strbuf path = {0};

	http_client_add_name(&path, (struct span){"a/b?c d-._~%\0\xc3\xa9", 15});
	ck_assert_str_eq(path.data, "a%2Fb%3Fc%20d-._~%25%00%C3%A9");
	strbuf_clear(&path);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_client");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, requests_and_answers);
	tcase_add_test(tcase, requests_in_steps);
	tcase_add_test(tcase, a_request_that_hangs_can_be_left);
	tcase_add_test(tcase, an_answer_that_is_too_large_fails);
	tcase_add_test(tcase, credentials_go_out_but_stand_in_no_message);
	tcase_add_test(tcase, nobody_listens);
	tcase_add_loop_test(tcase, addresses_that_are_none, 0, 7);
	tcase_add_test(tcase, a_file_of_certificates_that_is_not_there);
	tcase_add_test(tcase, names_in_paths);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
