/* Comparison of JSON values by what they say. */
#include "json_equal.h"

/* A decimal value: 0.<digits> * 10^exponent, no zero at either end of digits. */
struct decimal {
	bool negative;
	struct strbuf digits;
	int64_t exponent;
};

static int64_t parse_exponent(struct span text)
{
	int64_t value = 0;

	if (text.len && text.ptr[0] == '+')
		text = (struct span){text.ptr + 1, text.len - 1};
	/* Beyond this, nothing but zero is a number that anybody prints. */
	if (!span_to_int64(text, &value) || value > INT32_MAX || value < INT32_MIN)
		value = text.len && text.ptr[0] == '-' ? INT32_MIN : INT32_MAX;
	return value;
}

static struct decimal parse_decimal(struct span text)
{
	struct decimal decimal = {.negative = text.len && text.ptr[0] == '-'};
	bool fraction = false;
	size_t i;

	for (i = decimal.negative; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == 'e' || c == 'E') {
			decimal.exponent +=
				parse_exponent((struct span){text.ptr + i + 1, text.len - i - 1});
			break;
		}
		if (c == '.') {
			fraction = true;
			continue;
		}
		if (decimal.digits.len > 0 || c != '0') {
			strbuf_add_char(&decimal.digits, c);
			decimal.exponent += !fraction;
		} else {
			decimal.exponent -= fraction;
		}
	}
	while (decimal.digits.len > 0 && decimal.digits.data[decimal.digits.len - 1] == '0')
		decimal.digits.len--;
	return decimal;
}

bool js_numbers_equal(struct span a, struct span b)
{
	struct decimal x = parse_decimal(a), y = parse_decimal(b);
	bool equal = span_equal(strbuf_span(&x.digits), strbuf_span(&y.digits));

	if (equal && x.digits.len > 0)
		equal = x.exponent == y.exponent && x.negative == y.negative;
	strbuf_clear(&x.digits);
	strbuf_clear(&y.digits);
	return equal;
}

static bool strings_equal(
	const struct js_doc *a, uint32_t node_a, const struct js_doc *b, uint32_t node_b)
{
	struct strbuf x = {0}, y = {0};
	bool equal;

	if (!((a->nodes[node_a].flags | b->nodes[node_b].flags) & JS_ESCAPED))
		return span_equal(js_text(a, node_a), js_text(b, node_b));
	equal = js_string(a, node_a, &x) && js_string(b, node_b, &y) &&
		span_equal(strbuf_span(&x), strbuf_span(&y));
	strbuf_clear(&x);
	strbuf_clear(&y);
	return equal;
}

static bool children_equal(
	const struct js_doc *a, uint32_t node_a, const struct js_doc *b, uint32_t node_b)
{
	bool object = js_type_of(a, node_a) == JS_OBJECT;
	uint32_t x = js_first(a, node_a), y = js_first(b, node_b);

	for (; x != JS_NONE && y != JS_NONE; x = js_next(a, node_a, x), y = js_next(b, node_b, y)) {
		if (object && !strings_equal(a, x, b, y))
			return false;
		if (!js_equal(a, x + object, b, y + object))
			return false;
	}
	return x == y;
}

/* As deep as the texts are nested, which js_parse has bounded. */
bool js_equal(const struct js_doc *a, uint32_t node_a, const struct js_doc *b, uint32_t node_b)
{
	if (node_a == JS_NONE || node_b == JS_NONE)
		return node_a == node_b;
	if (js_type_of(a, node_a) != js_type_of(b, node_b))
		return false;
	switch (js_type_of(a, node_a)) {
	case JS_NUMBER:
		return js_numbers_equal(js_text(a, node_a), js_text(b, node_b));
	case JS_STRING:
		return strings_equal(a, node_a, b, node_b);
	case JS_ARRAY:
	case JS_OBJECT:
		return children_equal(a, node_a, b, node_b);
	default:
		return true;
	}
}

/* --- Canonical text --- */

static void add_number(struct strbuf *out, struct span literal)
{
	struct decimal decimal = parse_decimal(literal);

	if (decimal.digits.len == 0) {
		strbuf_add_char(out, '0');
	} else {
		strbuf_add_text(out, decimal.negative ? "-" : "+");
		strbuf_add_span(out, strbuf_span(&decimal.digits));
		strbuf_add_char(out, 'e');
		strbuf_add_int(out, decimal.exponent);
	}
	strbuf_clear(&decimal.digits);
}

/* Its end is a byte that no UTF-8 holds. */
static void add_string(struct strbuf *out, const struct js_doc *doc, uint32_t node)
{
	struct span text = js_text(doc, node);

	strbuf_add_char(out, '"');
	if (!(doc->nodes[node].flags & JS_ESCAPED))
		strbuf_add(out, text.ptr + 1, text.len - 2);
	else if (!js_string(doc, node, out))
		strbuf_add_span(out, text);
	strbuf_add_char(out, '\xff');
}

static void add_children(struct strbuf *out, const struct js_doc *doc, uint32_t node)
{
	bool object = js_type_of(doc, node) == JS_OBJECT;
	uint32_t child;

	strbuf_add_char(out, object ? '{' : '[');
	for (child = js_first(doc, node); child != JS_NONE; child = js_next(doc, node, child)) {
		if (object)
			add_string(out, doc, child);
		js_canonical(doc, child + object, out);
		strbuf_add_char(out, ',');
	}
	strbuf_add_char(out, '}');
}

void js_canonical(const struct js_doc *doc, uint32_t node, struct strbuf *out)
{
	static const char *const words[] = {
		[JS_NULL] = "null", [JS_FALSE] = "false", [JS_TRUE] = "true"};

	if (node == JS_NONE)
		return;
	switch (js_type_of(doc, node)) {
	case JS_NUMBER:
		add_number(out, js_text(doc, node));
		break;
	case JS_STRING:
		add_string(out, doc, node);
		break;
	case JS_ARRAY:
	case JS_OBJECT:
		add_children(out, doc, node);
		break;
	default:
		strbuf_add_text(out, words[js_type_of(doc, node)]);
	}
}
