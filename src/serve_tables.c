/* Tables that serve keeps, read on a little at a time between requests. */
#include <stdlib.h>
#include <string.h>

#include "serve.h"

static void forget(struct serve *serve, struct served_table *table)
{
	TAILQ_REMOVE(&serve->tables, table, entry);
	serve->table_count--;
	table_fold_free(table->fold);
	category_close(table->category);
	free(table->name);
	free(table);
}

void serve_forget(struct serve *serve)
{
	while (!TAILQ_EMPTY(&serve->tables))
		forget(serve, TAILQ_FIRST(&serve->tables));
}

static struct served_table *find(struct serve *serve, const char *name, int64_t at_ms)
{
	struct served_table *table;

	TAILQ_FOREACH (table, &serve->tables, entry)
		if (table->at_ms == at_ms && strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

static struct served_table *open_table(
	struct serve *serve, const char *name, int64_t at_ms, struct error *error)
{
	struct served_table *table = xcalloc(1, sizeof(*table));

	table->category = category_open(serve->reading->store, name);
	table->fold = table_fold_new(table->category, SERVE_TABLE_BYTES, error);
	if (!table->fold) {
		category_close(table->category);
		free(table);
		return NULL;
	}
	table->name = xstrdup(name);
	table->at_ms = at_ms;
	if (serve->table_count == SERVE_TABLES)
		forget(serve, TAILQ_LAST(&serve->tables, served_list));
	TAILQ_INSERT_HEAD(&serve->tables, table, entry);
	serve->table_count++;
	return table;
}

struct served_table *serve_table(
	struct serve *serve, const char *name, int64_t at_ms, struct error *error)
{
	struct served_table *table = find(serve, name, at_ms);

	/* What failed is tried again: the store may be back, the table may have its first row. */
	if (table && table->error.kind != ERROR_NONE) {
		forget(serve, table);
		table = NULL;
	}
	if (!table)
		return open_table(serve, name, at_ms, error);
	TAILQ_REMOVE(&serve->tables, table, entry);
	TAILQ_INSERT_HEAD(&serve->tables, table, entry);
	return table;
}

static bool is_wanted(const struct served_table *table, const struct row_event *event)
{
	return table->at_ms < 0 || event->ts_ms <= table->at_ms;
}

void serve_table_read(struct served_table *table, int64_t budget_ms)
{
	int64_t until_ms = clock_ms() + budget_ms;
	const struct row_event *event;
	enum reader_step step;

	table->at_end = false;
	while (table->error.kind == ERROR_NONE && clock_ms() < until_ms) {
		step = category_next(table->category, &event, &table->error);
		if (step == READER_END) {
			table->at_end = true;
			return;
		}
		if (step != READER_EVENT)
			return;
		table->events++;
		if (is_wanted(table, event))
			table_fold_add(table->fold, event, &table->error);
	}
}

bool serve_read_on(struct serve *serve, int64_t budget_ms)
{
	struct served_table *table;

	TAILQ_FOREACH (table, &serve->tables, entry) {
		if (table->at_end || table->error.kind != ERROR_NONE)
			continue;
		serve_table_read(table, budget_ms);
		return true;
	}
	return serve_names_read(serve->names, budget_ms);
}
